"""SLIs of time slices: thresholds by share, freshness, throughput, and slices of events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from burnline.events import Counts, Sample, SloState
from burnline.store.slo import tiles
from tests.slo.conftest import AVAILABILITY

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
EPOCH_NOON = 1767614400.0


def look(world: Any, step: timedelta, samples: Sequence[Sample]) -> None:
    world.now += step
    world.scrape(samples)


@pytest.mark.parametrize(("depths", "bad"), [((300, 300, 1, 1), 1), ((300, 1, 1, 1), 0), ((1, 1, 1, 1), 0)])
def test_a_share_of_the_looks_must_be_beyond_the_bound(
    world: Any, gauge: Callable[[float], list[Sample]], depths: tuple[float, ...], bad: int
) -> None:
    sli = {"threshold": {"gauge": "queue_depth", "above": 100, "for": "50%"}}
    engine = world.promise({**AVAILABILITY, "sli": sli})

    for depth in depths:
        look(world, 15 * SECOND, gauge(depth))
    engine.run_once(world.now)

    assert world.status().counts == Counts(bad, 1)


def test_looks_of_a_slice_that_is_open_survive_a_kill(twins: Any, gauge: Callable[[float], list[Sample]]) -> None:
    twins.promise({**AVAILABILITY, "sli": {"threshold": {"gauge": "queue_depth", "above": 100, "for": "50%"}}})

    for depths in ((1, 1, 300, 300), (300, 1, 1, 1)):
        for depth in depths:
            for world in twins.worlds:
                look(world, 15 * SECOND, gauge(depth))
        for world in twins.worlds:
            world.engine.run_once(world.now - 15 * SECOND)
            world.engine.run_once(world.now)
        twins.kill()

    assert twins.status().counts == Counts(1, 2)


FRESH = {**AVAILABILITY, "sli": {"freshness": {"timestamp": "last_success_seconds", "max_age": "15m"}}}


def test_data_is_stale_when_its_oldest_series_is_over_the_age(world: Any) -> None:
    engine = world.promise(FRESH)

    for _ in range(20):
        stamps = {"a": world.now.timestamp(), "b": EPOCH_NOON}
        look(world, MINUTE, [Sample("last_success_seconds", {"job": job}, at) for job, at in stamps.items()])
    engine.run_once(world.now)

    assert engine.wanted("shop") == {"last_success_seconds"}
    assert world.status().counts == Counts(5, 20)  # minutes 16 to 20


def test_a_timestamp_that_is_not_there_is_no_data(world: Any) -> None:
    engine = world.promise(FRESH)

    for _ in range(10):
        look(world, MINUTE, [Sample("up", {}, 1)])
        engine.run_once(world.now)

    assert world.status().state is SloState.UNKNOWN
    assert "no sample of last_success_seconds yet" in world.status().cause


ORDERS = {**AVAILABILITY, "sli": {"throughput": {"counter": "http_requests_total", "at_least": 100, "per": "5m"}}}


def test_throughput_is_bad_in_slices_with_too_few_events(world: Any) -> None:
    world.promise(ORDERS)
    world.run(10 * MINUTE, MINUTE, ok=25)
    world.run(5 * MINUTE, MINUTE, ok=19)

    status = world.run(5 * MINUTE, MINUTE)

    assert status.counts == Counts(2, 4)  # 100 (the first scrape is a baseline), 125, 95, 0
    assert status.state is not SloState.UNKNOWN


def test_throughput_that_nobody_observed_is_no_slice(world: Any) -> None:
    world.promise(ORDERS)
    world.run(10 * MINUTE, MINUTE, ok=25)

    status = world.run(10 * MINUTE, MINUTE, scrape=False)

    assert status.counts == Counts(0, 2)
    assert status.state is SloState.UNKNOWN


SLICED = {**AVAILABILITY, "objective": "95%", "slices": {"length": "5m", "target": "99%"}}
BY_RATIO = {**AVAILABILITY, "objective": "95%", "slices": {"length": "5m"}}


def test_a_slice_is_bad_when_its_good_share_is_under_the_target(world: Any) -> None:
    world.promise(SLICED)
    world.run(5 * MINUTE, MINUTE, ok=1000)
    world.run(5 * MINUTE, MINUTE, ok=990, failed=10)  # 99 % is not under 99 %

    status = world.run(5 * MINUTE, MINUTE, ok=989, failed=11)

    assert status.counts == Counts(1, 3)
    assert world.engine.read_sli("shop", "availability", status.at - 5 * MINUTE, status.at) == Counts(1, 1)


def test_slices_without_a_target_count_by_their_own_ratio(world: Any) -> None:
    world.promise(BY_RATIO)
    world.run(5 * MINUTE, MINUTE, ok=1000)

    status = world.run(5 * MINUTE, MINUTE, ok=3, failed=1)  # little traffic weighs as much

    assert status.counts.total == 2
    assert status.counts.bad == pytest.approx(0.25, abs=1e-9)


def test_a_ratio_slice_needs_no_whole_bad_one_to_page(world: Any) -> None:
    """`min_bad_events` counts bad events; parts of slices never add up to two within an hour."""
    world.promise({**BY_RATIO, "objective": "99.9%"})
    world.run(2 * HOUR, MINUTE, ok=1000)

    world.run(10 * MINUTE, MINUTE, ok=800, failed=200)

    assert world.burn("page-fast").firing


def test_a_slice_without_events_is_none(world: Any) -> None:
    world.promise(SLICED)
    world.run(5 * MINUTE, MINUTE, ok=1000)

    status = world.run(10 * MINUTE, MINUTE)

    assert status.counts == Counts(0, 1)
    assert status.state is SloState.OK


def test_openslo_fourteen_days_of_minutes_allow_as_many_bad_slices_as_its_example(world: Any) -> None:
    """OpenSLO, examples/budgeting-method: 2w, 1m slices, 95 %: 1,008 bad slices, 16 h 48 min."""
    slo = {**AVAILABILITY, "objective": "95%", "window": "14d", "slices": {"length": "1m", "target": "99%"}}
    world.promise(slo)
    world.run(timedelta(days=14) - timedelta(minutes=1007), MINUTE, ok=100)

    status = world.run(timedelta(minutes=1008), MINUTE, ok=90, failed=10)

    assert status.counts == Counts(1008, 14 * 24 * 60)
    assert status.budget_remaining == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("slo", [SLICED, BY_RATIO, ORDERS], ids=["target", "ratio", "throughput"])
def test_a_kill_in_the_middle_of_a_slice_changes_nothing(twins: Any, slo: dict[str, Any]) -> None:
    twins.promise(slo)

    for _ in range(8):
        twins.run(3 * MINUTE, MINUTE, ok=17, failed=2)
        twins.kill()
    twins.run(7 * MINUTE, MINUTE, ok=19, scrape=False)
    twins.kill()
    status = twins.run(6 * MINUTE, MINUTE, ok=19)

    assert status.counts.total > 5


def test_what_is_counted_whole_has_nothing_behind_it(world: Any) -> None:
    world.promise()
    world.run(HOUR, MINUTE, ok=100)

    group = world.engine._groups[0]
    with world.db.read() as tx:
        hidden = tiles(tx, ["shop/availability/raw"], 60.0, world.now - HOUR)

    assert group.keys == ("shop/availability",)
    assert not hidden


def test_promql_needs_a_prometheus_and_says_so(world: Any) -> None:
    sli = {"promql": {"bad": "sum(rate(a[$window]))", "total": "sum(rate(b[$window]))"}}
    world.promise({**AVAILABILITY, "sli": sli})

    status = world.run(5 * MINUTE, MINUTE, ok=100)

    assert status.state is SloState.UNKNOWN
    assert "BURNLINE_PROMETHEUS_URL" in status.cause


def test_a_slice_that_ends_in_maintenance_is_none_and_throughput_needs_a_whole_one(world: Any) -> None:
    """From 12:07 to 12:12: slices end at 12:05, 12:10 (excluded), 12:15 (in part) and 12:20."""
    move = {"from": "2026-01-05T12:07:00Z", "to": "2026-01-05T12:12:00Z", "reason": "move"}
    world.promise(SLICED, {**ORDERS, "name": "orders"}, exclude=[move])

    world.run(20 * MINUTE, MINUTE, ok=25)

    assert world.status("availability").counts == Counts(0, 3)
    assert world.status("orders").counts == Counts(0, 2)
