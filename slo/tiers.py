"""The alerting tiers of many SLOs with the same windows: their thresholds, and since when each condition holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from burnline.slo.promise import Promise
from burnline.slo.ring import BAD, TOTAL, Array
from burnline.slo.windows import Tier, least_bad_events
from burnline.spec.slo import SloSpec

Flags = NDArray[np.bool_]
NEVER = -1


class Tiers:
    """Arrays [tier, SLO]; a tier is a row of the schedule, whatever each SLO calls it.

    Attributes:
        usable: whether the tier alerts on that SLO at all.
        hold: how long its condition must hold, in base intervals.
        since: the tile from which it has held, for tiers that wait; -1 while it does not.
    """

    def __init__(self, promises: Sequence[Promise], base: timedelta) -> None:
        self._promises = tuple(promises)
        self._factor = _by_tier(promises, lambda tier, _: tier.factor)
        self._least = _by_tier(promises, _least_events)
        self._least_bad = np.array([least_bad_events(promise.slo, promise.sli) for promise in promises], np.float64)
        self.usable: Flags = np.array([promise.usable for promise in promises]).T
        self.hold = _by_tier(promises, lambda tier, _: tier.hold // base).astype(np.int64)
        self.longest_hold = int(self.hold.max())
        self.since = np.full(self.hold.shape, NEVER)

    def met(self, long: Array, short: Array, events: Array) -> Flags:
        """Where a condition holds, by burn rates [tier, SLO] and the events [tier, plane, SLO] in the long windows."""
        enough = (events[:, TOTAL] >= self._least) & (events[:, BAD] >= self._least_bad)
        with np.errstate(invalid="ignore"):
            met: Flags = (long > self._factor) & (short > self._factor) & enough & self.usable
        return met

    def firing(self, met: Flags, closed: int) -> Flags:
        """Where a condition holds now, at tile `closed`, and has held for long enough."""
        if not self.longest_hold:
            return met
        waited: Flags = (self.hold == 0) | ((self.since != NEVER) & (closed - self.since >= self.hold))
        return met & waited

    def follow(self, met: Flags, closed: int) -> None:
        """Note which conditions hold at tile `closed`; to be told of every tile."""
        waiting = met & (self.hold > 0)
        self.since[~waiting] = NEVER
        self.since[waiting & (self.since == NEVER)] = closed

    def forget(self) -> None:
        """No condition is known to hold."""
        self.since[:] = NEVER

    def waiting(self) -> dict[str, dict[str, int]]:
        """`since` by SLO and tier, where there is one; `resume` goes on from it."""
        columns = np.flatnonzero((self.since != NEVER).any(axis=0)).tolist()
        return {self._promises[column].key: self._since(column) for column in columns}

    def resume(self, kept: Mapping[str, Mapping[str, int]], closed: int) -> None:
        """Go on waiting as `waiting` said, at tile `closed`."""
        for column, promise in enumerate(self._promises if kept and self.longest_hold else ()):
            for row, tier in enumerate(promise.tiers):
                since = kept.get(promise.key, {}).get(tier.name, NEVER)
                self.since[row, column] = since if tier.hold and since <= closed else NEVER

    def _since(self, column: int) -> dict[str, int]:
        rows = enumerate(self._promises[column].tiers)
        return {tier.name: int(self.since[row, column]) for row, tier in rows if self.since[row, column] != NEVER}


def _least_events(tier: Tier, slo: SloSpec) -> float:
    return slo.min_events if tier.min_events is None else tier.min_events


def _by_tier(promises: Sequence[Promise], value: Callable[[Tier, SloSpec], float]) -> Array:
    return np.array([[value(tier, promise.slo) for tier in promise.tiers] for promise in promises], np.float64).T
