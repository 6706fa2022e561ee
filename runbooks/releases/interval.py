"""How often two versions answer differently, with an interval that holds at every look."""

from __future__ import annotations

import math
from dataclasses import dataclass

from burnline.events import Counts

PRIOR = 0.5  # Beta(0.5, 0.5), as in Jeffreys' interval
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Interval:
    """A share and the bounds between which it is."""

    low: float
    share: float
    high: float

    def __str__(self) -> str:
        return f"{self.share:.2%} ({self.low:.2%} to {self.high:.2%})"


def interval_of(seen: Counts, *, alpha: float = 0.05) -> Interval:
    """The share of `bad` in all events, with bounds that hold at all looks together with probability 1 - alpha.

    The beta-binomial mixture of H. Robbins, "Statistical methods related to the law of the iterated logarithm", Ann.
    Math. Stat. 41 (1970): a share p is outside when the mixture explains the events more than 1/alpha times as well as
    p does. It is wider than Wilson's interval, which holds at one look only.

    >>> print(interval_of(Counts(12, 1000)))
    1.20% (0.34% to 2.92%)

    Raises: ValueError without events.
    """
    if seen.total <= 0:
        raise ValueError("no events, no share")
    share = min(max(seen.bad / seen.total, 0.0), 1.0)
    limit = _log_beta(seen.bad + PRIOR, seen.total - seen.bad + PRIOR) - _log_beta(PRIOR, PRIOR) + math.log(alpha)
    low = 0.0 if seen.bad <= 0 else _edge(seen, limit, inside=share, outside=0.0)
    high = 1.0 if seen.bad >= seen.total else _edge(seen, limit, inside=share, outside=1.0)
    return Interval(low, share, high)


def _edge(seen: Counts, limit: float, *, inside: float, outside: float) -> float:
    """Where the likelihood falls under the limit between two shares, by halving."""
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if _log_likelihood(seen, middle) >= limit:
            inside = middle
        else:
            outside = middle
    return outside


def _log_likelihood(seen: Counts, share: float) -> float:
    bad = seen.bad * math.log(share) if seen.bad > 0 else 0.0
    good = seen.total - seen.bad
    return bad + (good * math.log1p(-share) if good > 0 else 0.0)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
