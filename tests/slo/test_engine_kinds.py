"""Counters, buckets, gauges and signals: what an event is, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from burnline.events import Collection, Counts, Finding, Sample, SloState, Verdict
from burnline.slo.engine import EmbeddedEngine
from burnline.store.database import Database
from burnline.store.signals import record_finding
from tests.slo.conftest import FAST

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


LATENCY = {
    "name": "latency",
    "objective": "99%",
    "window": "30d",
    "sli": {"latency": {"histogram": "request_seconds", "below": "250ms"}},
}


def buckets(counts: dict[str, float]) -> list[Sample]:
    return [Sample("request_seconds_bucket", {"le": bound}, value) for bound, value in counts.items()]


@pytest.mark.parametrize("bound", ["0.25", "0.250", "2.5e-1"])
def test_latency_counts_events_over_the_bound(world: Any, bound: str) -> None:
    engine = world.promise(LATENCY)
    world.scrape(buckets({"0.1": 10, bound: 20, "1.0": 25, "+Inf": 30}))
    world.now += MINUTE

    world.scrape(buckets({"0.1": 50, bound: 110, "1.0": 120, "+Inf": 130}))
    engine.run_once(world.now)

    assert world.status().counts == Counts(10, 100)
    assert engine.wanted("shop") == {"request_seconds_bucket"}


def test_a_latency_threshold_that_is_no_bound_is_unknown_and_names_the_bounds(world: Any) -> None:
    engine = world.promise(LATENCY)
    for slow in (30, 60):
        world.now += MINUTE
        world.scrape(buckets({"0.1": 10, "0.5": 20, "+Inf": slow}))

    engine.run_once(world.now)

    assert world.status().state is SloState.UNKNOWN
    assert "request_seconds_bucket has no bucket bound of 250ms" in world.status().cause
    assert "(seconds: 0.1, 0.5)" in world.status().cause
    assert world.status().counts == Counts(0, 0)


def test_good_events_are_the_other_side_of_bad_ones(world: Any) -> None:
    sli = {"ratio": {"good": 'http_requests_total{status="200"}', "total": "http_requests_total"}}
    world.promise({**FAST, "window": "30d", "sli": sli})

    world.tick(MINUTE, ok=1)
    status = world.tick(MINUTE, ok=95, failed=5)

    assert status.counts == Counts(5, 100)


THRESHOLD = {
    "name": "backlog",
    "objective": "99%",
    "window": "30d",
    "sli": {"threshold": {"gauge": "queue_depth", "above": 100}},
}


def test_a_gauge_makes_one_event_of_each_base_interval(world: Any, gauge: Callable[[float], list[Sample]]) -> None:
    engine = world.promise(THRESHOLD)

    for depth in (5, 7, 300, 8):  # two looks a minute
        for value in (depth, 6):
            world.now += 30 * SECOND
            world.scrape(gauge(value))
    engine.run_once(world.now)

    assert world.status().counts == Counts(1, 4)


def test_the_worst_series_of_a_gauge_decides(world: Any) -> None:
    engine = world.promise(THRESHOLD)
    world.scrape([Sample("queue_depth", {"queue": "a"}, 1), Sample("queue_depth", {"queue": "b"}, 101)])

    engine.run_once(world.now + MINUTE)

    assert world.status().counts == Counts(1, 1)


def test_a_gauge_without_a_number_is_not_seen(world: Any, gauge: Callable[[float], list[Sample]]) -> None:
    engine = world.promise(THRESHOLD)
    world.scrape(gauge(float("nan")))

    engine.run_once(world.now + MINUTE)

    assert world.status().state is SloState.UNKNOWN


def finding(now: datetime, verdict: Verdict, bad: float, total: float) -> Finding:
    start = now - timedelta(minutes=10)
    return Finding("shop", "drift", start, now, verdict, None, Counts(bad, total), "only 12 events of 500")


QUALITY = {"name": "quality", "objective": "95%", "window": "28d", "sli": {"signal": "drift"}}


def test_a_signal_counts_what_its_detector_found(world: Any) -> None:
    engine = world.promise(QUALITY, signals={"drift": {}})
    for bad in (0.0, 12.5):
        world.now += timedelta(minutes=10)
        world.db.write(lambda tx, bad=bad: record_finding(tx, finding(world.now, Verdict.OK, bad, 500)))
        engine.run_once(world.now)

    restarted = world.restart()
    restarted.run_once(world.now + MINUTE)

    assert world.status().counts == Counts(12.5, 1000)
    assert world.status().state is SloState.OK


def test_a_signal_without_data_is_unknown_and_says_why(world: Any) -> None:
    engine = world.promise(QUALITY, signals={"drift": {}})
    world.db.write(lambda tx: record_finding(tx, finding(world.now, Verdict.NO_DATA, 0, 0)))

    engine.run_once(world.now + MINUTE)

    assert world.status().state is SloState.UNKNOWN
    assert "no finding of signal drift yet (only 12 events of 500)" in world.status().cause


def test_same_as_counts_the_other_slos_events(world: Any) -> None:
    same = {"name": "week", "objective": "99%", "window": "7d", "sli": {"same_as": "availability"}}
    world.promise({**FAST, "window": "30d"}, same)

    world.run(5 * MINUTE, MINUTE, ok=99, failed=1)

    assert world.status("week").counts == world.status("availability").counts == Counts(4, 400)


def test_two_targets_add_up(world: Any) -> None:
    engine = world.promise()
    for served in (100, 150):
        world.now += MINUTE
        for target in ("http://a/metrics", "http://b/metrics"):
            world.scrape([Sample("http_requests_total", {"status": "200"}, served)], target=target)

    engine.run_once(world.now)

    assert world.status().counts == Counts(0, 100)


def test_other_services_and_collectors_without_interest_are_passed_over(world: Any) -> None:
    engine = world.promise()
    sample = Sample("http_requests_total", {}, 5)

    engine.observe(Collection("other", "scrape", "x", world.now, 0, True, (sample,)))
    engine.observe(Collection("shop", "host", "localhost", world.now, 0, True, (Sample("cpu", {}, 1),)))
    engine.run_once(world.now + MINUTE)

    assert world.status().state is SloState.UNKNOWN
    assert engine.wanted("other") == frozenset()
    assert engine.wanted("shop") == {"http_requests_total"}


def test_an_engine_without_slos_has_nothing_to_do(database: Database, now: datetime) -> None:
    engine = EmbeddedEngine(database, ())

    assert engine.run_once(now) == 0
    assert engine.statuses() == ()


def test_an_unknown_slo_is_a_key_error(world: Any) -> None:
    engine = world.promise()

    with pytest.raises(KeyError):
        engine.read_sli("shop", "speed", world.now, world.now)
