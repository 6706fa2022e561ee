"""Names in counts that only ever add up: which unknown features came, and how often, whatever the order.

An invertible Bloom lookup table (Goodrich, Mitzenmacher 2011): each name adds itself to four cells; a cell that holds
one name alone gives it back, and what it held is taken out of its other cells, until no such cell is left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np

from burnline.detectors.sketch import Counter64

TABLES, ROWS = 4, 16
CHUNKS = 10  # of 4 bytes: longer names are cut
WIDTH = 2 + CHUNKS
SIZE = TABLES * ROWS * WIDTH  # numbers; some thirty names can be read back, 2**31 times each


def count_names(names: Mapping[str, int]) -> Counter64:
    """How often each name came."""
    table = np.zeros((TABLES * ROWS, WIDTH), dtype=np.int64)
    for name, times in names.items():
        cells, entry = _entry(_cut(name))
        table[cells] += times * entry
    return table.reshape(-1)


def read_names(counts: Counter64) -> tuple[dict[str, int], bool]:
    """The names, most frequent first, and whether these are all.

    >>> read_names(count_names({"amount": 3}) + count_names({"hour": 9, "amount": 2}))
    ({'hour': 9, 'amount': 5}, True)
    """
    table = counts.reshape(-1, WIDTH).copy()
    found: dict[str, int] = {}
    while alone := next(_alone(table), None):
        key, times = alone
        cells, entry = _entry(key)
        table[cells] -= times * entry
        found[key.decode(errors="replace")] = times
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))), not table.any()


def _cut(name: str) -> bytes:
    """The name, or as much of it as there is room for."""
    return name.encode(errors="replace")[: 4 * CHUNKS].rstrip(b"\0")


def _entry(key: bytes) -> tuple[list[int], Counter64]:
    """The cells of a name, and what it adds to each of them: one, a check, itself."""
    digest = hashlib.blake2b(key, digest_size=16).digest()
    cells = [table * ROWS + digest[table] % ROWS for table in range(TABLES)]
    numbers = np.frombuffer(digest[8:12] + key.ljust(4 * CHUNKS, b"\0"), dtype="<u4").astype(np.int64)
    return cells, np.concatenate([np.ones(1, dtype=np.int64), numbers])


def _alone(table: Counter64) -> Iterator[tuple[bytes, int]]:
    """Names that are alone in a cell, with how often they came."""
    for row in table:
        times = int(row[0])
        if times <= 0 or (row[1:] % times).any():
            continue
        entry = row[1:] // times
        if (entry >= 2**32).any() or (entry < 0).any():
            continue
        key = entry[1:].astype("<u4").tobytes().rstrip(b"\0")
        if np.array_equal(_entry(key)[1][1:], entry):
            yield key, times
