"""Calendar periods: when the day, week, month, quarter or year of a time zone begins and ends.

A period begins at local midnight, so it is an hour longer or shorter where clocks change. Its length, by which a
budget is charged, is its number of days times 24 h: the same in both engines, and within 0.15 % for a month.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from burnline.spec.slo import CalendarWindow

DAY = timedelta(days=1)


def period_start(window: CalendarWindow, at: datetime) -> datetime:
    """The start of the period that holds `at`, in UTC. Weeks begin on Monday (ISO 8601).

    >>> period_start(CalendarWindow(calendar="month", tz="Europe/Berlin"), datetime(2026, 4, 1, 0, tzinfo=UTC))
    datetime.datetime(2026, 3, 31, 22, 0, tzinfo=datetime.timezone.utc)
    """
    return _midnight(window, _first_day(window, _local_day(window, at)))


def period_end(window: CalendarWindow, at: datetime) -> datetime:
    """The end of the period that holds `at`, which is the start of the next one, in UTC."""
    return _midnight(window, _next_first_day(window, _first_day(window, _local_day(window, at))))


def period_span(window: CalendarWindow, at: datetime) -> timedelta:
    """The days of the period that holds `at`, of 24 h each: 28 to 31 for a month."""
    first = _first_day(window, _local_day(window, at))
    return _next_first_day(window, first) - first


def period_name(window: CalendarWindow) -> str:
    """`month (Europe/Berlin)`, as people say it."""
    return f"{window.calendar} ({window.tz})"


def _local_day(window: CalendarWindow, at: datetime) -> date:
    return at.astimezone(ZoneInfo(window.tz)).date()


def _midnight(window: CalendarWindow, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(window.tz)).astimezone(UTC)


def _first_day(window: CalendarWindow, day: date) -> date:
    match window.calendar:
        case "day":
            return day
        case "week":
            return day - day.weekday() * DAY
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)


def _next_first_day(window: CalendarWindow, first: date) -> date:
    days = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}[window.calendar]
    return _first_day(window, first + days * DAY) if days > 7 else first + days * DAY
