"""SLOs of one period: they share base interval and windows, so one vectorised step evaluates them all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from burnline.slo.burn import error_budget
from burnline.slo.ring import BAD, MAX_EVENTS, SEEN, STEPS, TOTAL, Array, Layout, Rings, grained
from burnline.slo.windows import Tier, all_tiers, base_interval, left_out, tiers
from burnline.spec.service import ServiceSpec
from burnline.spec.sli import SliSpec
from burnline.spec.slo import SloSpec
from burnline.store.schema import EPOCH
from burnline.store.slo import Tile


@dataclass(frozen=True, slots=True)
class Promise:
    """One SLO of one service; `sli` is the SLI it counts, that of another SLO for `same_as`."""

    spec: ServiceSpec
    slo: SloSpec
    sli: SliSpec
    window: timedelta

    @property
    def key(self) -> str:
        return f"{self.spec.service}/{self.slo.name}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All SLOs of a group at one moment; a rate is NaN while its window has no events.

    Attributes:
        period: events [plane, SLO] over the SLO's window.
        long, short: burn rates [tier, SLO].
        firing: [tier, SLO].
        last_seen: the last tile in which each SLO was observed, -1 for never.
        first_seen: the first one known of, likewise; stale once it is older than the window.
    """

    at: datetime
    period: Array
    long: Array
    short: Array
    firing: NDArray[np.bool_]
    last_seen: NDArray[np.int64]
    first_seen: NDArray[np.int64]


class Group:
    """The events and the burn rates of SLOs that share a period.

    A tile is one base interval (start, end], numbered by its end in base intervals since 1970. Data for a tile that is
    closed already goes to the one that is open: nothing is lost and nothing counted twice.
    """

    def __init__(self, window: timedelta, promises: Sequence[Promise]) -> None:
        self.window = window
        self.base = base_interval(window)
        self.tiers: tuple[Tier, ...] = all_tiers(window)
        self.promises = tuple(promises)
        self.keys = tuple(promise.key for promise in promises)
        longest = self._steps(self.tiers[-1].long)
        period = max(-(-window // self.base), longest)
        self.layout = Layout((self._steps(self.tiers[-1].short), longest, period))
        self.period_steps = period
        self.rings: Rings | None = None  # until the first moment is known
        self.pending: dict[int, Array] = {}
        self._budget = np.array([error_budget(promise.slo.objective) for promise in promises])
        self._min_events = np.array([promise.slo.min_events for promise in promises], float)
        self.usable = np.array(
            [[tier.name not in left_out(window, promise.slo.objective) for promise in promises] for tier in self.tiers]
        )

    def start(self, closed: int) -> Rings:
        """Begin with tile `closed` as the last one closed."""
        self.rings = Rings(self.layout, len(self.promises), closed)
        return self.rings

    def count(self, at: datetime, column: int, *, bad: float, total: float, seen: float) -> None:
        """Add events observed at `at`; `seen` in base intervals."""
        tile = self._open_tile(at)
        tile[BAD, column] += grained(bad)
        tile[TOTAL, column] += grained(total)
        tile[SEEN, column] += grained(seen)

    def slice(self, at: datetime, column: int, *, bad: bool, seen: float) -> None:
        """The base interval around `at` is one event, bad when any look at it was."""
        tile = self._open_tile(at)
        tile[BAD, column] = max(tile[BAD, column], float(bad))
        tile[TOTAL, column] = 1
        tile[SEEN, column] += grained(seen)

    def close_upto(self, now: datetime) -> tuple[int, list[Tile]]:
        """Close every tile that ended by `now`. Returns how many, and the tiles of every length to keep."""
        newest = (now - EPOCH) // self.base
        rings = self.rings or self.start(min([newest, *self.pending]) - 1)
        if newest - rings.closed > self.period_steps + STEPS[-1]:  # everything counted so far is older than the period
            self.pending = {number: events for number, events in self.pending.items() if number >= newest}
            rings = self.start(newest - 1)
        ended: list[Tile] = []
        closed = max(0, newest - rings.closed)
        for _ in range(closed):
            events = self.pending.pop(rings.closed + 1, None)
            longer = rings.push(events)
            if events is not None:
                ended += self._tiles(1, rings.closed, events)
            for step, sums in longer:
                ended += self._tiles(step, rings.closed // step, sums)
        return closed, ended

    def open_tiles(self) -> list[Tile]:
        """What is in tiles that are not closed yet."""
        return [tile for number, events in self.pending.items() for tile in self._tiles(1, number, events)]

    def restore(self, closed: int, tiles: Iterable[Tile]) -> None:
        """Go on from kept tiles, tile `closed` being the last one closed; counts no sum can hold are left out."""
        columns = {key: column for column, key in enumerate(self.keys)}
        found: dict[int, dict[int, Array]] = {step: {} for step in STEPS}
        self.pending.clear()
        for tile in tiles:
            if not all(abs(count) <= MAX_EVENTS for count in (tile.bad, tile.total, tile.seen)):
                continue
            step = round(tile.step_seconds / self.base.total_seconds())
            number = (tile.at - EPOCH) // (step * self.base)
            late = step == 1 and number > closed
            home = self.pending if late else found[step]
            events = home.setdefault(number, np.zeros((3, len(self.keys))))
            events[:, columns[tile.slo]] = tile.bad, tile.total, tile.seen
        self.start(closed).restore(found)

    def horizon(self, step: int) -> timedelta:
        """How long tiles of so many base intervals are kept."""
        rows = self.layout.rows[STEPS.index(step)]
        return (rows + STEPS[-1]) * step * self.base

    def evaluate(self) -> Evaluation | None:
        """Burn rates and firing tiers as of the last tile closed; None before the first."""
        rings = self.rings
        if rings is None:
            return None
        windows = {
            length: rings.window(self._steps(length)) for tier in self.tiers for length in (tier.long, tier.short)
        }
        period = rings.window(self.period_steps)
        long = np.array([self._rate(windows[tier.long], tier.long, period) for tier in self.tiers])
        short = np.array(
            [self._rate(self._last_known(windows[tier.short], tier.short), tier.short, period) for tier in self.tiers]
        )
        factor = np.array([tier.factor for tier in self.tiers])[:, None]
        enough = np.array([windows[tier.long][TOTAL] >= self._min_events for tier in self.tiers])
        with np.errstate(invalid="ignore"):
            firing = (long > factor) & (short > factor) & enough & self.usable
        return Evaluation(self.closed_at, period, long, short, firing, rings.last_seen.copy(), rings.first_seen.copy())

    def tiers_of(self, promise: Promise) -> tuple[Tier, ...]:
        """The tiers that can fire for this SLO."""
        return tiers(self.window, promise.slo.objective)

    @property
    def closed(self) -> int:
        """The number of the last tile closed; -1 before the first."""
        return -1 if self.rings is None else self.rings.closed

    @property
    def closed_at(self) -> datetime:
        """The end of the last tile closed."""
        if self.rings is None:
            raise ValueError("no tile was closed yet")
        return self.time_of(self.rings.closed)

    def time_of(self, number: int) -> datetime:
        """The end of a tile."""
        return EPOCH + int(number) * self.base

    def _last_known(self, events: Array, length: timedelta) -> Array:
        """A short window in which nothing was observed is not a recovery: take the last one that was."""
        rings = self.rings
        if rings is None:
            return events
        unseen = np.flatnonzero((events[SEEN] == 0) & (rings.last_seen >= 0))
        if not unseen.size:
            return events
        events = events.copy()
        events[:, unseen] = rings.window_before(self._steps(length), rings.last_seen[unseen], unseen)
        return events

    def _rate(self, events: Array, length: timedelta, period: Array) -> Array:
        """Burn rates over a window. An SLO younger than the window has spent only its share of what the rate says."""
        rate = np.full(len(self.keys), np.nan)
        np.divide(events[BAD], events[TOTAL], out=rate, where=events[TOTAL] > 0)
        share = np.minimum(1, period[SEEN] / self._steps(length))
        burn: Array = np.maximum(rate, 0) / self._budget * share  # a good counter may run ahead of its total once
        return burn

    def _steps(self, length: timedelta) -> int:
        return length // self.base

    def _open_tile(self, at: datetime) -> Array:
        number = -(-(at - EPOCH) // self.base)
        if self.rings is not None:
            number = max(number, self.rings.closed + 1)
        return self.pending.setdefault(number, np.zeros((3, len(self.keys))))

    def _tiles(self, step: int, number: int, events: Array) -> list[Tile]:
        length = step * self.base
        at, seconds = EPOCH + number * length, length.total_seconds()
        used = np.flatnonzero(events.any(axis=0))
        rows = events[:, used].T.tolist()
        return [Tile(self.keys[column], seconds, at, *row) for column, row in zip(used.tolist(), rows, strict=True)]
