"""Values with units, as people write them: 10m, 99.9%, 1.5x; and names, counts and numbers read strictly."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from burnline.spec.words import did_you_mean, shown

SECONDS = {"y": 365 * 86400.0, "w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
DURATION_PATTERN = "^(?=[0-9])" + "".join(rf"([0-9]+(?:\.[0-9]+)?{unit})?" for unit in SECONDS) + "$"
RATIO_PATTERN = r"^[+-]?[0-9]+(\.[0-9]+)?%?$"
MULTIPLE_PATTERN = r"^[+]?[0-9]+(\.[0-9]+)?x$"
SIZES = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
SIZE_PATTERN = r"^[0-9]{1,12}(KiB|MiB|GiB)$"
MOMENT_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?$"
NAME_PATTERN = r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$"
_LONGEST = timedelta(days=100 * 365)


def parse_duration(value: Any) -> timedelta:
    """`10m`, `1h30m`, `250ms` to a timedelta; big units first, each once, as Prometheus reads them.

    Raises: ValueError naming the value and the accepted form.
    """
    if isinstance(value, timedelta):
        return value
    parts = re.fullmatch(DURATION_PATTERN[1:-1], value) if isinstance(value, str) else None
    if not parts:
        form = "write numbers and units, as in 250ms, 30s, 10m, 1h30m, 30d"
        raise ValueError(f"{shown(value)} is not a duration; {form}")
    seconds = sum(
        float(part.removesuffix(unit)) * SECONDS[unit]
        for part, unit in zip(parts.groups(), SECONDS, strict=True)
        if part
    )
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"{shown(value)} is longer than 100y")
    return timedelta(seconds=seconds)


def format_duration(value: timedelta) -> str:
    """The shortest exact writing: timedelta(minutes=90) gives `1h30m`."""
    microseconds = value // timedelta(microseconds=1)
    if microseconds < 0:
        return f"-{format_duration(-value)}"
    written = ""
    for unit, size in (("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000)):
        count, microseconds = divmod(microseconds, size)
        written += f"{count}{unit}" if count else ""
    if microseconds:
        written += f"{microseconds / 1000:.3f}".rstrip("0").rstrip(".") + "ms"
    return written or "0s"


def parse_size(value: Any) -> int:
    """`512MiB` to bytes.

    Raises: ValueError naming the value and the accepted form.
    """
    if not isinstance(value, str) or not re.fullmatch(SIZE_PATTERN[1:-1], value) or int(value[:-3]) == 0:
        raise ValueError(f"{shown(value)} is not a size; write a number and KiB, MiB or GiB, as in 512MiB")
    return int(value[:-3]) * SIZES[value[-3:]]


def format_moment(at: datetime, now: datetime) -> str:
    """`18:12:51 UTC`, with the date in front unless it is today's."""
    date = "" if at.astimezone(UTC).date() == now.astimezone(UTC).date() else f"{at.astimezone(UTC):%Y-%m-%d} "
    return f"{date}{at.astimezone(UTC):%H:%M:%S} UTC"


def parse_ratio(value: Any) -> float:
    """`99.9%` or `0.999` to 0.999.

    Raises: ValueError naming the value and the accepted form.
    """
    ratio = _number(value.strip() if isinstance(value, str) else value)
    if ratio is None:
        raise ValueError(f"{shown(value)} is not a ratio; write a percentage as in 99.9%, or a number from 0 to 1")
    if not 0 <= ratio <= 1:
        hint = "" if str(value).endswith("%") or not 1 < ratio <= 100 else f"; did you mean {value}%?"
        raise ValueError(f"{shown(value)} is outside 0% to 100%{hint}")
    return float(ratio)


def _number(value: Any) -> float | None:
    if isinstance(value, str) and re.fullmatch(RATIO_PATTERN[1:-1], value):
        # 99.9 divided by 100 has noise in its last binary digit; twelve decimals hold every objective people write
        return round(float(value[:-1]) / 100, 12) if value.endswith("%") else float(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def parse_multiple(value: Any) -> float:
    """`1.5x` to 1.5.

    Raises: ValueError naming the value and the accepted form.
    """
    if isinstance(value, float):
        return value
    if not isinstance(value, str) or not re.fullmatch(MULTIPLE_PATTERN[1:-1], value) or float(value[:-1]) == 0:
        raise ValueError(f"{shown(value)} is not a multiple; write a positive number and x, as in 1.5x")
    return float(value[:-1])


def parse_moment(value: Any) -> datetime:
    """`2026-12-01T02:00:00Z` to a datetime; without an offset it is naive: a local time of whoever has a time zone.

    Raises: ValueError naming the value and the accepted form.
    """
    if isinstance(value, datetime):
        return value
    form = "write 2026-12-01T02:00:00Z, or without the Z where `tz` says whose time it is"
    if not isinstance(value, str) or not re.fullmatch(MOMENT_PATTERN[1:-1], value):
        raise ValueError(f"{shown(value)} is not a moment; {form}")
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{shown(value)} is not a moment: {error}; {form}") from error


def _check_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:  # not there; no such name; a folder of zones
        raise ValueError(_no_zone(value)) from error
    return value


def _no_zone(value: str) -> str:
    hint = did_you_mean(value, available_timezones())
    return f"{shown(value)} is no IANA time zone; write one as in Europe/Berlin or UTC{';' + hint if hint else ''}"


def _check_name(value: str) -> str:
    if not re.fullmatch(NAME_PATTERN[1:-1], value) or len(value) > 63:
        form = "write lower-case letters, digits, - and _, at most 63, with a letter or digit at both ends"
        raise ValueError(f"{shown(value)} is not a name; {form}")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration, json_schema_input_type=str),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["250ms", "10m", "1h30m", "30d"]}),
]
Ratio = Annotated[
    float,
    BeforeValidator(parse_ratio, json_schema_input_type=str | float),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "pattern": RATIO_PATTERN}, {"type": "number", "minimum": 0, "maximum": 1}],
            "examples": ["99.9%", 0.999],
        }
    ),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size, json_schema_input_type=str),
    PlainSerializer(lambda size: f"{size // 1024}KiB", return_type=str),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN, "examples": ["512MiB", "4GiB"]}),
]
Multiple = Annotated[
    float,
    BeforeValidator(parse_multiple, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "pattern": MULTIPLE_PATTERN, "examples": ["1.5x"]}),
]
Moment = Annotated[
    datetime,
    BeforeValidator(parse_moment, json_schema_input_type=str),
    PlainSerializer(datetime.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "pattern": MOMENT_PATTERN, "examples": ["2026-12-01T02:00:00Z"]}),
]
TimeZone = Annotated[str, AfterValidator(_check_zone)]
# A name that is safe as a label value, file name and URL part.
Name = Annotated[
    str,
    AfterValidator(_check_name),
    WithJsonSchema({"type": "string", "pattern": NAME_PATTERN, "maxLength": 63}),
]
# strict: true is not 1, "50" is not 50
Count = Annotated[int, Field(ge=0, strict=True)]
PositiveCount = Annotated[int, Field(ge=1, strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
PositiveNumber = Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(min_length=1)]
