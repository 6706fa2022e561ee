"""Which span of time a report speaks of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from burnline.slo.report.period import parse_period

NOW = datetime(2026, 11, 25, 12, 34, 56, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year, month, ...


@pytest.mark.parametrize(
    ("written", "since", "ends"),
    [
        ("2026-10", utc(2026, 10, 1), utc(2026, 11, 1)),
        ("2026-Q3", utc(2026, 7, 1), utc(2026, 10, 1)),
        ("2026-W40", utc(2026, 9, 28), utc(2026, 10, 5)),
        ("2026-10-05", utc(2026, 10, 5), utc(2026, 10, 6)),
        ("2025", utc(2025, 1, 1), utc(2026, 1, 1)),
        ("last-month", utc(2026, 10, 1), utc(2026, 11, 1)),
        ("last-quarter", utc(2026, 7, 1), utc(2026, 10, 1)),
        ("last-week", utc(2026, 11, 16), utc(2026, 11, 23)),
        ("last-day", utc(2026, 11, 24), utc(2026, 11, 25)),
    ],
)
def test_a_calendar_period_that_is_over(written: str, since: datetime, ends: datetime) -> None:
    period = parse_period(written, NOW)

    assert (period.since, period.until, period.ends) == (since, ends, ends)
    assert period.over


def test_a_month_begins_at_local_midnight_and_knows_of_the_hour_that_clocks_skip() -> None:
    march = parse_period("2026-03", NOW, "Europe/Berlin")

    assert (march.since, march.ends) == (utc(2026, 2, 28, 23), utc(2026, 3, 31, 22))


def test_a_period_that_is_not_over_ends_with_the_last_whole_minute() -> None:
    period = parse_period("month", NOW)

    assert (period.since, period.until, period.ends) == (
        utc(2026, 11, 1),
        utc(2026, 11, 25, 12, 34),
        utc(2026, 12, 1),
    )
    assert not period.over


def test_a_rolling_period_begins_with_an_hour() -> None:
    period = parse_period("30d", NOW)

    assert (period.since, period.until) == (utc(2026, 10, 26, 12), utc(2026, 11, 25, 12, 34))
    assert period.over
    assert period.elapsed - timedelta(days=30) < timedelta(hours=1)


def test_a_short_rolling_period_is_as_long_as_asked() -> None:
    assert parse_period("90m", NOW).since == utc(2026, 11, 25, 11, 4)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("", "is no period; write 30d, 2026-10"),
        ("soon", "is no period"),
        ("last-fortnight", "is no period"),
        ("2026-13", "is no date"),
        ("2026-00", "is no date"),
        ("2026-W60", "is no date"),
        ("2026-02-30", "is no date"),
        ("0000", "is no period"),
        ("2027-01", "has not begun yet"),
        ("1m", "write 1h to 2y"),
        ("9y", "write 1h to 2y"),
        ("9999-12", "is no period"),
    ],
)
def test_what_is_no_period_is_told_with_what_is(written: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_period(written, NOW)
