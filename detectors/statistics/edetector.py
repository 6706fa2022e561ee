"""Evidence that adds up over windows, with a promise: how seldom it alarms while nothing is wrong.

A stream of windows with `bad` of `events`, and a share of bad events that is allowed. Two hypotheses: at every event,
whatever came before, the chance of a bad one is at most `allowed`; or from some window on it is more. For a ratio r

    e = r**bad / (1 + (r - 1) allowed)**events

has an expectation of at most 1 under the first one: each event's factor has, given all before it. With
M = (M before + 1) e per window (Shiryaev and Roberts), M less the number of windows is then a supermartingale, and so
is that of a mean of several M, over ratios and over kinds of bad events. So a mean that starts at 0 reaches a level A
on average not before A windows, and in any t windows the alarms expected are at most t / A: "E-detectors", Shin, Ramdas
and Rinaldo, 2023. Neither the sizes of the windows nor how the kinds depend on each other matters.

Pure, on counts; memory is bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.floats import Floats

MONTH = timedelta(days=30)
ODDS = np.array([1.1, 1.3, 1.8, 4.0, 16.0])  # small ones are quick to see what is small, large ones what is large
ENDS = 20.0  # an alarm ends when the evidence is so many times less than the level
STEP = 1 / 256  # nats: what memory is rounded down to, which keeps the promise
LEAST = -64.0  # nats: one window after it, M is 1 times e all the same
_STEPS = 40  # of bisection: 1e-12
_HEAD = 8  # bytes that say whose memory it is
_ON = 1 << 15


def log_level(features: int, window: timedelta, budget: float = 1.0) -> float:
    """The level, in nats, at which `features` watched one by one give together `budget` false alarms in 30 days.

    >>> round(log_level(25, timedelta(minutes=10)), 2)  # 25 x 4320
    11.59
    """
    return log(max(1.0, MONTH / window) * max(1, features) / budget)


def log_e(bad: Any, events: Any, allowed: Any, design_effect: float = 1.0) -> Floats:
    """Per count and odds ratio the logarithm of `e`: shape of the counts, then len(ODDS).

    `design_effect` raises e to one over it. Events that come in clusters of m at most keep the promise with m (the
    means of m streams of independent events: Hoelder's inequality); with 1 + (m - 1) times their correlation, which is
    less, it has been measured only.

    >>> log_e(30, 100, 0.05)[3].round(1), log_e(5, 100, 0.05)[3].round(1)
    (np.float64(27.6), np.float64(-7.0))
    """
    counted, of, share = (np.asarray(one, dtype=np.float64)[..., None] for one in (bad, events, allowed))
    found: Floats = (counted * np.log(ODDS) - of * np.log1p((ODDS - 1) * share)) / design_effect
    return found


def most(shares: Any, events: Any, surprise: float) -> Floats:
    """The true shares beyond which such `shares` of so many `events` are seen with less than `exp(-surprise)`.

    What a reference of few rows allows: Chernoff's bound, for any share. No events allow everything.

    >>> most(0.5, 10_000, 10.0).round(4), most(0.0, 500, 10.0).round(4)
    (np.float64(0.5223), np.float64(0.0198))
    """
    seen, of = np.broadcast_arrays(np.asarray(shares, dtype=np.float64), np.asarray(events, dtype=np.float64))
    low, high = seen.copy(), np.ones(seen.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(_STEPS):
            middle = (low + high) / 2
            told = np.where(seen > 0, seen * np.log(seen / middle), 0.0)
            told = told + np.where(seen < 1, (1 - seen) * np.log((1 - seen) / (1 - middle)), 0.0)
            inside = of * told <= surprise
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return np.where(of > 0, high, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known after some windows.

    Attributes:
        wealth: log M by kind of bad event and odds ratio; the kinds of one feature stand together.
        on: per feature, is it in alarm?
        since: per feature, how many windows the evidence has been growing for, this one included.
        total: per feature, the logarithm of the mean M before it was cut to what is remembered.
    """

    wealth: Floats
    on: NDArray[np.bool_]
    since: NDArray[np.int64]
    total: Floats


class Watch:
    """Watches features, each by some kinds of bad events.

    A feature is in alarm from where its mean M reaches the level until it is `ENDS` times less. Meanwhile M is held at
    twice the level, so that an alarm ends soon after its cause; then M begins again at 1 at most. That keeps the
    promise: an alarm costs the supermartingale its level, and its end gives no more back than the windows it took.

    >>> watch = Watch([1], log_level(1, timedelta(minutes=10)), "example")
    >>> known = watch.start()
    >>> for bad in (5, 6, 4, 20, 20):
    ...     known = watch.step(known, bad=[bad], events=[100], allowed=[0.06])
    >>> known.on, known.since
    (array([ True]), array([2]))
    >>> watch.step(watch.read(watch.write(known)), bad=[5], events=[100], allowed=[0.06]).on
    array([False])
    """

    def __init__(self, kinds: Sequence[int], level: float, of: str) -> None:
        """`kinds` of bad events per feature, at least one each; `level` in nats; `of` names what is watched."""
        self._kinds = np.asarray(kinds, dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self._kinds)[:-1]]).astype(np.int64)
        self._level = level
        self._of = of.encode()[-_HEAD:].rjust(_HEAD)

    def start(self) -> Evidence:
        """No evidence."""
        features = len(self._kinds)
        nothing = np.full((int(self._kinds.sum()), len(ODDS)), LEAST)
        none = np.zeros(features, dtype=np.int64)
        return Evidence(nothing, none.astype(np.bool_), none, np.full(features, LEAST))

    def step(self, known: Evidence, *, bad: Any, events: Any, allowed: Any, design_effect: float = 1.0) -> Evidence:
        """Add a window: per kind, `bad` of `events`, of which the share `allowed` may be. No events change nothing."""
        there = np.asarray(events) > 0
        grown = np.logaddexp(known.wealth, 0.0) + log_e(bad, events, allowed, design_effect)
        wealth = np.where(there[:, None], grown, known.wealth)
        total = self._means(wealth)
        on = np.where(known.on, total > self._level - log(ENDS), total >= self._level)
        grew = np.maximum.reduceat(there, self._starts)
        since = np.where(total > 0, known.since + grew, 0)
        most_kept = np.where(on, self._level + log(2), np.where(known.on, 0.0, np.inf))
        cut = np.maximum(total - most_kept, 0.0)
        kept = np.maximum(wealth - np.repeat(cut, self._kinds)[:, None], LEAST)
        return Evidence(kept, on, np.minimum(since, _ON - 1), total)

    def write(self, known: Evidence) -> bytes:
        """The same evidence gives the same bytes: 2 for each kind and odds ratio, 2 for each feature."""
        wealth = np.floor(known.wealth / STEP).clip(LEAST / STEP, _ON - 1).astype("<i2")
        return self._of + wealth.tobytes() + (known.since + _ON * known.on).astype("<u2").tobytes()

    def read(self, memory: bytes) -> Evidence:
        """What was written; the start, where that was for something else."""
        begun = self.start()
        kinds = begun.wealth.size
        if memory[:_HEAD] != self._of or len(memory) != _HEAD + 2 * kinds + 2 * len(self._kinds):
            return begun
        wealth = np.frombuffer(memory, dtype="<i2", count=kinds, offset=_HEAD) * STEP
        ages = np.frombuffer(memory, dtype="<u2", offset=_HEAD + 2 * kinds).astype(np.int64)
        return replace(begun, wealth=wealth.reshape(begun.wealth.shape), on=ages >= _ON, since=ages % _ON)

    def _means(self, wealth: Floats) -> Floats:
        """Per feature the logarithm of the mean M over its kinds and the odds ratios."""
        by_kind = np.logaddexp.reduce(wealth, axis=1)
        return np.logaddexp.reduceat(by_kind, self._starts) - np.log(self._kinds * len(ODDS))
