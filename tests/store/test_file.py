"""The embedded database's file: one process works on it, and notices when it goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from burnline.errors import StoreError
from burnline.store import database as database_module
from burnline.store import file as file_module
from burnline.store.database import Database, open_database
from burnline.store.inbox import accept

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "burnline.db"


@pytest.fixture
def watched(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database that looks for its file at every write."""
    monkeypatch.setattr(file_module, "LOOK_SECONDS", 0.0)
    with closing(open_database(f"sqlite:///{path}", busy_timeout=timedelta(milliseconds=50))) as db:
        yield db


def keep(db: Database) -> int:
    return db.write(lambda tx: accept(tx, kind="alerts", source="test", body=b"{}", now=NOW))


def test_a_second_one_on_the_same_file_is_refused_in_words(path: Path) -> None:
    with (
        closing(open_database(f"sqlite:///{path}", exclusive=True)),
        pytest.raises(StoreError, match=r"burnline\.db: another burnline works on this file: stop it") as caught,
    ):
        open_database(f"sqlite:///{path}", exclusive=True)

    assert not caught.value.retryable


def test_another_path_to_the_same_file_is_refused_too(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(path)

    with closing(open_database(f"sqlite:///{path}", exclusive=True)), pytest.raises(StoreError, match="another"):
        open_database(f"sqlite:///{tmp_path}/link.db", exclusive=True)


def test_a_reader_is_not_refused(path: Path) -> None:
    with closing(open_database(f"sqlite:///{path}", exclusive=True)) as db:
        keep(db)
        with closing(open_database(f"sqlite:///{path}")) as reader, reader.read() as tx:
            assert tx.exec_driver_sql("SELECT count(*) FROM inbox").scalar_one() == 1


def test_the_next_one_may_have_it_after_the_first_closed(path: Path) -> None:
    for _ in range(2):
        open_database(f"sqlite:///{path}", exclusive=True).close()


def test_one_that_could_not_be_opened_is_nobodys(path: Path) -> None:
    path.write_bytes(b"not a database at all " * 100)
    with pytest.raises(StoreError, match="restore a backup"):
        open_database(f"sqlite:///{path}", exclusive=True)
    path.unlink()

    open_database(f"sqlite:///{path}", exclusive=True).close()


def test_kill_9_lets_it_go(path: Path) -> None:
    program = (
        "import sys, time; from burnline.store.database import open_database\n"
        "db = open_database(sys.argv[1], exclusive=True); print('mine', flush=True); time.sleep(60)"
    )
    argv = [sys.executable, "-c", program, f"sqlite:///{path}"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "mine\n"
        with pytest.raises(StoreError, match="another burnline"):
            open_database(f"sqlite:///{path}", exclusive=True)
        os.kill(process.pid, signal.SIGKILL)

    open_database(f"sqlite:///{path}", exclusive=True).close()


def test_a_deleted_file_fails_every_write_and_is_told_once(
    watched: Database, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(watched)
    path.unlink()

    for _ in range(3):
        with pytest.raises(StoreError, match="the file was deleted while burnline runs") as caught:
            keep(watched)
        assert not caught.value.retryable

    assert "deleted" in watched.trouble()
    assert [record.message for record in caplog.records] == ["database lost"]


def test_a_replaced_file_fails_every_write(watched: Database, path: Path) -> None:
    other = path.with_suffix(".other")
    open_database(f"sqlite:///{other}").close()
    other.replace(path)

    with pytest.raises(StoreError, match="replaced"):
        keep(watched)

    assert "replaced" in watched.trouble()


def test_the_file_is_looked_for_once_a_second_at_most(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []
    look = file_module._identity

    def counted(path: Path) -> tuple[int, int] | None:
        looks.append(path)
        return look(path)

    monkeypatch.setattr(file_module, "_identity", counted)
    monkeypatch.setattr(file_module, "LOOK_SECONDS", 60.0)

    with closing(open_database(f"sqlite:///{path}")) as db:
        for _ in range(50):
            keep(db)

    assert len(looks) == 1


def test_a_database_is_in_trouble_while_its_writes_fail(watched: Database, path: Path) -> None:
    assert not watched.trouble()
    with closing(open_database(f"sqlite:///{path}")) as other, other._writer.connect() as held:
        held.begin()
        with pytest.raises(StoreError, match="locked"):
            keep(watched)

        assert watched.trouble() == "the last write failed; the log says why"

    keep(watched)
    assert not watched.trouble()


def test_a_write_that_does_not_end_is_trouble(watched: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "LONGEST_COMMIT", timedelta(0))
    begun, release = Event(), Event()

    def hang(_tx: object) -> None:
        begun.set()
        release.wait(10)

    hanging = watched.submit(hang)
    assert begun.wait(10)

    assert "a write has not ended" in watched.trouble()
    release.set()
    hanging.result(10)
    assert not watched.trouble()
