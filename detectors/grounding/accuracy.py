"""How well a score tells ungrounded answers from grounded ones, each number with its 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959964


class Estimate(NamedTuple):
    """A number with its interval."""

    value: float
    low: float
    high: float


def wilson(successes: int, events: int) -> Estimate:
    """A share with Wilson's interval (1927), which holds for few events and for shares of 0 and 1.

    >>> tuple(round(each, 3) for each in wilson(0, 10))
    (0.0, 0.0, 0.278)
    """
    if events == 0:
        return Estimate(float("nan"), 0.0, 1.0)
    share, square = successes / events, Z95 * Z95
    middle = (share + square / (2 * events)) / (1 + square / events)
    half = Z95 * sqrt(share * (1 - share) / events + square / (4 * events * events)) / (1 + square / events)
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    return Estimate(share, low, 1.0 if successes == events else min(1.0, middle + half))


def auroc(scores: Sequence[float], ungrounded: Sequence[bool]) -> Estimate:
    """The chance that an ungrounded answer scores higher than a grounded one (ties count half), after DeLong (1988).

    Not a number, from 0 to 1, where one of the two is missing.

    >>> auroc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]).value
    0.75
    """
    values, labels = np.asarray(scores, dtype=np.float64), np.asarray(ungrounded, dtype=np.bool_)
    ones, others = values[labels], values[~labels]
    if not len(ones) or not len(others):
        return Estimate(float("nan"), 0.0, 1.0)
    above = (_below(others, ones) + _below(others, ones, ties=True)) / (2 * len(others))
    under = 1 - (_below(ones, others) + _below(ones, others, ties=True)) / (2 * len(ones))
    value = float(above.mean())
    variance = sum(float(part.var(ddof=1)) / len(part) for part in (above, under) if len(part) > 1)
    half = Z95 * sqrt(variance)
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def _below(of: NDArray[np.float64], values: NDArray[np.float64], *, ties: bool = False) -> NDArray[np.float64]:
    """For each value how many `of` are below it; with `ties` those at it as well."""
    return np.searchsorted(np.sort(of), values, side="right" if ties else "left").astype(np.float64)
