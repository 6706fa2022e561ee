"""What was: events of one SLO between two moments, and its burn rates and budget over time, from kept tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from burnline.events import Counts
from burnline.slo.burn import error_budget
from burnline.slo.calendar import period_span, period_start
from burnline.slo.columns import Taken
from burnline.slo.derive import bad_share, combine
from burnline.slo.group import Group
from burnline.slo.promise import Promise
from burnline.slo.recount import Recounted
from burnline.slo.ring import SEEN, STEPS, Array
from burnline.slo.status import silence
from burnline.store.schema import EPOCH
from burnline.store.slo import Tile, tiles

MAX_POINTS = 600
MAX_POINTS_ANEW = 60  # of what is counted anew for each, which takes a millisecond or more


@dataclass(frozen=True, slots=True)
class SloHistory:
    """Arrays of one length for charts; NaN where there is no data.

    Attributes:
        at: seconds since 1970.
        budget_remaining: as in SloStatus.
        burn_rate: by window.
        sli: good share of the events since the point before.
        known: whether the source was heard of lately enough for the SLO not to be UNKNOWN.
    """

    at: Array
    budget_remaining: Array
    burn_rate: Mapping[timedelta, Array]
    sli: Array
    known: npt.NDArray[np.bool_]


class Past:
    """Running sums of one SLO at the ends of its kept tiles, the shortest there are at each moment."""

    points = MAX_POINTS  # on a chart

    def __init__(self, kept: Sequence[Tile]) -> None:
        ordered = sorted(kept, key=lambda tile: tile.at)
        self.ends = np.array([tile.at.timestamp() for tile in ordered])
        events = np.array([(tile.bad, tile.total, tile.seen) for tile in ordered]).reshape(-1, 3)
        self.sums = np.vstack([np.zeros(3), events.cumsum(axis=0)]).T
        heard = [tile for tile in ordered if tile.seen > 0]
        self._heard_from = np.array([tile.at.timestamp() - tile.step_seconds for tile in heard])
        self._heard_until = np.array([-np.inf, *(tile.at.timestamp() for tile in heard)])

    def between(self, since: Array, until: Array) -> Array:
        """Events [plane, point] in tiles that end in (since, until], in seconds since 1970."""
        last = np.searchsorted(self.ends, until, side="right")
        first = np.searchsorted(self.ends, since, side="right")
        found: Array = self.sums[:, last] - self.sums[:, first]
        return found

    def heard(self, at: Array, silence: timedelta) -> npt.NDArray[np.bool_]:
        """Whether anything was observed at these moments, or at most `silence` before."""
        last = self._heard_until[np.searchsorted(self._heard_from, at, side="left")]
        lately: npt.NDArray[np.bool_] = at - last <= silence.total_seconds()
        return lately


class CompositePast:
    """The past of a composite SLO, from its members'."""

    def __init__(self, taken: Taken, own: Past | RecountedPast, members: Sequence[Past | RecountedPast]) -> None:
        self._taken, self._own, self._members = taken, own, members
        self.points = min(member.points for member in members)

    def between(self, since: Array, until: Array) -> Array:
        """As `Past.between`."""
        members = np.stack([member.between(since, until) for member in self._members], axis=1)
        return combine(self._taken.composite, self._own.between(since, until), members)

    def heard(self, at: Array, silence: timedelta) -> npt.NDArray[np.bool_]:
        """Whether all of its members were, as in `Past.heard`."""
        heard: npt.NDArray[np.bool_] = np.all([member.heard(at, silence) for member in self._members], axis=0)
        return heard


class RecountedPast:
    """The past of a column that is counted anew over every window; what was observed, and when, is in its tiles."""

    points = MAX_POINTS_ANEW

    def __init__(self, own: Past, recounted: Recounted, column: int) -> None:
        self._own, self._recounted, self._column = own, recounted, column

    def between(self, since: Array, until: Array) -> Array:
        """As `Past.between`; nothing was observed where nothing can be said."""
        found = self._own.between(since, until)
        for point, (start, end) in enumerate(zip(since.tolist(), until.tolist(), strict=True)):
            moments = (datetime.fromtimestamp(each, UTC) for each in (start, end))
            counts = self._recounted.between(self._column, *moments)
            found[:, point] = (counts.bad, counts.total, found[SEEN, point]) if counts else 0.0
        return found

    def heard(self, at: Array, silence: timedelta) -> npt.NDArray[np.bool_]:
        """As `Past.heard`."""
        return self._own.heard(at, silence)


AnyPast = Past | RecountedPast | CompositePast


def read_past(tx: Connection, group: Group, column: int, *, closed_at: datetime) -> AnyPast:
    """Everything kept of one SLO: base intervals for the recent past, longer tiles before it."""
    own = _past_of(tx, group, column, closed_at)
    taken = group.plan.composites.get(column)
    if taken is None:
        return own
    members = [_past_of(tx, group, member, closed_at) for member in taken.members.tolist()]
    return CompositePast(taken, own, members)


def _past_of(tx: Connection, group: Group, column: int, closed_at: datetime) -> Past | RecountedPast:
    past = Past(_kept(tx, group, group.keys[column], closed_at))
    return RecountedPast(past, group.recounted, column) if column in group.recounted else past


def _kept(tx: Connection, group: Group, key: str, closed_at: datetime) -> list[Tile]:
    kept: list[Tile] = []
    until = closed_at
    for step, rows in zip(STEPS, group.layout.rows, strict=True):
        length, longest = step * group.base, STEPS[-1] * group.base
        start = closed_at - rows * length
        edge = EPOCH + -((EPOCH - start) // longest) * longest  # where a tile of every length starts
        since = EPOCH if step == STEPS[-1] else edge
        kept += [tile for tile in tiles(tx, [key], length.total_seconds(), since) if tile.at <= until]
        until = since
    return kept


def counts_between(past: AnyPast, since: datetime, until: datetime) -> Counts | None:
    """Events in (since, until]; None when nothing was observed."""
    found = past.between(np.array([since.timestamp()]), np.array([until.timestamp()]))
    bad, total, seen = found[:, 0].tolist()
    if seen <= 0 and total <= 0:
        return None
    return Counts(min(max(bad, 0.0), total), total)


def build_history(past: AnyPast, promise: Promise, group: Group, *, since: datetime, until: datetime) -> SloHistory:
    """At most `past.points` in (since, until], evenly spaced, at ends of base intervals."""
    at = _points(since, until, group.base, past.points)
    budget = error_budget(promise.slo.objective)
    usable = [tier for tier, alerts in zip(promise.tiers, promise.usable, strict=True) if alerts]
    lengths = sorted({length for tier in usable for length in (tier.long, tier.short)})
    lately = past.between(at - (group.period_steps * group.base).total_seconds(), at)
    began, steps = _periods(promise, group, at)
    events = past.between(began, at)
    before = np.concatenate([[since.timestamp()], at[:-1]]) if at.size else at
    return SloHistory(
        at=at,
        budget_remaining=1 - bad_share(events) / budget * np.minimum(1, events[SEEN] / steps),
        burn_rate={
            length: bad_share(past.between(at - length.total_seconds(), at))
            / budget
            * np.minimum(1, lately[SEEN] * (group.base / length))
            for length in lengths
        },
        sli=1 - bad_share(past.between(before, at)),
        known=past.heard(at, silence(promise, group.base)),
    )


def _periods(promise: Promise, group: Group, at: Array) -> tuple[Array, Array]:
    """Where the period of each moment began, and its length in base intervals."""
    if promise.calendar is None:
        return at - (group.period_steps * group.base).total_seconds(), np.full(at.shape, float(group.period_steps))
    moments = [datetime.fromtimestamp(each, UTC) for each in at.tolist()]
    began = [period_start(promise.calendar, each).timestamp() for each in moments]
    steps = [period_span(promise.calendar, each) / group.base for each in moments]
    return np.array(began), np.array(steps)


def _points(since: datetime, until: datetime, base: timedelta, most: int) -> Array:
    count = max(0, (until - since) // base)
    step = -(-count // most) or 1
    last = until.timestamp()
    return last - base.total_seconds() * step * np.arange(count // step, dtype=np.float64)[::-1]
