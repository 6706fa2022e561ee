"""What one body adds to the series of its services: counters and histograms in memory, points at the end."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from burnline.collectors.otlp.answered import Scored, Texts
from burnline.exposition.exemplars import Exemplar, Series, series_of
from burnline.store.series import Point

Labels = tuple[tuple[str, str], ...]
Of = tuple[str, Labels]  # a series' name and labels
TRACE_DIGITS, SPAN_DIGITS = 32, 16
NANOSECOND = 1e-9
Fit = Callable[[str, Mapping[str, str]], Mapping[str, str]]  # a series' name and labels: the labels to count it under


class Mark(NamedTuple):
    """Which trace and span something was seen in, in hexadecimal digits, and when (seconds since 1970)."""

    trace_id: str
    span_id: str
    at: float


def mark_of(trace_id: str, span_id: str, at: float) -> Mark | None:
    """None without the id of a trace: it would lead nowhere."""
    return Mark(trace_id, span_id if len(span_id) == SPAN_DIGITS else "", at) if len(trace_id) == TRACE_DIGITS else None


class Tally:
    """The counts of one service in one body.

    Attributes:
        mark: where what is being counted was seen; None where nobody said.
        answers: by model, the answers whose text was looked at, for the detectors; `texts`: for a judge, likewise.
    """

    def __init__(self) -> None:
        self.mark: Mark | None = None
        self.answers: dict[str, list[Scored]] = {}
        self.texts: dict[str, list[Texts]] = {}
        self._counts: Counter[Of] = Counter()
        self._times: dict[Of, list[float]] = {}
        self._bounds: dict[str, Sequence[float]] = {}
        self._last: dict[Of, tuple[float, Mark]] = {}  # of counters
        self._marks: dict[Of, list[tuple[float, Mark]]] = {}  # of histograms

    def add(self, name: str, value: float = 1.0, /, **labels: str) -> None:
        """Count `value` more under these labels."""
        key = name, tuple(labels.items())
        self._counts[key] += value  # type: ignore[assignment] # a Counter of floats
        if self.mark and name.endswith("_total"):
            self._last[key] = value, self.mark

    def observe(self, name: str, value: float, bounds: Sequence[float], /, **labels: str) -> None:
        """Put one value into the histogram `name`, whose buckets end at `bounds`."""
        key = name, tuple(labels.items())
        self._bounds[name] = bounds
        self._times.setdefault(key, []).append(value)
        if self.mark:
            self._marks.setdefault(key, []).append((value, self.mark))

    def points(self, fit: Fit) -> Iterator[Point]:
        """Everything, as movements of series under labels that fit."""
        for (name, labels), value in self._counts.items():
            yield Point(name, fit(name, dict(labels)), value, add=True)
        for (name, labels), values in self._times.items():
            yield from histogram(name, fit(name, dict(labels)), values, self._bounds[name])

    def exemplars(self, fit: Fit) -> Iterator[tuple[Series, Exemplar]]:
        """For each series one of what it counted, where that was marked."""
        for (name, labels), (value, mark) in self._last.items():
            yield series_of(name, fit(name, dict(labels))), Exemplar(mark.trace_id, mark.span_id, value, mark.at)
        for (name, labels), marks in self._marks.items():
            found = [Exemplar(mark.trace_id, mark.span_id, value, mark.at) for value, mark in marks]
            yield from in_buckets(name, fit(name, dict(labels)), found, self._bounds[name])


def in_buckets(
    name: str, labels: Mapping[str, str], found: Iterable[Exemplar], bounds: Sequence[float]
) -> Iterator[tuple[Series, Exemplar]]:
    """The newest exemplar of each bucket of a histogram."""
    newest = {bisect_left(bounds, each.value): each for each in sorted(found, key=lambda each: each.at)}
    for bucket, exemplar in newest.items():
        bound = bounds[bucket] if bucket < len(bounds) else math.inf
        yield series_of(f"{name}_bucket", {**labels, "le": le(bound)}), exemplar


def histogram(name: str, labels: Mapping[str, str], values: Sequence[float], bounds: Sequence[float]) -> list[Point]:
    """Values as movements of a classic histogram."""
    counts = [0.0] * (len(bounds) + 1)
    for value in values:
        counts[bisect_left(bounds, value)] += 1
    return buckets(name, labels, counts, bounds, total=sum(values))


def buckets(
    name: str, labels: Mapping[str, str], counts: Sequence[float], bounds: Sequence[float], *, total: float | None
) -> list[Point]:
    """Counts of each bucket (one more than bounds) as movements of a classic histogram; `total`: the values' sum."""
    sums = zip((*bounds, math.inf), accumulate(counts), strict=True)
    points = [Point(f"{name}_bucket", {**labels, "le": le(bound)}, value, add=True) for bound, value in sums]
    points.append(Point(f"{name}_count", labels, sum(counts), add=True))
    if total is not None:
        points.append(Point(f"{name}_sum", labels, total, add=True))
    return points


def le(bound: float) -> str:
    """A bucket's bound as Python's clients write it: `0.25`, `1.0`, `+Inf`."""
    return "+Inf" if bound == math.inf else repr(float(bound))
