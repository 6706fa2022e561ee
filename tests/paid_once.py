"""What one process of the tests pays for once, though the code under test would pay for it again and again.

A schema takes its migrations 0.2 s, a command line its tree of commands 0.1 s, each `httpx.get` 0.05 s to read whom it
trusts, and a database some milliseconds for every kind of statement to be put into words; there are thousands of each.
What is done is the same: only its cost is not repeated.
"""

from __future__ import annotations

import os
from functools import cache, partial
from pathlib import Path
from ssl import SSLContext
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import typer.main
import typer.testing
from httpx._transports import default as transport
from sqlalchemy import Engine, create_engine, inspect
from sqlalchemy.util import LRUCache

from burnline.store import database as store
from burnline.store.migrate import migrate

migrate_really = migrate
_trust = cache(partial(httpx.create_ssl_context, trust_env=False))


@cache
def schema() -> tuple[str, ...]:
    """The statements that make what the migrations make of an empty SQLite file, with the rows that they leave."""
    with TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{Path(folder)}/migrated.db")
        migrate_really(engine)
        with engine.connect() as connection:
            kept = connection.connection.driver_connection
            assert kept is not None
            statements = tuple(line for line in kept.iterdump() if line not in ("BEGIN TRANSACTION;", "COMMIT;"))
        engine.dispose()
    return statements


def migrate_once(engine: Engine) -> None:
    """An empty SQLite file gets the schema in one go, as much at once as by the migrations; another is migrated."""
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            if not inspect(connection).get_table_names():
                kept = connection.connection.driver_connection
                assert kept is not None
                for statement in schema():
                    kept.execute(statement)
                return
    migrate_really(engine)


@cache
def _words() -> tuple[Any, LRUCache[Any, Any]]:
    """A dialect of SQLite that has met it, and the statements that are written in it already."""
    engine = create_engine("sqlite://")
    engine.connect().close()
    return engine.dialect, LRUCache(4000)


def engine_once(*args: Any, **settings: Any) -> Engine:
    """An engine, which for SQLite shares its dialect and its written statements with all others."""
    engine = create_engine(*args, **settings)
    if engine.dialect.name == "sqlite":
        engine.dialect, engine._compiled_cache = _words()
    return engine


def trust_once(verify: Any = True, cert: Any = None, trust_env: bool = True) -> SSLContext:
    """What every client of httpx trusts, read once."""
    set_here = trust_env and ("SSL_CERT_FILE" in os.environ or "SSL_CERT_DIR" in os.environ)
    if verify is True and cert is None and not set_here:
        return _trust()
    return httpx.create_ssl_context(verify, cert, trust_env)


def begin() -> None:
    """From now on, in this process."""
    store.migrate = migrate_once  # type: ignore[attr-defined]  # the name by which it is called there
    store.create_engine = engine_once  # type: ignore[attr-defined]
    transport.create_ssl_context = trust_once  # type: ignore[attr-defined]  # it exports nothing
    commands = cache(typer.main.get_command)
    typer.main.get_command = commands
    typer.testing._get_command = commands  # type: ignore[attr-defined]
