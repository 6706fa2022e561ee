"""What one look at a queue found, and the series it becomes. None is unknown: absent, never 0."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from burnline.events import Sample
from burnline.metrics import queues as names

# A message sent later than this from now was sent by a clock that is wrong, or at no time at all.
AHEAD = timedelta(minutes=1)
EARLIEST = datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC).timestamp()  # 1e9: a smaller number is a counter, not a time
MILLISECONDS = 1e11  # seconds of the year 5138: a larger number counts milliseconds


@dataclass(frozen=True, slots=True)
class Depth:
    """One queue, or one part of it.

    Attributes:
        ready: messages that wait.
        inflight: taken, not acknowledged.
        delayed: not to be taken yet.
        oldest: when the oldest that waits was sent.
        held_seconds: how long the oldest in flight has been with whoever took it.
        consumers: those that the backend knows.
        arrived, served: counters.
        labels: beside those of the whole queue.
    """

    ready: float | None = None
    inflight: float | None = None
    delayed: float | None = None
    oldest: datetime | None = None
    held_seconds: float | None = None
    consumers: float | None = None
    arrived: float | None = None
    served: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def samples(depth: Depth, labels: Mapping[str, str], now: datetime) -> Iterator[Sample]:
    """The series of a look taken at `now`; a queue in which nothing waits is of age 0."""
    oldest = now if depth.ready == 0 else _plausible(depth.oldest, now)
    values = {
        names.READY: depth.ready,
        names.INFLIGHT: depth.inflight,
        names.DELAYED: depth.delayed,
        names.OLDEST_AGE: (now - oldest).total_seconds() if oldest else None,
        names.OLDEST_TIMESTAMP: oldest.timestamp() if oldest else None,
        names.INFLIGHT_AGE: 0.0 if depth.inflight == 0 else depth.held_seconds,
        names.CONSUMERS: depth.consumers,
        names.ARRIVED: depth.arrived,
        names.SERVED: depth.served,
    }
    for name, value in values.items():
        if value is not None:
            yield Sample(name, {**labels, **depth.labels}, float(value))


def _plausible(sent: datetime | None, now: datetime) -> datetime | None:
    """Clocks differ by a little: a message of a moment ahead is new. One of tomorrow has no known age."""
    return min(sent, now) if sent is not None and sent <= now + AHEAD else None


def moment(value: Any) -> datetime | None:
    """When a message says it was sent: unix seconds or milliseconds, as a number or a text, or ISO 8601.

    None for what is no time; a time without an offset is UTC.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return _iso(value) if isinstance(value, str) else None
    if not math.isfinite(number) or number < EARLIEST:
        return None
    try:
        return datetime.fromtimestamp(number / 1000 if number >= MILLISECONDS else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _iso(value: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def number(value: Any) -> float | None:
    """A count as a backend gives it; None for anything that is not a finite number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return float(value)
