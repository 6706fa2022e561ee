"""What a restart, a clock or a disk does not change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from burnline.errors import StoreError
from burnline.events import Counts, Sample, SloState
from burnline.store.database import Database
from tests.slo.conftest import FAST

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
TENTH = SECOND / 10  # threads that drift apart by a few of them are no clock that was set back
HOUR = timedelta(hours=1)


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
    assert not world.firing()


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
            world.scrape([Sample("http_requests_total", {"status": "200"}, 100 + turn)], at=start + turn * TENTH)

    def turn(turns: int) -> None:
        for number in range(1, turns + 1):
            engine.run_once(start + number * TENTH)

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


def test_a_tile_that_is_open_longer_than_anothers_turn_survives_a_kill(world: Any) -> None:
    """The counters are kept with every turn, so what they grew by must be kept with them."""
    world.promise(FAST, {**FAST, "name": "month", "window": "30d"}, interval="1s")
    world.run(MINUTE, SECOND, ok=10)
    for _ in range(30):
        world.run(SECOND, SECOND, ok=10)

    world.restart()
    world.run(30 * SECOND, SECOND, ok=10)

    assert world.status("month").counts == Counts(0, 1190)
