"""Series that others post: counters that grow and gauges that are set, durable, and counted once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from burnline.events import Sample
from burnline.metrics import answers, events, measured
from burnline.store.schema import accepted_key, series

MOST_SERIES, MOST_VERSIONS, OTHER = measured.MOST_SERIES, measured.MOST_VERSIONS, measured.OTHER
BY_VERSION = events.BY_VERSION | answers.BY_VERSION


@dataclass(frozen=True, slots=True)
class Point:
    """One movement of one series: `add` grows it by `value`, otherwise it becomes `value`.

    Attributes:
        name: full, with its unit; `_total`, `_bucket`, `_count` and `_sum` are counters.
    """

    name: str
    labels: Mapping[str, str]
    value: float
    add: bool = False


def record(tx: Connection, service: str, points: Iterable[Point], now: datetime) -> int:
    """Move the series of one service; a new one beyond MOST_SERIES of its name is counted under OTHER.

    Of what is counted by version, MOST_VERSIONS have series of their own (of shadows, pairs of them).
    Returns how many points went there.
    """
    moved: dict[tuple[str, str], tuple[float, bool]] = {}
    for point in points:
        key = (point.name, _text(point.labels))
        before, adds = moved.get(key, (0.0, True))
        moved[key] = (before + point.value, adds) if point.add else (point.value, False)
    folded = _fold(tx, service, moved)
    for adds in (False, True):
        rows = [
            {"service": service, "name": name, "labels": labels, "value": value, "at": now}
            for (name, labels), (value, grows) in sorted(moved.items())
            if grows is adds
        ]
        if rows:
            put = (sqlite if tx.dialect.name == "sqlite" else postgresql).insert(series)
            value = series.c.value + put.excluded["value"] if adds else put.excluded["value"]
            keys = ["service", "name", "labels"]
            tx.execute(
                put.on_conflict_do_update(index_elements=keys, set_={"value": value, "at": put.excluded["at"]}), rows
            )
    return folded


def take_key(tx: Connection, door: str, key: str, now: datetime) -> bool:
    """Whether `key` is new at this door; it is from now on not. Without a key (empty) everything is new."""
    if not key:
        return True
    put = (sqlite if tx.dialect.name == "sqlite" else postgresql).insert(accepted_key)
    new = put.values(door=door, key=key, at=now).on_conflict_do_nothing().returning(accepted_key.c.key)
    return tx.execute(new).first() is not None


def samples(tx: Connection, service: str, *, since: datetime | None = None) -> list[Sample]:
    """The service's series; counters all, gauges only those set at or after `since`: an old one says nothing of now."""
    rows = tx.execute(select(series).where(series.c.service == service).order_by(series.c.name, series.c.labels))
    return [
        Sample(row.name, json.loads(row.labels), row.value)
        for row in rows
        if since is None or row.at >= since or is_counter(row.name)
    ]


def services(tx: Connection) -> Sequence[str]:
    """Whoever has series."""
    return tx.scalars(select(series.c.service).distinct().order_by(series.c.service)).all()


def forget(tx: Connection, *, series_before: datetime, keys_before: datetime) -> int:
    """Delete series that stood still since, and keys that old. Returns how many rows went."""
    gone = tx.execute(delete(series).where(series.c.at < series_before)).rowcount
    return gone + tx.execute(delete(accepted_key).where(accepted_key.c.at < keys_before)).rowcount


def is_counter(name: str) -> bool:
    """Whether a series of that name only grows."""
    return name.endswith(("_total", "_bucket", "_count", "_sum"))


def _text(labels: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(labels.items())), ensure_ascii=True, separators=(",", ":"))


def _fold(tx: Connection, service: str, moved: dict[tuple[str, str], Any]) -> int:
    """Put what would be too many series of one name into the one whose labels' values are OTHER."""
    folded = 0
    for name in {name for name, _ in moved}:
        mine = {labels for each, labels in moved if each == name}
        where = (series.c.service == service, series.c.name == name)
        known = set(tx.scalars(select(series.c.labels).where(*where)).all())
        for labels in _surplus(known, mine - known, by_version=name in BY_VERSION):
            value, adds = moved.pop((name, labels))
            other = _text({name: text if name == "le" else OTHER for name, text in json.loads(labels).items()})
            before, _ = moved.get((name, other), (0.0, adds))
            moved[name, other] = (before + value if adds else value, adds)
            folded += 1
    return folded


def _surplus(known: AbstractSet[str], new: AbstractSet[str], *, by_version: bool) -> list[str]:
    """Those of the new that are too many: by series, or by what is told apart, of which a histogram has many."""
    if not by_version:
        return sorted(new)[max(0, MOST_SERIES - len(known)) :]
    told = {_without_le(labels) for labels in known}
    further = sorted({_without_le(labels) for labels in new} - told)
    surplus = set(further[max(0, min(MOST_SERIES, MOST_VERSIONS) - len(told)) :])
    return sorted(labels for labels in new if _without_le(labels) in surplus)


def _without_le(labels: str) -> str:
    return (
        _text({name: text for name, text in json.loads(labels).items() if name != "le"}) if '"le"' in labels else labels
    )
