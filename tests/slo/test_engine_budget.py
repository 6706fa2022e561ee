"""What is left of the budget, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from burnline.events import SloState
from tests.slo.conftest import FAST

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def test_a_young_slo_has_spent_two_percent_when_it_pages(world: Any) -> None:
    world.promise()
    world.run(HOUR, MINUTE, ok=10_000)
    minutes = 0

    while "page-fast" not in world.firing():
        world.tick(MINUTE, ok=9_000, failed=1000)
        minutes += 1

    assert world.status().budget_remaining == pytest.approx(0.98, abs=0.003)  # burn 14.4 for an hour of 720


def test_idle_hours_keep_the_budget(world: Any) -> None:
    world.promise({**FAST, "objective": "90%"}, interval="1m")
    world.run(2 * HOUR, MINUTE, ok=990, failed=10)
    world.run(10 * HOUR, MINUTE, ok=1000)
    before = world.status()

    after = world.run(90 * MINUTE, MINUTE)

    assert before.state is after.state is SloState.OK
    assert after.budget_remaining == pytest.approx(before.budget_remaining, abs=0.05)
    assert after.burns[0].long_rate is None
    assert after.cause == ""


def test_a_service_that_never_had_traffic_is_not_unknown(world: Any) -> None:
    world.promise()
    world.counters[("status", "200"),] = 0

    status = world.run(HOUR, MINUTE)

    assert status.state is SloState.OK
    assert status.sli is None
    assert status.budget_remaining is None


def test_a_spent_budget_breaches_and_a_low_one_is_at_risk(world: Any) -> None:
    world.promise(FAST, interval="1m")
    world.run(11 * HOUR, MINUTE, ok=1000)
    world.run(6 * MINUTE, MINUTE, failed=1000)
    world.run(30 * MINUTE, MINUTE, ok=1000)

    low = world.run(20 * MINUTE, MINUTE, ok=950, failed=50)
    gone = world.run(10 * MINUTE, MINUTE, failed=30)

    assert 0 < low.budget_remaining < 0.1
    assert low.state is SloState.AT_RISK
    assert gone.budget_remaining < 0
    assert gone.state is SloState.BREACHED


def test_the_time_to_exhaustion_follows_the_present_rate(world: Any) -> None:
    world.promise()

    status = world.run(2 * HOUR, MINUTE, ok=990, failed=10)

    assert status.burns[0].long_rate == pytest.approx(10)
    assert status.exhausted_in == pytest.approx(
        timedelta(days=3) - 119 * MINUTE, abs=SECOND
    )  # P / b, less the time spent


def test_a_young_slo_says_since_when_it_counts(world: Any) -> None:
    world.promise(FAST, interval="1s")
    began = world.now
    world.run(HOUR, SECOND, ok=1)
    before = world.status().since

    world.restart()

    assert abs(before - began) <= 2 * SECOND
    assert timedelta(0) <= before - world.status().since < MINUTE  # as exact as what is kept of an hour ago
    assert world.run(11 * HOUR, MINUTE, ok=1).since is None


def test_old_errors_leave_the_period(world: Any) -> None:
    world.promise(FAST, interval="1m")
    world.run(5 * MINUTE, MINUTE, failed=100)

    status = world.run(timedelta(hours=12, minutes=2), MINUTE, ok=100)

    assert status.counts.bad == 0
    assert status.budget_remaining == 1
