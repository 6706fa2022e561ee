"""Brings a database's schema to this version; scripts ship inside the package."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from burnline.errors import StoreError

LOCK = 0x6275726E  # "burn": two processes that start at once migrate one after the other


def migrate(engine: Engine) -> None:
    """Run what is missing, in one transaction.

    Raises: StoreError when the schema is of a newer burnline; DBAPIError when the database fails.
    """
    scripts = ScriptDirectory.from_config(migration_config())
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        current = MigrationContext.configure(connection).get_current_revision()
        if current == scripts.get_current_head():
            return
        if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
            raise StoreError(
                f"{engine.url} has schema {current}, written by a newer burnline; "
                "start that version, or restore a backup",
                retryable=False,
            )
        command.upgrade(migration_config(connection), "head")


def migration_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration; `connection` is the one that `migrations/env.py` runs in."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
