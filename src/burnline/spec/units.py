"""Values with units, as people write them: 10m, 99.9%, 1.5x, env:NAME."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 365 * 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


def parse_duration(value: Any) -> timedelta:
    """`10m`, `1h30m`, `250ms` to a timedelta.

    Raises: ValueError naming the value and the accepted form.
    """
    if isinstance(value, timedelta):
        return value
    written = str(value)
    parts = _PART.findall(written)
    if not parts or "".join(number + unit for number, unit in parts) != written:
        raise ValueError(f"{value!r} is not a duration; write a number and a unit, as in 250ms, 30s, 10m, 1h30m, 30d")
    return timedelta(seconds=sum(float(number) * SECONDS[unit] for number, unit in parts))


def format_duration(value: timedelta) -> str:
    """The shortest exact writing: timedelta(minutes=90) gives `1h30m`."""
    milliseconds = round(value.total_seconds() * 1000)
    if milliseconds <= 0:
        return f"{milliseconds}ms" if milliseconds else "0s"
    written = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        written += f"{count}{unit}" if count else ""
    return written


def parse_ratio(value: Any) -> float:
    """`99.9%` or `0.999` to 0.999.

    Raises: ValueError naming the value and the accepted form.
    """
    written = str(value).strip()
    number = written.removesuffix("%")
    if isinstance(value, bool) or not _NUMBER.fullmatch(number):
        raise ValueError(f"{value!r} is not a ratio; write a percentage as in 99.9%, or a number from 0 to 1")
    # 99.9 divided by 100 has noise in its last binary digit; twelve decimals hold every objective people write
    ratio = round(float(number) / 100, 12) if written.endswith("%") else float(number)
    if not 0 <= ratio <= 1:
        raise ValueError(f"{value!r} is outside 0% to 100%")
    return ratio


def parse_multiple(value: Any) -> float:
    """`1.5x` to 1.5.

    Raises: ValueError naming the value and the accepted form.
    """
    if isinstance(value, float):
        return value
    written = str(value)
    if not written.endswith("x") or not _NUMBER.fullmatch(written[:-1]) or float(written[:-1]) <= 0:
        raise ValueError(f"{value!r} is not a multiple; write a positive number and x, as in 1.5x")
    return float(written[:-1])


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration, json_schema_input_type=str),
    PlainSerializer(format_duration, return_type=str),
]
Ratio = Annotated[float, BeforeValidator(parse_ratio, json_schema_input_type=str | float)]
Multiple = Annotated[float, BeforeValidator(parse_multiple, json_schema_input_type=str)]
# A name that is safe as a label value, file name and URL part.
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$", max_length=63)]
