"""Faults of the embedded database: locked, full, damaged, out of reach."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, text

from burnline.errors import StoreError
from burnline.store import file as file_module
from burnline.store.database import Database, open_database
from burnline.store.inbox import accept, depth
from burnline.store.schema import switch

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
SOON = timedelta(milliseconds=50)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "burnline.db"


@pytest.fixture
def impatient(path: Path) -> Iterator[Database]:
    """A database that gives up on a lock at once."""
    db = open_database(f"sqlite:///{path}", busy_timeout=SOON)
    yield db
    db.close()


def put(tx: Connection) -> None:
    tx.execute(insert(switch).values(name="actions", value="off", actor="test", at=NOW))


def keep(body: bytes, db: Database) -> int:
    return db.write(lambda tx: accept(tx, kind="alerts", source="test", body=body, now=NOW))


def page_count(db: Database) -> int:
    with db.read() as tx:
        return int(tx.execute(text("PRAGMA page_count")).scalar_one())


@pytest.mark.usefixtures("synced")
def test_the_file_is_kept_in_wal_mode_and_every_commit_is_synced(impatient: Database) -> None:
    modes = impatient.write(
        lambda tx: tuple(tx.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("journal_mode", "synchronous"))
    )

    full = 2
    assert modes == ("wal", full)


def test_missing_folders_are_made(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/a/b/burnline.db")

    assert (tmp_path / "a/b/burnline.db").exists()
    db.close()


def test_nothing_but_the_file_is_left_after_a_clean_stop(path: Path) -> None:
    db = open_database(f"sqlite:///{path}")
    db.write(put)
    with db.read():
        pass
    db.close()

    assert [entry.name for entry in path.parent.iterdir()] == ["burnline.db"]


def test_a_write_gives_up_on_a_locked_file_and_works_when_it_is_free(impatient: Database, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="database is locked") as caught:
            impatient.write(put)
        other.execute("ROLLBACK")

    assert caught.value.retryable
    impatient.write(put)


def test_reading_goes_on_while_another_process_writes(impatient: Database, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with impatient.read() as tx:
            assert depth(tx) == {}


def test_opening_a_locked_file_can_be_tried_again(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked") as caught:
            open_database(f"sqlite:///{path}", busy_timeout=SOON)

    assert caught.value.retryable
    open_database(f"sqlite:///{path}").close()


def test_a_full_disk_refuses_the_write_and_burnline_goes_on_when_there_is_room(impatient: Database) -> None:
    full = page_count(impatient) + 4
    impatient.write(lambda tx: tx.execute(text(f"PRAGMA max_page_count = {full}")).close())

    with pytest.raises(StoreError, match="database or disk is full") as caught:
        keep(b"x" * 1_000_000, impatient)

    assert caught.value.retryable
    impatient.write(lambda tx: tx.execute(text("PRAGMA max_page_count = 1000000")).close())
    keep(b"x" * 1_000_000, impatient)
    with impatient.read() as tx:
        assert depth(tx) == {("alerts", "new"): 1}


def test_a_full_disk_is_trouble_until_something_is_kept_again(impatient: Database) -> None:
    full = page_count(impatient) + 4
    impatient.write(lambda tx: tx.execute(text(f"PRAGMA max_page_count = {full}")).close())
    with pytest.raises(StoreError, match="full"):
        keep(b"x" * 1_000_000, impatient)
    assert "last write failed" in impatient.trouble()

    impatient.write(lambda tx: tx.execute(text("DELETE FROM episode")).close())  # there are none
    with suppress(ZeroDivisionError):
        impatient.write(lambda tx: 1 // (tx.execute(text("SELECT 0")).scalar_one()))
    assert "last write failed" in impatient.trouble()

    impatient.write(lambda tx: tx.execute(text("PRAGMA max_page_count = 1000000")).close())
    keep(b"x" * 1_000_000, impatient)
    assert impatient.trouble() == ""


def test_work_that_is_wrong_by_itself_is_no_trouble_of_the_store(impatient: Database) -> None:
    impatient.write(put)

    for wrong in (put, lambda tx: int("x")):
        with pytest.raises((StoreError, ValueError)):
            impatient.write(wrong)

    assert impatient.trouble() == ""


def test_a_group_that_met_a_full_disk_acknowledged_only_what_it_kept(impatient: Database) -> None:
    full = page_count(impatient) + 40
    impatient.write(lambda tx: tx.execute(text(f"PRAGMA max_page_count = {full}")).close())

    futures = [
        impatient.submit(lambda tx: accept(tx, kind="alerts", source="test", body=b"x" * 20_000, now=NOW))
        for _ in range(40)
    ]
    acknowledged = [future for future in futures if future.exception(20) is None]

    assert len(futures) - len(acknowledged) > 0
    with impatient.read() as tx:
        assert depth(tx).get(("alerts", "new"), 0) == len(acknowledged)


def test_a_file_that_is_no_database_says_restore_a_backup(path: Path) -> None:
    path.write_bytes(b"these are not the bytes you are looking for " * 100)

    with pytest.raises(StoreError, match=r"burnline\.db: file is not a database; .*restore a backup") as caught:
        open_database(f"sqlite:///{path}")

    assert not caught.value.retryable


def test_damaged_pages_say_restore_a_backup(path: Path) -> None:
    db = open_database(f"sqlite:///{path}")
    for _ in range(50):
        keep(os.urandom(3000), db)
    db.close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))

    with pytest.raises(StoreError, match=r"malformed; .*restore a backup") as caught:
        open_database(f"sqlite:///{path}")

    assert not caught.value.retryable


def test_damage_met_while_running_is_said_and_the_writer_lives(path: Path) -> None:
    db = open_database(f"sqlite:///{path}")
    damage_table(path, "switch")

    with pytest.raises(StoreError, match="restore a backup"):
        db.write(put)

    keep(b"{}", db)  # another table
    db.close()


def test_damage_that_no_query_would_meet_yet_is_found_at_the_start(path: Path) -> None:
    open_database(f"sqlite:///{path}").close()
    damage_table(path, "switch")

    with pytest.raises(StoreError, match=r"burnline\.db: the file is damaged: restore a backup \(.+\)") as caught:
        open_database(f"sqlite:///{path}")

    assert not caught.value.retryable
    assert "\n" not in str(caught.value)


def test_a_file_too_large_to_be_checked_at_every_start_is_opened_and_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    open_database(f"sqlite:///{path}").close()
    damage_table(path, "switch")
    monkeypatch.setattr(file_module, "LARGEST_CHECKED_BYTES", 4096)

    open_database(f"sqlite:///{path}").close()

    assert "database not checked for damage: too large" in caplog.text


def damage_table(path: Path, table: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreError, match=r"file/sub/burnline\.db: .*Not a directory"):
        open_database(f"sqlite:///{tmp_path}/file/sub/burnline.db")


def test_a_file_that_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open database file"):
        open_database(f"sqlite:///{tmp_path}")
