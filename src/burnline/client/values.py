"""From what a program has at hand to what JSON can write."""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

LISTS = frozenset({"sources", "others", "logprobs"})  # fields of an answer


def encode(item: Mapping[str, Any]) -> bytes:
    """One event, label, sample or answer as JSON.

    Raises: ValueError for what is no number, text, true, false or nothing, and for an infinity.
    """
    written = {name: _written(name, value) for name, value in item.items()}
    return json.dumps(written, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def copied(name: str, value: Any) -> Any:
    """A field as it is now: its owner may change it.

    Raises: as `packed`; TypeError or ValueError for what is no mapping of features or no list where one is needed.
    """
    if name == "features":
        return dict(value)
    if name == "embedding":
        return packed(value)
    if name in LISTS:
        if isinstance(value, str):
            raise TypeError(f"{name} is a list, not one text")
        return list(value)
    return value


def packed(vector: Any) -> str:
    """A vector as the door takes it at the least length: 32-bit floats in base64; text is taken to be that already.

    Raises: TypeError, struct.error or OverflowError for what is no row of numbers.
    """
    if isinstance(vector, str):
        return vector
    numbers = list(vector)
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def _written(name: str, value: Any) -> Any:
    if name == "features":
        return _features(value)
    return [_plain(each) for each in value] if name in LISTS else _plain(value)


def _features(features: Any) -> dict[str, Any]:
    return {str(name): _plain(value) for name, value in features.items()}


def _plain(value: Any) -> Any:
    """Numbers of numpy, pandas and decimal as Python's; NaN, as everywhere in data, is nothing."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return None if isinstance(value, float) and math.isnan(value) else value
    if isinstance(value, Decimal):
        return _plain(float(value))
    if isinstance(value, datetime):
        return value.astimezone().isoformat()  # without a zone it is local time, as everywhere in Python
    item = getattr(value, "item", None)  # numpy's scalars and arrays of one value
    if callable(item):
        return _plain(item())
    if type(value).__name__ in ("NAType", "NaTType"):  # pandas
        return None
    raise ValueError(f"{type(value).__name__} is no number, text, true, false or None")
