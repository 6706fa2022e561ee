"""What the embedded engine promises, in sentences."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from burnline.errors import StoreError
from burnline.events import Collection, Counts, Finding, Sample, SloState, Verdict
from burnline.slo.engine import EmbeddedEngine
from burnline.store.database import Database
from burnline.store.signals import record_finding
from burnline.store.slo import Tile, keep_tiles

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
# Twelve hours page over one minute and five seconds: the workbook's windows, sixty times faster.
FAST: dict[str, Any] = {
    "name": "availability",
    "objective": "99%",
    "window": "12h",
    "sli": {"ratio": {"bad": 'http_requests_total{status=~"5.."}', "total": "http_requests_total"}},
}


def firing(world: Any) -> list[str]:
    return [burn.tier for burn in world.status().burns if burn.firing]


# Alerts


def test_a_healthy_service_is_ok_and_its_budget_whole(world: Any) -> None:
    world.promise()

    status = world.run(HOUR, MINUTE, ok=1000)

    assert status.state is SloState.OK
    assert status.sli == 1
    assert status.counts == Counts(0, 59_000)
    assert status.budget_remaining == 1
    assert status.exhausted_in is None
    assert status.cause == ""
    assert not firing(world)


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

    assert "page-fast" in firing(world)
    assert world.status().state is SloState.BREACHED


def test_a_tenth_failing_pages_after_the_theoretical_time_plus_one_tick(world: Any) -> None:
    world.promise()
    world.run(2 * HOUR, MINUTE, ok=1000)

    world.run(8 * MINUTE, MINUTE, ok=900, failed=100)  # theory: 518.4 s = 8.64 minutes

    assert "page-fast" not in firing(world)
    world.tick(MINUTE, ok=900, failed=100)
    assert "page-fast" in firing(world)


def test_scaled_windows_page_within_seconds(world: Any) -> None:
    world.promise(FAST, interval="1s")
    world.run(2 * MINUTE, SECOND, ok=100)
    seconds = 0

    while "page-fast" not in firing(world):
        world.tick(SECOND, failed=100)
        seconds += 1

    assert seconds == 9  # (1 - 0.99) / 1 x 14.4 x 60 s = 8.64 s, plus the rest of the tick


def test_the_page_resets_after_the_short_window(world: Any) -> None:
    world.promise()
    world.run(2 * HOUR, MINUTE, ok=1000)
    world.run(30 * MINUTE, MINUTE, failed=1000)
    minutes = 0

    while "page-fast" in firing(world):
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
    assert not firing(world)

    world.run(5 * MINUTE, MINUTE, failed=1000)
    assert "page-fast" in firing(world)


def test_too_few_events_do_not_fire(world: Any) -> None:
    world.promise({**FAST, "window": "30d", "objective": "99.9%", "min_events": 100})

    status = world.run(timedelta(hours=1), MINUTE, ok=0.9, failed=0.1)

    assert status.burns[0].long_rate == pytest.approx(100, rel=0.05)
    assert not firing(world)
    assert status.state is SloState.OK


def test_a_tier_that_cannot_fire_is_left_out(world: Any) -> None:
    world.promise({**FAST, "window": "30d", "objective": "90%"})

    status = world.run(5 * MINUTE, MINUTE, failed=10)

    assert [burn.tier for burn in status.burns] == ["page-slow", "ticket-fast", "ticket-slow"]


# The budget


def test_a_young_slo_has_spent_two_percent_when_it_pages(world: Any) -> None:
    world.promise()
    world.run(HOUR, MINUTE, ok=10_000)
    minutes = 0

    while "page-fast" not in firing(world):
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


# No data is never healthy


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

    assert "page-fast" in firing(world)
    assert silent.state is SloState.UNKNOWN


def test_silence_after_a_recovery_does_not_fire_again(world: Any) -> None:
    world.promise()
    world.run(2 * HOUR, MINUTE, ok=1000)
    world.run(10 * MINUTE, MINUTE, failed=1000)
    world.run(10 * MINUTE, MINUTE, ok=1000)

    world.run(20 * MINUTE, MINUTE, scrape=False)

    assert world.burn("page-fast").long_rate > 14.4
    assert "page-fast" not in firing(world)


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


# Restarts


def test_a_restart_of_the_service_loses_nothing_it_counts_anew(world: Any) -> None:
    world.promise()
    world.run(10 * MINUTE, MINUTE, ok=100)

    world.counters.clear()
    status = world.tick(MINUTE, ok=40, failed=2)

    assert status.counts == Counts(2, 942)


def test_a_kill_and_restart_gives_identical_statuses(world: Any) -> None:
    world.promise()
    world.run(3 * HOUR, MINUTE, ok=1000)
    world.run(17 * MINUTE, MINUTE, ok=900, failed=100)
    before = world.engine.statuses()

    engine = world.restart()

    assert engine.statuses() == before
    assert before[0].burns[0].firing


def test_a_kill_in_the_middle_of_a_tile_loses_no_event(world: Any) -> None:
    world.promise()
    world.run(10 * MINUTE, MINUTE, ok=100)
    world.now += 30 * SECOND
    world.serve(ok=50)
    world.scrape()  # seen, but its tile is still open when the engine dies

    world.restart()
    status = world.tick(30 * SECOND, ok=50)

    assert status.counts == Counts(0, 1000)


def test_what_was_seen_of_an_open_tile_survives(world: Any) -> None:
    world.promise()
    world.run(5 * MINUTE, MINUTE, ok=100)
    world.serve(ok=70)
    world.scrape(at=world.now + 61 * SECOND)  # belongs to the tile after the next
    world.engine.run_once(world.now + MINUTE)

    world.restart().run_once(world.now + 2 * MINUTE)

    assert world.status().counts == Counts(0, 470)


@pytest.mark.parametrize("restart", [True, False])
def test_a_clock_set_back_does_not_freeze_the_engine(world: Any, *, restart: bool) -> None:
    world.promise(FAST, interval="1s")
    world.run(2 * MINUTE, SECOND, ok=100)
    before = world.now
    world.now += 2 * HOUR
    world.run(MINUTE, SECOND, ok=100)

    world.now = before
    if restart:
        world.restart()
    first = world.tick(SECOND, failed=100)
    world.run(MINUTE, SECOND, failed=100)

    assert first.at == before + SECOND
    assert world.status().at == world.now
    assert world.status().state is SloState.BREACHED
    assert world.status().counts == Counts(5_900, 11_900 + 5_900)  # the first scrape is a baseline


def test_after_a_clock_set_back_the_next_start_knows_nothing_of_the_future(world: Any) -> None:
    world.promise(FAST, interval="1s")
    world.run(2 * MINUTE, SECOND, ok=100)
    before = world.now
    world.now += 2 * HOUR
    world.run(MINUTE, SECOND, failed=100)
    world.now = before
    world.run(MINUTE, SECOND, ok=100)
    last = world.status()

    world.restart()

    assert world.status() == last
    assert not firing(world)


def test_a_long_absence_is_a_gap(world: Any) -> None:
    world.promise()
    world.run(10 * MINUTE, MINUTE, ok=100)

    world.run(2 * HOUR, MINUTE, ok=100, scrape=False)
    world.restart()
    status = world.tick(MINUTE, ok=100)

    assert status.counts == Counts(0, 900)
    assert status.state is SloState.UNKNOWN


def test_a_restart_after_days_rebuilds_every_window(world: Any) -> None:
    world.promise(FAST, interval="1m")
    world.run(13 * HOUR, MINUTE, ok=990, failed=10)
    before = world.engine.statuses()

    world.restart()

    assert world.engine.statuses() == before
    assert world.tick(MINUTE, ok=1000) == world.status()


def test_an_slo_added_at_a_restart_starts_from_a_baseline(world: Any) -> None:
    world.promise()
    world.run(10 * MINUTE, MINUTE, ok=100)
    other = {**FAST, "name": "other", "window": "30d", "sli": {"ratio": {"bad": "bad_total", "total": "all_total"}}}

    world.promise({**FAST, "window": "30d"}, other)
    samples = [Sample("all_total", {}, 1e6), Sample("bad_total", {}, 1e5)]
    world.now += MINUTE
    world.scrape(samples)
    world.engine.run_once(world.now)

    assert world.status("other").counts == Counts(0, 0)


def test_after_longer_than_the_period_the_engine_starts_afresh_at_once(world: Any) -> None:
    world.promise(FAST, interval="1s")
    world.run(MINUTE, SECOND, ok=90, failed=10)

    world.now += timedelta(days=365)
    world.restart()
    status = world.tick(SECOND, scrape=False)

    assert status.state is SloState.UNKNOWN
    assert status.at == world.now
    assert status.counts == Counts(0, 0)
    assert world.run(MINUTE, SECOND, ok=100).state is SloState.OK


def test_scrapes_turns_and_readers_may_come_from_different_threads(world: Any) -> None:
    engine = world.promise(FAST, interval="1s")
    world.tick(SECOND, ok=100)
    start = world.now

    def scrape(turns: int) -> None:
        for turn in range(1, turns + 1):
            world.scrape([Sample("http_requests_total", {"status": "200"}, 100 + turn)], at=start + turn * SECOND)

    def turn(turns: int) -> None:
        for number in range(1, turns + 1):
            engine.run_once(start + number * SECOND)

    def look(turns: int) -> None:
        for _ in range(turns):
            assert len(engine.statuses()) == 1
            engine.read_sli("shop", "availability", start, start + HOUR)

    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(work, 100) for work in (scrape, turn, look)]:
            done.result()
    engine.run_once(start + 3 * MINUTE)

    assert engine.read_sli("shop", "availability", start, start + HOUR) == Counts(0, 100)


class FailingDatabase(Database):
    """A database whose disk is full now and then."""

    full = False

    def write(self, work: Any) -> Any:
        if self.full:
            raise StoreError("disk full", retryable=True)
        return super().write(work)


def test_a_failing_store_is_reported_and_nothing_is_lost(world: Any) -> None:
    world.db = FailingDatabase(world.db.url)
    world.promise()
    world.run(5 * MINUTE, MINUTE, ok=100)
    world.db.full = True

    with pytest.raises(StoreError, match="disk full"):
        world.tick(MINUTE, ok=100)
    world.db.full = False
    before = world.tick(MINUTE, ok=100)

    assert before.counts == Counts(0, 600)
    assert world.restart().statuses() == (before,)
    world.db.close()


# Kinds of SLI

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


# Sources


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
