"""Arrays of floats, and how lists become some quickly."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FLOATS = frozenset({float, type(None)})
MARK, LENGTH = b"\xcb", 9  # of one in MessagePack: the mark and 8 big-endian bytes


def floats_of(column: list[Any]) -> Floats | None:
    """A list of floats and None, which becomes NaN; None where it holds, or may hold, anything else.

    In a quarter of the time that looking at all types and then numpy take. MessagePack marks a float with a byte of its
    own; where every ninth byte is that one, from the first on, each value was a float: nothing else can hide between.

    >>> floats_of([1.5, None])
    array([1.5, nan])
    >>> floats_of([1.5, True]) is None
    True
    """
    if not column or type(column[0]) not in FLOATS:
        return None
    header, length = _header(len(column)), LENGTH * len(column)
    try:
        written = msgspec.msgpack.encode(column)
        if len(written) != header + length:
            written = msgspec.msgpack.encode([math.nan if value is None else value for value in column])
    except (TypeError, ValueError, OverflowError, RecursionError):  # something that is no number
        return None
    if len(written) != header + length or written[header::LENGTH] != MARK * len(column):
        return None
    return np.ndarray(len(column), ">f8", written, header + 1, (LENGTH,)).astype(np.float64)


def _header(values: int) -> int:
    """Bytes before the first of so many values: of what MessagePack calls fixarray, array 16 and array 32."""
    return 1 if values < 1 << 4 else 3 if values < 1 << 16 else 5
