"""The columns of a group: its SLOs, and behind them what some of these are derived from.

Most SLOs are one column that is counted into. One with slices of time is counted into a raw column, from which its own
follows whenever a slice ends; a composite one has a column for each member, counted as the member is, from which its
own follows for every window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from burnline.slo.derive import all_of, budgets, combine, looks_to_slices, to_slices, to_throughput
from burnline.slo.excluded import ExcludedColumns
from burnline.slo.promise import Promise
from burnline.slo.recount import Recounted
from burnline.slo.ring import SEEN, Array, Rings
from burnline.spec.sli import CompositeSli
from burnline.spec.units import format_duration

Columns = NDArray[np.int64]
EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Feed:
    """What is read for this SLO is counted in that column."""

    promise: Promise
    column: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A composite SLO's column, and those of its members."""

    column: int
    composite: CompositeSli
    members: Columns
    budgets: Array


@dataclass(frozen=True, slots=True)
class Sliced:
    """Columns whose slices end together."""

    columns: Columns
    raw: Columns
    target: Array  # NaN: by ratio
    at_least: Array  # NaN: no throughput

    def ended(self, sums: Array) -> Array:
        """The slices [plane, column, ...] that end with these events in them."""
        shape = (-1, *[1] * (sums.ndim - 2))
        target, at_least = self.target.reshape(shape), self.at_least.reshape(shape)
        return np.where(np.isnan(at_least), to_slices(sums, target), to_throughput(sums, at_least))

    def no_slices(self, now: frozenset[int], lately: frozenset[int]) -> Columns:
        """Which columns have none, by those excluded in the last tile and in any tile of the slice."""
        if not lately:
            return self.columns[:0]
        whole = np.isnan(self.at_least).tolist()
        columns = zip(self.columns.tolist(), whole, strict=True)
        return np.array([column for column, ratio in columns if column in (now if ratio else lately)], np.int64)


@dataclass(slots=True)
class Plan:
    """How columns follow from each other.

    Attributes:
        keys: by column, unique: service/slo, service/slo/raw, service/slo/member.
        slos: by column, the SLOs whose exclusions hold for it.
        feeds: what is counted where.
        units: by key, what one event is; counts of other units do not add up.
    """

    base: timedelta
    keys: list[str] = field(default_factory=list)
    slos: list[tuple[Promise, ...]] = field(default_factory=list)
    feeds: list[Feed] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)
    composites: dict[int, Taken] = field(default_factory=dict)
    slice_steps: int = 0  # of the longest slice
    _slices: dict[int, list[tuple[int, int, Promise]]] = field(default_factory=dict)
    _shares: dict[int, float] = field(default_factory=dict)
    sliced: dict[int, Sliced] = field(default_factory=dict)
    share_columns: Columns = field(default_factory=lambda: np.empty(0, np.int64))
    share: Array = field(default_factory=lambda: np.empty(0))

    def add(self, key: str, *slos: Promise) -> int:
        self.keys.append(key)
        self.slos.append(slos)
        return len(self.keys) - 1

    def fill(self, column: int, promise: Promise) -> None:
        """Say what `column` counts for this SLO."""
        steps = slice_steps(promise)
        counted = column
        self._name_unit(column, _unit(promise))
        if steps:
            counted = self.add(f"{self.keys[column]}/raw", *self.slos[column])
            self._name_unit(counted, EVENTS)
            self._slices.setdefault(steps, []).append((column, counted, promise))
            self.slice_steps = max(self.slice_steps, steps)
        elif promise.sli.threshold and promise.sli.threshold.share is not None:
            self._shares[column] = promise.sli.threshold.share
        self.feeds.append(Feed(promise, counted))

    def take_together(self, column: int, promise: Promise) -> None:
        """Say what a composite SLO is made of."""
        members = []
        self._name_unit(column, _unit(promise))
        for member in promise.members:
            members.append(self.add(f"{promise.key}/{member.slo.name}", member, promise))
            self.fill(members[-1], member)
        composite = promise.sli.composite
        if composite is not None:
            own = budgets([member.slo.objective for member in promise.members])
            self.composites[column] = Taken(column, composite, np.array(members), own)

    def _name_unit(self, column: int, unit: str) -> None:
        self.units[self.keys[column]] = f"{unit} each {format_duration(self.base)}"

    def freeze(self) -> None:
        """Make the arrays that `close` and `combine` work with."""
        for steps, found in self._slices.items():
            self.sliced[steps] = Sliced(
                np.array([column for column, _, _ in found]),
                np.array([raw for _, raw, _ in found]),
                np.array([_target(promise) for _, _, promise in found]),
                np.array([_at_least(promise) for _, _, promise in found]),
            )
        self.share_columns = np.array(list(self._shares), np.int64)
        self.share = np.array(list(self._shares.values()))

    def close(
        self, events: Array | None, rings: Rings, excluded: ExcludedColumns, recounted: Recounted
    ) -> Array | None:
        """What the next tile holds, from what was counted in it (None: nothing): derived columns are filled in.

        A slice that ends in an excluded tile is none; neither is one of throughput that is excluded in part.
        """
        number = rings.closed + 1
        if events is None and not any(number % steps == 0 for steps in self.sliced):
            return None
        if events is None:
            events = np.zeros((3, len(self.keys)))
        if self.share_columns.size:
            events[:, self.share_columns] = looks_to_slices(events[:, self.share_columns], self.share)
        for steps, each in self.sliced.items():
            events[SEEN, each.columns] = events[SEEN, each.raw]
            if number % steps == 0:
                sums = recounted.over(events + rings.window(steps - 1), number - steps, number)[:, each.raw]
                events[:SEEN, each.columns] = each.ended(sums)[:SEEN]
                events[:SEEN, each.no_slices(excluded.at(number), excluded.lately(number, steps))] = 0
        for taken in self.composites.values():
            if taken.composite.all_of:
                events[:, taken.column] = all_of(events[:, taken.members], taken.budgets)
        return events if events.any() else None

    def combine(self, events: Array) -> Array:
        """Events of windows [plane, column], with those of composite SLOs filled in."""
        if not self.composites:
            return events
        found = events.copy()
        for taken in self.composites.values():
            found[:, taken.column] = combine(taken.composite, events[:, taken.column], events[:, taken.members])
        return found


def plan_columns(promises: Sequence[Promise]) -> Plan:
    """The columns of these SLOs, their own first, in their order."""
    plan = Plan(promises[0].base if promises else timedelta(minutes=1))
    for promise in promises:
        plan.add(promise.key, promise)
    for column, promise in enumerate(promises):
        if promise.members:
            plan.take_together(column, promise)
        else:
            plan.fill(column, promise)
    plan.freeze()
    return plan


def _unit(promise: Promise) -> str:
    sli, slices = promise.sli, promise.slo.slices
    if sli.throughput:
        return f"slices of {format_duration(sli.throughput.per)}"
    if slices:
        judged = "by ratio" if slices.target is None else "by target"
        return f"slices of {format_duration(slices.length)} {judged}"
    moments = sli.threshold or sli.freshness or (sli.composite and sli.composite.all_of)
    return "moments" if moments else EVENTS


def slice_steps(promise: Promise) -> int:
    """The length of the SLO's slices in base intervals; 0 for one that has none."""
    if promise.sli.throughput:
        return promise.sli.throughput.per // promise.base
    return promise.slo.slices.length // promise.base if promise.slo.slices else 0


def _target(promise: Promise) -> float:
    slices = promise.slo.slices
    return slices.target if slices and slices.target is not None else float("nan")


def _at_least(promise: Promise) -> float:
    return promise.sli.throughput.at_least if promise.sli.throughput else float("nan")
