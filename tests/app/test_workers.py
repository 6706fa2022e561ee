"""Periodic workers: each at most once at a time, alive after a failure, and no obstacle to the end."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from apscheduler.schedulers import base
from prometheus_client import CollectorRegistry

from burnline.app import workers
from burnline.app.workers import Worker, Workers
from burnline.metrics import instruments

OFTEN = timedelta(milliseconds=10)
NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


class Work:
    """Counts its turns, and how many were under way at once; `during` is what a turn does."""

    def __init__(self, during: Callable[[], object] = lambda: None) -> None:
        self._during = during
        self._lock = threading.Lock()
        self.turns = self.at_once = self.most_at_once = 0
        self.given: list[datetime] = []

    def run_once(self, now: datetime) -> int:
        with self._lock:
            self.given.append(now)
            self.turns += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self._during()
        finally:
            with self._lock:
                self.at_once -= 1
        return 1

    def reach(self, turns: int) -> None:
        """Wait until it had so many turns."""
        until = time.monotonic() + 10
        while self.turns < turns:
            assert time.monotonic() < until, f"{self.turns} turns"
            time.sleep(0.005)


@contextmanager
def working(**workers: Work) -> Iterator[CollectorRegistry]:
    """The workers, started; the registry counts them."""
    registry = CollectorRegistry()
    started = Workers(
        [Worker(name, OFTEN, worker.run_once) for name, worker in workers.items()],
        instruments(registry),
        clock=lambda: NOW,
    )
    started.start()
    try:
        yield registry
    finally:
        started.stop()


def fail() -> None:
    raise ValueError("disk on fire")


def test_a_worker_runs_again_and_again_with_the_clocks_time() -> None:
    worker = Work()

    with working(one=worker) as registry:
        worker.reach(3)

    assert set(worker.given) == {NOW}
    assert registry.get_sample_value("burnline_worker_duration_seconds_count", {"worker": "one"}) == worker.turns


def test_the_first_turn_does_not_wait_for_the_interval() -> None:
    worker = Work()
    started = Workers([Worker("rare", timedelta(days=1), worker.run_once)], instruments(CollectorRegistry()))

    started.start()
    worker.reach(1)

    assert started.stop()
    assert abs(worker.given[0] - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_worker_that_raises_is_counted_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    failing, healthy = Work(fail), Work()

    with working(failing=failing, healthy=healthy) as registry:
        failing.reach(3)
        healthy.reach(3)

    assert registry.get_sample_value("burnline_worker_failures_total", {"worker": "failing"}) == failing.turns
    assert registry.get_sample_value("burnline_worker_failures_total", {"worker": "healthy"}) is None
    told = [record for record in caplog.records if record.message == "worker failed"]
    assert {vars(record)["worker"] for record in told} == {"failing"}
    assert told[0].exc_info
    assert "disk on fire" in str(told[0].exc_info[1])


def test_two_turns_of_a_worker_never_overlap_and_a_slow_one_delays_no_other() -> None:
    slow, quick = Work(lambda: time.sleep(0.1)), Work()

    with working(slow=slow, quick=quick):
        slow.reach(3)

    assert slow.most_at_once == 1
    assert quick.turns > slow.turns


def test_stopping_lets_a_turn_under_way_end() -> None:
    begun = threading.Event()
    ended: list[bool] = []

    def during() -> None:
        begun.set()
        time.sleep(0.1)
        ended.append(True)

    with working(slow=Work(during)):
        begun.wait(5)

    assert ended


def test_stopping_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(workers, "STOP_SECONDS", 0.2)
    hang = threading.Event()
    worker = Work(hang.wait)

    with working(hanging=worker):
        worker.reach(1)
        start = time.monotonic()

    assert time.monotonic() - start < 2
    assert "workers did not end in time" in caplog.text
    hang.set()


def test_after_stopping_nothing_starts() -> None:
    worker = Work()
    with working(one=worker):
        worker.reach(2)

    turns = worker.turns
    time.sleep(0.05)

    assert worker.turns == turns


def test_stopping_twice_or_before_the_start_is_nothing_special() -> None:
    idle = Workers([Worker("idle", OFTEN, Work().run_once)], instruments(CollectorRegistry()))

    assert idle.stop()
    idle.start()
    assert idle.stop()
    assert idle.stop()


def test_a_turn_that_hangs_does_not_keep_the_process_from_ending() -> None:
    program = """
import time
from datetime import timedelta
from prometheus_client import CollectorRegistry
from burnline.app import workers
from burnline.metrics import instruments

workers.STOP_SECONDS = 0.1
hanging = workers.Workers(
    [workers.Worker("hanging", timedelta(seconds=1), lambda now: time.sleep(60))], instruments(CollectorRegistry())
)
hanging.start()
time.sleep(0.2)
hanging.stop()
"""
    start = time.monotonic()

    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)

    assert time.monotonic() - start < 20


def test_a_late_turn_is_made_once_not_as_often_as_it_was_missed() -> None:
    worker = Work(lambda: time.sleep(0.5 if worker.turns == 1 else 0))

    with working(one=worker):
        worker.reach(2)
        time.sleep(0.05)

    assert worker.turns < 25, "the fifty turns that were missed are not made up for"


class WallClock(datetime):
    """What APScheduler reads; `shift` is how far it was set."""

    shift = timedelta(0)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + cls.shift


@pytest.mark.parametrize("days", [-1, 1, 365 * 20], ids=["back", "forward", "from 1970, say"])
def test_a_wall_clock_that_is_set_stops_no_turn(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    monkeypatch.setattr(base, "datetime", WallClock)
    monkeypatch.setattr(workers, "datetime", WallClock)
    monkeypatch.setattr(workers, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(WallClock, "shift", timedelta(0))
    worker, rare = Work(), Work()
    started = Workers(
        [Worker("often", OFTEN, worker.run_once), Worker("rare", timedelta(hours=1), rare.run_once)],
        instruments(CollectorRegistry()),
    )
    started.start()
    worker.reach(2)
    rare.reach(1)

    monkeypatch.setattr(WallClock, "shift", timedelta(days=days))
    worker.reach(worker.turns + 5)
    rare.reach(2)

    assert started.stop()
    assert worker.given == sorted(worker.given)
    assert rare.turns == 2, "once for the step, then at its interval"


def test_a_worker_whose_turn_does_not_end_is_late_and_no_other() -> None:
    hang = threading.Event()
    hanging, healthy = Work(hang.wait), Work()
    soon = timedelta(milliseconds=200)
    started = Workers(
        [Worker("healthy", OFTEN, healthy.run_once), Worker("hanging", OFTEN, hanging.run_once, patience=soon)],
        instruments(CollectorRegistry()),
    )
    assert started.late() == "", "nothing is late before the start"

    started.start()
    hanging.reach(1)
    assert started.late() == ""
    time.sleep(0.3)

    assert started.late() == "no turn of hanging has ended for 0 s"
    hang.set()
    hanging.reach(3)
    assert started.late() == ""
    started.stop()
