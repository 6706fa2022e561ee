"""Exact quantiles of more numbers than fit into memory, and a place on disk to keep them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.floats import Floats

IN_MEMORY = 1 << 22  # values sorted at once: 32 MiB
CHUNK = 1 << 16
BITS = 16  # that one pass over the values decides
SIGN = np.uint64(1 << 63)


class Spool:
    """Numbers in the order they came; those that memory has no room for are in a file."""

    def __init__(self, path: Path, room: int) -> None:
        self._path = path
        self._room = room
        self._held: list[Floats] = []
        self._holds = 0
        self.size = 0

    def add(self, values: Floats) -> None:
        self._held.append(values)
        self._holds += len(values)
        self.size += len(values)
        if self._holds > self._room:
            with self._path.open("ab") as file:
                for each in self._held:
                    file.write(each.tobytes())
            self._held, self._holds = [], 0

    def chunks(self) -> Iterator[Floats]:
        """All of them, a few at a time; may be asked for again and again."""
        if self.size > self._holds:
            with self._path.open("rb") as file:
                while len(part := np.fromfile(file, dtype=np.float64, count=CHUNK)):
                    yield part
        yield from self._held

    def smallest(self, ranks: Sequence[int]) -> Floats:
        """The numbers that would be at these places, counted from 0, were all of them sorted."""
        if self.size <= IN_MEMORY:
            whole = np.concatenate([np.empty(0), *self.chunks()])
            found: Floats = np.partition(whole, ranks)[np.array(ranks)]
            return found
        return select(self.chunks, ranks)


def select(chunks: Callable[[], Iterable[Floats]], ranks: Sequence[int]) -> Floats:
    """The numbers at these places of the sorted whole; four passes, and half a megabyte a rank whatever there are.

    A float's bits, with the sign's turned over and all of a negative one's, are whole numbers in the same order. Each
    pass counts the next 16 of them among the numbers that begin with what the earlier passes found.
    """
    found = [(0, rank) for rank in ranks]
    for shift in range(64 - BITS, -1, -BITS):
        counts = {begin: np.zeros(1 << BITS, dtype=np.int64) for begin, _ in found}
        for chunk in chunks():
            keys = _ordered(chunk)
            begins = keys >> np.uint64(shift + BITS) if shift + BITS < 64 else np.zeros(len(keys), dtype=np.uint64)
            digits = ((keys >> np.uint64(shift)) & np.uint64((1 << BITS) - 1)).astype(np.intp)
            for begin in counts:
                counts[begin] += np.bincount(digits[begins == begin], minlength=1 << BITS)
        found = [_deeper(begin, rank, counts[begin]) for begin, rank in found]
    return _floats(np.array([key for key, _ in found], dtype=np.uint64))


def _deeper(begin: int, rank: int, counted: NDArray[np.int64]) -> tuple[int, int]:
    upto = np.cumsum(counted)
    digit = int(np.searchsorted(upto, rank, side="right"))
    return (begin << BITS) | digit, rank - int(upto[digit] - counted[digit])


def _ordered(values: Floats) -> NDArray[np.uint64]:
    bits = (values + 0.0).view(np.uint64)  # -0.0 becomes 0.0, which it equals
    return np.where(bits & SIGN, ~bits, bits | SIGN)


def _floats(keys: NDArray[np.uint64]) -> Floats:
    return np.where(keys & SIGN, keys ^ SIGN, ~keys).view(np.float64)
