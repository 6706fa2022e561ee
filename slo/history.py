"""What was: events of one SLO between two moments, and its burn rates and budget over time, from kept tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from burnline.events import Counts
from burnline.slo.burn import error_budget
from burnline.slo.group import Group, Promise
from burnline.slo.ring import BAD, SEEN, STEPS, TOTAL, Array
from burnline.slo.status import silence
from burnline.store.schema import EPOCH
from burnline.store.slo import Tile, tiles

MAX_POINTS = 600


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


def read_past(tx: Connection, group: Group, key: str, *, closed_at: datetime) -> Past:
    """Everything kept of one SLO: base intervals for the recent past, longer tiles before it."""
    kept: list[Tile] = []
    until = closed_at
    for step, rows in zip(STEPS, group.layout.rows, strict=True):
        length, longest = step * group.base, STEPS[-1] * group.base
        start = closed_at - rows * length
        edge = EPOCH + -((EPOCH - start) // longest) * longest  # where a tile of every length starts
        since = EPOCH if step == STEPS[-1] else edge
        kept += [tile for tile in tiles(tx, [key], length.total_seconds(), since) if tile.at <= until]
        until = since
    return Past(kept)


def counts_between(past: Past, since: datetime, until: datetime) -> Counts | None:
    """Events in (since, until]; None when nothing was observed."""
    bad, total, seen = past.between(np.array(since.timestamp()), np.array(until.timestamp())).tolist()
    if seen <= 0 and total <= 0:
        return None
    return Counts(min(max(bad, 0.0), total), total)


def build_history(past: Past, promise: Promise, group: Group, *, since: datetime, until: datetime) -> SloHistory:
    """At most 600 points in (since, until], evenly spaced, at ends of base intervals."""
    at = _points(since, until, group.base)
    budget = error_budget(promise.slo.objective)
    lengths = sorted({length for tier in group.tiers_of(promise) for length in (tier.long, tier.short)})
    period = group.period_steps * group.base
    events = past.between(at - period.total_seconds(), at)
    observed = np.minimum(1, events[SEEN] / group.period_steps)
    before = np.concatenate([[since.timestamp()], at[:-1]]) if at.size else at
    return SloHistory(
        at=at,
        budget_remaining=1 - _bad_share(events) / budget * observed,
        burn_rate={
            length: _bad_share(past.between(at - length.total_seconds(), at))
            / budget
            * np.minimum(1, events[SEEN] * (group.base / length))
            for length in lengths
        },
        sli=1 - _bad_share(past.between(before, at)),
        known=past.heard(at, silence(promise, group.base)),
    )


def _points(since: datetime, until: datetime, base: timedelta) -> Array:
    count = max(0, (until - since) // base)
    step = -(-count // MAX_POINTS) or 1
    last = until.timestamp()
    return last - base.total_seconds() * step * np.arange(count // step, dtype=np.float64)[::-1]


def _bad_share(events: Array) -> Array:
    share: Array = np.full(events.shape[1], np.nan)
    np.divide(events[BAD], events[TOTAL], out=share, where=events[TOTAL] > 0)
    return share.clip(0, 1)
