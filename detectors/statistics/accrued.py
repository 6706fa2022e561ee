"""A share of bad events over many windows: what each of them is too short to show, all of them together may."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from burnline.detectors.statistics.edetector import Watch, log_level, most
from burnline.detectors.statistics.lasting import lasting
from burnline.detectors.statistics.rates import SURPRISE, Share


class Accrued(NamedTuple):
    """What the windows up to this one show together: are too many events bad, for how long, and the memory of it."""

    on: bool
    since: str
    memory: bytes


class Accrual:
    """Watches one share: an alarm where it has been over the usual one by more than `threshold`, for long enough.

    At most one false alarm in 30 days is expected while it is not (edetector.py), however few events a window has. What
    is usual is known from a sample: the true share is taken to be the most that the sample leaves possible.
    """

    def __init__(self, usual: Share, *, threshold: float, window: timedelta, of: str, design_effect: float) -> None:
        self._window, self._effect = window, design_effect
        self._watch = Watch([1], log_level(1, window), of)
        self._allowed = min(1.0, float(most(usual.ratio, usual.events, SURPRISE)) + threshold)

    def add(self, memory: bytes, live: Share) -> Accrued:
        """This window after those of `memory`, which is none where it is something else's."""
        known = self._watch.read(memory)
        known = self._watch.step(
            known, bad=[live.bad], events=[live.events], allowed=[self._allowed], design_effect=self._effect
        )
        since = lasting(int(known.since[0]), self._window)
        return Accrued(bool(known.on[0]), since, self._watch.write(known))
