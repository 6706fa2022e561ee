"""Is the canary worse than the baseline beside it? A sequential test that may be looked at as often as one likes.

Each look brings one block: the events of canary and baseline since the look before. A block is worth the e-value

    E = P(block | alternative) / P(block | the null's nearest point)

whose mean is at most 1 whatever canary and baseline really do, as long as the canary's share is within `tolerance`
times the baseline's. The product over all blocks is then a nonnegative supermartingale, and by Ville's inequality it
exceeds 1/alpha at any time at all with a probability of at most alpha: no look costs anything.

Sources: R. Turner, A. Ly, P. Gruenwald, "Generic E-variables for exact sequential k-sample tests that allow for
optional stopping", J. Stat. Plan. Inference 230 (2024), arXiv 2106.02693; for a null that is a range of effects, R.
Turner, P. Gruenwald, "Exact anytime-valid confidence intervals for contingency tables and beyond", Stat. Probab. Lett.
198 (2023), arXiv 2203.09785. The nearest point is the restricted estimate of O. Miettinen, M. Nurminen, "Comparative
analysis of two rates", Stat. Med. 4 (1985). The alternative is estimated from the blocks before (a predictable
plug-in): it decides how quickly a difference is found, never how often one is found that is not there.

Why not pool all events and compare once more at each look: because canary and baseline both change over the day and the
canary's share of the traffic grows step by step, pooled shares differ without any fault of the canary (Simpson's
paradox). Within a block both see the same minute.

What is assumed: that how many events a block has does not depend on how they end (clients that retry failures break
this), and that events are independent given the minute (a burst of failures of one client counts as many).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from burnline.events import Counts

EXPECTED = 3.0  # times the tolerated share: what the canary is suspected of before it was seen
PSEUDO_EVENTS = 2.0  # how much that suspicion weighs, in events
LEAST = 1.25  # times the tolerated share: differences smaller than this are not looked for
_TINY = 1e-9
NOTHING = Counts(0, 0)


@dataclass(frozen=True, slots=True)
class Block:
    """What canary and baseline served between two looks. `bad` are the events that are counted, of `total`."""

    canary: Counts
    baseline: Counts


@dataclass(frozen=True, slots=True)
class Evidence:
    """Against the canary, as logarithms of e-values: after the last block, and the most there was after any."""

    now: float
    highest: float


def evidence_of(
    blocks: Iterable[Block], *, tolerance: float = 1.0, fewer: bool = False, history: Counts = NOTHING
) -> Evidence:
    """Evidence that the canary's share of counted events is over `tolerance` times the baseline's.

    Args:
        tolerance: the null: the canary's share is at most (with `fewer`: at least) this times the baseline's.
        fewer: too few counted events are what is wrong, as with conversions.
        history: events of the service before the release. It says where to look and makes the first block count;
            without it the first block only teaches. A history that is wrong costs time, not false alarms.

    Two blocks, worked by hand: the first teaches that the baseline's share is (0.5 + 9) / 901; in the second a canary
    with 3 of 100 beside a baseline with 9 of 900 is better explained by three times the share than by the same one.

    >>> block = Block(Counts(3, 100), Counts(9, 900))
    >>> round(math.exp(evidence_of([block, block]).now), 2)
    3.08
    """
    now = highest = 0.0
    canary, baseline = NOTHING, history
    for block in blocks:
        if baseline.total > 0 and block.canary.total > 0 and block.baseline.total > 0:
            b = _inside((baseline.bad + 0.5) / (baseline.total + 1))
            a = _suspected(canary, b, tolerance, fewer=fewer)
            if (a < tolerance * b) if fewer else (a > tolerance * b):  # else no share there is would be too bad
                now += _log_e_value(block, a, b, tolerance)
            highest = max(highest, now)
        canary, baseline = _sum(canary, block.canary), _sum(baseline, block.baseline)
    return Evidence(now, highest)


def _suspected(canary: Counts, b: float, tolerance: float, *, fewer: bool) -> float:
    """The canary's share in the alternative: shrunk from what was seen towards the expected, and outside the null."""
    expected = tolerance / EXPECTED if fewer else tolerance * EXPECTED
    ratio = (canary.bad + PSEUDO_EVENTS * expected) / (canary.total * b + PSEUDO_EVENTS)
    return _inside(b * (min(ratio, tolerance / LEAST) if fewer else max(ratio, tolerance * LEAST)))


def _log_e_value(block: Block, a: float, b: float, tolerance: float) -> float:
    nearest = _inside(nearest_null(a, b, block, tolerance))
    canary = _log_ratio(block.canary, a, _inside(tolerance * nearest))
    return canary + _log_ratio(block.baseline, b, nearest)


def nearest_null(a: float, b: float, block: Block, tolerance: float) -> float:
    """The baseline's share y of the null (tolerance * y, y) that explains the alternative (a, b) best.

    It minimises n_c KL(a | tolerance y) + n_b KL(b | y), n_c and n_b being the block's events: the smaller root of
    r N y^2 - ((1 + r) S + r n_c (1 - a) + n_b (1 - b)) y + S with S = n_c a + n_b b, N = n_c + n_b, r = tolerance.
    The null is convex, so by first-order optimality n_c A + n_b B <= N for the means A and B of the single events'
    ratios under any point of it, and A^n_c B^n_b <= 1 by the inequality of means: that is the e-value's promise.

    >>> round(nearest_null(0.03, 0.01, Block(Counts(0, 100), Counts(0, 900)), 1.0), 6)
    0.012
    """
    n_c, n_b, r = block.canary.total, block.baseline.total, tolerance
    counted = n_c * a + n_b * b
    middle = (1 + r) * counted + r * n_c * (1 - a) + n_b * (1 - b)
    return 2 * counted / (middle + math.sqrt(max(middle * middle - 4 * r * (n_c + n_b) * counted, 0.0)))


def _log_ratio(seen: Counts, share: float, null: float) -> float:
    return seen.bad * math.log(share / null) + (seen.total - seen.bad) * math.log((1 - share) / (1 - null))


def _inside(share: float) -> float:
    return min(max(share, _TINY), 1 - _TINY)


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(one.bad + other.bad, one.total + other.total)
