"""What one body adds to the series of its services: counters and histograms in memory, points at the end."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate

from burnline.store.series import Point

Labels = tuple[tuple[str, str], ...]
Fit = Callable[[str, Mapping[str, str]], Mapping[str, str]]  # a series' name and labels: the labels to count it under


class Tally:
    """The counts of one service in one body."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Labels]] = Counter()
        self._times: dict[tuple[str, Labels], list[float]] = {}
        self._bounds: dict[str, Sequence[float]] = {}

    def add(self, name: str, value: float = 1.0, /, **labels: str) -> None:
        """Count `value` more under these labels."""
        self._counts[name, tuple(labels.items())] += value  # type: ignore[assignment] # a Counter of floats

    def observe(self, name: str, value: float, bounds: Sequence[float], /, **labels: str) -> None:
        """Put one value into the histogram `name`, whose buckets end at `bounds`."""
        self._bounds[name] = bounds
        self._times.setdefault((name, tuple(labels.items())), []).append(value)

    def points(self, fit: Fit) -> Iterator[Point]:
        """Everything, as movements of series under labels that fit."""
        for (name, labels), value in self._counts.items():
            yield Point(name, fit(name, dict(labels)), value, add=True)
        for (name, labels), values in self._times.items():
            yield from histogram(name, fit(name, dict(labels)), values, self._bounds[name])


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
