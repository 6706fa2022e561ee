"""Tiles of time, short ones for the recent past and ever longer ones before it: any window is a sum of few of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

HOUR, DAY = 3600, 86_400  # seconds, as everything here
LONGEST_UNIT = 60
PER_WINDOW = 24  # tiles that a window has at least, so that its edge is off by 4 % at most
DAYS_PER_WINDOW = 14  # likewise of the longest tiles: 7 %
RECENT = 4 * DAY  # for which hours are kept: the longest usual alert window is three days
SHORTEST_HORIZON = 35 * DAY


@dataclass(frozen=True, slots=True)
class Ladder:
    """The lengths of a signal's tiles, each a multiple of the one before, and for how long each is kept, in seconds.

    A signal of windows of five minutes and more has tiles of 1 m, 5 m, 1 h and 1 d: those of a minute for two hours,
    of five for a day, of an hour for four days. Every window begins where a tile of its size begins, so that it is at
    most that tile longer than asked for.
    """

    steps: tuple[int, ...]
    kept: tuple[int, ...]

    @property
    def tiles(self) -> int:
        """The most tiles there are at any time."""
        return sum(kept // step + PER_WINDOW + 1 for step, kept in zip(self.steps, self.kept, strict=True))

    def edge(self, tier: int, newest: int) -> int:
        """Where the tiles of a tier begin, once there is one that begins with `newest`; whole tiles of the next."""
        coarser = self.steps[min(tier + 1, len(self.steps) - 1)]
        return (newest - self.kept[tier]) // coarser * coarser

    def span(self, since: int, until: int, newest: int, *, within: bool = False) -> tuple[int, int]:
        """What of (since, until] tiles can tell: both its ends at tiles that are still there.

        The beginning is rounded down to tiles of the window's size; `within` to what lies in it whole.
        """
        since = max(since, self.edge(len(self.steps) - 1, newest))
        size = max(self._size(until - since), self._finest(since, newest))
        step = self.steps[self._finest(since, newest) if within else size]
        start = -(-since // step) * step if within else since // step * step
        last = self.steps[self._finest(until, newest)]
        return start, until // last * last

    def cover(self, start: int, end: int, newest: int) -> Iterator[tuple[int, int]]:
        """The (tier, start) of the tiles that make up a span, the longest that fit."""
        at = start
        while at < end:
            fitting = [
                tier
                for tier, step in enumerate(self.steps)
                if at % step == 0 and at + step <= end and at >= self.edge(tier, newest)
            ]
            tier = fitting[-1] if fitting else 0
            yield tier, at
            at += self.steps[tier]

    def _size(self, window: int) -> int:
        last = len(self.steps) - 1
        least = (DAYS_PER_WINDOW if tier == last else PER_WINDOW for tier in range(len(self.steps)))
        fitting = [tier for tier, many in enumerate(least) if window >= many * self.steps[tier]]
        return fitting[-1] if fitting else 0

    def _finest(self, at: int, newest: int) -> int:
        last = len(self.steps) - 1
        return next((tier for tier in range(last) if at >= self.edge(tier, newest)), last)


def ladder(window: timedelta, horizon: timedelta) -> Ladder:
    """The tiles of a signal that is judged in windows of this length, kept for `horizon`.

    >>> ladder(timedelta(minutes=10), timedelta(days=30)).steps
    (60, 300, 3600, 86400)
    >>> ladder(timedelta(seconds=10), timedelta(hours=12)).steps
    (2, 10, 120, 3600, 86400)
    """
    fifth = max(1, min(LONGEST_UNIT, int(window.total_seconds()) // 5))
    unit = next(step for step in range(fifth, 0, -1) if LONGEST_UNIT % step == 0)
    steps = tuple(sorted({unit, 5 * unit, 60 * unit, HOUR, DAY}))
    longest = max(int(horizon.total_seconds()), SHORTEST_HORIZON)
    short = tuple(PER_WINDOW * coarser for coarser in steps[1:-1])
    return Ladder(steps, (*short, RECENT, longest + DAY))
