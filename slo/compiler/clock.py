"""What the rules know of the calendar: exclusions and periods as arithmetic on time(), since PromQL knows only UTC.

Both are written for a horizon, as the rules are compiled: exclusions from the month of `now` for thirteen months, the
clock changes of a time zone from the year of `now` for three years. Within its month the output stays the same.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count, islice, pairwise
from zoneinfo import ZoneInfo

from burnline.slo.compiler.sli import TIME
from burnline.slo.exclusions import excluded_between
from burnline.slo.promql import Binary, Call, Expr, Number
from burnline.spec.exclude import ExclusionSpec
from burnline.spec.slo import CalendarWindow

EXCLUSION_MONTHS = 13
ZONE_YEARS = 3
DAY = 86_400
USUAL_STEPS = (3600.0, 86_400.0, 604_800.0)
MONDAY = 4 * DAY  # 1970-01-01 was a Thursday
Span = tuple[float, float]


def excluded(exclusions: Sequence[ExclusionSpec], now: datetime) -> Expr:
    """1 while one of the exclusions holds, else 0, as a vector."""
    since = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    months = since.month + EXCLUSION_MONTHS - 1
    until = since.replace(year=since.year + months // 12, month=months % 12 + 1)
    terms = [term for each in exclusions for term in _terms(each, since, until)]
    if not terms:
        return Call("vector", (Number(0),))
    total = terms[0]
    for term in terms[1:]:
        total = Binary("+", total, term)
    return Call("vector", (Binary(">", total, Number(0), as_bool=True) if len(exclusions) > 1 else total,))


def _terms(exclusion: ExclusionSpec, since: datetime, until: datetime) -> list[Expr]:
    found = excluded_between((exclusion,), since, until)
    return [
        _train(*each) for each in _trains(_merged([(span.start.timestamp(), span.end.timestamp()) for span in found]))
    ]


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _trains(spans: Sequence[Span]) -> Iterator[tuple[Span, float, int]]:
    """Runs of spans of one length at one distance: (the first, the distance, how many). A year of Sundays is three."""
    left = dict.fromkeys(spans)
    while left:
        first = next(iter(left))
        following = next((span for span in islice(left, 1, 2)), first)
        steps = sorted({following[0] - first[0], *USUAL_STEPS} - {0.0})
        step, length = max(((step, _run(left, first, step)) for step in steps), key=lambda found: found[1])
        for number in range(length):
            del left[first[0] + number * step, first[1] + number * step]
        yield first, step, length


def _run(spans: Container[Span], first: Span, step: float) -> int:
    return next(number for number in count(1) if (first[0] + number * step, first[1] + number * step) not in spans)


def _train(first: Span, step: float, length: int) -> Expr:
    """1 in (start, end] of any of the spans."""
    start, end = first
    after = Binary(">", TIME, Number(start), as_bool=True)
    if length == 1:
        return Binary("*", after, Binary("<=", TIME, Number(end), as_bool=True))
    since = Binary("%", Binary("-", TIME, Number(start)), Number(step))
    begun = Binary(">", since, Number(0), as_bool=True)
    inside = Binary("<=", since, Number(end - start), as_bool=True)
    before_last_ends = Binary("<=", TIME, Number(end + step * (length - 1)), as_bool=True)
    return Binary("*", Binary("*", Binary("*", after, before_last_ends), begun), inside)


def calendar_key(window: CalendarWindow, now: datetime) -> Expr:
    """A scalar that changes when a new period begins in the time zone, and only then."""
    local = local_time(window.tz, now)
    match window.calendar:
        case "day":
            return Binary("-", local, Binary("%", local, Number(DAY)))
        case "week":
            return Binary("-", local, Binary("%", Binary("-", local, Number(MONDAY)), Number(7 * DAY)))
        case "month":
            return _scalar(Binary("+", Binary("*", _part("year", local), Number(12)), _part("month", local)))
        case "quarter":
            quarter = Call("ceil", (Binary("/", _part("month", local), Number(3)),))
            return _scalar(Binary("+", Binary("*", _part("year", local), Number(4)), quarter))
        case "year":
            return _scalar(_part("year", local))


def period_seconds(window: CalendarWindow, now: datetime) -> Expr:
    """How long the present period is, by which its budget is charged: its local days of 24 h each; a scalar."""
    local = local_time(window.tz, now)
    match window.calendar:
        case "day":
            return Number(DAY)
        case "week":
            return Number(7 * DAY)
        case "month":
            return _scalar(Binary("*", _part("days_in_month", local), Number(DAY)))
        case "quarter":  # 90 or 91, 91, 92, 92 days
            month = _part("month", local)
            short = Binary("+", _below(month, 7), _below(month, 4))
            days = Binary("-", Number(92), short)
            days = Binary("+", days, Binary("*", _below(month, 4), _leap(local)))
            return _scalar(Binary("*", days, Number(DAY)))
        case "year":
            return _scalar(Binary("*", Binary("+", Number(365), _leap(local)), Number(DAY)))


def local_time(tz: str, now: datetime) -> Expr:
    """time() as the clocks of the time zone show it, read as if it were UTC; a scalar."""
    first, *changes = offsets(tz, now)
    local: Expr = TIME if not first[1] else Binary("+", TIME, Number(first[1]))
    for (_, before), (at, after) in pairwise([first, *changes]):
        step = Binary(">=", TIME, Number(at), as_bool=True)
        local = Binary("+" if after > before else "-", local, Binary("*", Number(abs(after - before)), step))
    return local


def offsets(tz: str, now: datetime) -> tuple[tuple[float, float], ...]:
    """(from when, seconds east of UTC) of a time zone: at the start of the year of `now`, and each later change."""
    return _offsets_from(tz, now.astimezone(UTC).year)


@lru_cache(maxsize=1024)
def _offsets_from(tz: str, year: int) -> tuple[tuple[float, float], ...]:
    zone = ZoneInfo(tz)
    at, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + ZONE_YEARS, 1, 1, tzinfo=UTC)
    found = [(at.timestamp(), _offset(zone, at))]
    while at < end:
        following = at + timedelta(days=1)
        if _offset(zone, following) != _offset(zone, at):
            change = _change(zone, at, following)
            found.append((change.timestamp(), _offset(zone, change)))
        at = following
    return tuple(found)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // timedelta(seconds=2) * timedelta(seconds=1)
        before, after = (middle, after) if _offset(zone, middle) == _offset(zone, before) else (before, middle)
    return after


def _offset(zone: ZoneInfo, at: datetime) -> float:
    return (at.astimezone(zone).utcoffset() or timedelta(0)).total_seconds()


def _part(function: str, local: Expr) -> Expr:
    return Call(function, (Call("vector", (local,)),))


def _scalar(vector: Expr) -> Expr:
    return Call("scalar", (vector,))


def _below(month: Expr, limit: int) -> Expr:
    return Binary("<", month, Number(limit), as_bool=True)


def _leap(local: Expr) -> Expr:
    return Binary("==", Binary("%", _part("year", local), Number(4)), Number(0), as_bool=True)  # until 2099
