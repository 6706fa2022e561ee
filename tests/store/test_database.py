"""What every database must do, SQLite and PostgreSQL alike."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Connection, event, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from burnline.errors import StoreError
from burnline.store import database
from burnline.store.database import Database, database_now, open_database, reading
from burnline.store.schema import switch

PATIENCE = 20.0
NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def put(name: str, value: str = "0") -> database.Work[str]:
    def work(tx: Connection) -> str:
        tx.execute(insert(switch).values(name=name, value=value, actor="test", at=NOW))
        return name

    return work


def names(db: Database) -> set[str]:
    with db.read() as tx:
        return set(tx.scalars(select(switch.c.name)))


@contextmanager
def writer_held(db: Database) -> Iterator[None]:
    """Keep the writer busy, so that what is submitted meanwhile makes one group."""
    reached, release = Event(), Event()

    def hold(_tx: Connection) -> None:
        reached.set()
        release.wait(PATIENCE)

    held = db.submit(hold)
    assert reached.wait(PATIENCE)
    try:
        yield
    finally:
        release.set()
        held.result(PATIENCE)


def test_what_was_written_can_be_read(any_database: Database) -> None:
    returned = any_database.write(put("actions", "off"))

    assert (returned, names(any_database)) == ("actions", {"actions"})


def test_what_was_written_is_there_after_a_restart(any_url: str) -> None:
    first = open_database(any_url)
    first.write(put("actions"))
    first.close()

    second = open_database(any_url)

    assert names(second) == {"actions"}
    second.close()


def test_a_moment_comes_back_as_it_went_in(any_database: Database) -> None:
    any_database.write(put("actions"))

    with any_database.read() as tx:
        assert tx.scalar(select(switch.c.at)) == NOW


def test_waiting_writes_share_one_commit(any_database: Database) -> None:
    commits: list[Connection] = []
    event.listen(any_database._writer, "commit", commits.append)

    with writer_held(any_database):
        futures = [any_database.submit(put(f"{n}")) for n in range(100)]
    done = {future.result(PATIENCE) for future in futures}

    assert done == names(any_database)
    assert len(commits) == 2  # the one that held the writer, and one for the hundred


def test_more_writes_than_a_group_holds_are_all_committed(any_database: Database) -> None:
    with writer_held(any_database):
        futures = [any_database.submit(put(f"{n}")) for n in range(database.MAX_BATCH + 3)]
    done = {future.result(PATIENCE) for future in futures}

    assert len(done) == database.MAX_BATCH + 3
    assert done == names(any_database)


def test_a_write_is_committed_before_its_future_resolves(any_database: Database) -> None:
    seen: list[set[str]] = []

    future = any_database.submit(put("actions"))
    future.add_done_callback(lambda _done: seen.append(names(any_database)))
    future.result(PATIENCE)
    any_database.close()

    assert seen == [{"actions"}]


def test_work_that_raises_undoes_only_itself(any_database: Database) -> None:
    def half(tx: Connection) -> None:
        put("half")(tx)
        raise ValueError("no")

    with writer_held(any_database):
        before, failing, after = (any_database.submit(work) for work in (put("before"), half, put("after")))

    with pytest.raises(ValueError, match="no"):
        failing.result(PATIENCE)
    assert {before.result(PATIENCE), after.result(PATIENCE)} == names(any_database) == {"before", "after"}


def test_work_that_breaks_a_constraint_undoes_only_itself(any_database: Database) -> None:
    with writer_held(any_database):
        first, second, other = (any_database.submit(put(name)) for name in ("same", "same", "other"))

    assert first.result(PATIENCE) == "same"
    assert other.result(PATIENCE) == "other"
    with pytest.raises(StoreError) as caught:
        second.result(PATIENCE)
    assert not caught.value.retryable


def test_work_with_wrong_sql_undoes_only_itself(any_database: Database) -> None:
    with writer_held(any_database):
        wrong = any_database.submit(lambda tx: tx.execute(text("SELECT 1 FROM nowhere")))
        right = any_database.submit(put("right"))

    assert right.result(PATIENCE) == "right"
    with pytest.raises(StoreError, match="nowhere") as caught:
        wrong.result(PATIENCE)
    assert not caught.value.retryable


@pytest.mark.parametrize("ending", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_work_that_wants_to_end_the_thread_ends_only_itself(
    any_database: Database, ending: type[BaseException]
) -> None:
    def leave(_tx: Connection) -> None:
        raise ending

    with pytest.raises(ending):
        any_database.write(leave)

    assert any_database.write(put("alive")) == "alive"


def test_cancelled_work_is_dropped_and_the_writer_lives(any_database: Database) -> None:
    with writer_held(any_database):
        cancelled = any_database.submit(put("cancelled"))
        assert cancelled.cancel()

    any_database.write(put("alive"))

    assert names(any_database) == {"alive"}
    with pytest.raises(CancelledError):
        cancelled.result(PATIENCE)


def test_a_write_inside_a_write_is_refused_not_waited_for(any_database: Database) -> None:
    with pytest.raises(RuntimeError, match="use the tx"):
        any_database.write(lambda _tx: any_database.write(put("inner")))


def test_too_many_waiting_writes_are_refused(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "MAX_WAITING", 2)

    with writer_held(any_database):
        kept = [any_database.submit(put(name)) for name in ("one", "two")]
        refused = any_database.submit(put("three"))

    with pytest.raises(StoreError, match="2 writes are waiting") as caught:
        refused.result(PATIENCE)
    assert caught.value.retryable
    assert {future.result(PATIENCE) for future in kept} == names(any_database)


def test_work_that_ends_the_transaction_itself_is_told_so_and_the_writer_lives(any_database: Database) -> None:
    with pytest.raises(InvalidRequestError, match="closed transaction"):
        any_database.write(lambda tx: tx.commit())

    assert any_database.write(put("alive")) == "alive"


@pytest.mark.integration
def test_a_server_that_drops_the_connection_loses_the_group_and_the_writer_lives(postgres_url: str) -> None:
    db = open_database(postgres_url)

    def cut(tx: Connection) -> None:
        tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with writer_held(db):
        before, cutting, after = (db.submit(work) for work in (put("before"), cut, put("after")))
    errors = [future.exception(PATIENCE) for future in (before, cutting, after)]

    assert all(isinstance(error, StoreError) and error.retryable for error in errors)
    assert db.write(put("alive")) == "alive"
    assert names(db) == {"alive"}
    db.close()


def test_close_commits_what_is_queued(any_url: str) -> None:
    db = open_database(any_url)
    with writer_held(db):
        futures = [db.submit(put(f"{n}")) for n in range(700)]

    db.close()

    assert all(future.done() for future in futures)
    again = open_database(any_url)
    assert len(names(again)) == 700
    again.close()


def test_a_closed_database_refuses_at_once(any_url: str) -> None:
    db = open_database(any_url)
    db.close()
    db.close()

    with pytest.raises(StoreError, match="is closed"):
        db.write(put("late"))
    with pytest.raises(StoreError, match="is closed"), db.read():
        pass


def test_every_write_that_races_with_close_gets_an_answer(any_url: str) -> None:
    db = open_database(any_url)

    def submit_fifty(thread: int) -> list[Future[str]]:
        return [db.submit(put(f"{thread}-{n}")) for n in range(50)]

    with ThreadPoolExecutor(8) as threads:
        batches = [threads.submit(submit_fifty, thread) for thread in range(8)]
        db.close()
        futures: list[Future[str]] = [future for batch in batches for future in batch.result(PATIENCE)]

    committed = {future.result(PATIENCE) for future in futures if future.exception(PATIENCE) is None}
    again = open_database(any_url)
    assert names(again) == committed
    again.close()


def test_many_threads_lose_no_update(any_database: Database) -> None:
    any_database.write(put("count", "0"))

    def add_one(tx: Connection) -> None:
        count = int(tx.scalar(select(switch.c.value).where(switch.c.name == "count")) or 0)
        tx.execute(update(switch).values(value=str(count + 1)))

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _n: any_database.write(add_one), range(400)))

    with any_database.read() as tx:
        assert tx.scalar(select(switch.c.value)) == "400"


def test_many_threads_read_at_once(any_database: Database) -> None:
    any_database.write(put("actions"))

    with ThreadPoolExecutor(database.READERS) as threads:
        seen = list(threads.map(lambda _n: names(any_database), range(200)))

    assert seen == [{"actions"}] * 200


def test_a_reader_cannot_write(any_database: Database) -> None:
    with pytest.raises(StoreError, match=r"read-?only"), any_database.read() as tx:
        put("sneaked")(tx)

    assert names(any_database) == set()


def test_a_reader_sees_one_snapshot(any_database: Database) -> None:
    count = select(func.count()).select_from(switch)
    with any_database.read() as tx:
        before = tx.scalar(count)
        any_database.write(put("meanwhile"))
        after = tx.scalar(count)

    assert (before, after) == (0, 0)
    assert names(any_database) == {"meanwhile"}


def test_the_database_clock_is_aware_and_close_to_ours(any_database: Database) -> None:
    with any_database.read() as tx:
        moment = database_now(tx)

    assert moment.tzinfo is UTC
    assert abs(moment - datetime.now(UTC)) < timedelta(minutes=1)


WRITES_UNTIL_KILLED = """
import sys
from datetime import UTC, datetime
from sqlalchemy import insert
from burnline.store.database import open_database
from burnline.store.schema import switch

db = open_database(sys.argv[1])
for n in range(1_000_000):
    row = {"name": str(n), "value": "", "actor": "", "at": datetime.now(UTC)}
    db.write(lambda tx: tx.execute(insert(switch).values(row)))
    print(n, flush=True)
"""


def test_nothing_acknowledged_is_lost_by_kill_9(any_url: str) -> None:
    argv = [sys.executable, "-c", WRITES_UNTIL_KILLED, any_url]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = {process.stdout.readline().strip() for _ in range(50)}
        os.kill(process.pid, signal.SIGKILL)
        acknowledged |= {line.strip() for line in process.stdout if line.endswith("\n")}

    db = open_database(any_url)

    assert acknowledged <= names(db)
    db.close()


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(StoreError, match=r"'burnline\.db' is no database URL; sqlite:///"):
        open_database("burnline.db")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="needs a file"):
        open_database(url)


def test_an_unknown_kind_of_database_is_refused() -> None:
    with pytest.raises(StoreError, match="oraclex"):
        open_database("oraclex://somewhere/else")


def test_a_server_that_is_away_can_be_tried_again_and_its_password_stays_secret() -> None:
    with pytest.raises(StoreError) as caught:
        open_database("postgresql://burnline:hunter2@127.0.0.1:1/burnline")

    assert caught.value.retryable
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql//u:CANARY@h/x",
        "postgresql://u:CAN@ARY@h/x",
        "postgresql://u:CANA/RY@127.0.0.1:1/x",
        "postgresql://u:CANARY@h:port/x",
        "postgresql://127.0.0.1:1/x?password=CANARY&user=u",
        "postgresql://127.0.0.1:1/x?sslpassword=CANARY&user=u",
        "oraclex://u:CANARY@h/x",
    ],
)
def test_a_password_in_a_url_that_cannot_be_used_is_not_repeated(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_database(url)

    assert "CAN" not in str(caught.value)
    assert "RY" not in str(caught.value)


def test_a_reader_sees_what_is_there_and_can_change_nothing(any_url: str) -> None:
    open_database(any_url).close()

    with reading(any_url) as tx:
        assert list(tx.scalars(select(switch.c.name))) == []
        with pytest.raises(DBAPIError):
            put("a")(tx)


def test_a_reader_refuses_a_schema_of_another_version(any_url: str) -> None:
    database = open_database(any_url)
    database.write(lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '0000'")))
    database.close()

    with pytest.raises(StoreError, match="has schema 0000"), reading(any_url):
        pass


def test_a_reader_makes_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such file"), reading(f"sqlite:///{tmp_path}/none.db"):
        pass

    assert list(tmp_path.iterdir()) == []
