"""Rows of a large table that are kept whole: evenly spaced, or those of some sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.columns import Coded, Values

MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: spreads what differs in a few bits


class Kept:
    """A sample of at most `most` rows that depends on the rows alone, not on how they are read.

    Whenever there are too many, half of the tickets lose: of row numbers every second one, of sessions those whose hash
    is in the upper half of what was kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._bits = 0
        self._tickets = np.empty(0, dtype=np.uint64)
        self._columns: dict[str, list[Any]] = {}
        self.seen = 0

    @property
    def rows(self) -> int:
        return len(self._tickets)

    def column(self, name: str) -> list[Any]:
        """The kept rows' values, None where one is missing."""
        return self._columns.get(name, [None] * self.rows)

    def add(self, rows: int, columns: Mapping[str, Values], session: Values | None = None) -> None:
        """The next rows; with `session` those of a session are kept or left out together."""
        tickets = np.arange(self.seen, self.seen + rows, dtype=np.uint64) if session is None else _hashes(session)
        self.seen += rows
        chosen = np.flatnonzero(self._wins(tickets))
        self._tickets = np.concatenate([self._tickets, tickets[chosen]])
        for name, column in columns.items():
            self._columns.setdefault(name, []).extend(take(column, chosen))
        while self.rows > self._most and self._bits < 64:
            self._halve()

    def _wins(self, tickets: NDArray[np.uint64]) -> NDArray[np.bool_]:
        losing = np.uint64((1 << self._bits) - 1)
        won: NDArray[np.bool_] = (tickets & losing) == 0
        return won

    def _halve(self) -> None:
        self._bits += 1
        chosen = np.flatnonzero(self._wins(self._tickets))
        self._tickets = self._tickets[chosen]
        self._columns = {name: [column[at] for at in chosen.tolist()] for name, column in self._columns.items()}


def take(column: Values, chosen: NDArray[np.intp]) -> list[Any]:
    """Some of a column's values as plain ones; NaN becomes None."""
    if isinstance(column, Coded):
        return Coded(column.codes[chosen], column.values).plain()
    if isinstance(column, np.ndarray):
        return [None if value != value else value for value in column[chosen].tolist()]
    return [column[at] for at in chosen.tolist()]


def _hashes(session: Values) -> NDArray[np.uint64]:
    plain: Sequence[Any] = session.plain() if isinstance(session, Coded) else list(session)
    found = np.array([crc32(str(value).encode("utf-8", "surrogatepass")) for value in plain], dtype=np.uint64)
    return (found * MIX) >> np.uint64(16)


def design_effect(cells: NDArray[np.intp], sessions: NDArray[np.intp]) -> float:
    """By how much shares of a column's cells vary more than those of as many independent rows; at least 1.

    The variance between sessions of a sum over the rows, over that of a multinomial, by Taylor linearisation (Kish,
    Survey Sampling, 1965): `sum_c sum_s (k_sc - n_s p_c)^2 / (n sum_c p_c (1 - p_c))`, where session s has n_s rows,
    k_sc of them in cell c, which holds p_c of all n. Independent rows give 1, sessions of m equal rows m.

    >>> design_effect(np.repeat([0, 1, 0, 1], 5), np.repeat([0, 1, 2, 3], 5))
    5.0
    """
    rows = len(cells)
    sizes = np.bincount(sessions)
    width = int(cells.max(initial=0)) + 1
    pairs, together = np.unique(sessions * width + cells, return_counts=True)
    shares = np.bincount(cells, minlength=width) / max(rows, 1)
    chance = rows * float((shares * (1 - shares)).sum())
    if chance <= 0:
        return 1.0
    squares = float((together.astype(np.float64) ** 2).sum())
    cross = float((together * sizes[pairs // width] * shares[pairs % width]).sum())
    own = float((sizes.astype(np.float64) ** 2).sum() * (shares**2).sum())
    return max(1.0, (squares - 2 * cross + own) / chance)
