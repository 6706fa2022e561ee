"""Accepted predictions on their way to the detectors: inbox rows whose body is a batch in columns."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection

from burnline.events import PredictionBatch
from burnline.store.inbox import PREDICTIONS, accept, mark_dead, waiting

FORMAT = "application/vnd.burnline.predictions.v1+msgpack"


def keep_batch(tx: Connection, batch: PredictionBatch, now: datetime) -> int:
    """Put a batch into the inbox and return its id."""
    body = msgspec.msgpack.encode(batch)
    return accept(tx, kind=PREDICTIONS, source=batch.service, body=body, now=now, content_type=FORMAT)


def next_batches(tx: Connection, limit: int) -> list[tuple[int, PredictionBatch]]:
    """The oldest `limit` batches no detector has seen, with their inbox ids, oldest first.

    Needs a transaction that may write: a row that cannot be read is quarantined, so that it blocks nobody.
    """
    batches: list[tuple[int, PredictionBatch]] = []
    for row in waiting(tx, PREDICTIONS, limit):
        try:
            batches.append((row.id, msgspec.msgpack.decode(row.body, type=PredictionBatch)))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            mark_dead(tx, row.id, f"not a batch of predictions ({row.content_type}): {error}")
    return batches
