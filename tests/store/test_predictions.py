"""Batches of predictions between the door and the detectors."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from sqlalchemy import Connection, select

from burnline.events import PredictionBatch
from burnline.store.database import Database
from burnline.store.inbox import PREDICTIONS, accept, mark_done
from burnline.store.predictions import MOST_BYTES, keep_batch, next_batches
from burnline.store.schema import inbox


def batch(now: datetime, *amounts: float | str | bool | None) -> PredictionBatch:
    size = len(amounts)
    return PredictionBatch("card-fraud", "7", now, {"amount": list(amounts)}, ["a"] * size, [0.5] * size, [0] * size)


def mark_all_done(tx: Connection, row_ids: list[int]) -> None:
    mark_done(tx, *row_ids)


def test_a_batch_comes_back_as_it_was_kept(database: Database, now: datetime) -> None:
    kept = batch(now, 1.5, "one", True, None, 2.0**60)

    row_id = database.write(lambda tx: keep_batch(tx, kept, now))

    assert database.write(lambda tx: next_batches(tx, 10)) == [(row_id, kept)]


def test_batches_come_oldest_first_and_no_more_than_asked(database: Database, now: datetime) -> None:
    batches = [batch(now, amount) for amount in range(5)]
    ids = database.write(lambda tx: [keep_batch(tx, kept, now) for kept in batches])

    first = database.write(lambda tx: next_batches(tx, 2))

    assert [row_id for row_id, _ in first] == ids[:2]


def test_large_batches_are_read_a_few_at_a_time_and_the_largest_alone(database: Database, now: datetime) -> None:
    sizes = [MOST_BYTES // 3, MOST_BYTES // 3, MOST_BYTES // 2, MOST_BYTES + 1, 1, 2]
    batches = [PredictionBatch("shop", "7", now, {}, ["a" * size], [None], [0]) for size in sizes]
    ids = database.write(lambda tx: [keep_batch(tx, kept, now) for kept in batches])

    turns = []
    while read := database.write(lambda tx: next_batches(tx, 10)):
        turns.append([row_id for row_id, _ in read])
        database.write(partial(mark_all_done, row_ids=turns[-1]))

    assert turns == [ids[:2], [ids[2]], [ids[3]], ids[4:]]


def test_a_batch_that_is_done_does_not_come_back(database: Database, now: datetime) -> None:
    row_id = database.write(lambda tx: keep_batch(tx, batch(now, 1), now))

    database.write(lambda tx: mark_done(tx, row_id))

    assert database.write(lambda tx: next_batches(tx, 10)) == []


def test_an_unreadable_row_is_quarantined_and_blocks_nobody(database: Database, now: datetime) -> None:
    bodies = (b"", b"\xc1", b"\x80", b"\xa1\xff", b"not msgpack")
    database.write(lambda tx: [accept(tx, kind=PREDICTIONS, source="x", body=body, now=now) for body in bodies])
    good = database.write(lambda tx: keep_batch(tx, batch(now, 1), now))

    batches = database.write(lambda tx: next_batches(tx, 10))

    assert [row_id for row_id, _ in batches] == [good]
    with database.read() as tx:
        errors = list(tx.scalars(select(inbox.c.error).where(inbox.c.state == "dead")))
    assert len(errors) == len(bodies)
    assert all(error.startswith("not a batch of predictions") for error in errors)
