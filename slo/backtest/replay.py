"""The embedded engine's decisions over a whole history at once.

Every moment is the end of a base interval, as in `Group`; what that decides tick by tick is decided here by cumulative
sums: a window is the difference of two of them. The tests drive both with the same history and compare every moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from burnline.events import SloState
from burnline.slo.backtest.derived import derive
from burnline.slo.burn import error_budget
from burnline.slo.calendar import period_end, period_span, period_start
from burnline.slo.derive import bad_share
from burnline.slo.group import Group
from burnline.slo.promise import Promise
from burnline.slo.ring import BAD, SEEN, STEPS, TOTAL, Array
from burnline.slo.status import LOW_BUDGET, silence
from burnline.slo.windows import Tier, least_bad_events
from burnline.store.schema import EPOCH

Flags: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TierReplay:
    """One tier at every moment: burn rates (NaN without events), its condition, and whether its alert is out."""

    tier: Tier
    long: Array
    short: Array
    firing: Flags
    alert: Flags


@dataclass(frozen=True, slots=True)
class Replay:
    """One SLO at every moment `at` (seconds since 1970, ends of base intervals).

    Attributes:
        bad, total: events of each base interval.
        remaining: of the error budget; NaN without events.
        known: something was observed lately, and nothing is excluded.
        excluded: the base interval counts nothing.
        state: an index into SloState's members, in their order.
    """

    promise: Promise
    at: Array
    bad: Array
    total: Array
    remaining: Array
    known: Flags
    excluded: Flags
    state: NDArray[np.int8]
    tiers: tuple[TierReplay, ...]

    @property
    def base(self) -> timedelta:
        """The time between two moments."""
        return self.promise.base


STATES = tuple(SloState)
ARRAYS = ("at", "bad", "total", "remaining", "known", "excluded", "state")
TIER_ARRAYS = ("long", "short", "firing", "alert")


def replay(group: Group, until: datetime) -> dict[str, Replay]:
    """Replay what was counted into `group` and not closed, up to `until`; by the SLOs' names.

    A group of which nothing was counted gives nothing.
    """
    if not group.pending:
        return {}
    first, last = min(group.pending), (until - EPOCH) // group.base
    if last < first:
        return {}
    history = _History(group, first, last)
    return {promise.slo.name: history.slo(column, promise) for column, promise in enumerate(group.promises)}


class _History:
    """Cumulative sums of one group, from tile `first` to `last`."""

    def __init__(self, group: Group, first: int, last: int) -> None:
        self._group, self._first = group, first
        self._numbers: Numbers = np.arange(first, last + 1)
        events = np.zeros((3, len(group.keys), len(self._numbers)))
        for number, counted in group.pending.items():
            if number <= last:
                events[:, :, number - first] = counted
        self._events = derive(group.plan, events, first, group.excluded)
        self._sums = np.concatenate([np.zeros((3, len(group.keys), 1)), self._events.cumsum(axis=2)], axis=2)

    def slo(self, column: int, promise: Promise) -> Replay:
        """Everything about one SLO."""
        numbers, group = self._numbers, self._group
        last_seen = self._last_seen(column)
        lately = self._window(column, group.period_steps)
        why = [group.excluded.why(int(number)) for number in numbers] if promise.spec.exclude else []
        excluded = np.array([column in spans for spans in why], bool) if why else np.zeros(len(numbers), bool)
        quiet = silence(promise, group.base) // group.base
        known = (last_seen >= 0) & (numbers - last_seen <= quiet) & ~excluded
        tiers = tuple(
            self._tier(column, promise, tier, lately=lately, known=known)
            for tier, usable in zip(promise.tiers, promise.usable, strict=True)
            if usable
        )
        remaining, enough = self._remaining(column, promise)
        own = self._of(column, self._events)
        return Replay(
            promise,
            at=np.array((numbers * group.base.total_seconds()), np.float64) + EPOCH.timestamp(),
            bad=own[BAD],
            total=own[TOTAL],
            remaining=remaining,
            known=known,
            excluded=excluded,
            state=_states(tiers, np.where(enough, remaining, np.inf), known),
            tiers=tiers,
        )

    def _tier(self, column: int, promise: Promise, tier: Tier, *, lately: Array, known: Flags) -> TierReplay:
        long_steps, short_steps = tier.long // self._group.base, tier.short // self._group.base
        events = self._window(column, long_steps)
        long = self._rate(promise, events, long_steps, lately)
        short = self._rate(promise, self._last_known(column, short_steps), short_steps, lately)
        least = promise.slo.min_events if tier.min_events is None else tier.min_events
        enough = (events[TOTAL] >= least) & (events[BAD] >= least_bad_events(promise.slo, promise.sli))
        with np.errstate(invalid="ignore"):
            met = (long > tier.factor) & (short > tier.factor) & enough
            below = (long < tier.factor) | (known & (short < tier.factor))
        firing = _held(met, tier.hold // self._group.base)
        over = (below | np.isnan(long)) & known  # a long window without events has forgotten the outage
        return TierReplay(tier, long, short, firing, _latched(firing, ~firing & over))

    def _remaining(self, column: int, promise: Promise) -> tuple[Array, Flags]:
        began, steps = self._periods(promise)
        events = self._between(column, began, self._numbers)
        burn = bad_share(events) / error_budget(promise.slo.objective)
        return 1 - burn * np.minimum(1, events[SEEN] / steps), events[TOTAL] >= promise.slo.min_events

    def _periods(self, promise: Promise) -> tuple[Numbers, Array]:
        """The tile at whose end each moment's period began, and the period's length in base intervals."""
        if promise.calendar is None:
            return self._edge(self._group.period_steps), np.full(len(self._numbers), float(self._group.period_steps))
        base, began, steps = self._group.base, np.empty_like(self._numbers), np.empty(len(self._numbers))
        at = 0
        while at < len(self._numbers):
            moment = EPOCH + int(self._numbers[at]) * base
            end = (period_end(promise.calendar, moment) - EPOCH) // base
            stop = int(np.searchsorted(self._numbers, end, side="left"))
            began[at:stop] = (period_start(promise.calendar, moment) - EPOCH) // base
            steps[at:stop] = period_span(promise.calendar, moment) // base
            at = stop
        return began, steps

    def _window(self, column: int, steps: int) -> Array:
        return self._between(column, self._edge(steps), self._numbers)

    def _edge(self, steps: int) -> Numbers:
        """The tile after which a window of so many base intervals begins: long ones are as coarse as their ring."""
        step = STEPS[self._group.layout.ring_for(steps)]
        return (self._numbers - steps) // step * step

    def _last_known(self, column: int, steps: int) -> Array:
        """A short window in which nothing was observed is not a recovery: the last one that was, as in `Group`."""
        columns = self._columns(column)
        events = self._counted(self._edge(steps), self._numbers)
        oldest = self._numbers - self._group.layout.rows[0] + 1
        for each in columns:
            last = self._seen_upto(each)
            unseen = (events[SEEN, each] == 0) & (last >= 0)
            before = self._counted(np.maximum(last - steps, oldest), self._numbers)[:, each]
            events[:, each] = np.where(unseen, before, events[:, each])
        return self._of(column, events)

    def _columns(self, column: int) -> list[int]:
        """The columns that an SLO's events are made of: its members', or its own."""
        taken = self._group.plan.composites.get(column)
        return [column] if taken is None else [column, *taken.members.tolist()]

    def _between(self, column: int, since: Numbers, until: Numbers) -> Array:
        """Events [plane, moment] of an SLO in the tiles of (since, until]."""
        return self._of(column, self._counted(since, until))

    def _counted(self, since: Numbers, until: Numbers) -> Array:
        """Events [plane, column, moment] in the tiles of (since, until]."""
        start, end = (np.clip(edge - self._first + 1, 0, len(self._numbers)) for edge in (since, until))
        found: Array = self._sums[:, :, end] - self._sums[:, :, start]
        return found

    def _of(self, column: int, events: Array) -> Array:
        found: Array = self._group.plan.combine(events)[:, column]
        return found

    def _last_seen(self, column: int) -> Numbers:
        """The last tile seen up to each moment, -1 before the first; of a composite, of the member seen least."""
        columns = self._columns(column)
        least: Numbers = np.min([self._seen_upto(each) for each in columns[1:] or columns], axis=0)
        return least

    def _seen_upto(self, column: int) -> Numbers:
        seen = np.where(self._events[SEEN, column] > 0, self._numbers, -1)
        return np.maximum.accumulate(seen)

    def _rate(self, promise: Promise, events: Array, steps: int, lately: Array) -> Array:
        share = np.full(events.shape[1], np.nan)
        np.divide(events[BAD], events[TOTAL], out=share, where=events[TOTAL] > 0)
        young = np.minimum(1, lately[SEEN] / steps)
        rate: Array = np.maximum(share, 0) / error_budget(promise.slo.objective) * young
        return rate


def _held(met: Flags, hold: int) -> Flags:
    """Where the condition has held for `hold` base intervals since it began."""
    if not hold:
        return met
    moments = np.arange(len(met))
    broken = np.maximum.accumulate(np.where(met, -1, moments))
    return met & (moments - broken - 1 >= hold)


def _latched(on: Flags, off: Flags) -> Flags:
    """An alert is out from `on` to `off`; in between, and where neither is known, it stays as it was."""
    moments = np.arange(len(on))
    last = np.maximum.accumulate(np.where(on | off, moments, -1))
    return np.where(last >= 0, on[last], False)


def _states(tiers: tuple[TierReplay, ...], left: Array, known: Flags) -> NDArray[np.int8]:
    pages, any_tier = np.zeros(len(known), bool), np.zeros(len(known), bool)
    for each in tiers:
        any_tier |= each.firing
        pages |= each.firing & (each.tier.severity == "page")
    left = np.where(np.isnan(left), np.inf, left)
    state = np.full(len(known), STATES.index(SloState.OK), np.int8)
    state[any_tier | (left < LOW_BUDGET)] = STATES.index(SloState.AT_RISK)
    state[pages | (left <= 0)] = STATES.index(SloState.BREACHED)
    state[~known] = STATES.index(SloState.UNKNOWN)
    return state


def from_moment(found: Replay, since: datetime | None) -> Replay | None:
    """The replay after `since`; None when nothing is left of it. What was before has filled the windows."""
    start = 0 if since is None else int(np.searchsorted(found.at, since.timestamp(), side="right"))
    if start >= len(found.at):
        return None
    tiers = tuple(replace(each, **_cut(each, TIER_ARRAYS, start)) for each in found.tiers)
    return replace(found, **_cut(found, ARRAYS, start), tiers=tiers)


def _cut(found: object, names: tuple[str, ...], start: int) -> dict[str, Any]:
    return {name: getattr(found, name)[start:] for name in names}


def time_in_states(found: Replay) -> Mapping[SloState, timedelta]:
    """How long the SLO was in each state."""
    return {state: int((found.state == index).sum()) * found.base for index, state in enumerate(STATES)}
