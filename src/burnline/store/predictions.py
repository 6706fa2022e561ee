"""Accepted predictions on their way to the detectors: inbox rows whose body is a batch in columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import compress

import msgspec
from sqlalchemy import Connection

from burnline.events import PredictionBatch
from burnline.metrics import events as names
from burnline.store.inbox import BATCH, PREDICTIONS, accept, mark_dead, waiting
from burnline.store.kept_events import KeptEvent, key_of, take_events
from burnline.store.samples import Sampling, Side, take_served
from burnline.store.schema import EPOCH
from burnline.store.series import Point, record, take_key
from burnline.store.shadows import meet_shadows, take_shadows

MOST_BYTES = 16 * 1024 * 1024  # of batches read at once; in memory they are four to six times as large


@dataclass(frozen=True, slots=True)
class Arrived:
    """Events as they passed the door.

    Attributes:
        ids: per event, or empty; None for one without.
        late: per event, or empty: it is too late for its window.
        violations: by feature and reason, how many values the schema does not allow.
        key: the sender's name for this whole batch.
        slices: features whose values are kept for the labels of events with an id.
        sampling: which events with an id are compared with training.
    """

    batch: PredictionBatch
    ids: Sequence[str | int | None] = ()
    late: Sequence[bool] = ()
    violations: Mapping[tuple[str, str], int] = field(default_factory=dict)
    key: str = ""
    slices: Sequence[str] = ()
    sampling: Sampling | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """How many events are kept now, how many were there before.

    Attributes:
        late: of the accepted, those that are in no window.
        unknown: features of the accepted that the service does not know.
    """

    accepted: int
    duplicates: int
    late: int = 0
    unknown: int = 0


def keep_events(tx: Connection, arrived: Arrived, now: datetime) -> Kept:
    """Put what is new into the inbox, and what has an id where its label finds it."""
    batch, service = arrived.batch, arrived.batch.service
    if not take_key(tx, f"predictions:{service}", _hashed(arrived.key), now):
        record(tx, service, [Point(names.DUPLICATES, {}, len(batch), add=True)], now)
        return Kept(0, len(batch))
    fresh = _fresh(tx, arrived, now) if arrived.ids else [True] * len(batch)
    if arrived.sampling and arrived.ids and not batch.shadow:
        take_served(tx, service, _sampled(arrived, fresh, arrived.sampling), arrived.sampling, now)
    late = [new and is_late for new, is_late in zip(fresh, arrived.late or [False] * len(batch), strict=True)]
    timely = batch.where([new and not is_late for new, is_late in zip(fresh, late, strict=True)])
    if len(timely):
        keep_batch(tx, timely, now)
    kept = Kept(sum(fresh), len(batch) - sum(fresh), sum(late), sum(compress(batch.unknown_features, fresh)))
    points = [
        Point(names.DUPLICATES, {}, kept.duplicates, add=True),
        Point(names.LATE, {}, kept.late, add=True),
        Point(names.UNKNOWN, {"version": batch.version}, kept.unknown, add=True),
    ]
    points = [point for point in points if point.value]
    points += [
        Point(names.VIOLATIONS, {"feature": feature, "reason": reason}, count, add=True)
        for (feature, reason), count in arrived.violations.items()
    ]
    if points:
        record(tx, service, points, now)
    return kept


def _fresh(tx: Connection, arrived: Arrived, now: datetime) -> list[bool]:
    """Per event: was its id, if it has one, never taken before?"""
    batch = arrived.batch
    keys = [None if event_id is None else key_of(event_id) for event_id in arrived.ids]
    events = [
        KeptEvent(
            key,
            EPOCH + timedelta(microseconds=batch.at[place]) if batch.at else batch.received_at,
            batch.version,
            batch.prediction[place],
            batch.confidence[place],
            {name: batch.features[name][place] for name in arrived.slices if batch.features.get(name)},
        )
        for place, key in enumerate(keys)
        if key is not None
    ]
    if batch.shadow:
        new = take_shadows(tx, batch.service, events, now)
    else:
        new = take_events(tx, batch.service, events, now)
        meet_shadows(tx, batch.service, [event for event in events if event.key in new], now)
    fresh = []
    for key in keys:
        fresh.append(key is None or key in new)
        new.discard(key or b"")  # twice in one batch
    return fresh


def _sampled(arrived: Arrived, fresh: Sequence[bool], sampling: Sampling) -> Iterator[Side]:
    """What was served of the events to be compared with training."""
    batch = arrived.batch
    for place, event_id in enumerate(arrived.ids):
        if fresh[place] and event_id is not None and sampling.takes(key := key_of(event_id)):
            features = {name: column[place] for name, column in batch.features.items()}
            yield Side(key, features, str(event_id), batch.version)


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest() if key else ""


def keep_batch(tx: Connection, batch: PredictionBatch, now: datetime, kind: str = PREDICTIONS) -> int:
    """Put a batch into the inbox and return its id. `kind`: what is in it, one of `inbox.BATCHES`."""
    body = msgspec.msgpack.encode(batch)
    return accept(tx, kind=kind, source=batch.service, body=body, now=now, content_type=BATCH)


def next_batches(tx: Connection, limit: int, kind: str = PREDICTIONS) -> list[tuple[int, PredictionBatch]]:
    """The oldest `limit` batches no detector has seen, with their inbox ids, oldest first; fewer that are large.

    Needs a transaction that may write: a row that cannot be read is quarantined, so that it blocks nobody.
    """
    batches: list[tuple[int, PredictionBatch]] = []
    for row in waiting(tx, kind, limit, MOST_BYTES):
        try:
            batches.append((row.id, msgspec.msgpack.decode(row.body, type=PredictionBatch)))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            mark_dead(tx, row.id, f"not a batch of {kind} ({row.content_type}): {error}")
    return batches
