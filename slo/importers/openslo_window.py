"""OpenSLO's time windows and slices of time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from burnline.slo.importers.document import Item
from burnline.slo.importers.draft import Fields, Notes, Options, length_of, number_of, text_of
from burnline.slo.windows import CALENDAR_DAYS
from burnline.spec.units import format_duration
from burnline.spec.words import choice, shown

CALENDAR = {"d": "day", "w": "week", "M": "month", "Q": "quarter", "Y": "year"}
_LONG = {"M": 30, "Q": 90, "Y": 365}  # days of a rolling window
_UNITS = {"Second": "s", "Minute": "m", "Hour": "h", "Day": "d", "Week": "w", "Month": "M", "Quarter": "Q", "Year": "Y"}


@dataclass(frozen=True, slots=True)
class Window:
    """A window in a service file's terms, and its nominal length."""

    written: Any
    length: timedelta


def window_of(spec: Fields, notes: Notes, options: Options, *, alpha: bool) -> Window:
    """The one window of an SLO.

    Raises: Refused for none, several, or one that is no window.
    """
    name = "timeWindows" if alpha else "timeWindow"
    items = spec.list(name)
    if not items:
        return Window(format_duration(options.window), options.window)
    if len(items) > 1:
        notes.refuse(items[1], "is the second window; an SLO has one")
    fields = ("count", "unit") if alpha else ("duration",)
    window = Fields(items[0], notes, (*fields, "isRolling", "calendar"))
    where, written = _written(window, notes, alpha=alpha)
    calendar = window.inner("calendar", ("startTime", "timeZone"))
    if calendar is not None and window.flag("isRolling"):
        notes.refuse(calendar.item, "stands beside `isRolling: true`; keep one of them")
    return _rolling(where, written, notes) if calendar is None else _calendar(where, written, calendar, notes)


def _written(window: Fields, notes: Notes, *, alpha: bool) -> tuple[Item, str]:
    if not alpha:
        item = window.need("duration")
        return item, text_of(item, notes)
    count, unit = window.need("count"), window.need("unit")
    if not isinstance(unit.value, str) or unit.value not in _UNITS:
        notes.refuse(unit, f"is {shown(unit.value)}; accepted: {choice(_UNITS)}")
    return count, f"{number_of(count, notes):g}{_UNITS[unit.value]}"


def _rolling(item: Item, written: str, notes: Notes) -> Window:
    match = re.fullmatch(r"([0-9]{1,4})([MQY])", written)
    if match is None:
        length = length_of(Item(item.file, item.line, item.place, written), notes)
        return Window(format_duration(length), length)
    length = timedelta(days=int(match[1]) * _LONG[match[2]])
    if not length:
        notes.refuse(item, f"is {written}; write at least one")
    notes.leave(item, f"{written} has no one length; as a rolling window it is {format_duration(length)}")
    return Window(format_duration(length), length)


def _calendar(item: Item, written: str, calendar: Fields, notes: Notes) -> Window:
    match = re.fullmatch(r"1([dwMQY])", written)
    if match is None:
        notes.refuse(item, f"is {shown(written)}; a calendar window is 1d, 1w, 1M, 1Q or 1Y")
    period = CALENDAR[match[1]]
    start = calendar.need("startTime")
    if not _natural(text_of(start, notes), period):
        notes.leave(start, f"burnline's {period} starts at its first midnight")
    return Window({"calendar": period, "tz": calendar.needed_text("timeZone")}, timedelta(days=CALENDAR_DAYS[period]))


def _natural(written: str, period: str) -> bool:
    """Whether the calendar's own periods start then."""
    try:
        start = datetime.fromisoformat(written)
    except ValueError:
        return False
    if (start.hour, start.minute, start.second) != (0, 0, 0):
        return False
    first = {"week": start.weekday() == 0, "month": start.day == 1, "quarter": start.day == 1 and start.month % 3 == 1}
    return {**first, "day": True, "year": (start.month, start.day) == (1, 1)}[period]


def slice_length(objective: Fields, notes: Notes) -> timedelta:
    """The length of a time slice: a duration, or a number of minutes.

    Raises: Refused when there is none.
    """
    item = objective.need("timeSliceWindow")
    if isinstance(item.value, int) and not isinstance(item.value, bool) and 0 < item.value < 10_000:
        return timedelta(minutes=item.value)
    return length_of(item, notes)
