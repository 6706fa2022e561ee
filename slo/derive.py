"""Events made of other events: slices of time, and several SLOs taken together. Arrays in, arrays out.

An array of events is [plane, ...] with the planes BAD, TOTAL and SEEN of `slo/ring.py`; what follows the plane is up to
the caller (SLOs, moments). Both engines and the backtest mean the same by these functions.
"""

from __future__ import annotations

import numpy as np

from burnline.slo.burn import error_budget
from burnline.slo.ring import BAD, SEEN, TOTAL, Array
from burnline.spec.sli import CompositeSli

SLICE_GRAIN = 2.0**32  # a slice is bad in part: sums of 2^21 slices (a year of 15 s) stay exact


def looks_to_slices(looks: Array, share: Array | float) -> Array:
    """Base intervals from looks at a gauge: BAD of TOTAL looks were beyond the bound.

    Each base interval [...] is one event, bad when at least `share` of its looks were bad, and at least one.
    """
    found = looks.copy()
    found[TOTAL] = looks[TOTAL] > 0
    found[BAD] = (looks[BAD] > 0) & (looks[BAD] >= looks[TOTAL] * share)
    return found


def to_slices(sums: Array, target: Array | float) -> Array:
    """Slices [plane, ...] from the events in each: one event where there were any.

    Bad when the good share is under `target` (OpenSLO Timeslices); where `target` is NaN, by the bad share
    (RatioTimeslices). SEEN stays.
    """
    some = sums[TOTAL] > 0
    share = bad_share(sums)
    allowed = np.round(1 - np.asarray(target, np.float64), 12)
    with np.errstate(invalid="ignore"):
        bad = np.where(np.isnan(allowed), np.round(share * SLICE_GRAIN) / SLICE_GRAIN, share > allowed)
    return np.stack([np.where(some, bad, 0.0), some.astype(np.float64), sums[SEEN]])


def to_throughput(sums: Array, at_least: Array | float) -> Array:
    """Slices [plane, ...] from the events in each: bad under `at_least` events; none where nothing was observed."""
    seen = sums[SEEN] > 0
    return np.stack([(seen & (sums[TOTAL] < at_least)).astype(np.float64), seen.astype(np.float64), sums[SEEN]])


def all_of(members: Array, budgets: Array) -> Array:
    """One event per base interval [...] from the events of its members [plane, member, ...] in it.

    Bad when in any member the bad share is over its budget (`budgets`: 1 - objective, by member); no event where no
    member had one. SEEN is that of the member seen most, so that it is 0 only where none was seen.
    """
    share = bad_share(members)
    over = share > budgets.reshape(-1, *[1] * (share.ndim - 1))  # NaN, no events, is not over
    some = (members[TOTAL] > 0).any(axis=0)
    return np.stack([over.any(axis=0).astype(np.float64), some.astype(np.float64), members[SEEN].max(axis=0)])


def combine(composite: CompositeSli, own: Array, members: Array) -> Array:
    """Events of a composite SLO over windows [plane, ...], from its members' [plane, member, ...] over the same.

    weighted: error ratio sum(w e) / sum(w) over the members with events; worst_of: the largest. TOTAL is the members'
    together, BAD is the error ratio of it. all_of counts its own slices (`own`). SEEN is that of the member seen least.
    """
    seen = members[SEEN].min(axis=0)
    if composite.all_of:
        return np.stack([own[BAD], own[TOTAL], seen])
    share = bad_share(members)
    known = ~np.isnan(share)
    if composite.worst_of:
        error = np.where(known, share, 0.0).max(axis=0)
    else:
        weights = np.array(list(composite.weights.values())).reshape(-1, *[1] * (share.ndim - 1)) * known
        error = (weights * np.where(known, share, 0.0)).sum(axis=0) / np.maximum(weights.sum(axis=0), 1e-300)
    total = members[TOTAL].sum(axis=0)
    return np.stack([error * total, total, seen])


def budgets(objectives: list[float]) -> Array:
    """The error budgets of these objectives."""
    return np.array([error_budget(objective) for objective in objectives])


def bad_share(events: Array) -> Array:
    """Bad of all events, in [0, 1]; NaN without events. A good counter may run ahead of its total once."""
    share: Array = np.full(events.shape[1:], np.nan)
    np.divide(events[BAD], events[TOTAL], out=share, where=events[TOTAL] > 0)
    return share.clip(0, 1)
