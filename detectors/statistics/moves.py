"""Which moves between cells are watched, so that evidence of them adds up over windows.

A move is a set of cells that gains: those below a cut, above it, between two cuts, outside two, one cell, or all but
one. A true total variation of d or less moves every set by d or less, so one limit serves for all of them. Cuts are
near seven quantiles of the reference: the test of Kolmogorov and Smirnov, taken apart, and what spreads out is seen at
both ends together. Labels are in order from frequent to rare.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.profile import Category, Column
from burnline.detectors.statistics.distance import Histogram

CUTS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
ALONE = 16  # labels watched one by one, the most frequent
Indices = NDArray[np.intp]


class Moves:
    """The moves of columns whose cells stand one after another.

    Attributes:
        kinds: per column how many moves it has; they stand in the order of the columns.
        owner: per move its column.
    """

    def __init__(self, columns: Sequence[Column], starts: Sequence[int]) -> None:
        ranges = [_ranges(column) for column in columns]
        self.kinds = [2 * len(each) for each in ranges]
        self.owner: Indices = np.repeat(np.arange(len(columns)), self.kinds)
        flat = [(start + low, start + high) for start, each in zip(starts, ranges, strict=True) for low, high in each]
        self._low, self._high = np.array(flat, dtype=np.intp).reshape(-1, 2).T

    def count(self, cells: Histogram, events: Histogram) -> NDArray[np.float64]:
        """Per move, how many events are in its cells; `events` are those of each column."""
        running = np.concatenate([[0.0], np.cumsum(cells, dtype=np.float64)])
        inside = running[self._high] - running[self._low]
        outside = events[self.owner[::2]] - inside
        return np.stack([inside, outside], axis=1).reshape(-1).clip(0)


def _ranges(column: Column) -> Sequence[tuple[int, int]]:
    """Ranges [low, high) of cells; each and its complement are watched."""
    cells = column.cells
    special = 4 if isinstance(column, Category) else 2  # cells after those of values
    values = len(cells) - special
    alone = [*range(min(values, ALONE)), *range(values, len(cells))] if special > 2 else range(values, len(cells))
    shares = np.cumsum(cells) / max(1, sum(cells))
    cuts = [int(np.abs(shares[:values] - cut).argmin()) + 1 for cut in CUTS if values]
    between = zip([0] * len(cuts) + cuts, cuts + cuts[::-1], strict=True)  # both ends gain when values spread out
    return sorted({(low, high) for low, high in between if low < high} | {(cell, cell + 1) for cell in alone})
