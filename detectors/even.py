"""Cells of numbers by one look into a table of evenly spaced places; what a place cannot tell is asked again."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
PLACES = 1 << 15  # so that the table, a byte each, stays in the processor's cache
UNSURE = 255  # in the table: not one cell alone
TOLD_APART = 1 / 32  # of the values may share a place with an edge, going by the edges
FEWEST = 8  # edges: fewer are compared with all values one after another as quickly
WORTH = 1 / 16  # of the values may be asked again: more cost as much as is saved
USUAL = 2.0**-900, 2.0**900  # from the first edge to the last: no sum below is a denormal or infinite


class EvenPlaces:
    """Places of one width, a power of two, from one span of the edges below the first to one above the last.

    Adding 1.5 * 2**52 widths to a number rounds it to whole widths, and leaves how many in its lowest bits (the "magic
    number" of Hacker's Delight, 17-3): two additions at the speed of memory find the place. All steps are monotone, so
    a place that holds no edge is in one cell for sure. A place with an edge, and the outermost two, into which
    infinities, NaN and what wraps around fall as well, are not: these few values are compared with the edges.
    """

    def __init__(self, edges: NDArray[np.float64], width: float) -> None:
        self._edges = edges
        self._magic = np.float64(1.5 * 2**52 * width)
        self._start = (edges[:1] - (edges[-1] - edges[0]) + self._magic).view(np.int64)[0]
        at_edges = self._of(edges)
        self._table = np.searchsorted(at_edges, np.arange(PLACES)).astype(np.uint8)
        self._table[at_edges] = self._table[[0, -1]] = UNSURE

    @classmethod
    def over(cls, edges: NDArray[np.float64]) -> Self | None:
        """None where even places would not tell enough values apart: few edges, values that repeat, a long tail."""
        if not FEWEST <= len(edges) < UNSURE - 1:
            return None
        low, high = float(edges[0]), float(edges[-1])
        if not USUAL[0] < high - low < USUAL[1]:
            return None
        width = math.ldexp(1.0, math.frexp(3 * (high - low) / (PLACES - 4))[1])
        if max(-low, high, high - low) > 2**49 * width:  # the sum would be rounded to more than one width
            return None
        bins = np.maximum(np.diff(edges) / width, 1)  # in places; each has about as many values
        shared = float(np.sum(1 / bins)) / (len(edges) + 1)  # half a place at either end of each
        return cls(edges, width) if shared < TOLD_APART else None

    def cells(self, values: NDArray[np.floating]) -> Bytes | None:
        """Per value how many edges lie below it, one more than there are for NaN; None where asking is not worth it."""
        with np.errstate(invalid="ignore"):  # a signalling NaN
            cells = self._table.take(self._of(values), mode="clip")
        unsure = np.flatnonzero(cells == UNSURE)
        if len(unsure) > WORTH * len(values):
            return None
        asked = values[unsure]
        cells[unsure] = np.where(np.isnan(asked), len(self._edges) + 1, np.searchsorted(self._edges, asked))
        return cells

    def _of(self, values: NDArray[np.floating]) -> NDArray[np.int64]:
        """The place of each, under 0 or over the last one for what is beyond."""
        moved = np.add(values, self._magic, dtype=np.float64)
        places: NDArray[np.int64] = moved.view(np.int64)
        places -= self._start
        return places
