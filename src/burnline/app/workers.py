"""What runs when: the only user of APScheduler. Every turn is a `run_once(now) -> int` that may be called twice."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.executors.pool import BasePoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from burnline.app.clock import SteadyClock
from burnline.metrics import Instruments

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # how long the scheduler sleeps at most: the wall clock it goes by may have been set back meanwhile
STOP_SECONDS = 5.0  # for the turns under way when burnline stops; what they leave undone is taken up after the start


@dataclass(frozen=True, slots=True)
class Worker:
    """One periodic worker; `patience` is how long its turns may take before something is wrong with it."""

    name: str
    every: timedelta
    run_once: Callable[[datetime], int]
    patience: timedelta = timedelta(seconds=30)


class Turns(futures.Executor):
    """A thread for each turn, none of which keeps the process from ending: a pool would wait for one that hangs."""

    def __init__(self) -> None:
        self._running: set[futures.Future[Any]] = set()

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> futures.Future[Any]:
        future: futures.Future[Any] = futures.Future()
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        threading.Thread(target=self._run, args=(future, work, given, named), daemon=True).start()
        return future

    def wait(self, seconds: float) -> bool:
        """Wait for what runs; whether it ended in time."""
        return not futures.wait(self._running.copy(), seconds).not_done

    @staticmethod
    def _run(future: futures.Future[Any], work: Callable[..., Any], given: Any, named: Any) -> None:
        try:
            future.set_result(work(*given, **named))
        except BaseException as error:  # noqa: BLE001 - belongs to whoever holds the future
            future.set_exception(error)


class TurnExecutor(BasePoolExecutor):  # type: ignore[misc] # APScheduler has no types
    """What APScheduler wants a pool wrapped in."""

    def __init__(self, turns: Turns) -> None:
        super().__init__(turns)


class SteadyScheduler(BackgroundScheduler):  # type: ignore[misc] # APScheduler has no types
    """APScheduler, which goes by the wall clock, kept at work when that clock is set.

    Set back, no turn would come until it catches up; set forward, every turn that was missed would be counted first,
    one by one: minutes for a clock that starts in 1970. So what is due further off than its interval is due now.
    """

    def _process_jobs(self) -> float | None:
        now = datetime.now(UTC)
        for job in self.get_jobs():  # as APScheduler calls them
            if abs(job.next_run_time - now) > job.trigger.interval:
                job.modify(next_run_time=now)
        wait: float | None = super()._process_jobs()
        return wait if wait is None else min(wait, LOOK_SECONDS)


class Workers:
    """Runs workers side by side, each at most once at a time; a turn that raises is logged, counted and tried again.

    Args:
        clock: gives each turn its time.
    """

    def __init__(
        self, workers: Sequence[Worker], instruments: Instruments, *, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._workers, self._instruments, self._clock = workers, instruments, clock or SteadyClock()
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns whenever a turn outlasts its interval
        self._turns = Turns()
        self._ended: dict[str, float] = {}  # when each worker's last turn ended, on the monotonic clock
        self._scheduler = SteadyScheduler(
            executors={"default": TurnExecutor(self._turns)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )

    def start(self) -> None:
        """Start every worker now and then at its interval."""
        for worker in self._workers:
            self._ended[worker.name] = time.monotonic()
            self._scheduler.add_job(
                self._turn,
                "interval",
                args=[worker],
                seconds=worker.every.total_seconds(),
                next_run_time=datetime.now(UTC),
                name=worker.name,
            )
        self._scheduler.start()

    def stop(self) -> bool:
        """Start no more turns and give those under way STOP_SECONDS; whether all of them ended."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        ended = self._turns.wait(STOP_SECONDS)
        if not ended:
            log.warning("workers did not end in time", extra={"seconds": STOP_SECONDS})
        return ended

    def late(self) -> str:
        """A worker that has not ended a turn for too long, in words; empty when there is none, or nothing runs."""
        for worker in self._workers:
            waited = time.monotonic() - self._ended.get(worker.name, math.inf)
            if waited > (worker.every + worker.patience).total_seconds():
                return f"no turn of {worker.name} has ended for {waited:.0f} s"
        return ""

    def _turn(self, worker: Worker) -> None:
        start = time.perf_counter()
        try:
            worker.run_once(self._clock())
        except Exception:
            # The loop must live: what failed is tried again next turn, from what the database says.
            self._instruments.worker_failures.labels(worker.name).inc()
            log.exception("worker failed", extra={"worker": worker.name})
        finally:
            self._ended[worker.name] = time.monotonic()
            self._instruments.worker_seconds.labels(worker.name).observe(time.perf_counter() - start)
