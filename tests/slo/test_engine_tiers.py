"""Tiers of a team's own: windows, thresholds, least events, and how long a condition must hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from burnline.slo.group import groups_of
from burnline.slo.promise import promises_of
from tests.slo.conftest import AVAILABILITY

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MINE = {"name": "mine", "severity": "ticket", "long": "20m", "short": "2m", "factor": 3}


def test_slos_of_one_schedule_are_one_group_whatever_they_call_their_tiers(world: Any) -> None:
    named = {**AVAILABILITY, "name": "named", "tiers": ["page-fast", "page-slow", "ticket-fast", "ticket-slow"]}
    fewer = {**AVAILABILITY, "name": "fewer", "tiers": ["page-fast"]}
    month = {**AVAILABILITY, "name": "month", "window": {"calendar": "month"}}

    world.promise(AVAILABILITY, named, fewer, month)
    groups = groups_of(promises_of(world.specs[0]))

    assert [[promise.slo.name for promise in group.promises] for group in groups] == [
        ["availability", "named"],
        ["fewer"],
        ["month"],
    ]


def test_a_tier_of_their_own_fires_over_its_factor_in_both_of_its_windows(world: Any) -> None:
    world.promise({**AVAILABILITY, "tiers": [MINE, "page-fast"]})
    world.run(HOUR, MINUTE, ok=1000)

    world.run(15 * MINUTE, MINUTE, ok=996, failed=4)  # 4 x 15 / 20 is not over 3
    assert not world.firing()
    world.run(MINUTE, MINUTE, ok=996, failed=4)

    assert world.firing() == ["mine"]
    assert world.burn("mine").long_rate == pytest.approx(3.2)
    assert world.burn("mine").long_sli == pytest.approx(0.9968)
    assert world.burn("mine").short_sli == pytest.approx(0.996)


def test_a_budget_says_the_same_as_its_factor(world: Any) -> None:
    budget = {"name": "tenth", "severity": "ticket", "long": "1d", "short": "2h", "budget": "10%"}
    world.promise({**AVAILABILITY, "tiers": [budget]})

    world.run(MINUTE, MINUTE, ok=1)

    assert world.burn("tenth").factor == pytest.approx(3)


def test_one_failure_never_pages_at_ten_requests_an_hour(world: Any) -> None:
    world.promise()
    for _ in range(20):
        world.run(MINUTE, MINUTE, ok=1)
        world.run(5 * MINUTE, MINUTE)

    world.run(MINUTE, MINUTE, failed=1)
    one, rate = world.firing(), world.burn("page-fast").short_rate
    world.run(2 * MINUTE, MINUTE)
    world.run(MINUTE, MINUTE, failed=1)

    assert rate == pytest.approx(1000)
    assert not one
    assert world.firing()


def test_min_bad_events_of_one_lets_the_first_failure_page(world: Any) -> None:
    world.promise({**AVAILABILITY, "min_bad_events": 1})
    world.run(2 * HOUR, MINUTE, ok=1)

    world.run(MINUTE, MINUTE, failed=1)

    assert "page-fast" in world.firing()


def test_a_tier_may_ask_for_other_events_than_its_slo(world: Any) -> None:
    few = {**MINE, "name": "few", "min_events": 5}
    world.promise({**AVAILABILITY, "min_events": 1000, "tiers": [MINE, few]})
    world.run(HOUR, MINUTE, ok=1)

    world.run(3 * MINUTE, MINUTE, failed=1)

    assert world.firing() == ["few"]


def test_a_condition_must_last_before_its_tier_fires(world: Any) -> None:
    world.promise({**AVAILABILITY, "tiers": [{**MINE, "for": "5m"}, {**MINE, "name": "at-once"}]})
    world.run(HOUR, MINUTE, ok=1000)

    waited = 0
    world.run(MINUTE, MINUTE, failed=1000)
    assert world.firing() == ["at-once"]
    while "mine" not in world.firing():
        world.run(MINUTE, MINUTE, failed=1000)
        waited += 1

    assert waited == 5


def test_a_condition_that_stops_waits_anew(world: Any) -> None:
    world.promise({**AVAILABILITY, "tiers": [{**MINE, "for": "5m"}]})
    world.run(HOUR, MINUTE, ok=1000)

    for _ in range(4):
        world.run(4 * MINUTE, MINUTE, failed=1000)
        world.run(2 * MINUTE, MINUTE, ok=1000)

    assert not world.firing()


@pytest.mark.parametrize("at_once", [True, False])
def test_a_late_turn_waits_no_longer(world: Any, *, at_once: bool) -> None:
    world.promise({**AVAILABILITY, "tiers": [{**MINE, "for": "5m"}]})
    world.run(HOUR, MINUTE, ok=1000)

    if at_once:
        world.run(6 * MINUTE, MINUTE, failed=1000)
    else:
        for _ in range(6):
            world.run(MINUTE, MINUTE, failed=1000)

    assert world.firing() == ["mine"]


def test_a_killed_engine_goes_on_waiting_where_it_was(twins: Any) -> None:
    twins.promise({**AVAILABILITY, "tiers": [{**MINE, "for": "5m"}]})
    twins.run(HOUR, MINUTE, ok=1000)
    twins.run(4 * MINUTE, MINUTE, failed=1000)

    twins.kill()
    waiting = twins.run(MINUTE, MINUTE, failed=1000)
    after = twins.run(MINUTE, MINUTE, failed=1000)

    assert not waiting.burns[0].firing
    assert after.burns[0].firing


def test_an_engine_that_was_down_for_longer_than_the_wait_judges_as_one_that_lived(twins: Any) -> None:
    twins.promise({**AVAILABILITY, "tiers": [{**MINE, "for": "5m"}]})
    twins.run(HOUR, MINUTE, ok=1000)
    twins.run(3 * MINUTE, MINUTE, failed=1000)
    twins.kill()

    for world in twins.worlds:
        world.now += 9 * MINUTE
    twins.living.engine.run_once(twins.living.now - 4 * MINUTE)
    for world in twins.worlds:
        world.engine.run_once(world.now)

    twins.compare()
