"""SLOs of one period and the same alert windows: one vectorised step evaluates them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from burnline.slo.burn import error_budget
from burnline.slo.columns import Columns, Plan, plan_columns
from burnline.slo.excluded import ExcludedColumns
from burnline.slo.exclusions import exclusions_of
from burnline.slo.period import Period, joint
from burnline.slo.promise import Promise, Schedule
from burnline.slo.recount import Recount, Recounted, source_of
from burnline.slo.ring import BAD, MAX_EVENTS, SEEN, STEPS, TOTAL, Array, Layout, Rings, grained
from burnline.slo.tiers import NEVER, Tiers
from burnline.spec.exclude import ExclusionSpec
from burnline.store.schema import EPOCH
from burnline.store.slo import ENDED, RUNNING, Tile

EXACT = 360  # base intervals: windows up to this long are exact, 6 h of minutes


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All SLOs of a group at one moment; a rate is NaN while its window has no events.

    Attributes:
        period: events [plane, SLO] over the SLO's window, or since the calendar period began.
        period_steps: the length of that, in base intervals.
        windows: events [plane, SLO] of each alert window.
        long, short: burn rates [tier, SLO].
        firing: [tier, SLO].
        last_seen: the last tile in which each column was observed, -1 for never; SLOs come first.
        first_seen: the first one known of, likewise; stale once it is older than the window.
        resets_at: when the calendar period ends.
    """

    at: datetime
    period: Array
    period_steps: int
    windows: Mapping[timedelta, Array]
    long: Array
    short: Array
    firing: NDArray[np.bool_]
    last_seen: NDArray[np.int64]
    first_seen: NDArray[np.int64]
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    windows: Mapping[timedelta, Array]
    lately: Array  # events [plane, SLO] over a rolling window as long as the period
    long: Array
    short: Array
    met: NDArray[np.bool_]


class Group:
    """The events and the burn rates of SLOs that share a period and alert windows; see `groups_of`.

    A tile is one base interval (start, end], numbered by its end in base intervals since 1970. Data for a tile that is
    closed already goes to the one that is open: nothing is lost and nothing counted twice.
    """

    def __init__(self, promises: Sequence[Promise], recount: Recount | None = None) -> None:
        self.promises = tuple(promises)
        first = self.promises[0]
        self.window, self.base, self.schedule = first.window, first.base, first.schedule
        self.plan: Plan = plan_columns(self.promises)
        self.keys = tuple(self.plan.keys)
        self.layout = _layout(self.schedule, self.window, self.base, self.plan.slice_steps)
        self.period_steps = self.layout.spans[-1]
        self.period = Period(first.calendar, self.base) if first.calendar else None
        exclusions = [_exclusions(slos) for slos in self.plan.slos]
        self.excluded = ExcludedColumns(exclusions, self.base)
        sources = {feed.column: source_of(feed.promise, exclusions[feed.column], recount) for feed in self.plan.feeds}
        anew = {column: source for column, source in sources.items() if source}
        self.recounted = Recounted(recount, anew, self.base)
        self.rings: Rings | None = None  # until the first moment is known
        self.pending: dict[int, Array] = {}
        self._counted = False  # since the open tiles were asked for
        self._budget = np.array([error_budget(promise.slo.objective) for promise in promises])
        self.tiers = Tiers(promises, self.base)

    def start(self, closed: int) -> Rings:
        """Begin with tile `closed` as the last one closed."""
        self.rings = Rings(self.layout, len(self.keys), closed)
        self.tiers.forget()
        if self.period:
            self.period.start(closed)
        return self.rings

    def count(self, at: datetime, column: int, *, bad: float, total: float, seen: float) -> None:
        """Add events observed at `at`; `seen` in base intervals. What is excluded then does not count."""
        tile = self._open_tile(at, column)
        if tile is not None:
            tile[BAD, column] += grained(bad)
            tile[TOTAL, column] += grained(total)
            tile[SEEN, column] += grained(seen)

    def slice(self, at: datetime, column: int, *, bad: bool, seen: float) -> None:
        """The base interval around `at` is one event, bad when any look at it was."""
        tile = self._open_tile(at, column)
        if tile is not None:
            tile[BAD, column] = max(tile[BAD, column], float(bad))
            tile[TOTAL, column] = 1
            tile[SEEN, column] += grained(seen)

    def close_upto(self, now: datetime) -> tuple[int, list[Tile]]:
        """Close every tile that ended by `now`. Returns how many, and the tiles of every length to keep."""
        newest = (now - EPOCH) // self.base
        rings = self.rings or self.start(min([newest, *self.pending]) - 1)
        if newest - rings.closed > self._longest_gap:  # everything counted so far is older than the period
            self.pending = {number: events for number, events in self.pending.items() if number >= newest}
            rings = self.start(newest - 1)
        closed = max(0, newest - rings.closed)
        waits = self.tiers.longest_hold
        if closed > waits + 1:  # whatever held before, a condition that waits is judged by the last tiles alone
            self.tiers.forget()
        ended: list[Tile] = []
        for left in reversed(range(closed)):
            ended += self._close_next(rings)
            if waits and left <= waits:
                self.tiers.follow(self._look(rings).met, rings.closed)
        return closed, ended

    def open_tiles(self) -> list[Tile]:
        """What is in tiles that are not closed yet, when something was counted in them since this was asked last."""
        if not self._counted:
            return []
        self._counted = False
        return [tile for number, events in self.pending.items() for tile in self._tiles(1, number, events)]

    def restore(self, closed: int, tiles: Iterable[Tile]) -> None:
        """Go on from kept tiles, tile `closed` being the last one closed; counts no sum can hold are left out."""
        columns = {key: column for column, key in enumerate(self.keys)}
        found: dict[int, dict[int, Array]] = {step: {} for step in STEPS}
        running: dict[int, Array] = {}
        self.pending.clear()
        for tile in tiles:
            if not all(abs(count) <= MAX_EVENTS for count in (tile.bad, tile.total, tile.seen)):
                continue
            counts = np.array([tile.bad, tile.total, tile.seen])
            if tile.step_seconds == RUNNING:
                running[columns[tile.slo]] = counts
                continue
            step = round(tile.step_seconds / self.base.total_seconds())
            number = (tile.at - EPOCH) // (step * self.base)
            late = step == 1 and number > closed
            home = self.pending if late else found[step]
            home.setdefault(number, np.zeros((3, len(self.keys))))[:, columns[tile.slo]] = counts
        rings = self.start(closed)
        rings.restore(found)
        if self.period:
            self.period.restore(rings, running)

    def horizon(self, step: int) -> timedelta:
        """How long tiles of so many base intervals are kept."""
        rows = self.layout.rows[STEPS.index(step)]
        return (rows + STEPS[-1]) * step * self.base

    def evaluate(self) -> Evaluation | None:
        """Burn rates and firing tiers as of the last tile closed; None before the first."""
        rings = self.rings
        if rings is None:
            return None
        seen = self._look(rings)
        last_seen, first_seen = self._seen(rings)
        return Evaluation(
            at=self.closed_at,
            period=self._of_slos(self._in_period(self.period, rings)) if self.period else seen.lately,
            period_steps=self.period.steps if self.period else self.period_steps,
            windows=seen.windows,
            long=seen.long,
            short=seen.short,
            firing=self.tiers.firing(seen.met, rings.closed),
            last_seen=last_seen,
            first_seen=first_seen,
            resets_at=self.period.resets_at if self.period else None,
        )

    @property
    def columns(self) -> range:
        """The columns of the SLOs themselves."""
        return range(len(self.promises))

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

    @property
    def _longest_gap(self) -> int:
        """Base intervals without a turn after which nothing counted is left in the period; a month may have 31 days."""
        return (self.period_steps + STEPS[-1]) * (21 if self.period else 20) // 20

    def _close_next(self, rings: Rings) -> list[Tile]:
        events = self.plan.close(self.pending.pop(rings.closed + 1, None), rings, self.excluded, self.recounted)
        longer = rings.push(events)
        ended = [] if events is None else self._tiles(1, rings.closed, events)
        for step, sums in longer:
            ended += self._tiles(step, rings.closed // step, sums)
        return ended + self._keep_period(rings) if self.period else ended

    def _keep_period(self, rings: Rings) -> list[Tile]:
        """The events of a period that has ended, and every sixty tiles those of the one that runs."""
        kept: list[Tile] = []
        if self.period is None:
            return kept
        if rings.closed == self.period.ends:
            whole = self.plan.combine(self._in_period(self.period, rings))
            whole[:, len(self.promises) :] = 0
            kept += self._rows(ENDED, rings.closed, whole, np.flatnonzero(whole.any(axis=0)))
            self.period.roll(rings)
        if rings.closed == joint(rings.closed):
            kept += self._rows(
                RUNNING, rings.closed, self.period.since_start(rings), np.flatnonzero(rings.last_seen >= 0)
            )
        return kept

    def _in_period(self, period: Period, rings: Rings) -> Array:
        """Events [plane, column] of the calendar period so far."""
        return self.recounted.over(period.since_start(rings), period.began, rings.closed)

    def _over(self, rings: Rings, steps: int) -> Array:
        """Events [plane, column] of the last `steps` base intervals."""
        return self.recounted.over(rings.window(steps), rings.closed - steps, rings.closed)

    def _look(self, rings: Rings) -> _Look:
        counted = {length: self._over(rings, self._steps(length)) for pair in self.schedule for length in pair}
        windows = {length: self._of_slos(events) for length, events in counted.items()}
        lately = self._of_slos(self._over(rings, self.period_steps))
        known = {length: self._of_slos(self._last_known(rings, counted[length], length)) for _, length in self.schedule}
        long = np.array([self._rate(windows[length], length, lately) for length, _ in self.schedule])
        short = np.array([self._rate(known[length], length, lately) for _, length in self.schedule])
        met = self.tiers.met(long, short, np.array([windows[length] for length, _ in self.schedule]))
        return _Look(windows, lately, long, short, met)

    def _of_slos(self, events: Array) -> Array:
        """Events [plane, SLO] from those of all columns."""
        return self.plan.combine(events)[:, : len(self.promises)]

    def _seen(self, rings: Rings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The last and first tile seen by column; of a composite SLO, of the member that was seen least."""
        last, first = rings.last_seen.copy(), rings.first_seen.copy()
        for taken in self.plan.composites.values():
            last[taken.column] = last[taken.members].min()
            first[taken.column] = first[taken.members].max() if last[taken.column] >= 0 else NEVER
        return last, first

    def _last_known(self, rings: Rings, events: Array, length: timedelta) -> Array:
        """A short window in which nothing was observed is not a recovery: take the last one that was."""
        silent = events[SEEN] == 0
        anew = self.recounted.columns
        silent[anew] = events[TOTAL, anew] == 0  # of these, events are known before anything is found in them
        unseen = np.flatnonzero(silent & (rings.last_seen >= 0))
        if not unseen.size:
            return events
        events, steps = events.copy(), self._steps(length)
        events[:, unseen] = rings.window_before(steps, rings.last_seen[unseen], unseen)
        for column in self.recounted.columns:
            if silent[column] and (last := int(rings.last_seen[column])) >= 0:
                events[:SEEN, column] = self.recounted.planes(column, last - steps, last)
        return events

    def _rate(self, events: Array, length: timedelta, lately: Array) -> Array:
        """Burn rates over a window. An SLO younger than the window has spent only its share of what the rate says."""
        rate = np.full(events.shape[1], np.nan)
        np.divide(events[BAD], events[TOTAL], out=rate, where=events[TOTAL] > 0)
        share = np.minimum(1, lately[SEEN] / self._steps(length))
        burn: Array = np.maximum(rate, 0) / self._budget * share  # a good counter may run ahead of its total once
        return burn

    def _steps(self, length: timedelta) -> int:
        return length // self.base

    def _open_tile(self, at: datetime, column: int) -> Array | None:
        number = -(-(at - EPOCH) // self.base)
        if self.rings is not None:
            number = max(number, self.rings.closed + 1)
        if column in self.excluded.at(number):
            return None
        self._counted = True
        return self.pending.setdefault(number, np.zeros((3, len(self.keys))))

    def _tiles(self, step: int, number: int, events: Array) -> list[Tile]:
        return self._rows((step * self.base).total_seconds(), number * step, events, np.flatnonzero(events.any(axis=0)))

    def _rows(self, step_seconds: float, number: int, events: Array, columns: Columns) -> list[Tile]:
        at, keys = self.time_of(number), [self.keys[column] for column in columns.tolist()]
        rows = events[:, columns].T.tolist()
        return [Tile(key, step_seconds, at, *row) for key, row in zip(keys, rows, strict=True)]


def groups_of(promises: Iterable[Promise], recount: Recount | None = None) -> tuple[Group, ...]:
    """Groups of the SLOs that share a period and alert windows; `recount` counts anew what does not add up."""
    alike: dict[tuple[object, Schedule], list[Promise]] = {}
    for promise in promises:
        alike.setdefault((promise.calendar or promise.window, promise.schedule), []).append(promise)
    return tuple(Group(members, recount) for members in alike.values())


def _layout(schedule: Schedule, window: timedelta, base: timedelta, longest_slice: int) -> Layout:
    lengths = [length // base for pair in schedule for length in pair]
    shorts = [short // base for _, short in schedule]
    exact = max(*shorts, *(length for length in lengths if length <= EXACT), longest_slice)
    longest = max(*lengths, exact)
    return Layout((exact, longest, max(-(-window // base), longest)))


def _exclusions(slos: Sequence[Promise]) -> list[ExclusionSpec]:
    return [each for promise in slos for each in exclusions_of(promise.spec, promise.slo.name)]
