"""No data is never healthy: gaps, silence, baselines, lies."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from burnline.events import Collection, Counts, Sample, SloState
from burnline.store.database import Database
from burnline.store.slo import Tile, keep_tiles
from tests.slo.conftest import AVAILABILITY, FAST

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def test_no_data_is_unknown_never_ok(world: Any) -> None:
    world.promise()

    status = world.run(10 * MINUTE, MINUTE, scrape=False)

    assert status.state is SloState.UNKNOWN
    assert status.cause == (
        "no sample of http_requests_total yet: is the service up, and does its page show this metric?"
    )


def test_the_first_scrape_is_only_a_baseline(world: Any) -> None:
    world.promise()

    status = world.tick(MINUTE, ok=5_000_000)

    assert status.state is SloState.UNKNOWN
    assert "was read once" in status.cause
    assert status.counts == Counts(0, 0)


@pytest.mark.parametrize("error", ["connection refused", "http://127.0.0.1:8000/metrics: connection refused"])
def test_a_vanished_service_is_unknown(world: Any, error: str) -> None:
    world.promise()
    world.run(10 * MINUTE, MINUTE, ok=1000)
    since = world.now

    for _ in range(6):
        world.scrape_fails(error)
        status = world.tick(MINUTE, scrape=False)

    assert status.state is SloState.UNKNOWN
    assert f"no sample of http_requests_total since {since:%Y-%m-%d %H:%M:%S} UTC" in status.cause
    assert "(http://127.0.0.1:8000/metrics: connection refused)" in status.cause
    assert status.cause.count("http://") == 1, "an address is said once"
    assert status.burns[0].short_rate is None


def test_a_page_without_the_metric_is_unknown(world: Any) -> None:
    world.promise()

    for _ in range(10):
        world.scrape([Sample("up", {}, 1)])
        status = world.tick(MINUTE, scrape=False)

    assert status.state is SloState.UNKNOWN


def test_an_outage_that_ends_in_silence_is_not_a_recovery(world: Any) -> None:
    world.promise()
    world.run(2 * HOUR, MINUTE, ok=1000)
    world.run(10 * MINUTE, MINUTE, failed=1000)

    silent = world.run(20 * MINUTE, MINUTE, scrape=False)

    assert "page-fast" in world.firing()
    assert silent.state is SloState.UNKNOWN


def test_silence_after_a_recovery_does_not_fire_again(world: Any) -> None:
    world.promise()
    world.run(2 * HOUR, MINUTE, ok=1000)
    world.run(10 * MINUTE, MINUTE, failed=1000)
    world.run(10 * MINUTE, MINUTE, ok=1000)

    world.run(20 * MINUTE, MINUTE, scrape=False)

    assert world.burn("page-fast").long_rate > 14.4
    assert "page-fast" not in world.firing()


def test_errors_that_never_happened_are_zero_errors(world: Any) -> None:
    world.promise()

    status = world.run(10 * MINUTE, MINUTE, ok=100)  # no series with status 5.. exists

    assert status.counts == Counts(0, 900)
    assert status.state is SloState.OK


def test_the_first_errors_of_a_new_series_all_count(world: Any) -> None:
    world.promise()
    world.run(10 * MINUTE, MINUTE, ok=100)

    status = world.tick(MINUTE, ok=90, failed=10)

    assert status.counts == Counts(10, 1000)


def test_a_young_slo_says_when_it_is_judged_first_instead_of_blaming_the_service(world: Any) -> None:
    world.promise()

    world.engine.run_once(world.now + 7 * SECOND)

    status = world.status()
    assert status.state is SloState.UNKNOWN
    assert re.search(r"just started: what http_requests_total counts is judged by 12:0\d:\d\d UTC", status.cause)
    world.engine.run_once(world.now + 5 * MINUTE)
    assert "is the service up" in world.status().cause


def test_an_slo_read_once_says_when_it_is_read_next(world: Any) -> None:
    world.promise()
    world.serve(ok=10)
    world.scrape()

    world.engine.run_once(world.now + MINUTE)

    assert world.status().cause.endswith("counting starts with the next scrape, at 12:00:15")


@pytest.mark.parametrize("nonsense", [1e12, 1e300, 1.7e308])
def test_one_counter_jump_does_not_hide_an_outage(world: Any, nonsense: float) -> None:
    world.promise(FAST, interval="1s")
    world.run(2 * MINUTE, SECOND, ok=100)
    real = dict(world.counters)

    world.counters = dict.fromkeys(real, nonsense)
    world.tick(SECOND)
    world.counters = real
    world.run(MINUTE, SECOND, failed=100)
    before = world.status()
    world.restart()
    world.tick(SECOND, failed=100)

    for status in (before, world.status()):
        assert status.state is SloState.BREACHED
        assert status.counts.total < 100_000


@pytest.mark.parametrize("nonsense", [1e12, 1e300])
def test_counters_that_keep_lying_are_unknown_and_say_why(world: Any, nonsense: float) -> None:
    world.promise(FAST, interval="1s")
    world.run(MINUTE, SECOND, ok=100)

    for turn in range(1, 31):
        world.counters = dict.fromkeys(world.counters, nonsense * turn)
        status = world.tick(SECOND)

    assert status.state is SloState.UNKNOWN
    assert "a series of http_requests_total jumped by" in status.cause


def test_a_kept_tile_that_no_sum_can_hold_is_left_out(world: Any, database: Database) -> None:
    world.promise(FAST, interval="1s")
    world.run(MINUTE, SECOND, ok=100)
    key = "shop/availability"

    database.write(lambda tx: keep_tiles(tx, [Tile(key, 1.0, world.now - SECOND, 0, 1e300, 1)]))
    world.restart()
    world.tick(SECOND, ok=100)

    assert world.status().counts.total <= 6_000


def test_a_gap_is_no_zero(world: Any) -> None:
    world.promise()
    world.run(10 * MINUTE, MINUTE, ok=100)
    start = world.now

    world.run(20 * MINUTE, MINUTE, scrape=False)

    assert world.engine.read_sli("shop", "availability", start, world.now) is None
    assert world.status().counts == Counts(0, 900)


def test_a_short_gap_loses_nothing(world: Any) -> None:
    world.promise()
    world.run(10 * MINUTE, MINUTE, ok=100)

    world.run(3 * MINUTE, MINUTE, ok=90, failed=10, scrape=False)
    status = world.tick(MINUTE, ok=100)

    assert status.counts == Counts(30, 900 + 400)


def test_a_late_loop_closes_every_tile_it_missed(world: Any) -> None:
    engine = world.promise()
    world.tick(MINUTE, ok=100)
    for _ in range(10):
        world.now += MINUTE
        world.serve(ok=100)
        world.scrape()

    closed = engine.run_once(world.now)

    assert closed == 10
    assert engine.read_sli("shop", "availability", world.now - 2 * MINUTE, world.now) == Counts(0, 200)
    assert world.status().counts == Counts(0, 1000)


def test_running_twice_changes_nothing(world: Any) -> None:
    engine = world.promise()
    world.run(10 * MINUTE, MINUTE, ok=100)
    before = engine.statuses()

    again = engine.run_once(world.now)

    assert again == 0
    assert engine.statuses() == before


def test_a_late_scrape_counts_in_the_open_tile(world: Any) -> None:
    world.promise()
    world.run(5 * MINUTE, MINUTE, ok=100)
    world.serve(ok=50)

    world.engine.run_once(world.now + MINUTE)
    world.scrape(at=world.now + 30 * SECOND)
    world.engine.run_once(world.now + 2 * MINUTE)

    assert world.status().counts == Counts(0, 450)


def test_a_page_that_fails_is_not_to_blame_for_what_burnline_measures_itself(world: Any) -> None:
    jobs = {"counter": 'burnline_job_finished_total{job="train"}', "at_least": 1, "per": "5m"}
    world.promise({**AVAILABILITY, "sli": {"throughput": jobs}})

    world.scrape_fails("connection refused")
    status = world.tick(MINUTE, scrape=False)

    assert "refused" not in status.cause
    assert status.cause.endswith("burnline makes it of jobs that report to /v1/jobs")


def test_its_own_collector_that_fails_is_to_blame(world: Any) -> None:
    depth = {"gauge": "burnline_queue_messages_ready", "above": 100}
    world.promise({**AVAILABILITY, "sli": {"threshold": depth}})

    down = Collection("shop", "redis", "redis://cache", world.now, 0.1, False, error="no answer", measured=True)
    world.engine.observe(down)
    status = world.tick(MINUTE, scrape=False)

    assert "(redis://cache: no answer): burnline makes it of a `queue` in `collect`" in status.cause
