"""The one place that opens the database: connections, transactions, group commit, migrations."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from burnline.errors import StoreError
from burnline.store.schema import EPOCH

T = TypeVar("T")
Work = Callable[[Connection], T]

MAX_BATCH = 512
BUSY_TIMEOUT_SECONDS = 5


class Database:
    """A database with one writer.

    All writes go through one thread that commits as many waiting pieces of work as it finds in one transaction
    (group commit): synchronous=FULL costs one fsync a group, not one a write. Each piece of work runs in a
    savepoint, so one that raises undoes only itself.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self._writer = _engine(url, read_only=False)
        self._reader = _engine(url, read_only=True)
        self._queue: queue.SimpleQueue[tuple[Work[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._write_loop, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work[T]) -> Future[T]:
        """Queue `work(tx)`; the future resolves after its group is committed, or with what `work` raised.

        Raises (through the future): StoreError when the database fails; nothing of this work is kept then.
        """
        future: Future[T] = Future()
        if self._closed:
            future.set_exception(StoreError("the database is closed", retryable=False))
        else:
            self._queue.put((work, future))
        return future

    def write(self, work: Work[T]) -> T:
        """Run `work(tx)` in a transaction and return its result once it is committed (fsynced)."""
        return self.submit(work).result()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent snapshot and cannot write."""
        try:
            with self._reader.connect() as connection, connection.begin():
                yield connection
        except DBAPIError as error:
            raise _store_error(error) from error

    def close(self) -> None:
        """Commit what is queued, then stop the writer and drop every connection."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._writer.dispose()
        self._reader.dispose()

    def _write_loop(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = self._drain(first)
            self._commit(batch)
            if last:
                return

    def _drain(self, first: tuple[Work[Any], Future[Any]]) -> tuple[list[tuple[Work[Any], Future[Any]]], bool]:
        batch = [first]
        while len(batch) < MAX_BATCH:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
            if item is None:
                return batch, True
            batch.append(item)
        return batch, False

    def _commit(self, batch: list[tuple[Work[Any], Future[Any]]]) -> None:
        done: list[tuple[Future[Any], Any]] = []
        try:
            with self._writer.connect() as connection, connection.begin():
                for work, future in batch:
                    try:
                        with connection.begin_nested():
                            result = work(connection)
                    except OperationalError:
                        raise  # the database itself fails (full, locked, gone): the whole group is lost
                    except Exception as error:  # noqa: BLE001 - belongs to the caller, who gets it from the future
                        future.set_exception(_store_error(error) if isinstance(error, DBAPIError) else error)
                    else:
                        done.append((future, result))
        except Exception as error:  # noqa: BLE001 - the writer must outlive a failing database
            failure = _store_error(error) if isinstance(error, DBAPIError) else error
            for _, future in batch:
                if not future.done():
                    future.set_exception(failure)
            return
        for future, result in done:
            future.set_result(result)


def open_database(url: str) -> Database:
    """Open `url`, bring its schema to this version, and return it.

    Raises: StoreError when the file is damaged, cannot be opened, or was written by a newer burnline.
    """
    path = make_url(url).database
    if url.startswith("sqlite") and path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = _engine(url, read_only=False)
    try:
        _migrate(engine)
    except DBAPIError as error:
        raise _store_error(error) from error
    finally:
        engine.dispose()
    return Database(url)


def database_now(tx: Connection) -> datetime:
    """The database's clock: leases compare against this and nothing else (hosts' clocks jump)."""
    if tx.dialect.name == "sqlite":  # unixepoch('subsec') needs SQLite 3.42; Debian 12 has 3.40
        milliseconds = tx.scalar(text("SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"))
        return EPOCH + timedelta(milliseconds=int(milliseconds))
    return tx.execute(text("SELECT clock_timestamp()")).scalar_one()  # type: ignore[no-any-return]  # untyped driver value


def migration_config() -> Config:
    """Alembic's configuration: scripts ship inside the package."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _migrate(engine: Engine) -> None:
    config = migration_config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        connection.rollback()
        if current is not None and current not in known:
            raise StoreError(
                f"{engine.url.render_as_string()} has schema {current}, written by a newer burnline; "
                "start that version, or restore a backup",
                retryable=False,
            )
        with connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _engine(url: str, *, read_only: bool) -> Engine:
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        _sqlite_pragmas(engine, read_only=read_only)
    return engine


def _sqlite_pragmas(engine: Engine, *, read_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we send BEGIN ourselves; the driver's own guesses break savepoints
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _store_error(error: Exception) -> StoreError:
    reason = str(error.orig) if isinstance(error, DBAPIError) and error.orig else str(error)
    damaged = "malformed" in reason or "not a database" in reason
    hint = "; the file is damaged: restore a backup" if damaged else ""
    return StoreError(f"database: {reason}{hint}", retryable=isinstance(error, OperationalError) and not damaged)
