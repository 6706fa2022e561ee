"""Shadows: versions that answer the same events as those that serve, compared answer by answer, whichever is first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from burnline.metrics import events as names
from burnline.store.kept_events import MOST_ERROR, KeptEvent, insert_new, is_wrong, rows_with
from burnline.store.schema import kept_event, shadow_event
from burnline.store.series import Point, record

Answer = float | str | None


def take_shadows(tx: Connection, service: str, events: Sequence[KeptEvent], now: datetime) -> set[bytes]:
    """Keep answers of one shadow whose key is new, and compare those whose event is there. Returns the new keys."""
    first = {event.key: event for event in reversed(events)}
    rows = [
        {
            "service": service,
            "key": event.key,
            "version": event.version,
            "kept_at": now,
            "prediction": json.dumps(event.prediction),
            "confidence": event.confidence,
        }
        for event in first.values()
    ]
    new = set(insert_new(tx, shadow_event, rows))
    served = rows_with(tx, kept_event, service, new)
    pairs = ((first[row.key], row.version, json.loads(row.prediction)) for row in served)
    _compare(tx, service, [(own.version, own.prediction, version, other) for own, version, other in pairs], now)
    return new


def meet_shadows(tx: Connection, service: str, events: Sequence[KeptEvent], now: datetime) -> None:
    """Compare new events of versions that serve with the answers of shadows that are there already."""
    served = {event.key: event for event in reversed(events)}  # of those of one key the first was kept
    if not served or not has_shadows(tx, service):
        return
    found = [(row, served[row.key]) for row in rows_with(tx, shadow_event, service, served)]
    pairs = [(row.version, json.loads(row.prediction), event.version, event.prediction) for row, event in found]
    _compare(tx, service, pairs, now)


def has_shadows(tx: Connection, service: str) -> bool:
    """Whether any answer of a shadow is kept."""
    return tx.execute(select(shadow_event.c.key).where(shadow_event.c.service == service).limit(1)).first() is not None


def _compare(tx: Connection, service: str, pairs: Iterable[tuple[str, Answer, str, Answer]], now: datetime) -> None:
    """Count pairs of (shadow, its answer, the version that served, its answer); where both have none there is none."""
    moved: dict[tuple[str, str, str], float] = {}
    for version, own, baseline, other in pairs:
        if own is None and other is None:
            continue
        differs = own is None or other is None or is_wrong(own, other)
        counted = [(names.SHADOW_PAIRS, 1.0), (names.SHADOW_DIFFERENT, float(differs))]
        if isinstance(own, float | int) and isinstance(other, float | int):
            counted.append((names.SHADOW_DIFFERENCE, min(abs(own - other), MOST_ERROR)))
        for name, value in counted:
            moved[name, version, baseline] = moved.get((name, version, baseline), 0.0) + value
    points = [
        Point(name, {"version": version, "baseline": baseline}, value, add=True)
        for (name, version, baseline), value in moved.items()
    ]
    if points:
        record(tx, service, points, now)
