"""Counters: what a series grew by, whatever happens to it."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.slo.increments import MAX_GROWTH, MAX_VANISHED, Counters, Growth, Series, from_json, series

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
NAMES = frozenset({"requests_total"})
OK = series("requests_total", {"status": "200"})
FAILED = series("requests_total", {"status": "500"})


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def counters(*scrapes: dict[Series, float], every: float = 15) -> tuple[Counters, Growth]:
    """Counters after these scrapes, and what the last one told."""
    found = Counters(NAMES)
    growth = Growth(timedelta(0), {})
    for turn, values in enumerate(scrapes):
        growth = found.take(at(turn * every), values)
    return found, growth


def test_the_first_scrape_is_a_baseline() -> None:
    _, growth = counters({OK: 1e9})

    assert growth == Growth(timedelta(0), {})


def test_a_counter_tells_what_it_grew_by() -> None:
    _, growth = counters({OK: 10}, {OK: 17})

    assert growth == Growth(timedelta(seconds=15), {OK: 7})


def test_a_counter_that_fell_was_restarted_and_its_value_is_new() -> None:
    _, growth = counters({OK: 10}, {OK: 4})

    assert growth.by_series == {OK: 4}


def test_a_series_born_between_two_scrapes_counts_from_zero() -> None:
    _, growth = counters({OK: 10}, {OK: 10, FAILED: 3})

    assert growth.by_series == {OK: 0, FAILED: 3}


def test_a_series_that_returns_goes_on_from_its_last_value() -> None:
    _, growth = counters({OK: 10, FAILED: 100}, {OK: 10}, {OK: 10}, {OK: 10, FAILED: 103})

    assert growth.by_series[FAILED] == 3


def test_a_series_that_was_hidden_for_hours_goes_on_from_its_last_value() -> None:
    """Exporters show a series while something happens: counted whole it would page for nothing."""
    _, growth = counters({OK: 10, FAILED: 100}, *[{OK: 10.0}] * 90, {OK: 10, FAILED: 101}, every=200)

    assert growth.by_series[FAILED] == 1


def test_a_series_gone_for_six_hours_is_forgotten() -> None:
    found, _ = counters({OK: 10, FAILED: 100}, *[{OK: 10.0}] * 110, every=200)

    assert found.vanished == {}


def test_only_so_many_vanished_series_are_remembered_the_newest() -> None:
    def page(turn: int) -> dict[Series, float]:
        return {series("requests_total", {"id": f"{turn}-{n}"}): 1.0 for n in range(MAX_VANISHED - 1)}

    found, _ = counters(page(0), page(1), page(2))

    assert len(found.vanished) == MAX_VANISHED
    assert page(1).keys() <= found.vanished.keys()


def test_five_silent_minutes_lose_nothing_and_more_make_a_gap() -> None:
    _, heard = counters({OK: 10}, {OK: 70}, every=300)
    _, gap = counters({OK: 10}, {OK: 70}, every=301)

    assert heard == Growth(timedelta(minutes=5), {OK: 60})
    assert gap == Growth(timedelta(0), {})


def test_a_scrape_from_the_past_says_nothing() -> None:
    found, _ = counters({OK: 10}, {OK: 20})

    again = found.take(at(15), {OK: 25})

    assert again == Growth(timedelta(0), {})
    assert found.values == {OK: 20}


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf, -1.0])
def test_what_no_counter_can_be_is_passed_over(nonsense: float) -> None:
    _, growth = counters({OK: 10, FAILED: 1}, {OK: nonsense, FAILED: 2})

    assert growth.by_series == {FAILED: 1}


def test_growth_no_counter_can_have_is_a_baseline() -> None:
    _, most = counters({OK: 10, FAILED: 1}, {OK: 10 + MAX_GROWTH, FAILED: 2})
    found, jump = counters({OK: 10, FAILED: 1}, {OK: 11 + MAX_GROWTH, FAILED: 2})

    assert (most.by_series, most.jumps) == ({OK: MAX_GROWTH, FAILED: 1}, {})
    assert (jump.by_series, jump.jumps) == ({FAILED: 1}, {OK: MAX_GROWTH + 1})
    assert found.take(at(30), {OK: 12 + MAX_GROWTH, FAILED: 2}).by_series == {OK: 1, FAILED: 0}


@pytest.mark.parametrize("nonsense", [1e16, 1e300, 1.7e308])
def test_a_value_that_cannot_count_by_ones_is_a_jump_as_long_as_it_lasts(nonsense: float) -> None:
    found, first = counters({OK: 10}, {OK: nonsense})
    second = found.take(at(30), {OK: nonsense})
    back = found.take(at(45), {OK: 12})

    assert [growth.jumps for growth in (first, second, back)] == [{OK: nonsense}, {OK: nonsense}, {}]
    assert back.by_series == {OK: 2}


def test_counters_survive_a_restart() -> None:
    found, _ = counters({OK: 10, FAILED: 5}, {OK: 12})

    back = from_json(json.loads(json.dumps(found.to_json())), found.at or START, NAMES)

    assert back.take(at(30), {OK: 15, FAILED: 6}).by_series == {OK: 3, FAILED: 1}


def test_a_metric_not_looked_for_before_the_restart_is_a_baseline() -> None:
    found, _ = counters({OK: 10})
    other = series("other_total", {})
    back = from_json(found.to_json(), found.at or START, NAMES | {"other_total"})

    first = back.take(at(15), {OK: 11, other: 1e6})
    second = back.take(at(30), {OK: 11, other: 1e6 + 2, FAILED: 1})

    assert first.by_series == {OK: 1, other: 0}
    assert second.by_series == {OK: 0, other: 2, FAILED: 1}


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40), st.data())
def test_increments_telescope_over_any_missed_scrapes(steps: list[int], data: st.DataObject) -> None:
    found = Counters(NAMES)
    found.take(at(0), {OK: 0})
    value, counted = 0, 0.0

    for turn, step in enumerate(steps, start=1):
        value += step
        if turn == len(steps) or data.draw(st.booleans()):
            counted += found.take(at(turn), {OK: value}).by_series[OK]

    assert counted == sum(steps)
