"""Embeddings as tables hold them: lists of numbers, or JSON text of such a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from burnline.detectors.columns import Coded, Values


def width(column: Values) -> int:
    """Coordinates of the first embedding there is, 0 where there is none."""
    values = column.plain() if isinstance(column, Coded) else list(column)
    return next((len(_vector(value)) for value in values if value is not None), 0)


def as_vectors(values: Sequence[Any]) -> NDArray[np.float32]:
    """The embeddings that are there, (n, d).

    Raises: ValueError when one is no list of numbers, or of another length.
    """
    found = [_vector(value) for value in values if value is not None]
    if not found:
        return np.empty((0, 1), dtype=np.float32)
    for vector in found:
        if len(vector) != len(found[0]):
            raise ValueError(f"embedding: one has {len(found[0])} numbers, another {len(vector)}; needs one length")
    try:
        return np.array(found, dtype=np.float32)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"embedding: {error}; needs lists of numbers") from error


def _vector(value: Any) -> Sequence[float]:
    if isinstance(value, str):
        try:
            return msgspec.json.decode(value, type=list[float])
        except msgspec.MsgspecError as error:
            raise ValueError(f"embedding: {value[:40]!r} is no list of numbers: {error}") from error
    if isinstance(value, (list, tuple, np.ndarray)):
        return value  # type: ignore[return-value]  # what it holds is checked when all are taken together
    raise ValueError(f"embedding: {value!r} is no list of numbers")
