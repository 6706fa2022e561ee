"""What runs when: the only user of APScheduler. Every turn is a `run_once(now) -> int` that may be called twice."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from burnline.metrics import Instruments

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One periodic worker."""

    name: str
    every: timedelta
    run_once: Callable[[datetime], int]


class Jobs:
    """Runs jobs side by side, each at most once at a time; a turn that raises is logged, counted and tried again."""

    def __init__(self, jobs: Sequence[Job], instruments: Instruments) -> None:
        self._jobs, self._instruments = jobs, instruments
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns whenever a turn outlasts its interval
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(jobs) or 1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )

    def start(self) -> None:
        """Start every job now and then at its interval."""
        for job in self._jobs:
            self._scheduler.add_job(
                self._turn,
                "interval",
                args=[job],
                seconds=job.every.total_seconds(),
                next_run_time=datetime.now(UTC),
                name=job.name,
            )
        self._scheduler.start()

    def stop(self) -> None:
        """Let the turns under way finish and start no more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def _turn(self, job: Job) -> None:
        start = time.perf_counter()
        try:
            job.run_once(datetime.now(UTC))
        except Exception:
            # The loop must live: what failed is tried again next turn, from what the database says.
            self._instruments.job_failures.labels(job.name).inc()
            log.exception("job failed", extra={"job": job.name})
        finally:
            self._instruments.job_seconds.labels(job.name).observe(time.perf_counter() - start)
