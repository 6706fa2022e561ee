"""What was: events between two moments, and charts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from burnline.events import Counts

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SHORT: dict[str, Any] = {
    "name": "availability",
    "objective": "99%",
    "window": "12h",
    "sli": {"ratio": {"bad": 'http_requests_total{status=~"5.."}', "total": "http_requests_total"}},
}


def test_events_are_counted_from_after_since_up_to_and_with_until(world: Any) -> None:
    engine = world.promise()
    world.run(10 * MINUTE, MINUTE, ok=100)
    start = world.now

    world.run(3 * MINUTE, MINUTE, ok=90, failed=10)

    assert engine.read_sli("shop", "availability", start, world.now) == Counts(30, 300)
    assert engine.read_sli("shop", "availability", start - MINUTE, start) == Counts(0, 100)
    assert engine.read_sli("shop", "availability", world.now, world.now + MINUTE) is None


def test_an_observed_span_without_traffic_is_zero_events(world: Any) -> None:
    engine = world.promise()
    world.run(5 * MINUTE, MINUTE, ok=100)
    start = world.now

    world.run(5 * MINUTE, MINUTE)

    assert engine.read_sli("shop", "availability", start, world.now) == Counts(0, 0)


def test_before_the_first_turn_nothing_was_observed(world: Any) -> None:
    engine = world.promise()

    assert engine.read_sli("shop", "availability", world.now - HOUR, world.now) is None
    assert engine.history("shop", "availability", world.now - HOUR).at.size == 0


def test_long_ago_is_read_from_longer_tiles_without_counting_twice(world: Any) -> None:
    engine = world.promise(SHORT, interval="15s")
    beginning = world.now

    world.run(11 * HOUR, timedelta(seconds=15), ok=99, failed=1)

    ticks = 11 * 60 * 4 - 1  # the first scrape is the baseline
    assert engine.read_sli("shop", "availability", beginning, world.now) == Counts(ticks, 100 * ticks)
    assert world.restart().read_sli("shop", "availability", beginning, world.now) == Counts(ticks, 100 * ticks)


def test_the_end_of_a_chart_is_the_status(world: Any) -> None:
    engine = world.promise()
    world.run(3 * HOUR, MINUTE, ok=1000)
    status = world.run(20 * MINUTE, MINUTE, ok=950, failed=50)

    chart = engine.history("shop", "availability", world.now - HOUR)

    assert chart.at[-1] == status.at.timestamp()
    assert chart.at.size == 60
    assert chart.budget_remaining[-1] == pytest.approx(status.budget_remaining)
    assert chart.budget_remaining[0] == 1
    assert set(chart.burn_rate) == {length for burn in status.burns for length in (burn.long_window, burn.short_window)}
    for burn in status.burns:
        assert chart.burn_rate[burn.short_window][-1] == pytest.approx(burn.short_rate)
        assert chart.burn_rate[burn.long_window][-1] == pytest.approx(burn.long_rate)
    assert chart.sli[-1] == pytest.approx(0.95)
    assert chart.sli[0] == 1


def test_a_chart_has_at_most_six_hundred_points(world: Any) -> None:
    engine = world.promise(SHORT, interval="15s")
    world.run(HOUR, timedelta(seconds=15), ok=100)

    chart = engine.history("shop", "availability", world.now - timedelta(hours=12))

    assert 500 < chart.at.size <= 600
    assert chart.at[-1] == world.now.timestamp()
    assert (np.diff(chart.at) == np.diff(chart.at)[0]).all()


def test_a_gap_is_a_gap_in_the_chart(world: Any) -> None:
    engine = world.promise()
    world.run(30 * MINUTE, MINUTE, ok=100)
    world.run(30 * MINUTE, MINUTE, scrape=False)

    chart = engine.history("shop", "availability", world.now - HOUR)

    assert np.isnan(chart.sli[-30:]).all()
    assert np.isnan(chart.burn_rate[5 * MINUTE][-20:]).all()
    assert chart.known.tolist() == [False] + [True] * 34 + [False] * 25  # a first scrape; five intervals are borne
    assert not np.isnan(chart.sli[5:30]).any()


def test_what_was_watched_without_traffic_is_known(world: Any) -> None:
    engine = world.promise()
    world.run(30 * MINUTE, MINUTE, ok=100)
    world.run(30 * MINUTE, MINUTE)

    chart = engine.history("shop", "availability", world.now - HOUR)

    assert np.isnan(chart.sli[-30:]).all()
    assert chart.known[1:].all()


def test_a_gap_stays_a_gap_when_only_longer_tiles_tell_of_it(world: Any) -> None:
    engine = world.promise(SHORT, interval="15s")
    world.run(2 * HOUR, timedelta(seconds=15), ok=100)
    world.run(1 * HOUR, timedelta(seconds=15), scrape=False)
    world.run(8 * HOUR, timedelta(seconds=15), ok=100)

    chart = engine.history("shop", "availability", world.now - 11 * HOUR)

    unknown_hours = (~chart.known).sum() * (chart.at[1] - chart.at[0]) / 3600
    assert unknown_hours == pytest.approx(1, abs=0.1)
    assert chart.known[-400:].all()
