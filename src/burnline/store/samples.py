"""Samples for training-serving skew: the features of some events as served and as training has them, joined by id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from burnline.events import Mismatch, PredictionBatch
from burnline.metrics import events as names
from burnline.store.inbox import BATCH, SAMPLES, accept
from burnline.store.schema import kept_sample
from burnline.store.series import Point, record

SLICE = 500  # keys in one statement
DELETED = 5_000  # rows in one transaction
MOST = 100_000  # samples of a service at a time
MOST_VALUES = 5_000_000  # of all of them together
KEYS = 2**64
Features = Mapping[str, Any]
Compare = Callable[[Features, Features], Mapping[str, Mismatch | None]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which events of a service are sampled, and how two sides are compared.

    Attributes:
        share: of the events that have an id; decided by the id alone, so by whoever knows it.
        most: samples kept at a time, on whichever side.
    """

    share: float
    compare: Compare
    most: int = MOST

    def takes(self, key: bytes) -> bool:
        """Whether the event with this key (`kept_events.key_of`) is one of the sample."""
        return int.from_bytes(key[:8], "big") < self.share * KEYS


@dataclass(frozen=True, slots=True)
class Side:
    """The features of one event on one side; `id` and `version` are known where it was served."""

    key: bytes
    features: Features
    id: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Sampled:
    """How many samples found their other side, wait for it, came again, or found no room."""

    matched: int = 0
    waiting: int = 0
    duplicates: int = 0
    dropped: int = 0


def take_served(tx: Connection, service: str, events: Iterable[Side], sampling: Sampling, now: datetime) -> Sampled:
    """Keep what was served, of the events that are sampled, or join it with what training said before."""
    return _take(tx, service, events, sampling, now, "served")


def take_trained(tx: Connection, service: str, events: Iterable[Side], sampling: Sampling, now: datetime) -> Sampled:
    """Keep what training has, or join it with what was served. Of an event that came twice the first one counts."""
    return _take(tx, service, events, sampling, now, "trained")


def wanted_samples(tx: Connection, service: str, limit: int) -> list[str]:
    """The ids of events whose training side is waited for, the oldest first."""
    table = kept_sample.c
    query = select(table.id).where(table.service == service, table.served.is_not(None)).order_by(table.kept_at)
    return list(tx.scalars(query.limit(limit)))


def forget_samples(tx: Connection, service: str, *, before: datetime, now: datetime) -> int:
    """Delete a slice of what was kept before; sides that waited in vain are counted.

    Returns how many rows went; fewer than DELETED: nothing is left to delete.
    """
    table = kept_sample.c
    query = select(table.key, table.served.is_not(None), table.trained.is_not(None))
    rows = tx.execute(
        query.where(table.service == service, table.kept_at < before).order_by(table.kept_at).limit(DELETED)
    )
    old = [tuple(row) for row in rows]
    for keys in _slices([key for key, *_ in old]):
        tx.execute(delete(kept_sample).where(table.service == service, table.key.in_(keys)))
    lonely = {"served": sum(served for _, served, _ in old), "trained": sum(trained for _, _, trained in old)}
    points = [
        Point(names.SAMPLES_UNMATCHED, {"side": side}, count, add=True) for side, count in lonely.items() if count
    ]
    record(tx, service, points, now)
    return len(old)


def _take(
    tx: Connection, service: str, events: Iterable[Side], sampling: Sampling, now: datetime, side: str
) -> Sampled:
    some = [event for event in events if sampling.takes(event.key)]
    if not some:
        return Sampled()
    first = {event.key: event for event in reversed(some)}
    known = {row.key: row for row in _rows(tx, service, first)}
    other = "trained" if side == "served" else "served"
    pairs = [(first[key], row) for key, row in known.items() if getattr(row, other) is not None]
    new = [event for key, event in first.items() if key not in known]
    kept = new[: max(0, sampling.most - _count(tx, service))] if new else []
    if kept:
        tx.execute(insert(kept_sample), [_row(service, event, side, now) for event in kept])
    _finish(tx, service, [row.key for _, row in pairs])
    if dropped := len(new) - len(kept):
        record(tx, service, [Point(names.SAMPLES_DROPPED, {"side": side}, dropped, add=True)], now)
    if pairs:
        record(tx, service, [Point(names.SAMPLES_JOINED, {}, len(pairs), add=True)], now)
    for batch in _batches(service, pairs, sampling, now, served=side == "served"):
        body = msgspec.msgpack.encode(batch)
        accept(tx, kind=SAMPLES, source=service, body=body, now=now, content_type=BATCH)
    return Sampled(len(pairs), len(kept), len(some) - len(pairs) - len(new), dropped)


def _row(service: str, event: Side, side: str, now: datetime) -> dict[str, Any]:
    sides = {"served": None, "trained": None, side: msgspec.msgpack.encode(event.features)}
    return {
        "service": service,
        "key": event.key,
        "kept_at": now,
        "id": event.id,
        "version": event.version,
        **sides,
    }


def _batches(
    service: str, pairs: Sequence[tuple[Side, Any]], sampling: Sampling, now: datetime, *, served: bool
) -> Iterator[PredictionBatch]:
    """Per version what was compared: False where both sides are the same, else how they differ."""
    found: dict[str, list[Mapping[str, Mismatch | None]]] = {}
    for event, row in pairs:
        kept = msgspec.msgpack.decode(row.trained if served else row.served)
        sides = (event.features, kept) if served else (kept, event.features)
        found.setdefault(event.version if served else row.version, []).append(sampling.compare(*sides))
    for version, compared in sorted(found.items()):
        features = sorted({name for each in compared for name in each})
        columns: dict[str, list[float | str | bool | None]] = {
            name: [_cell(each, name) for each in compared] for name in features
        }
        nothing: list[None] = [None] * len(compared)
        yield PredictionBatch(service, version, now, columns, [*nothing], [*nothing], [0] * len(compared))


def _cell(compared: Mapping[str, Mismatch | None], name: str) -> str | bool | None:
    """None: not compared."""
    return (compared[name] or False) if name in compared else None


def _finish(tx: Connection, service: str, keys: Sequence[bytes]) -> None:
    """Of what was joined only the key is left, so that neither side counts again."""
    for some in _slices(keys):
        mine = (kept_sample.c.service == service, kept_sample.c.key.in_(some))
        tx.execute(update(kept_sample).where(*mine).values(served=None, trained=None))


def _count(tx: Connection, service: str) -> int:
    return tx.scalar(select(func.count()).select_from(kept_sample).where(kept_sample.c.service == service)) or 0


def _rows(tx: Connection, service: str, keys: Iterable[bytes]) -> Iterator[Any]:
    for some in _slices(list(keys)):
        yield from tx.execute(select(kept_sample).where(kept_sample.c.service == service, kept_sample.c.key.in_(some)))


def _slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), SLICE):
        yield items[start : start + SLICE]
