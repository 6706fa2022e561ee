"""Maintenance in the engine: nothing counts, nothing is judged, nothing is forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from burnline.events import Counts, SloState
from tests.slo.conftest import AVAILABILITY

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NOON = {"from": "2026-01-05T13:00:00Z", "to": "2026-01-05T13:30:00Z", "reason": "database move"}
OTHER = {**AVAILABILITY, "name": "other"}


def until(world: Any, clock: str, **traffic: Any) -> Any:
    hour, minute = map(int, clock.split(":"))
    return world.run(world.now.replace(hour=hour, minute=minute) - world.now, MINUTE, **traffic)


def test_what_happens_in_maintenance_does_not_count(world: Any) -> None:
    world.promise(exclude=[NOON])
    before = until(world, "13:00", ok=100)

    status = until(world, "13:30", failed=100)
    after = until(world, "13:31", ok=100)

    assert before.counts == Counts(0, 5900)
    assert status.counts == before.counts
    assert after.counts == Counts(0, 6000)
    assert world.engine.read_sli("shop", "availability", after.at - 31 * MINUTE, after.at - MINUTE) is None


def test_an_excluded_slo_is_unknown_and_says_until_when_and_why(world: Any) -> None:
    world.promise(exclude=[NOON])
    edge = until(world, "13:00", ok=100)

    status = until(world, "13:01", ok=100)

    assert edge.state is SloState.OK
    assert status.state is SloState.UNKNOWN
    assert status.cause == status.excluded == "excluded until 13:30:00 UTC: database move"
    assert until(world, "13:30", ok=100).excluded
    after = until(world, "13:31", ok=100)
    assert (after.state, after.excluded) == (SloState.OK, "")


def test_only_the_slos_named_are_excluded(world: Any) -> None:
    world.promise(AVAILABILITY, OTHER, exclude=[{**NOON, "slos": ["other"]}])

    until(world, "13:10", ok=100)

    assert world.status("availability").state is SloState.OK
    assert world.status("other").state is SloState.UNKNOWN
    assert world.status("availability").counts.total - world.status("other").counts.total == 1000


def test_a_tier_that_fired_before_maintenance_goes_on_firing_in_it(world: Any) -> None:
    world.promise(exclude=[NOON])
    until(world, "12:50", ok=1000)
    until(world, "13:00", failed=1000)

    until(world, "13:20", ok=1000)

    assert world.burn("page-fast").firing


def test_maintenance_that_recurs_follows_the_clocks(world: Any) -> None:
    weekly = {
        "rrule": "FREQ=WEEKLY;BYDAY=MO",
        "from": "2025-12-01T13:00:00",
        "for": "30m",
        "tz": "Europe/Berlin",
        "reason": "weekly maintenance",
    }
    world.promise(exclude=[weekly])  # 12:00 UTC in winter

    until(world, "12:20", failed=100)

    assert world.status().counts == Counts(0, 0)
    assert world.status().excluded == "excluded until 12:30:00 UTC: weekly maintenance"


def test_a_killed_engine_excludes_as_one_that_lived(twins: Any) -> None:
    twins.promise(exclude=[NOON])
    until_there = timedelta(minutes=65)
    twins.run(until_there, MINUTE, ok=99, failed=1)

    twins.kill()
    twins.run(10 * MINUTE, MINUTE, ok=99, failed=1)
    twins.kill()
    status = twins.run(30 * MINUTE, MINUTE, ok=99, failed=1)

    assert status.counts == Counts(74, 7400)


def test_what_an_open_tile_held_when_its_time_is_excluded_is_not_found_again(world: Any) -> None:
    world.promise(exclude=[NOON])
    until(world, "13:00", ok=100)
    world.now += 30 * SECOND
    world.serve(failed=100)
    world.scrape()
    world.engine.run_once(world.now)

    world.restart()
    status = world.run(MINUTE, 30 * SECOND)

    assert status.counts == Counts(0, 5900)
