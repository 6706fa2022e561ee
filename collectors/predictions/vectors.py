"""Embeddings of events: one vector each, of the length that the reference has, kept as 32-bit floats."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from burnline.events import MAX_DIMENSION

# Numbers, or the bytes of little-endian 32-bit floats: base64 in JSON, `bin` in MessagePack.
Vector = Annotated[list[float], Meta(min_length=1, max_length=MAX_DIMENSION)] | bytes | None


def size(vector: Sequence[float] | bytes | None) -> int:
    """How many numbers it holds."""
    return len(vector) // 4 if isinstance(vector, bytes) else len(vector or ())


def pack(vectors: Sequence[Any], dimension: int) -> tuple[list[bytes | None], Mapping[int, str]]:
    """The vectors as bytes, and by place what is wrong with some; nothing at all where no vector is wanted."""
    packed: list[bytes | None] = []
    faults: dict[int, str] = {}
    if not dimension:
        return packed, faults
    for place, vector in enumerate(vectors):
        found = _packed(vector, dimension) if vector is not None else None
        if isinstance(found, str):
            faults[place], found = found, None
        packed.append(found)
    return packed, faults


def _packed(vector: Sequence[float] | bytes, dimension: int) -> bytes | str:
    """Its bytes, or what is wrong with it."""
    if isinstance(vector, bytes):
        length, odd = divmod(len(vector), 4)
        if odd:
            return f"has {len(vector)} bytes; 32-bit floats take 4 each"
    else:
        length = len(vector)
    if length != dimension:
        return f"has {length} numbers; the reference's embeddings have {dimension}"
    try:
        found = vector if isinstance(vector, bytes) else struct.pack(f"<{length}f", *vector)
    except OverflowError:
        return "holds a number beyond any 32-bit float"
    if not np.isfinite(np.frombuffer(found, dtype="<f4")).all():
        return "holds NaN or infinity; needs finite numbers"
    return found
