"""Exponential histograms as classic ones: each bucket is counted in the first classic bucket that holds it whole.

So a value may be counted as up to one exponential bucket slower than it was, never as faster.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from burnline.spec.telemetry import HTTP_BOUNDS

SECONDS = tuple(each.total_seconds() for each in HTTP_BOUNDS)
SCALES = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
# OpenTelemetry's bounds for a histogram that says nothing
PLAIN = (0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10_000.0)
LONGEST_EXPONENT = 1023.0


def classic_bounds(unit: str) -> tuple[float, ...]:
    """The bounds that an exponential histogram of this unit is given: of HTTP durations for a time, else PLAIN."""
    scale = SCALES.get(unit)
    return tuple(round(bound * scale, 9) for bound in SECONDS) if scale else PLAIN


def classic_counts(
    buckets: Iterable[tuple[int, float]], *, scale: int, below: float, bounds: Sequence[float]
) -> list[float]:
    """Counts of exponential buckets (index and count) in classic ones; `below`: what is zero or negative."""
    counts = [0.0] * (len(bounds) + 1)
    counts[bisect_left(bounds, 0.0)] += below
    for index, count in buckets:
        if count:
            counts[bisect_left(bounds, upper(index, scale))] += count
    return counts


def upper(index: int, scale: int) -> float:
    """The upper bound of an exponential bucket: 2 ** ((index + 1) / 2 ** scale).

    >>> upper(-1, 0), upper(0, 0), upper(0, 1)
    (1.0, 2.0, 1.4142135623730951)
    """
    exponent = (index + 1) * 2.0**-scale
    return math.inf if exponent > LONGEST_EXPONENT else 2.0**exponent
