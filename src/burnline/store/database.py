"""The one place that opens the database: connections, transactions, group commit."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from burnline.errors import StoreError
from burnline.store.file import OwnedFile, Presence, check_whole
from burnline.store.migrate import check_schema, migrate
from burnline.store.schema import EPOCH
from burnline.store.url import named, parse_url

T = TypeVar("T")
Work = Callable[[Connection], T]

MAX_BATCH = 512
MAX_WAITING = 10_000
BUSY_PAUSE_SECONDS = 0.01
BUSY_TIMEOUT = timedelta(seconds=5)
LONGEST_COMMIT = timedelta(seconds=10)
READERS = 40  # as many as the web server has threads
FAILURES = (DBAPIError, PoolTimeout)  # anything else is a mistake of ours and goes through as it is
CALLERS = (IntegrityError, DataError, ProgrammingError)  # of them, those that say nothing of the store's health
DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "XX001", "XX002")  # XX...: PostgreSQL's class "internal error"
OUR_FAULT = {"SQLITE_ERROR", "SQLITE_READONLY", "SQLITE_MISUSE"}


@dataclass(slots=True)
class Job:
    """A piece of work waiting for the writer."""

    work: Work[Any]
    future: Future[Any]
    result: Any = None


class Database:
    """A database with one writer; made by `open_database`.

    All writes go through one thread that commits as many waiting pieces of work as it finds in one transaction
    (group commit): synchronous=FULL costs one fsync a group, not one a write. Each piece of work runs in a
    savepoint, so one that raises undoes only itself.
    """

    def __init__(self, url: URL, *, busy_timeout: timedelta = BUSY_TIMEOUT, owned: OwnedFile | None = None) -> None:
        self.url = url
        self._owned = owned
        self._presence = Presence(Path(str(url.database))) if url.get_backend_name() == "sqlite" else None
        self._failed = False  # something of the last group that there was to keep; work that changes nothing is none
        self._busy_since: float | None = None
        self._writer = _engine(url, busy_timeout)
        self._reader = _engine(url, busy_timeout, read_only=True)
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closing = threading.Lock()  # nothing may be queued behind the end mark
        self._closed = False
        self._thread = threading.Thread(target=self._write_loop, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work[T]) -> Future[T]:
        """Queue `work(tx)`; the future resolves after its group is committed, or with what `work` raised.

        Cancelling the future before the writer reaches it drops the work. Raises (through the future): StoreError
        when the database fails, is closed or has fallen too far behind; nothing of this work is kept then.
        """
        future: Future[T] = Future()
        with self._closing:
            if self._closed:
                future.set_exception(StoreError(f"{named(self.url)} is closed", retryable=False))
            elif self._queue.qsize() >= MAX_WAITING:
                message = f"{named(self.url)}: {MAX_WAITING} writes are waiting already"
                future.set_exception(StoreError(message, retryable=True))
            else:
                self._queue.put(Job(work, future))
        return future

    def write(self, work: Work[T]) -> T:
        """Run `work(tx)` in a transaction and return its result once it is committed (fsynced)."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("write() inside a write would wait for itself: use the tx that the work was given")
        return self.submit(work).result()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent snapshot and cannot write."""
        if self._closed:
            raise StoreError(f"{named(self.url)} is closed", retryable=False)
        try:
            with self._reader.connect() as connection, connection.begin():
                yield connection
        except FAILURES as error:
            raise store_error(error, self.url) from error

    def close(self) -> None:
        """Commit what is queued, then stop the writer and drop every connection."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()
        self._reader.dispose()
        self._writer.dispose()  # last: SQLite tidies its log when the last connection goes
        if self._owned:
            self._owned.release()

    def trouble(self) -> str:
        """Why what is written now may not be kept, in words for anybody; empty when all is well."""
        since = self._busy_since
        if since is not None and time.monotonic() - since > LONGEST_COMMIT.total_seconds():
            return f"a write has not ended for {time.monotonic() - since:.0f} s"
        if self._presence:
            try:
                self._presence.check()
            except StoreError:
                return f"database: {self._presence.lost}"
        return "the last write failed; the log says why" if self._failed else ""

    def _write_loop(self) -> None:
        last = False
        while not last:
            batch, last = self._next_batch()
            if batch:
                self._commit(batch)

    def _next_batch(self) -> tuple[list[Job], bool]:
        """Wait for work, then take all there is; with it, whether the end mark was reached."""
        batch: list[Job] = []
        job = self._queue.get()
        while job is not None:
            if job.future.set_running_or_notify_cancel():
                batch.append(job)
            if len(batch) == MAX_BATCH:
                return batch, False
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: list[Job]) -> None:
        self._busy_since = time.monotonic()
        try:
            if self._presence:
                self._presence.check()
            with self._writer.connect() as connection, connection.begin():
                outcomes = {self._attempt(job, connection) for job in batch}
        except Exception as error:  # noqa: BLE001 - the writer must outlive a failing database
            self._failed, self._busy_since = True, None
            failure = self._as_caller_sees_it(error)
            for job in batch:
                if not job.future.done():
                    job.future.set_exception(failure)
        else:
            if outcomes - {None}:
                self._failed = False in outcomes
            self._busy_since = None
            for job in batch:
                if not job.future.done():
                    job.future.set_result(job.result)

    def _attempt(self, job: Job, connection: Connection) -> bool | None:
        """Run one piece of work in a savepoint. Raises only when the whole transaction is lost with it.

        Returns whether the store was able to keep it; None where that was not seen: nothing changed, or a mistake of
        the work's own. A disk may be full for every alert, and yet let through whoever finds nothing to do.
        """
        before = _changes(connection) if self._failed else 0
        connection.exec_driver_sql("SAVEPOINT work")  # begin_nested() builds the statement anew each time: 4x as slow
        try:
            job.result = job.work(connection)
            connection.exec_driver_sql("RELEASE SAVEPOINT work")
        except BaseException as error:  # noqa: BLE001 - even SystemExit belongs to the caller: a dead writer stops all
            try:
                connection.exec_driver_sql("ROLLBACK TO SAVEPOINT work")
                connection.exec_driver_sql("RELEASE SAVEPOINT work")
            except SQLAlchemyError:
                raise error from None  # the database dropped the transaction (disk full, connection lost)
            failed = isinstance(error, FAILURES) and not isinstance(error, CALLERS)
            self._failed |= failed  # before anybody hears of it
            job.future.set_exception(self._as_caller_sees_it(error))
            return False if failed else None
        return True if not self._failed or _changes(connection) != before else None

    def _as_caller_sees_it(self, error: BaseException) -> BaseException:
        return store_error(error, self.url) if isinstance(error, FAILURES) else error


def open_database(url: str, *, busy_timeout: timedelta = BUSY_TIMEOUT, exclusive: bool = False) -> Database:
    """Open `url`, bring its schema to this version, and return it.

    `busy_timeout`: how long to wait for another process that holds the SQLite file. `exclusive`: refuse a SQLite file
    that another process opened so, and be the one until `close` or the process's end. `postgresql://` needs the extra
    burnline[postgres].

    Raises: StoreError when the file is damaged, cannot be opened, is another's, or was written by a newer burnline.
    """
    target = parse_url(url)
    file = Path(str(target.database)) if target.get_backend_name() == "sqlite" else None
    try:
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
        engine = _engine(target, busy_timeout)
    except OSError as error:
        raise StoreError(f"{named(target)}: {error}", retryable=False) from error
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise StoreError(f"{named(target)}: {error}; PostgreSQL needs burnline[postgres]", retryable=False) from error
    owned = OwnedFile(file) if file and exclusive else None
    try:
        _prepare(engine, file)
        return Database(target, busy_timeout=busy_timeout, owned=owned)
    except BaseException:
        if owned:
            owned.release()
        raise


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    """A consistent snapshot of a database that is there and of this version, without the right to change anything.

    Raises: StoreError for one that is not, or that cannot be read.
    """
    target = parse_url(url)
    if target.get_backend_name() == "sqlite" and not Path(str(target.database)).is_file():
        hint = "set BURNLINE_DATABASE to that of the burnline that watches the services"
        raise StoreError(f"{named(target)}: there is no such file; {hint}", retryable=False)
    try:
        engine = _engine(target, BUSY_TIMEOUT, read_only=True)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise StoreError(f"{named(target)}: {error}; PostgreSQL needs burnline[postgres]", retryable=False) from error
    try:
        with engine.connect() as connection, connection.begin():
            check_schema(connection)
            yield connection
    except FAILURES as error:
        raise store_error(error, engine.url) from error
    finally:
        engine.dispose()


def _prepare(engine: Engine, file: Path | None) -> None:
    """Check and migrate what is there."""
    try:
        if file:
            check_whole(engine, file)
        migrate(engine)
    except DBAPIError as error:
        raise store_error(error, engine.url) from error
    finally:
        engine.dispose()


def database_now(tx: Connection) -> datetime:
    """The database's clock: leases compare against this and nothing else (hosts' clocks jump)."""
    if tx.dialect.name == "sqlite":  # unixepoch('subsec') needs SQLite 3.42; Debian 12 has 3.40
        milliseconds = tx.scalar(text("SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"))
        return EPOCH + timedelta(milliseconds=int(milliseconds))
    moment: datetime = tx.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment.astimezone(UTC)


def store_error(error: Exception, url: URL) -> StoreError:
    """What a failure of the database means to the caller: whether to try again, and what to do if not."""
    if not isinstance(error, DBAPIError) or error.orig is None:
        return StoreError(f"{named(url)}: {error}", retryable=isinstance(error, PoolTimeout))
    cause = error.orig
    code = str(getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or "")
    damaged = code.startswith(DAMAGED)
    hint = "; the file is damaged: restore a backup" if damaged else ""
    retryable = isinstance(error, OperationalError) and not damaged and code not in OUR_FAULT
    return StoreError(f"{named(url)}: {cause}{hint}", retryable=retryable)


def _changes(connection: Connection) -> int:
    """A number that is another one after rows have changed; only differences within a transaction mean anything."""
    if connection.dialect.name == "sqlite":
        found: int = connection.connection.dbapi_connection.total_changes  # type: ignore[union-attr]  # it is open
        return found
    return int(connection.scalar(text("SELECT coalesce(txid_current_if_assigned(), 0)")))


def _engine(url: URL, busy_timeout: timedelta, *, read_only: bool = False) -> Engine:
    pool = {"pool_size": 5, "max_overflow": READERS - 5} if read_only else {}
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": busy_timeout.total_seconds()}, **pool)
        _prepare_sqlite(engine, busy_timeout, read_only=read_only)
        return engine
    if read_only:
        snapshot: dict[str, Any] = {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
        return create_engine(url, pool_pre_ping=True, execution_options=snapshot, **pool)
    return create_engine(url, pool_pre_ping=True)


def _set(connection: sqlite3.Connection, setting: str, busy_timeout: timedelta) -> None:
    """SQLite does not wait by itself to change to WAL: of two that make a file at once, one is refused at once."""
    until = time.monotonic() + busy_timeout.total_seconds()
    while True:
        try:
            connection.execute(f"PRAGMA {setting}").close()
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() >= until:
                raise
            time.sleep(BUSY_PAUSE_SECONDS)
        else:
            return


def _prepare_sqlite(engine: Engine, busy_timeout: timedelta, *, read_only: bool) -> None:
    settings = ["foreign_keys = ON", "query_only = ON"]
    if not read_only:
        settings = ["journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"]

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we send BEGIN ourselves; the driver's own guesses break savepoints
        for setting in settings:
            _set(connection, setting, busy_timeout)

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
