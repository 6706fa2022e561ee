"""Calendar periods begin at local midnight, also where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.slo.calendar import period_end, period_name, period_span, period_start
from burnline.spec.slo import CalendarWindow

KINDS = ("day", "week", "month", "quarter", "year")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia")


def window(kind: Any, tz: str = "UTC") -> CalendarWindow:
    return CalendarWindow(calendar=kind, tz=tz)


@pytest.mark.parametrize(
    ("kind", "start", "end", "days"),
    [
        ("day", "2026-02-18", "2026-02-19", 1),
        ("week", "2026-02-16", "2026-02-23", 7),  # a Monday
        ("month", "2026-02-01", "2026-03-01", 28),
        ("quarter", "2026-01-01", "2026-04-01", 90),
        ("year", "2026-01-01", "2027-01-01", 365),
    ],
)
def test_a_period_holds_its_moment(kind: str, start: str, end: str, days: int) -> None:
    at = datetime(2026, 2, 18, 13, 30, tzinfo=UTC)

    assert period_start(window(kind), at) == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert period_end(window(kind), at) == datetime.fromisoformat(end).replace(tzinfo=UTC)
    assert period_span(window(kind), at) == timedelta(days=days)


def test_the_day_on_which_clocks_go_forward_has_23_hours_and_counts_as_a_day() -> None:
    berlin, noon = window("day", "Europe/Berlin"), datetime(2026, 3, 29, 12, tzinfo=UTC)

    assert period_end(berlin, noon) - period_start(berlin, noon) == timedelta(hours=23)
    assert period_span(berlin, noon) == timedelta(days=1)


def test_a_period_may_begin_at_no_full_hour_of_utc() -> None:
    kathmandu = window("month", "Asia/Kathmandu")

    assert period_start(kathmandu, datetime(2026, 5, 9, tzinfo=UTC)) == datetime(2026, 4, 30, 18, 15, tzinfo=UTC)
    assert period_name(kathmandu) == "month (Asia/Kathmandu)"


@given(
    kind=st.sampled_from(KINDS),
    tz=st.sampled_from(ZONES),
    at=st.datetimes(datetime(2012, 1, 1), datetime(2045, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
)
def test_periods_follow_each_other_without_a_gap(kind: str, tz: str, at: datetime) -> None:
    one = window(kind, tz)
    start, end = period_start(one, at), period_end(one, at)

    assert start <= at < end
    assert period_start(one, end) == end
    assert period_end(one, start) == end
    assert start.astimezone(ZoneInfo(tz)).time().hour in (0, 1)  # no midnight where clocks go forward at midnight
