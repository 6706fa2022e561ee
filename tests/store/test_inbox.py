"""The inbox: accepted first, worked on later, in order, nothing twice."""

from __future__ import annotations

from datetime import datetime

from burnline.store import inbox
from burnline.store.database import Database


def accept(db: Database, body: bytes, now: datetime, kind: str = inbox.ALERTS) -> int:
    return db.write(lambda tx: inbox.accept(tx, kind=kind, source="test", body=body, now=now, content_type="a/b"))


def waiting(db: Database, kind: str = inbox.ALERTS, limit: int = 10) -> list[bytes]:
    with db.read() as tx:
        return [row.body for row in inbox.waiting(tx, kind, limit)]


def test_a_body_comes_back_byte_for_byte(any_database: Database, now: datetime) -> None:
    body = bytes(range(256))
    row_id = accept(any_database, body, now)

    with any_database.read() as tx:
        (row,) = inbox.waiting(tx, inbox.ALERTS, 10)

    assert row == inbox.InboxRow(row_id, inbox.ALERTS, "test", "a/b", now, body)


def test_rows_wait_in_the_order_they_came(any_database: Database, now: datetime) -> None:
    for n in range(5):
        accept(any_database, b"%d" % n, now)

    assert waiting(any_database, limit=3) == [b"0", b"1", b"2"]


def test_kinds_do_not_see_each_other(any_database: Database, now: datetime) -> None:
    accept(any_database, b"alert", now, inbox.ALERTS)
    accept(any_database, b"prediction", now, inbox.PREDICTIONS)

    assert waiting(any_database, inbox.PREDICTIONS) == [b"prediction"]


def test_a_row_that_was_worked_on_waits_no_more(any_database: Database, now: datetime) -> None:
    first = accept(any_database, b"first", now)
    accept(any_database, b"second", now)

    any_database.write(lambda tx: inbox.mark_done(tx, first))

    assert waiting(any_database) == [b"second"]


def test_a_dead_letter_waits_no_more_and_is_not_forgotten(any_database: Database, now: datetime) -> None:
    poison = accept(any_database, b"poison", now)
    done = accept(any_database, b"done", now)

    any_database.write(lambda tx: inbox.mark_dead(tx, poison, "not JSON" * 1000))
    any_database.write(lambda tx: inbox.mark_done(tx, done))
    gone = any_database.write(lambda tx: inbox.forget_upto(tx, inbox.ALERTS, done))

    assert (gone, waiting(any_database)) == (1, [])
    with any_database.read() as tx:
        assert inbox.depth(tx) == {(inbox.ALERTS, "dead"): 1}


def test_ids_are_not_used_again_after_rows_were_forgotten(any_database: Database, now: datetime) -> None:
    first = accept(any_database, b"first", now)
    any_database.write(lambda tx: inbox.forget_upto(tx, inbox.ALERTS, first))

    assert accept(any_database, b"second", now) > first


def test_a_row_is_worked_on_once(any_database: Database, now: datetime) -> None:
    first, second = (accept(any_database, body, now) for body in (b"first", b"second"))

    assert any_database.write(lambda tx: inbox.mark_done(tx, first)) == {first}
    assert any_database.write(lambda tx: inbox.mark_done(tx, first, second)) == {second}
    assert any_database.write(lambda tx: inbox.mark_dead(tx, first, "too late")) is False


def test_rows_that_are_done_do_not_count_as_depth(any_database: Database, now: datetime) -> None:
    done = accept(any_database, b"done", now)
    accept(any_database, b"new", now)

    any_database.write(lambda tx: inbox.mark_done(tx, done))

    with any_database.read() as tx:
        assert inbox.depth(tx) == {(inbox.ALERTS, "new"): 1}
