"""What is so of a service's jobs now: read from the store, because a job that died tells nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from burnline.errors import NoData, NotAsked
from burnline.events import Sample
from burnline.metrics import jobs as names
from burnline.metrics.measured import OTHER
from burnline.spec.jobs import JobSpec
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database
from burnline.store.jobs import Job, Run, jobs_of, open_runs


class JobsCollector:
    """One service's jobs: what runs, what is overdue, how old what they delivered is."""

    name = "jobs"
    target = "posted to burnline"
    measured = True

    def __init__(self, db: Database, spec: ServiceSpec, *, interval: timedelta) -> None:
        self.service = spec.service
        self.interval = interval
        self._db, self._expected = db, spec.jobs

    def collect(self, now: datetime) -> Sequence[Sample]:
        """Every job that was ever heard of, or is expected.

        Raises: NoData when there is none; NotAsked when none is expected either.
        """
        with self._db.read() as tx:
            jobs, runs = jobs_of(tx, self.service), open_runs(tx, self.service)
        if not jobs and not runs:
            raise (NoData if self._expected else NotAsked)("no job posted anything yet")
        return [*_running(jobs, runs, now), *self._states(jobs, now)]

    def _states(self, jobs: Mapping[str, Job], now: datetime) -> Iterator[Sample]:
        for job in jobs.values():
            expected = self._expected.get(job.job, JobSpec())
            yield from _delivered(job)
            yield from _last(job)
            if expected.every is not None:
                late = now - (job.succeeded_at or job.seen_at) - expected.every
                yield Sample(names.OVERDUE, {"job": job.job}, max(0.0, late.total_seconds()))
            first = jobs.get(expected.behind or "")
            if first is not None and first.data_as_of and job.data_as_of:
                lag = max(0.0, (first.data_as_of - job.data_as_of).total_seconds())
                yield Sample(names.DATA_LAG, {"job": job.job, "behind": first.job}, lag)


def _running(jobs: Mapping[str, Job], runs: Sequence[Run], now: datetime) -> Iterator[Sample]:
    begun: dict[str, list[float]] = {name: [] for name in jobs}
    for run in runs:
        age = max(0.0, (now - (run.started_at or run.at)).total_seconds())
        begun.setdefault(run.job if run.job in jobs else OTHER, []).append(age)
    for name, ages in begun.items():
        yield Sample(names.RUNNING, {"job": name}, len(ages))
        if ages:
            yield Sample(names.OLDEST, {"job": name}, max(ages))


def _delivered(job: Job) -> Iterator[Sample]:
    for name, at in ((names.LAST_SUCCESS, job.succeeded_at), (names.LAST_DATA, job.data_as_of)):
        if at is not None:
            yield Sample(name, {"job": job.job}, at.timestamp())


def _last(job: Job) -> Iterator[Sample]:
    labels = {"job": job.job}
    if (ratio := job.last.get("rows_ratio")) is not None:
        yield Sample(names.ROWS_RATIO, labels, ratio)
    if (missing := job.last.get("missing")) is not None:
        yield Sample(names.RECORD_COMPLETE, labels, float(not missing))
    if (lineage := job.last.get("lineage")) is not None:
        yield Sample(names.LINEAGE, labels, float(lineage))
    for column, share in job.last.get("nulls", {}).items():
        yield Sample(names.NULLS, {**labels, "column": column}, share)
