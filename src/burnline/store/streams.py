"""How far each stream of OTLP metrics was counted, and the gauges as they were last sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from burnline.events import Sample
from burnline.store.schema import accepted_key, otlp_gauge, otlp_stream, series

SLICE = 500
OTLP_DOORS = ("otlp/traces", "otlp/logs", "otlp/metrics")


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream. `at`: the newest point's time in nanoseconds since 1970; `body`: what was counted of it."""

    stream: str
    at: int
    body: Mapping[str, Any]
    seen: datetime


@dataclass(frozen=True, slots=True)
class Gauge:
    """One gauge's value; `value` None: it has none any more; `add`: it moves by `value`."""

    service: str
    name: str
    labels: Mapping[str, str]
    value: float | None
    add: bool = False


def find(tx: Connection, service: str, streams: Iterable[str]) -> dict[str, Stream]:
    """Those of the service that are known."""
    wanted = sorted(set(streams))
    found: dict[str, Stream] = {}
    c = otlp_stream.c
    for start in range(0, len(wanted), SLICE):
        these = c.stream.in_(wanted[start : start + SLICE])
        rows = tx.execute(select(otlp_stream).where(c.service == service, these))
        found |= {row.stream: Stream(row.stream, row.at, row.body, row.seen) for row in rows}
    return found


def count(tx: Connection, service: str) -> int:
    """How many streams of the service are known."""
    return tx.scalar(select(func.count()).where(otlp_stream.c.service == service)) or 0


def keep(tx: Connection, service: str, streams: Iterable[Stream]) -> None:
    """Write where the service's streams stand now."""
    rows = [
        {"service": service, "stream": each.stream, "at": each.at, "body": dict(each.body), "seen": each.seen}
        for each in sorted(streams, key=lambda each: each.stream)
    ]
    if rows:
        put = _insert(tx, otlp_stream)
        values = {name: put.excluded[name] for name in ("at", "body", "seen")}
        tx.execute(put.on_conflict_do_update(index_elements=["service", "stream"], set_=values), rows)


def set_gauges(tx: Connection, gauges: Iterable[Gauge], now: datetime) -> None:
    """Write the gauges, in the order given; one without a value is deleted."""
    for gauge in gauges:
        key = {"service": gauge.service, "name": gauge.name, "labels": as_text(gauge.labels)}
        if gauge.value is None:
            tx.execute(delete(otlp_gauge).where(*(otlp_gauge.c[name] == value for name, value in key.items())))
            continue
        put = _insert(tx, otlp_gauge).values(**key, value=gauge.value, at=now)
        value = otlp_gauge.c.value + put.excluded["value"] if gauge.add else put.excluded["value"]
        keys = ["service", "name", "labels"]
        tx.execute(put.on_conflict_do_update(index_elements=keys, set_={"value": value, "at": put.excluded["at"]}))


def gauges(tx: Connection, service: str, *, since: datetime) -> list[Sample]:
    """The service's gauges that were sent at or after `since`."""
    c = otlp_gauge.c
    rows = tx.execute(select(otlp_gauge).where(c.service == service, c.at >= since).order_by(c.name, c.labels))
    return [Sample(row.name, json.loads(row.labels), row.value) for row in rows]


def label_sets(tx: Connection, service: str) -> list[tuple[str, Mapping[str, str]]]:
    """Every series of the service, posted or gauge: its name and its labels."""
    found: list[tuple[str, Mapping[str, str]]] = []
    for table in (series, otlp_gauge):
        rows = tx.execute(select(table.c.name, table.c.labels).where(table.c.service == service))
        found += [(row.name, json.loads(row.labels)) for row in rows]
    return found


def forget(tx: Connection, *, streams_before: datetime, gauges_before: datetime) -> int:
    """Delete a slice of what nobody sent since. Returns how many rows went."""
    c, g = otlp_stream.c, otlp_gauge.c
    gone = 0
    old = tx.execute(select(c.service, c.stream).where(c.seen < streams_before).limit(SLICE)).all()
    if old:
        these = tuple_(c.service, c.stream).in_([tuple(row) for row in old])
        gone += tx.execute(delete(otlp_stream).where(these)).rowcount
    keys = (g.service, g.name, g.labels)
    still = tx.execute(select(*keys).where(g.at < gauges_before).limit(SLICE)).all()
    if still:
        gone += tx.execute(delete(otlp_gauge).where(tuple_(*keys).in_([tuple(row) for row in still]))).rowcount
    return gone


def forget_bodies(tx: Connection, doors: Sequence[str], before: datetime) -> int:
    """Delete a slice of the fingerprints of bodies that these doors took before then. Returns how many rows went."""
    c = accepted_key.c
    old = tx.execute(select(c.door, c.key).where(c.at < before, c.door.in_(doors)).limit(SLICE)).all()
    keys = [tuple(row) for row in old]
    return tx.execute(delete(accepted_key).where(tuple_(c.door, c.key).in_(keys))).rowcount if keys else 0


def as_text(labels: Mapping[str, str]) -> str:
    """Labels as they are kept: one writing for one set."""
    return json.dumps(dict(sorted(labels.items())), ensure_ascii=True, separators=(",", ":"))


def _insert(tx: Connection, table: Any) -> Any:
    return (sqlite if tx.dialect.name == "sqlite" else postgresql).insert(table)
