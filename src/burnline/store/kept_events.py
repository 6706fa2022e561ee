"""Events by id: each is taken once, and what they predicted is kept until its label comes, whichever is first."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Table, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql

from burnline.events import PredictionBatch
from burnline.metrics import events as names
from burnline.store.inbox import BATCH, LABELS, accept
from burnline.store.schema import EPOCH, MICROSECOND, kept_event, labelled_event, shadow_event, waiting_label
from burnline.store.series import Point, record

SLICE = 500  # keys in one statement
MOST_ERROR = 1e15  # of one answer in their sum: a larger one would drown, or end, all that is added later
DELETED = 5_000  # rows of one table in one transaction
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """What is kept of one event for its label. `slices`: the values by which signals are told apart."""

    key: bytes
    at: datetime
    version: str
    prediction: float | str | None
    confidence: float | None
    slices: Mapping[str, float | str | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Label:
    """What turned out to be true of the event with this key; `at`: when it was known."""

    key: bytes
    label: float | str
    at: datetime


@dataclass(frozen=True, slots=True)
class Joined:
    """How many labels found their event, wait for it, or came again."""

    matched: int
    waiting: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class LabelledEvent:
    """An event and its label. `joined_at`: when burnline had both."""

    id: int
    version: str
    at: datetime
    labelled_at: datetime
    joined_at: datetime
    prediction: float | str | None
    confidence: float | None
    label: float | str


def key_of(event_id: str | int) -> bytes:
    """An id of any length in 16 bytes; a whole number is the text of its digits."""
    return hashlib.blake2b(str(event_id).encode(), digest_size=16).digest()


def take_events(tx: Connection, service: str, events: Sequence[KeptEvent], now: datetime) -> set[bytes]:
    """Keep events whose key is new to the service, and join the labels that wait for them. Returns the new keys."""
    first = {event.key: event for event in reversed(events)}
    rows = [
        {
            "service": service,
            "key": event.key,
            "kept_at": now,
            "at": event.at,
            "version": event.version,
            "prediction": json.dumps(event.prediction),
            "confidence": event.confidence,
            "slices": json.dumps(dict(event.slices)),
            "labelled": False,
        }
        for event in first.values()
    ]
    new = set(insert_new(tx, kept_event, rows))
    if new and tx.execute(select(waiting_label.c.key).where(waiting_label.c.service == service).limit(1)).first():
        _join(tx, service, _waiting(tx, service, new), now)
    return new


def take_labels(tx: Connection, service: str, labels: Sequence[Label], now: datetime) -> Joined:
    """Join labels with their events; those whose event is not there wait for it. The first label of an event counts."""
    first = {label.key: label for label in reversed(labels)}
    known = {row.key: row.labelled for row in rows_with(tx, kept_event, service, first)}
    ready = [label for key, label in first.items() if known.get(key) is False]
    _join(tx, service, ready, now)
    rows = [
        {"service": service, "key": key, "kept_at": now, "at": label.at, "label": json.dumps(label.label)}
        for key, label in first.items()
        if key not in known
    ]
    waiting = len(insert_new(tx, waiting_label, rows))
    duplicates = len(labels) - len(ready) - waiting
    if duplicates:
        record(tx, service, [Point(names.REPEATED, {}, duplicates, add=True)], now)
    return Joined(len(ready), waiting, duplicates)


def labelled_after(tx: Connection, service: str, event_id: int, limit: int) -> list[LabelledEvent]:
    """Joined events with a larger id, oldest first: a reader keeps the last id it saw as its position."""
    table = labelled_event.c
    query = select(labelled_event).where(table.service == service, table.id > event_id).order_by(table.id).limit(limit)
    return [
        LabelledEvent(
            row.id,
            row.version,
            row.at,
            row.labelled_at,
            row.joined_at,
            json.loads(row.prediction),
            row.confidence,
            json.loads(row.label),
        )
        for row in tx.execute(query)
    ]


def forget_events(
    tx: Connection, service: str, *, events_before: datetime, labels_before: datetime, now: datetime
) -> int:
    """Delete a slice of what was kept before those moments; labels that waited in vain are counted.

    Returns how many rows went; fewer than DELETED: nothing is left to delete.
    """
    waited = _forget(tx, waiting_label, waiting_label.c.kept_at, service, labels_before)
    if waited:
        record(tx, service, [Point(names.UNMATCHED, {}, waited, add=True)], now)
    gone = _forget(tx, kept_event, kept_event.c.kept_at, service, events_before)
    shadows = _forget(tx, shadow_event, shadow_event.c.kept_at, service, events_before)
    return max(waited, gone, shadows, _forget_joined(tx, service, events_before))


def is_wrong(prediction: float | str, label: float | str) -> bool:
    """Whether the label is not what was predicted; a number and its text are the same class."""
    return prediction != label and _class(prediction) != _class(label)


def _class(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"


def _join(tx: Connection, service: str, labels: Sequence[Label], now: datetime) -> None:
    if not labels:
        return
    said = {label.key: label for label in labels}
    rows = []
    moved: dict[tuple[str, str], float] = {}
    batches: dict[tuple[str, bool], PredictionBatch] = {}  # by version, and whether that is a shadow
    for row in sorted(rows_with(tx, kept_event, service, said), key=lambda row: row.key):
        label, prediction = said[row.key], json.loads(row.prediction)
        batch = batches.setdefault((row.version, False), _empty(service, row.version, now))
        _append(batch, row, prediction, label.label, json.loads(row.slices))
        rows.append(
            {
                "service": service,
                "version": row.version,
                "at": row.at,
                "labelled_at": label.at,
                "joined_at": now,
                "prediction": row.prediction,
                "confidence": row.confidence,
                "label": json.dumps(label.label),
            }
        )
        for name, version, value in _movements(row.version, prediction, label.label):
            moved[name, version] = moved.get((name, version), 0.0) + value
    for row in sorted(rows_with(tx, shadow_event, service, said), key=lambda row: row.key):
        batch = batches.setdefault((row.version, True), replace(_empty(service, row.version, now), shadow=True))
        _append(batch, row, json.loads(row.prediction), said[row.key].label, {})
    tx.execute(insert(labelled_event), rows)
    for keys in _slices(list(said)):
        mine = (kept_event.c.service == service, kept_event.c.key.in_(keys))
        tx.execute(update(kept_event).where(*mine).values(labelled=True))
    points = [Point(name, {"version": version}, value, add=True) for (name, version), value in moved.items()]
    record(tx, service, points, now)
    for batch in batches.values():
        accept(tx, kind=LABELS, source=service, body=msgspec.msgpack.encode(batch), now=now, content_type=BATCH)


def _empty(service: str, version: str, now: datetime) -> PredictionBatch:
    return PredictionBatch(service, version, now, defaultdict(list), [], [], [], label=[])


def _append(
    batch: PredictionBatch, row: Any, prediction: float | str | None, label: float | str, slices: Mapping[str, Any]
) -> None:
    """What the detectors of labels get: prediction, confidence and label, and the slices as features."""
    for name in {*batch.features, *slices}:
        column = batch.features[name]
        column += [None] * (len(batch) - len(column))
        column.append(slices.get(name))
    batch.prediction.append(prediction)
    batch.confidence.append(row.confidence)
    batch.unknown_features.append(0)
    batch.label.append(label)


def _movements(version: str, prediction: float | str | None, label: float | str) -> Iterator[tuple[str, str, float]]:
    """What one joined event adds: series, version, how much."""
    if prediction is None:  # nothing was predicted that could be wrong
        return
    yield names.LABELLED, version, 1
    yield names.WRONG, version, float(is_wrong(prediction, label))
    if not isinstance(prediction, str) and not isinstance(label, str):
        yield names.ERROR, version, min(abs(prediction - label), MOST_ERROR)


def _waiting(tx: Connection, service: str, keys: Iterable[bytes]) -> list[Label]:
    """The labels that wait for these events; they wait no more."""
    found = [Label(row.key, json.loads(row.label), row.at) for row in rows_with(tx, waiting_label, service, keys)]
    for some in _slices([label.key for label in found]):
        tx.execute(delete(waiting_label).where(waiting_label.c.service == service, waiting_label.c.key.in_(some)))
    return found


def rows_with(tx: Connection, table: Table, service: str, keys: Iterable[bytes]) -> Iterator[Any]:
    """The rows of a service with these keys."""
    for some in _slices(list(keys)):
        yield from tx.execute(select(table).where(table.c.service == service, table.c.key.in_(some)))


def insert_new(tx: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """Insert the rows, each of another key and alike in the rest of the primary key, that are new; gives their keys.

    SQLite has one writer, so a look before is enough.
    """
    if not rows:
        return []
    if tx.dialect.name != "sqlite":
        put = postgresql.insert(table).on_conflict_do_nothing().returning(table.c.key)
        return list(tx.scalars(put, list(rows)))
    alike, known = [column for column in table.primary_key if column.name != "key"], set[bytes]()
    for some in _slices([row["key"] for row in rows]):
        same = [column == rows[0][column.name] for column in alike]
        known.update(tx.scalars(select(table.c.key).where(*same, table.c.key.in_(some))))
    new = sorted((row for row in rows if row["key"] not in known), key=lambda row: bytes(row["key"]))
    if new:
        columns = list(new[0])
        statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
        tx.exec_driver_sql(statement, [tuple(_as_kept(row[name]) for name in columns) for row in new])
    return [row["key"] for row in new]


def _as_kept(value: Any) -> Any:
    """What SQLAlchemy would make of it, at a third of the time; see `schema.Utc`."""
    return (value - EPOCH) // MICROSECOND if isinstance(value, datetime) else value


def _forget(tx: Connection, table: Table, column: Any, service: str, before: datetime) -> int:
    old = select(table.c.key).where(table.c.service == service, column < before).order_by(column).limit(DELETED)
    these = (table.c.service == service, table.c.key.in_(old), column < before)
    return tx.execute(delete(table).where(*these)).rowcount


def _forget_joined(tx: Connection, service: str, before: datetime) -> int:
    """The oldest by id are the oldest by time: no index on the time is needed."""
    table = labelled_event.c
    oldest = select(table.id, table.joined_at).where(table.service == service).order_by(table.id).limit(DELETED)
    ids = [row.id for row in tx.execute(oldest) if row.joined_at < before]
    if not ids:
        return 0
    gone = delete(labelled_event).where(table.service == service, table.id <= ids[-1])
    return tx.execute(gone).rowcount


def _slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), SLICE):
        yield items[start : start + SLICE]


def count_events(tx: Connection, service: str) -> int:
    """How many events of the service are kept by id."""
    return tx.scalar(select(func.count()).select_from(kept_event).where(kept_event.c.service == service)) or 0
