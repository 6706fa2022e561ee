"""Calendar periods of many SLOs: the running sums where the current one began, exact to the base interval."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from burnline.slo.calendar import period_end, period_span, period_start
from burnline.slo.ring import STEPS, Array, Rings
from burnline.spec.slo import CalendarWindow
from burnline.store.schema import EPOCH


class Period:
    """The calendar period that holds the last tile closed; tiles are numbered by their ends in base intervals."""

    def __init__(self, window: CalendarWindow, base: timedelta) -> None:
        self.window = window
        self._base = base
        self.began = self.ends = self.steps = 0
        self._at_start: Array | float = 0.0

    def start(self, closed: int) -> None:
        """The period that holds `closed`, of which nothing has been counted."""
        self._locate(closed)
        self._at_start = 0.0

    def roll(self, rings: Rings) -> None:
        """Begin the next period at the last tile closed."""
        self._locate(rings.closed)
        self._at_start = rings.sums.copy()

    def since_start(self, rings: Rings) -> Array:
        """Events [plane, column] of the period so far."""
        return rings.sums - self._at_start

    @property
    def resets_at(self) -> datetime:
        """The end of the period."""
        return EPOCH + self.ends * self._base

    def restore(self, rings: Rings, running: Mapping[int, Array]) -> None:
        """Go on from kept tiles: `running` holds, by column, the period's events up to `joint(closed)`.

        A column without one (it counted by another window before) is counted from the tiles there are: its first is as
        long as tiles of that age are.
        """
        self._locate(rings.closed)
        length = rings.closed - self.began
        found = rings.sums - (rings.window(length) if rings.layout.holds(length) else rings.sums)
        at = joint(rings.closed)
        if at >= self.began:
            before = rings.at(at)
            for column, events in running.items():
                found[:, column] = before[:, column] - events
        self._at_start = found

    def _locate(self, closed: int) -> None:
        at = EPOCH + closed * self._base
        self.began = (period_start(self.window, at) - EPOCH) // self._base
        self.ends = (period_end(self.window, at) - EPOCH) // self._base
        self.steps = period_span(self.window, at) // self._base


def joint(closed: int) -> int:
    """The last tile at which the running events of a period were kept."""
    return closed // STEPS[-1] * STEPS[-1]
