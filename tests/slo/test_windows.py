"""The workbook's windows, and how they follow the period and the objective."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.slo.windows import all_tiers, base_interval, left_out, tiers

MONTH = timedelta(days=30)


def minutes(*numbers: float) -> list[timedelta]:
    return [timedelta(minutes=number) for number in numbers]


def test_thirty_days_have_the_four_tiers_of_the_workbook() -> None:
    found = tiers(MONTH, 0.999)

    assert [tier.name for tier in found] == ["page-fast", "page-slow", "ticket-fast", "ticket-slow"]
    assert [tier.severity for tier in found] == ["page", "page", "ticket", "ticket"]
    assert [tier.factor for tier in found] == [14.4, 6, 3, 1]
    assert [tier.long for tier in found] == minutes(60, 360, 1440, 4320)
    assert [tier.short for tier in found] == minutes(5, 30, 120, 360)


def test_the_short_window_is_a_twelfth_of_the_long_one() -> None:
    for tier in tiers(MONTH, 0.999):
        assert tier.long == 12 * tier.short


def test_twenty_eight_days_keep_the_budget_shares_and_drop_the_factor_below_one() -> None:
    found = tiers(timedelta(days=28), 0.999)

    assert [tier.factor for tier in found] == [13.44, 5.6, 2.8]
    assert left_out(timedelta(days=28), 0.999) == {
        "ticket-slow": "factor 0.9333 is below 1: it would fire while the objective is being met"
    }


def test_seven_days_keep_only_the_page_tiers() -> None:
    assert [tier.factor for tier in all_tiers(timedelta(days=7))] == pytest.approx([3.36, 1.4, 0.7, 0.7 / 3])
    assert [tier.name for tier in tiers(timedelta(days=7), 0.999)] == ["page-fast", "page-slow"]


def test_an_objective_of_ninety_percent_has_no_fast_page() -> None:
    found = tiers(MONTH, 0.90)

    assert [tier.name for tier in found] == ["page-slow", "ticket-fast", "ticket-slow"]
    assert "needs more than 144% of the events to be bad" in left_out(MONTH, 0.90)["page-fast"]


def test_twelve_hours_page_over_one_minute_and_five_seconds() -> None:
    found = tiers(timedelta(hours=12), 0.99)

    assert [tier.factor for tier in found] == [14.4, 6, 3, 1]
    assert [tier.long for tier in found] == minutes(1, 6, 24, 72)
    assert [tier.short for tier in found] == minutes(5 / 60, 0.5, 2, 6)
    assert base_interval(timedelta(hours=12)) == timedelta(seconds=1)


def test_the_base_interval_is_a_minute_from_seven_days_on() -> None:
    assert base_interval(timedelta(days=7)) == timedelta(minutes=1)
    assert base_interval(timedelta(days=90)) == timedelta(minutes=1)
    assert base_interval(timedelta(days=1)) == timedelta(seconds=2)
    assert base_interval(timedelta(minutes=10)) == timedelta(seconds=1)


@given(st.integers(min_value=60, max_value=400 * 86400).map(lambda seconds: timedelta(seconds=seconds)))
def test_every_window_is_a_whole_number_of_base_intervals(window: timedelta) -> None:
    base = base_interval(window)

    assert base >= timedelta(seconds=1)
    for tier in all_tiers(window):
        assert tier.short >= base
        assert tier.short <= tier.long
        assert not tier.long % base
        assert not tier.short % base


@given(st.floats(min_value=0.01, max_value=0.99999), st.integers(min_value=1, max_value=365))
def test_a_tier_is_either_used_or_explained(objective: float, days: int) -> None:
    window = timedelta(days=days)

    used = {tier.name for tier in tiers(window, objective)}

    assert used.isdisjoint(left_out(window, objective))
    assert used | set(left_out(window, objective)) == {tier.name for tier in all_tiers(window)}
    assert all(1 <= tier.factor < 1 / (1 - objective) for tier in tiers(window, objective))
