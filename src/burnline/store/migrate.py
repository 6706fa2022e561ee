"""Brings a database's schema to this version; scripts ship inside the package.

Alembic is loaded only when something is to be done: it is a tenth of the time in which a server starts again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from burnline.errors import StoreError
from burnline.store.url import named

if TYPE_CHECKING:
    from alembic.config import Config

LOCK = 0x6275726E  # "burn": two processes that start at once migrate one after the other
SCRIPTS = Path(__file__).parent / "migrations"
REVISIONS = sorted(script.name.partition("_")[0] for script in (SCRIPTS / "versions").glob("[0-9]*.py"))


def migrate(engine: Engine) -> None:
    """Run what is missing, in one transaction.

    Raises: StoreError when the schema is of a newer burnline; DBAPIError when the database fails.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        current = _current(connection)
        if current == REVISIONS[-1]:
            return
        if current is not None and current not in REVISIONS:
            raise StoreError(
                f"{named(engine.url)} has schema {current}, written by a newer burnline; "
                "start that version, or restore a backup",
                retryable=False,
            )
        _upgrade(connection)


def check_schema(connection: Connection) -> None:
    """Whether the database has the schema of this version.

    Raises: StoreError when it has not.
    """
    current = _current(connection)
    if current != REVISIONS[-1]:
        found = f"has schema {current}" if current else "holds nothing of burnline's"
        raise StoreError(
            f"{named(connection.engine.url)} {found}, this burnline reads {REVISIONS[-1]}; "
            "`burnline up` brings an older one up to date",
            retryable=False,
        )


def migration_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration; `connection` is the one that `migrations/env.py` runs in."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _current(connection: Connection) -> str | None:
    """The revision of the schema, as Alembic keeps it; None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _upgrade(connection: Connection) -> None:
    from alembic import command

    command.upgrade(migration_config(connection), "head")
