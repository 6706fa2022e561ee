"""Are the canary's values worse than the baseline's? One look, at the end of a bake: for means and scores."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_VALUES = 8  # of each side: below, the normal approximation is wrong and nothing small can be found


@dataclass(frozen=True, slots=True)
class Ranks:
    """What the ranks say.

    Attributes:
        chance: that a value of the canary is over one of the baseline (ties count half); 0.5 when both are alike.
        p_over, p_under: how likely ranks this high, this low, are when both are alike.
    """

    chance: float
    p_over: float
    p_under: float


def compare_ranks(canary: Sequence[float], baseline: Sequence[float]) -> Ranks:
    """The test of Mann and Whitney (Ann. Math. Stat. 18, 1947): normal approximation, corrected for ties.

    It compares ranks, not means: a few very slow answers move a mean and hardly move ranks. It holds for one look, and
    for values that are independent: a gauge read every minute that changes once an hour is not, and the test then finds
    differences that are not there. So it asks a person, rather than taking a release back, unless the spec says so.

    >>> compare_ranks([5, 6, 7, 8, 9, 10, 11, 12], [1, 2, 3, 4, 5, 6, 7, 8]).chance
    0.875

    Raises: ValueError with fewer than LEAST_VALUES values on a side.
    """
    n, m = len(canary), len(baseline)
    if min(n, m) < LEAST_VALUES:
        raise ValueError(f"{n} and {m} values: {LEAST_VALUES} of each are needed")
    u = sum((a > b) + 0.5 * (a == b) for a in canary for b in baseline)
    ties = sum(count**3 - count for count in Counter([*canary, *baseline]).values())
    spread = math.sqrt(n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1))))
    return Ranks(u / (n * m), _tail(u - n * m / 2, spread), _tail(n * m / 2 - u, spread))


def _tail(over: float, spread: float) -> float:
    """The chance of being so far over the middle, with half a step of continuity; 1 when all values are one."""
    return 1.0 if spread == 0 else 0.5 * math.erfc((over - 0.5) / (spread * math.sqrt(2)))
