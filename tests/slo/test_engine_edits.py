"""Service files are edited and clocks are wrong: what was counted is kept where it can be, and never misread."""

from __future__ import annotations

from datetime import timedelta
from math import inf, nan
from typing import Any

import pytest

from burnline.events import Sample, SloState
from burnline.store.slo import tiles
from tests.slo.conftest import AVAILABILITY, World

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SLICED = {**AVAILABILITY, "slices": {"length": "5m", "target": "99%"}}


def test_slices_are_not_added_to_the_events_of_before(world: World) -> None:
    """A hundred thousand good requests would hide every bad slice for weeks."""
    world.promise(AVAILABILITY)
    world.run(6 * HOUR, MINUTE, ok=10_000)

    world.promise(SLICED)
    status = world.run(65 * MINUTE, MINUTE, failed=10_000)

    assert status.counts.total < 20
    assert "page-fast" in world.firing()


def test_another_base_interval_begins_anew_at_once_and_not_at_the_next_start(world: World) -> None:
    world.promise({**AVAILABILITY, "window": "12h"})
    world.run(20 * MINUTE, timedelta(seconds=15), ok=90, failed=10)
    world.promise(AVAILABILITY)
    before = world.run(10 * MINUTE, timedelta(seconds=15), ok=100)

    world.restart()
    after = world.run(MINUTE, timedelta(seconds=15), ok=100)

    assert before.counts.bad == after.counts.bad == 0
    assert after.counts.total < 6_000


@pytest.mark.parametrize("edit", [{"objective": "99%"}, {"window": "28d"}, {"min_events": 5}])
def test_an_edit_that_counts_the_same_keeps_what_was_counted(world: World, edit: dict[str, Any]) -> None:
    world.promise(AVAILABILITY)
    before = world.run(HOUR, MINUTE, ok=90, failed=10)

    world.promise({**AVAILABILITY, **edit})
    after = world.run(MINUTE, MINUTE, ok=100)

    assert after.counts.total >= before.counts.total


@pytest.mark.parametrize("value", [nan, inf, -5.0])
def test_a_total_that_no_counter_can_show_is_no_data(world: World, value: float) -> None:
    world.promise(AVAILABILITY)
    world.run(20 * MINUTE, MINUTE, ok=100)

    for _ in range(10):
        world.now += MINUTE
        world.scrape([Sample("http_requests_total", {"status": "200"}, value)])
        world.engine.run_once(world.now)

    assert world.status().state is SloState.UNKNOWN
    assert "which no counter can be" in world.status().cause


def test_one_bad_series_costs_the_others_nothing(world: World) -> None:
    world.promise(AVAILABILITY)
    world.run(20 * MINUTE, MINUTE, ok=100)

    for count in range(1, 11):
        world.now += MINUTE
        good = Sample("http_requests_total", {"status": "200"}, 2_000 + 100 * count)
        world.scrape([good, Sample("http_requests_total", {"status": "204"}, nan)])
        world.engine.run_once(world.now)

    assert world.status().state is SloState.OK
    assert world.status().counts.total > 2_500


def test_a_clock_that_is_a_year_ahead_for_a_while_costs_no_history(world: World) -> None:
    world.promise(AVAILABILITY)
    before = world.run(6 * HOUR, MINUTE, ok=90, failed=10)
    right = world.now

    world.now = right + timedelta(days=400)
    world.run(90 * MINUTE, MINUTE, ok=100)
    world.now = right
    after = world.run(MINUTE, MINUTE, ok=100)

    assert after.counts.bad == before.counts.bad


def test_errors_that_their_target_hid_for_a_while_page_nobody(world: World) -> None:
    world.promise(AVAILABILITY)
    world.serve(failed=5_000)
    world.run(HOUR, MINUTE, ok=1_000)
    failed = (("status", "500"),)

    hidden = world.counters.pop(failed)
    world.run(6 * MINUTE, MINUTE, ok=1_000)
    world.counters[failed] = hidden
    world.run(2 * MINUTE, MINUTE, ok=1_000)

    assert world.firing() == []


def test_an_slo_that_was_taken_out_and_comes_back_in_another_unit_begins_anew(world: World) -> None:
    latency = {**AVAILABILITY, "name": "other"}
    world.promise(AVAILABILITY, latency)
    world.run(6 * HOUR, MINUTE, ok=10_000)

    world.promise(latency)
    world.run(2 * MINUTE, MINUTE, ok=10_000)
    world.promise(SLICED, latency)
    world.run(65 * MINUTE, MINUTE, failed=10_000)

    assert world.status("availability").counts.total < 20


def test_a_restart_while_the_clock_is_ahead_costs_no_history_either(world: World) -> None:
    world.promise(AVAILABILITY)
    before = world.run(6 * HOUR, MINUTE, ok=90, failed=10)
    right = world.now

    world.now = right + timedelta(days=400)
    world.run(2 * MINUTE, MINUTE, ok=100)
    world.restart()
    world.run(90 * MINUTE, MINUTE, ok=100)
    world.now = right
    after = world.run(MINUTE, MINUTE, ok=100)

    assert after.counts.bad == before.counts.bad


def test_old_tiles_go_again_a_day_after_the_clock_was_set_right(world: World) -> None:
    world.promise(AVAILABILITY)
    world.run(HOUR, MINUTE, ok=100)
    right = world.now
    world.now = right + timedelta(days=400)
    world.run(2 * MINUTE, MINUTE, ok=100)

    world.now = right
    for _ in range(34 * 6):
        world.run(10 * MINUTE, MINUTE, ok=100)

    with world.db.read() as tx:
        kept = tiles(tx, ["shop/availability"], 60.0, right - timedelta(days=1))
    assert len(kept) <= 362 + 60 + 60
