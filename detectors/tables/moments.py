"""Moments as tables hold them: seconds since 1970, or ISO 8601 text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

MICROSECONDS = 1_000_000
MILLISECONDS_FROM = 10**11  # seconds: the year 5138; numbers beyond it are milliseconds
MILLISECONDS_UNTIL = 10**14  # likewise


def as_microseconds(values: Sequence[Any]) -> list[int]:
    """Since 1970; text without an offset is UTC, numbers are seconds, or milliseconds where they are that large.

    Raises: ValueError for one that is missing or no moment.

    >>> as_microseconds(["1970-01-01T00:00:01Z", 2, 3000000000000])
    [1000000, 2000000, 3000000000000000]
    """
    return [_microseconds(value) for value in values]


def _microseconds(value: Any) -> int:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < MILLISECONDS_UNTIL:
        return int(value * (1000 if abs(value) >= MILLISECONDS_FROM else MICROSECONDS))
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"time: {value!r} is no moment; needs ISO 8601, or seconds since 1970") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * MICROSECONDS)
