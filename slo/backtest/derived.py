"""Derived columns over a whole history: what `Plan.close` does tile by tile."""

from __future__ import annotations

import numpy as np

from burnline.slo.columns import Plan
from burnline.slo.derive import all_of, looks_to_slices, to_slices, to_throughput
from burnline.slo.ring import BAD, SEEN, TOTAL, Array


def derive(plan: Plan, events: Array, first: int) -> Array:
    """Events [plane, column, moment] with slices and `all_of` composites filled in; `first` is the first tile."""
    found = events.copy()
    if plan.share_columns.size:
        looks = found[:, plan.share_columns]
        found[:, plan.share_columns] = looks_to_slices(looks, plan.share[:, None])
    numbers = first + np.arange(events.shape[2])
    for steps, each in plan.sliced.items():
        sums = found[:, each.raw].cumsum(axis=2)
        before = np.zeros_like(sums)
        before[:, :, steps:] = sums[:, :, :-steps]
        ended = numbers % steps == 0
        whole = np.where(
            np.isnan(each.at_least)[:, None],
            to_slices(sums - before, each.target[:, None]),
            to_throughput(sums - before, each.at_least[:, None]),
        )
        found[SEEN, each.columns] = found[SEEN, each.raw]
        for plane in (BAD, TOTAL):
            found[plane, each.columns] = np.where(ended, whole[plane], 0.0)
    for taken in plan.composites.values():
        if taken.composite.all_of:
            found[:, taken.column] = all_of(found[:, taken.members], taken.budgets)
    return found
