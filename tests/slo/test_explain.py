"""What an SLO means, in the numbers of the SRE workbook (chapter 5) and in what follows from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from burnline.slo.explain import Explanation, explain, parse_traffic
from burnline.spec.service import ServiceSpec

SECOND = timedelta(seconds=1)
RATIO = {"ratio": {"bad": "b", "total": "t"}}


def explained(
    now: datetime, *, traffic: float | None = None, service: dict[str, Any] | None = None, **slo: Any
) -> Explanation:
    one = {"name": "a", "objective": "99.9%", "window": "30d", "sli": RATIO, **slo}
    body = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "slos": [one], **(service or {})}
    spec = ServiceSpec.model_validate(body)
    return explain(spec, spec.slos[0], now=now, traffic=traffic)


def test_three_nines_allow_43_minutes_in_30_days(now: datetime) -> None:
    found = explained(now, traffic=50)

    assert found.outage == timedelta(minutes=43, seconds=12)
    assert found.events == 50 * 30 * 86400
    assert found.allowed == pytest.approx(129_600)


@pytest.mark.parametrize(
    ("tier", "full", "tenth", "resets", "spent"),
    [
        ("page-fast", 51.84, 518.4, 295.68, 0.02),
        ("page-slow", 129.6, 1296, 1789.2, 0.05),
        ("ticket-fast", 259.2, 2592, 7178.4, 0.1),
        ("ticket-slow", 259.2, 2592, 21578.4, 0.1),
    ],
)  # table 5-8 and the formulas of the chapter
def test_the_tiers_are_those_of_the_workbook(
    now: datetime, tier: str, full: float, tenth: float, resets: float, spent: float
) -> None:
    row = next(row for row in explained(now).tiers if row.tier.name == tier)
    after = {each.error_ratio: each.after for each in row.detections}

    assert after[1.0] == full * SECOND
    assert after[0.1] == tenth * SECOND
    assert row.resets == resets * SECOND
    assert row.spent == pytest.approx(spent)
    assert row.detections[-1].spent == pytest.approx(spent)


def test_a_failure_under_the_threshold_never_fires(now: datetime) -> None:
    fast = explained(now).tiers[0]

    assert fast.detections[0].error_ratio == 0.01
    assert fast.detections[0].after is None


def test_the_second_failure_is_waited_for_where_traffic_is_low(now: datetime) -> None:
    fast = explained(now, traffic=10 / 3600).tiers[0]

    assert fast.detections[-1].after == timedelta(minutes=12)  # two of ten an hour


def test_a_tier_that_never_has_enough_events_is_said_to_never_fire(now: datetime) -> None:
    found = explained(now, traffic=10 / 3600, min_events=100)

    assert found.tiers[0].detections[-1].after is None
    assert found.tiers[3].detections[-1].after is not None
    assert (
        "tier page-fast never fires at this traffic: 1h hold 10 events, and it asks for min_events 100"
        in found.warnings
    )


def test_a_hold_comes_on_top(now: datetime) -> None:
    tier = {"name": "mine", "severity": "page", "long": "1h", "factor": 14.4, "for": "5m"}

    assert explained(now, tiers=[tier]).tiers[0].detections[-1].after == 351.84 * SECOND


def test_slices_of_time_have_a_traffic_of_their_own(now: datetime) -> None:
    found = explained(now, traffic=50, sli={"threshold": {"gauge": "g", "above": 1}})

    assert found.events == 43_200
    assert found.tiers[0].detections[-1].after == timedelta(minutes=2)  # the second bad minute


def test_a_budget_that_is_gone_before_anybody_can_look_is_warned_of(now: datetime) -> None:
    [warning] = explained(now, objective="99.999%").warnings

    assert warning == (
        "a full outage spends the whole budget in 25s920ms, before a scrape and an evaluation can see it (up to 1m15s)"
    )


def test_a_tier_under_a_factor_of_one_is_told(now: datetime) -> None:
    [warning] = explained(now, window="28d").warnings

    assert warning.startswith("tier ticket-slow is left out: factor 0.9333 is below 1")


def test_a_short_window_needs_a_few_scrapes(now: datetime) -> None:
    slow = {"collect": [{"url": "http://h/", "interval": "2m"}]}

    assert explained(now, service=slow).warnings == (
        "tier page-fast: its short window of 5m holds fewer than four scrapes (2m apart)",
    )


def test_a_calendar_window_says_when_it_began_and_ends(now: datetime) -> None:
    found = explained(now, window={"calendar": "month", "tz": "Europe/Berlin"})

    assert found.window == "month (Europe/Berlin)"
    assert (found.starts, found.ends) == (
        datetime(2025, 12, 31, 23, tzinfo=UTC),
        datetime(2026, 1, 31, 23, tzinfo=UTC),
    )


def test_the_next_exclusions_are_told(now: datetime) -> None:
    weekly = {"from": "2026-01-04T03:00", "for": "2h", "rrule": "FREQ=WEEKLY;BYDAY=SU", "reason": "weekly"}

    found = explained(now, service={"exclude": [weekly]})

    assert [span.start.day for span in found.exclusions] == [11, 18, 25]


@pytest.mark.parametrize(("written", "rate"), [("50/s", 50), ("3000/m", 50), ("10/h", 10 / 3600), ("8.64e4/d", 1)])
def test_traffic_is_written_with_its_unit(written: str, rate: float) -> None:
    assert parse_traffic(written) == pytest.approx(rate)


@pytest.mark.parametrize("written", ["50", "50/y", "-1/s", "nan/s", "inf/s", "many/s", "/s"])
def test_a_traffic_that_is_none_says_what_is(written: str) -> None:
    with pytest.raises(ValueError, match="is no traffic; write events per second, minute, hour or day, as in 50/s"):
        parse_traffic(written)
