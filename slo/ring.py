"""Event counts of many SLOs over many windows, in memory that does not grow.

Each row of a ring holds running sums since the start, so that any window is one subtraction: C[now] - C[now - W].
Three rings hold the sums at the ends of ever longer tiles (1, 5 and 60 base intervals): short windows are exact, a
long one is at most one of its tiles longer than asked for. Counts are kept to 1/1024 event, which makes float64 sums
exact up to 2^43 events: a window without events is 0, not a rounding error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]

BAD, TOTAL, SEEN = 0, 1, 2  # planes; seen counts the base intervals observed: a gap does not grow it
STEPS = (1, 5, 60)  # base intervals per tile of each ring; each is a multiple of the one before
GRAIN = 1024
MAX_EVENTS = 2.0**43


def grained(count: float) -> float:
    """`count` to the nearest 1/1024, so that sums of counts are exact."""
    return round(count * GRAIN) / GRAIN


@dataclass(frozen=True, slots=True)
class Layout:
    """The longest window each ring answers, in base intervals."""

    spans: tuple[int, int, int]

    @property
    def rows(self) -> tuple[int, ...]:
        """Rows per ring: the window, both its edges, and at least one tile of the next ring."""
        return tuple(-(-max(span, 60) // step) + 2 for span, step in zip(self.spans, STEPS, strict=True))

    @property
    def bytes_per_slo(self) -> int:
        """Memory for one SLO. With windows of 6h, 3d and 30d at a minute: 47 kB."""
        return sum(self.rows) * 3 * 8

    def holds(self, window: int) -> bool:
        """Whether a window of so many base intervals is answered."""
        return window <= self.spans[-1]

    def ring_for(self, window: int) -> int:
        """Which ring answers a window of so many base intervals."""
        return next(ring for ring, span in enumerate(self.spans) if window <= span)


class Rings:
    """Running sums of `columns` SLOs, closed up to and with tile number `closed` (base intervals since 1970)."""

    def __init__(self, layout: Layout, columns: int, closed: int) -> None:
        self.layout = layout
        self.closed = closed
        self.sums = np.zeros((3, columns))
        self.last_seen = np.full(columns, -1)  # the last tile in which each SLO was observed
        self.first_seen = np.full(columns, -1)  # the first one that is known of
        self._rings = [np.zeros((rows, 3, columns)) for rows in layout.rows]

    def push(self, events: Array | None) -> list[tuple[int, Array]]:
        """Close the next tile with `events` [plane, SLO] (None: a gap).

        Returns the (step, events) of every longer tile that ends with it.
        """
        self.closed += 1
        if events is not None:
            self.sums += events
            self.last_seen[events[SEEN] > 0] = self.closed
            self.first_seen[(events[SEEN] > 0) & (self.first_seen < 0)] = self.closed
        ended: list[tuple[int, Array]] = []
        for ring, step in zip(self._rings, STEPS, strict=True):
            number, inside = divmod(self.closed, step)
            if inside:
                break
            if step > 1:
                ended.append((step, self.sums - ring[(number - 1) % len(ring)]))
            ring[number % len(ring)] = self.sums
        return ended

    def window(self, length: int) -> Array:
        """Events [plane, SLO] of the last `length` base intervals; what is older than the history counts as none."""
        at = self.layout.ring_for(length)
        ring, number = self._rings[at], (self.closed - length) // STEPS[at]
        before: Array = ring[number % len(ring)]
        return self.sums - before

    def at(self, number: int) -> Array:
        """The running sums at the end of a tile among the last sixty."""
        ring = self._rings[0]
        found: Array = ring[number % len(ring)]
        return found

    def window_before(self, length: int, ends: NDArray[np.int64], columns: NDArray[np.int64]) -> Array:
        """As `window`, for some columns, each ending with its own tile, which must be its last one seen."""
        ring = self._rings[0]
        starts = np.maximum(ends - length, self.closed - len(ring) + 1)
        before: Array = ring[starts % len(ring), :, columns].T
        return self.sums[:, columns] - before

    def restore(self, tiles: Mapping[int, Mapping[int, Array]]) -> None:
        """Rebuild from kept tiles: step -> tile number (in units of that step) -> events [plane, SLO].

        Sums start at zero with the oldest tile of the longest ring; the other rings are shifted to meet it at its end.
        """
        joint = self.closed // STEPS[-1] * STEPS[-1]
        meets: Array = np.zeros_like(self.sums)
        for at in reversed(range(len(STEPS))):
            meets = self._restore_ring(at, tiles.get(STEPS[at], {}), joint, meets)
        last = self.closed % len(self._rings[0])
        self.sums = self._rings[0][last].copy()

    def _restore_ring(self, at: int, tiles: Mapping[int, Array], joint: int, meets: Array) -> Array:
        ring, step = self._rings[at], STEPS[at]
        newest = self.closed // step
        running = np.zeros_like(self.sums)
        last_seen, first_seen = np.full_like(self.last_seen, -1), np.full_like(self.first_seen, -1)
        for number in range(newest - len(ring) + 1, newest + 1):
            if number in tiles:
                running += tiles[number]
                observed = tiles[number][SEEN] > 0
                last_seen[observed] = number * step
                first_seen[observed & (first_seen < 0)] = (number - 1) * step + 1
            ring[number % len(ring)] = running
        self.last_seen = np.where(last_seen >= 0, last_seen, self.last_seen)  # a shorter tile knows it better
        nearer = (first_seen >= 0) & ((self.first_seen < 0) | (first_seen < self.first_seen + STEPS[-1]))
        self.first_seen = np.where(nearer, first_seen, self.first_seen)
        if step == STEPS[-1]:
            return running
        ring += meets - ring[joint // step % len(ring)]
        return meets
