"""Derived columns over a whole history: what `Plan.close` does tile by tile."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burnline.slo.columns import Plan, Sliced
from burnline.slo.derive import all_of, looks_to_slices
from burnline.slo.excluded import ExcludedColumns
from burnline.slo.ring import BAD, SEEN, TOTAL, Array


def derive(plan: Plan, events: Array, first: int, excluded: ExcludedColumns) -> Array:
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
        during = [excluded.during(column, first, len(numbers)) for column in each.columns.tolist()]
        ended = (numbers % steps == 0) & ~np.array([_no_slices(each, *of, steps) for of in enumerate(during)])
        whole = each.ended(sums - before)
        found[SEEN, each.columns] = found[SEEN, each.raw]
        for plane in (BAD, TOTAL):
            found[plane, each.columns] = np.where(ended, whole[plane], 0.0)
    for taken in plan.composites.values():
        if taken.composite.all_of:
            found[:, taken.column] = all_of(found[:, taken.members], taken.budgets)
    return found


def _no_slices(each: Sliced, at: int, excluded: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Where a slice of column `at` would end that is none: see `Sliced.no_slices`."""
    if np.isnan(each.at_least[at]):
        return excluded
    lately = np.concatenate([np.zeros(steps, np.int64), excluded.cumsum()])
    found: NDArray[np.bool_] = lately[steps:] > lately[:-steps]
    return found
