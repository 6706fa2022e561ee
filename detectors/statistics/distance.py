"""How far apart two histograms are: what burnline judges by, and what else is known.

Counts of cells go in; all are floats so that a reference mixed of several hours may have fractions of rows. Cells of
numbers are in the order of the numbers. `inverse` is 1/n + 1/N, how much less than one event two samples say.
"""

from __future__ import annotations

from math import log, sqrt
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Histogram: TypeAlias = NDArray[Any]


def total_variation(live: Histogram, reference: Histogram) -> float:
    """Half the summed difference of shares: the part of the events that would have to change cell.

    >>> total_variation(np.array([75, 25]), np.array([500, 500]))
    0.25
    """
    return float(np.abs(live / live.sum() - reference / reference.sum()).sum() / 2)


def chance(cells: int, inverse: float, surprise: float) -> float:
    """The total variation that sampling both histograms adds, but for a probability of `exp(-surprise)`.

    Total variation is the largest difference of shares over all sets of cells, 2**cells of them. One set's difference
    is the mean of independent events in [0, 1], so that it exceeds its expectation by t with a probability of at most
    exp(-2 t**2 / inverse) (Hoeffding 1963), and all sets together by 2**cells of it (as Weissman et al. 2003). So it
    holds for every distribution and every number of events, without a normal.

    >>> round(chance(20, 1 / 1000, 12.3), 4)
    0.1144
    """
    return sqrt((cells * log(2) + surprise) * inverse / 2)


def stability(live: Histogram, reference: Histogram) -> float:
    """The population stability index, sum (p - q) ln(p / q), less what sampling alone makes of it; at least 0.

    That is about (cells - 1)(1/n + 1/N), which at 100 events and 20 cells is beyond the usual limit of .1 (Yurdakul,
    2018). Half an event more in every cell, or an empty one would make it infinite.

    >>> round(stability(np.array([60_000, 40_000]), np.array([50_000, 50_000])), 4)
    0.0405
    >>> stability(np.array([12, 8]), np.array([10, 10]))
    0.0
    """
    used = (live > 0) | (reference > 0)
    p, q = (live[used] + 0.5), (reference[used] + 0.5)
    p, q = p / p.sum(), q / q.sum()
    found = float(((p - q) * np.log(p / q)).sum())
    return max(0.0, found - (len(p) - 1) * (1 / float(live.sum()) + 1 / float(reference.sum())))


def kolmogorov(live: Histogram, reference: Histogram) -> float:
    """The statistic of Kolmogorov and Smirnov at the edges of cells in order: the largest difference of running shares.

    It is at most that of the values themselves, by less than a cell's share.

    >>> round(kolmogorov(np.array([50, 30, 20]), np.array([20, 30, 50])), 3)
    0.3
    """
    return float(np.abs(np.cumsum(live) / live.sum() - np.cumsum(reference) / reference.sum()).max())


def jensen_shannon(live: Histogram, reference: Histogram) -> float:
    """The distance of Jensen and Shannon (the root of their divergence, of bits), from 0 to 1.

    >>> jensen_shannon(np.array([10, 0]), np.array([0, 10]))
    1.0
    """
    p, q = live / live.sum(), reference / reference.sum()
    middle = (p + q) / 2
    return sqrt(max(0.0, (_bits(p, middle) + _bits(q, middle)) / 2))


def _bits(p: Histogram, q: Histogram) -> float:
    there = p > 0
    return float((p[there] * np.log2(p[there] / q[there])).sum())
