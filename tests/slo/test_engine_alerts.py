"""When the embedded engine fires, and when it stops."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from burnline.events import Counts, SloState
from tests.slo.conftest import FAST

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def test_a_healthy_service_is_ok_and_its_budget_whole(world: Any) -> None:
    world.promise()

    status = world.run(HOUR, MINUTE, ok=1000)

    assert status.state is SloState.OK
    assert status.sli == 1
    assert status.counts == Counts(0, 59_000)
    assert status.budget_remaining == 1
    assert status.exhausted_in is None
    assert status.cause == ""
    assert not world.firing()


def test_a_short_spike_does_not_page(world: Any) -> None:
    world.promise()
    world.run(2 * HOUR, MINUTE, ok=1000)

    spike = world.tick(MINUTE, ok=400, failed=600)
    after = world.run(20 * MINUTE, MINUTE, ok=1000)

    assert spike.burns[0].long_rate == pytest.approx(10, rel=0.01)
    assert spike.burns[0].short_rate == pytest.approx(120, rel=0.01)
    assert not [burn for burn in (*spike.burns, *after.burns) if burn.firing and burn.severity == "page"]


def test_a_full_outage_pages_after_the_theoretical_time_plus_one_tick(world: Any) -> None:
    world.promise()
    world.run(2 * HOUR, MINUTE, ok=1000)  # 99.9 % over 30 d: a full outage is detected in 51.84 s

    world.tick(MINUTE, failed=1000)

    assert "page-fast" in world.firing()
    assert world.status().state is SloState.BREACHED


def test_a_tenth_failing_pages_after_the_theoretical_time_plus_one_tick(world: Any) -> None:
    world.promise()
    world.run(2 * HOUR, MINUTE, ok=1000)

    world.run(8 * MINUTE, MINUTE, ok=900, failed=100)  # theory: 518.4 s = 8.64 minutes

    assert "page-fast" not in world.firing()
    world.tick(MINUTE, ok=900, failed=100)
    assert "page-fast" in world.firing()


def test_scaled_windows_page_within_seconds(world: Any) -> None:
    world.promise(FAST, interval="1s")
    world.run(2 * MINUTE, SECOND, ok=100)
    seconds = 0

    while "page-fast" not in world.firing():
        world.tick(SECOND, failed=100)
        seconds += 1

    assert seconds == 9  # (1 - 0.99) / 1 x 14.4 x 60 s = 8.64 s, plus the rest of the tick


def test_the_page_resets_after_the_short_window(world: Any) -> None:
    world.promise()
    world.run(2 * HOUR, MINUTE, ok=1000)
    world.run(30 * MINUTE, MINUTE, failed=1000)
    minutes = 0

    while "page-fast" in world.firing():
        world.tick(MINUTE, ok=1000)
        minutes += 1

    assert minutes == 5  # the workbook: 295.68 s


def test_a_recovered_tier_does_not_fire_while_its_long_window_remembers(world: Any) -> None:
    world.promise()
    world.run(2 * HOUR, MINUTE, ok=1000)
    world.run(30 * MINUTE, MINUTE, failed=1000)

    world.run(10 * MINUTE, MINUTE, ok=1000)

    assert world.burn("page-fast").long_rate > 14.4
    assert world.burn("page-fast").short_rate == 0
    assert not world.burn("page-fast").firing


def test_a_new_slo_fires_when_theory_says_not_at_its_first_failures(world: Any) -> None:
    """An outage of 14.4 x (1 - 99.9 %) of an hour spends what the fast page allows, however young the SLO is."""
    world.promise()
    world.run(5 * MINUTE, MINUTE, ok=1000)

    world.run(MINUTE, MINUTE, ok=990, failed=10)
    assert not world.firing()

    world.run(5 * MINUTE, MINUTE, failed=1000)
    assert "page-fast" in world.firing()


def test_too_few_events_do_not_fire(world: Any) -> None:
    world.promise({**FAST, "window": "30d", "objective": "99.9%", "min_events": 100})

    status = world.run(timedelta(hours=1), MINUTE, ok=0.9, failed=0.1)

    assert status.burns[0].long_rate == pytest.approx(100, rel=0.05)
    assert not world.firing()
    assert status.state is SloState.OK


def test_a_tier_that_cannot_fire_is_left_out(world: Any) -> None:
    world.promise({**FAST, "window": "30d", "objective": "90%"})

    status = world.run(5 * MINUTE, MINUTE, failed=10)

    assert [burn.tier for burn in status.burns] == ["page-slow", "ticket-fast", "ticket-slow"]
