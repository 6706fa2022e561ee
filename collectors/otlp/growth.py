"""What data points add to series: deltas as they are, running totals by what they grew by.

A running total is compared with the last one of its stream, and a stream is one series of one process since one start:
a process that starts again is another stream, and two processes that call themselves alike do not disturb each other.
The first point of a stream counts whole when the process started lately, or was heard of lately (the series is new in
it); otherwise it is a baseline, since nobody knows when it grew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import Connection

from burnline.collectors.otlp.metrics import Reading
from burnline.collectors.otlp.tally import buckets
from burnline.metrics import genai
from burnline.store import streams
from burnline.store.series import Point
from burnline.store.streams import Stream

LATELY = timedelta(minutes=10)
MOST_STREAMS = 50_000  # of one service
RECENT = 16  # times of delta points that are remembered of a stream, to know them again
NANOSECONDS = 1e9
Counts = Sequence[float]


def grow(tx: Connection, readings: Iterable[Reading], now: datetime) -> Iterator[tuple[str, list[Point], int]]:
    """For each service what its readings add, once what was counted is on record; and how many found no room."""
    by_service = sorted(readings, key=lambda each: each.service)
    for service, found in groupby(by_service, key=lambda each: each.service):
        mine = list(found)
        known = streams.find(tx, service, {name for each in mine for name in (each.stream, each.process)})
        room = MOST_STREAMS - streams.count(tx, service)
        book = _Book(known, now, room)
        points = [point for each in mine for point in book.take(each)]
        streams.keep(tx, service, book.changed.values())
        yield service, points, book.without_room


class _Book:
    """The streams of one service while a body is being counted."""

    def __init__(self, known: Mapping[str, Stream], now: datetime, room: int) -> None:
        self._known = dict(known)
        self._heard = {name for name, stream in known.items() if now - stream.seen <= LATELY}
        self._now = now
        self._soon = (now + LATELY).timestamp() * NANOSECONDS  # no clock is right that is beyond it
        self._room = room
        self.changed: dict[str, Stream] = {}
        self.without_room = 0

    def take(self, reading: Reading) -> list[Point]:
        """What one reading adds."""
        before = self._known.get(reading.stream)
        if before is None and self._room <= 0:
            self.without_room += 1
            return []
        self._room -= before is None
        grown = self._delta(reading, before) if reading.delta else self._since(reading, before)
        self._note(reading.process, max(reading.at, 0), {})
        if grown is None or (before is not None and not any(grown)):
            return []
        return list(_points(reading, grown))

    def _delta(self, reading: Reading, before: Stream | None) -> Counts | None:
        recent: list[int] = list(before.body.get("recent", ())) if before else []
        if reading.at in recent:
            return None
        self._note(reading.stream, reading.at, {"recent": [*recent, reading.at][-RECENT:]})
        return (*reading.counts, reading.total or 0.0)

    def _since(self, reading: Reading, before: Stream | None) -> Counts | None:
        new = (*reading.counts, reading.total or 0.0)
        if before is None:
            self._note(reading.stream, reading.at, {"counts": list(new)})
            return new if self._is_new(reading) else [0.0] * len(new)
        if reading.at and reading.at < before.at <= self._soon:
            return None  # overtaken on its way: what it says is counted already
        grown = growth(before.body.get("counts", ()), new)
        kept = list(new)
        if grown is not new:
            kept = [old + more for old, more in zip(before.body["counts"], grown, strict=True)]
        self._note(reading.stream, reading.at, {"counts": kept})
        return grown

    def _is_new(self, reading: Reading) -> bool:
        young = reading.start and self._now.timestamp() - reading.start / NANOSECONDS <= LATELY.total_seconds()
        return bool(young) or reading.process in self._heard

    def _note(self, name: str, at: int, body: Mapping[str, object]) -> None:
        self._known[name] = self.changed[name] = Stream(name, at, body, self._now)


def growth(old: Counts, new: Counts) -> Counts:
    """What counts (a sum of values at their end) grew by; `new` itself when they began anew.

    A bucket that shrank while others grew (an exponential histogram with coarser buckets) takes it from the next one.
    """
    if len(old) != len(new) or sum(new[:-1]) < sum(old[:-1]):
        return new
    grown = [after - before for before, after in zip(old, new, strict=True)]
    for slot in range(len(grown) - 2):
        if grown[slot] < 0:
            grown[slot + 1] += grown[slot]
            grown[slot] = 0.0
    for slot in range(len(grown) - 2, 0, -1):
        if grown[slot] < 0:
            grown[slot - 1] += grown[slot]
            grown[slot] = 0.0
    return grown


def _points(reading: Reading, grown: Counts) -> Iterator[Point]:
    counts, total = grown[:-1], grown[-1]
    if reading.bounds is None:
        yield Point(reading.name, reading.labels, counts[0], add=True)
        return
    summed = None if reading.total is None else total
    yield from buckets(reading.name, reading.labels, counts, reading.bounds, total=summed)
    if reading.genai and reading.genai.operations:
        yield Point(genai.OPERATIONS, reading.labels, sum(counts), add=True)
        if reading.genai.error:
            yield Point(genai.ERRORS, reading.labels, sum(counts), add=True)
