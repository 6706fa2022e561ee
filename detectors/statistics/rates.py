"""Shares of bad events beyond chance: exact enough for one bad event in a hundred, where a normal is not."""

from __future__ import annotations

from math import exp, log
from typing import NamedTuple

ALPHA = 3.4e-6  # of a normal, beyond 4.5 deviations: one in the 216,000 tests of 25 features and 30 days
SURPRISE = -log(ALPHA)
MATTERS = 0.1  # of the share that may be bad: between two versions a smaller difference is none
_STEPS = 40  # of bisection: 1e-12


class Share(NamedTuple):
    """`bad` of `events`."""

    bad: float
    events: float

    @property
    def ratio(self) -> float:
        return self.bad / self.events if self.events > 0 else 0.0

    def thinned(self, design_effect: float) -> Share:
        """As many independent events as these say as much as."""
        return Share(self.bad / design_effect, self.events / design_effect)


def lower(share: Share, surprise: float = SURPRISE) -> float:
    """The least true share under which this one is seen with a probability of `exp(-surprise)` at least.

    Chernoff's bound: P(share >= x) <= exp(-n KL(x, p)) for x above p, whatever n and p.

    >>> round(lower(Share(30, 100)), 3)
    0.114
    """
    return _edge(share, 0.0, share.ratio, surprise)


def upper(share: Share, surprise: float = SURPRISE) -> float:
    """The largest such share.

    >>> round(upper(Share(0, 100)), 3)
    0.118
    """
    return _edge(share, 1.0, share.ratio, surprise)


def beyond(live: Share, allowed: float, usual: Share | None = None) -> float:
    """How far the true share is above `allowed`, and above that of the `usual` events, at the least.

    0 where chance explains it: with a true share of `allowed` or `usual` that happens once in 1 / ALPHA windows at
    most. Of two samples, each is granted the part of the surprise that its variance is of both: then it happens, summed
    over all outcomes, 1.7e-6 of the time at most where both have 500 events, and 1.5e-5 where 200 with two in 10,000
    bad are compared with 20,000.

    >>> beyond(Share(6, 100), 0.01)
    0.0
    >>> round(beyond(Share(30, 100), 0.01), 3)
    0.104
    """
    if live.events <= 0 or live.ratio <= allowed:
        return 0.0
    least = lower(live) - allowed
    if usual is not None and usual.events > 0:
        part = usual.events / (live.events + usual.events)
        least = min(least, lower(live, SURPRISE * part) - upper(usual, SURPRISE * (1 - part)))
    return max(0.0, least)


def worse(baseline: Share, candidate: Share, least: float = 0.0) -> float:
    """How far beyond `least` the candidate's share of bad events is above the baseline's, beyond the chance of both.

    With a million events every difference is beyond chance; what is less than `least` does not matter.
    """
    return max(0.0, beyond(candidate, 0.0, baseline) - least) if baseline.events > 0 else 0.0


def divergence(seen: float, true: float) -> float:
    """Kullback and Leibler's, of two coins, in nats."""
    gained = seen * log(seen / true) if seen > 0 else 0.0
    return gained + ((1 - seen) * log((1 - seen) / (1 - true)) if seen < 1 else 0.0)


def _edge(share: Share, far: float, near: float, surprise: float) -> float:
    """Between `near`, where nothing is a surprise, and `far`, where all is: where it is exactly so much of one."""
    if share.events <= 0:
        return far
    if near == far:
        return far
    if near in (0.0, 1.0):  # then the divergence has an inverse
        rest = exp(-surprise / share.events)
        return rest if near else 1 - rest
    for _ in range(_STEPS):
        middle = (far + near) / 2
        if share.events * divergence(share.ratio, middle) > surprise:
            far = middle
        else:
            near = middle
    return near
