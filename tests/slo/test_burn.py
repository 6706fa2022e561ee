"""Every number of the workbook's chapter 5 that an engine must reproduce."""

from __future__ import annotations

import doctest
from datetime import timedelta
from types import ModuleType

import pytest

from burnline.slo import burn, windows
from burnline.slo.burn import (
    budget_remaining,
    budget_spent_at_firing,
    burn_rate,
    detection_time,
    error_budget,
    minimum_error_ratio,
    reset_time,
    time_to_exhaustion,
)
from burnline.slo.windows import Tier, tiers

MONTH = timedelta(days=30)
THREE_NINES = {tier.name: tier for tier in tiers(MONTH, 0.999)}


def seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


# The Site Reliability Workbook, table 5-8 and the formulas of chapter 5, for 99.9 % over 30 d.
# name, budget at firing, threshold, detect e=100 %, detect e=10 %, reset with short window, without, exhausts in hours
TABLE = [
    ("page-fast", 0.02, 0.0144, 51.84, 518.4, 295.68, 3548.16, 50),
    ("page-slow", 0.05, 0.006, 129.6, 1296, 1789.2, 21470.4, 120),
    ("ticket-fast", 0.10, 0.003, 259.2, 2592, 7178.4, 86140.8, 240),
    ("ticket-slow", 0.10, 0.001, 259.2, 2592, 21578.4, 258940.8, 720),
]


@pytest.mark.parametrize(("name", "share", "threshold", "full", "tenth", "reset", "reset_alone", "hours"), TABLE)
def test_the_table_of_the_workbook(
    name: str, share: float, threshold: float, full: float, tenth: float, reset: float, reset_alone: float, hours: float
) -> None:
    tier: Tier = THREE_NINES[name]

    assert budget_spent_at_firing(tier.factor, tier.long, MONTH) == pytest.approx(share)
    assert minimum_error_ratio(0.999, tier.factor) == pytest.approx(threshold)
    assert seconds(detection_time(0.999, 1.0, tier.factor, tier.long)) == pytest.approx(full)
    assert seconds(detection_time(0.999, 0.1, tier.factor, tier.long)) == pytest.approx(tenth)
    assert seconds(reset_time(0.999, 1.0, tier.factor, tier.short)) == pytest.approx(reset)
    assert seconds(reset_time(0.999, 1.0, tier.factor, tier.long)) == pytest.approx(reset_alone)
    if tier.factor > 1:
        assert time_to_exhaustion(MONTH, tier.factor) == timedelta(hours=hours)


@pytest.mark.parametrize(("factor", "needs"), [(14.4, 0.9306), (6, 0.8333), (3, 0.6667)])
def test_a_factor_needs_an_objective_strict_enough(factor: float, needs: float) -> None:
    assert minimum_error_ratio(needs + 0.0001, factor) < 1
    assert minimum_error_ratio(needs - 0.0001, factor) > 1


@pytest.mark.parametrize(
    ("burn", "error_ratio", "lasts"),
    [
        (2, 0.002, timedelta(days=15)),
        (10, 0.01, timedelta(days=3)),
        (1000, 1.0, timedelta(minutes=43, seconds=12)),
    ],
)
def test_error_rate_by_burn_rate(burn: float, error_ratio: float, lasts: timedelta) -> None:
    assert burn_rate(error_ratio * 1e6, 1e6, 0.999) == pytest.approx(burn)
    assert time_to_exhaustion(MONTH, burn) == lasts


def test_a_burn_rate_of_one_spends_the_budget_in_one_period() -> None:
    assert burn_rate(1, 1000, 0.999) == 1
    assert budget_remaining(1, 1000, 0.999) == 0
    assert time_to_exhaustion(MONTH, 1.0) is None


def test_a_ten_minute_window_detects_a_full_outage_in_six_tenths_of_a_second() -> None:
    assert seconds(detection_time(0.999, 1.0, 1, timedelta(minutes=10))) == pytest.approx(0.6)


def test_a_thirty_six_hour_window_detects_in_two_minutes_and_resets_after_a_day_and_a_half() -> None:
    assert seconds(detection_time(0.999, 1.0, 1, timedelta(hours=36))) == pytest.approx(129.6)
    assert seconds(reset_time(0.999, 1.0, 1, timedelta(hours=36))) == pytest.approx(36 * 3600, rel=0.01)


def test_waiting_an_hour_before_alerting_spends_more_than_the_whole_budget() -> None:
    assert timedelta(hours=1) / (MONTH * error_budget(0.999)) == pytest.approx(60 / 43.2)  # the book: 140 %


def test_one_burn_rate_of_thirty_six_misses_a_burn_of_thirty_five() -> None:
    assert budget_spent_at_firing(36, timedelta(hours=1), MONTH) == pytest.approx(0.05)
    assert seconds(reset_time(0.999, 1.0, 36, timedelta(hours=1))) == pytest.approx(57.84 * 60)
    assert detection_time(0.999, 0.035, 36, timedelta(hours=1)) is None
    assert seconds(time_to_exhaustion(MONTH, 35)) == pytest.approx(20.57 * 3600, rel=1e-3)


def test_low_traffic_one_failure_is_a_seventh_of_the_budget() -> None:
    events = 10 * 24 * 30

    assert events == 7200
    assert events * error_budget(0.999) == pytest.approx(7.2)
    assert 1 - (budget_remaining(1, events, 0.999) or 0) == pytest.approx(1 / 7.2)
    assert burn_rate(1, 10, 0.999) == pytest.approx(100)


def test_ninety_percent_never_reaches_the_fast_page() -> None:
    an_hour_of_outage = budget_spent_at_firing(10, timedelta(hours=1), MONTH)  # e = 1 burns at 1 / (1 - T) = 10

    assert an_hour_of_outage == pytest.approx(1 / 72)
    assert detection_time(0.90, 1.0, 14.4, timedelta(hours=1)) is None


def test_five_nines_allow_twenty_six_seconds_of_outage() -> None:
    assert (MONTH * error_budget(0.99999)).total_seconds() == pytest.approx(25.92)


def test_no_events_is_no_rate() -> None:
    assert burn_rate(0, 0, 0.999) is None
    assert budget_remaining(0, 0, 0.999) is None
    assert time_to_exhaustion(MONTH, None) is None
    assert time_to_exhaustion(MONTH, 2, None) is None


def test_a_young_slo_is_charged_for_what_it_has_seen() -> None:
    an_hour = timedelta(hours=1) / MONTH

    assert budget_remaining(144, 10_000, 0.999, observed=an_hour) == pytest.approx(0.98)
    assert budget_remaining(144, 10_000, 0.999) == pytest.approx(1 - 14.4)


def test_an_overspent_budget_is_exhausted_now() -> None:
    assert time_to_exhaustion(MONTH, 5, -0.2) == timedelta(0)


def test_an_error_ratio_on_the_threshold_never_fires_and_has_nothing_to_reset() -> None:
    assert detection_time(0.999, 0.0144, 14.4, timedelta(hours=1)) is None
    assert reset_time(0.999, 0.001, 14.4, timedelta(hours=1)) == timedelta(0)


@pytest.mark.parametrize("module", [burn, windows])
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)

    assert result.attempted > 0
    assert result.failed == 0
