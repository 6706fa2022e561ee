"""The span of time a report speaks of, as people write it: 30d, 2026-10, 2026-Q3, 2026-W40, last-month."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from burnline.slo.calendar import period_end, period_start
from burnline.spec.slo import CalendarWindow
from burnline.spec.units import parse_duration
from burnline.spec.words import shown

HOUR = timedelta(hours=1)
SHORT = 6 * HOUR  # shorter periods are told by the minute, longer ones by the hour
LONGEST = timedelta(days=2 * 366)
FORMS = "write 30d, 2026-10, 2026-Q3, 2026-W40, 2026, 2026-10-05, month, or last-month (day, week, quarter, year)"
_DATES = re.compile(r"(2\d{3})(?:-(?:(\d{2})(?:-(\d{2}))?|Q([1-4])|W(\d{2})))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """(since, until], in UTC.

    Attributes:
        name: as it was written.
        ends: when the period ends; later than `until` while it is not over yet.
        window: the calendar period it is; None for a rolling one.
    """

    name: str
    since: datetime
    until: datetime
    ends: datetime
    window: CalendarWindow | None = None

    @property
    def over(self) -> bool:
        return self.until >= self.ends

    @property
    def elapsed(self) -> timedelta:
        return self.until - self.since

    @property
    def length(self) -> timedelta:
        return self.ends - self.since


def parse_period(written: str, now: datetime, tz: str = "UTC") -> ReportPeriod:
    """The period as of `now`; calendar periods are those of the time zone `tz`.

    A rolling one ends with the last whole minute. From six hours on it begins with an hour: what is older is kept so.
    Raises: ValueError naming the value and the accepted forms.
    """
    found = _calendar(written, now, tz)
    if found is None:
        return _rolling(written, now)
    window, inside = found
    since, ends = period_start(window, inside), period_end(window, inside)
    if since >= now:
        raise ValueError(f"{shown(written)} has not begun yet")
    return ReportPeriod(written, since, min(ends, _minute(now)), ends, window)


def _rolling(written: str, now: datetime) -> ReportPeriod:
    try:
        length = parse_duration(written)
    except ValueError:
        raise ValueError(f"{shown(written)} is no period; {FORMS}") from None
    if not HOUR <= length <= LONGEST:
        raise ValueError(f"{shown(written)} is no period to report on; write 1h to 2y")
    until = _minute(now)
    since = until - length
    return ReportPeriod(written, since if length < SHORT else since.replace(minute=0), until, until)


def _calendar(written: str, now: datetime, tz: str) -> tuple[CalendarWindow, datetime] | None:
    """The kind of period, and a moment inside it."""
    last, _, unit = written.rpartition("-")
    if last in ("", "last") and unit in ("day", "week", "month", "quarter", "year"):
        window = CalendarWindow.model_validate({"calendar": unit, "tz": tz})
        return window, (period_start(window, now) - timedelta(seconds=1) if last else now)
    parts = _DATES.fullmatch(written)
    if not parts:
        return None
    year, month, day, quarter, week = (int(part) if part else None for part in parts.groups())
    try:
        first = _first_day(year or 0, month, day, quarter, week)
    except ValueError as error:
        raise ValueError(f"{shown(written)} is no date: {error}; {FORMS}") from None
    kind = "week" if week else "quarter" if quarter else "day" if day else "month" if month else "year"
    window = CalendarWindow.model_validate({"calendar": kind, "tz": tz})
    noon = datetime(first.year, first.month, first.day, 12, tzinfo=ZoneInfo(tz))
    return window, noon.astimezone(UTC)


def _first_day(year: int, month: int | None, day: int | None, quarter: int | None, week: int | None) -> date:
    if week:
        return date.fromisocalendar(year, week, 1)
    if quarter:
        return date(year, 3 * quarter - 2, 1)
    return date(year, 1 if month is None else month, 1 if day is None else day)


def _minute(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)
