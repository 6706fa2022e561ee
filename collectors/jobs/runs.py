"""The door for jobs: each event of a run is counted once, whatever comes twice, late or out of order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from statistics import median
from typing import Any

from sqlalchemy import Connection

from burnline.collectors.jobs import series
from burnline.collectors.jobs.facts import Facts, merged, missing, told
from burnline.errors import PayloadWrong
from burnline.metrics.measured import OTHER
from burnline.spec.jobs import JobSpec
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database
from burnline.store.jobs import LOST, OPEN, Job, Run, doubt, jobs_of, overdue_runs, put_job, put_run, run_of
from burnline.store.series import Point, record

STARTED, RUNNING, FINISHED, FAILED, ABORTED = "started", "running", "finished", "failed", "aborted"
NO_RECORD = "no_record"  # the reason of a run that finished without the record it must have
SKEW = timedelta(minutes=5)  # how far ahead of ours another clock may be
GRACE = timedelta(minutes=1)  # for the end of a run to arrive after the start of the next one
LONGEST = timedelta(days=30)  # a run nobody said more of
MOST_LEARNT = 50  # jobs of a service that its file does not name
ROWS_KEPT, ROWS_NEEDED = 20, 5
SLICE = 100


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to one run; `lineage`: it told its inputs or outputs."""

    service: str
    job: str
    run: str
    kind: str
    at: datetime
    facts: Facts
    reason: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    lineage: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """`accepted` is false when this was told before; `state` is the run's now; `warnings` for whoever sent it."""

    accepted: bool
    state: str
    warnings: tuple[str, ...] = ()


def accept_event(db: Database, spec: ServiceSpec, event: Event, now: datetime) -> Receipt:
    """Keep what happened; it is durable on return.

    Raises: PayloadWrong for a time in the future; StoreError when nothing was kept.
    """
    for name, at in (("at", event.at), ("data_as_of", event.facts.data_as_of)):
        if at is not None and at > now + SKEW:
            raise PayloadWrong(f"{name}: {at.isoformat()} is in the future; here it is {now.isoformat()}")
    return db.write(partial(_keep, spec=spec, event=event, now=now))


class JobWatch:
    """Gives up runs that should have ended, and knows from the first day on which jobs are expected."""

    def __init__(self, db: Database, specs: tuple[ServiceSpec, ...]) -> None:
        self._db, self._specs = db, specs

    def run_once(self, now: datetime) -> int:
        """One turn; returns how many runs were given up."""
        return self._db.write(partial(self._turn, now=now))

    def _turn(self, tx: Connection, now: datetime) -> int:
        for spec in self._specs:
            known = jobs_of(tx, spec.service) if spec.jobs else {}
            for name in spec.jobs.keys() - known.keys():
                put_job(tx, Job(spec.service, name, seen_at=now))
        gone = overdue_runs(tx, now, SLICE)
        for run in gone:
            put_run(tx, replace(run, state=LOST, at=now, ended_at=now))
            label = run.job if run.job in jobs_of(tx, run.service) else OTHER
            record(tx, run.service, series.failed({"job": label}, LOST), now)
        return len(gone)


def _keep(tx: Connection, spec: ServiceSpec, event: Event, now: datetime) -> Receipt:
    before = run_of(tx, event.service, event.job, event.run)
    if before is not None and not _is_new(before, event.kind):
        return Receipt(False, before.state)
    expected = spec.jobs.get(event.job, JobSpec())
    jobs = jobs_of(tx, event.service)
    known = jobs.get(event.job) or _enter(spec, jobs, event, now)
    extra = {"lineage": True} if event.lineage else {}
    earlier, later = (before.facts if before else {}), {**told(event.facts), **extra}
    if before is not None and before.ended_at is not None:
        earlier, later = later, earlier  # a start that comes after the end knew less
    everything = merged(earlier, later)
    after = _after(before, event, everything, expected, now)
    lacks = _lacks(expected, after) if event.kind == FINISHED else None
    reason = event.reason or "error"
    if lacks and expected.record == "required":
        after, reason = replace(after, state=FAILED), NO_RECORD
    put_run(tx, after)
    if event.kind == STARTED and not expected.overlap:
        doubt(tx, after, now + GRACE)
    labels = {**event.labels, "job": event.job if known else OTHER}
    folded = record(tx, event.service, [*_points(before, after, event, labels, reason)], now)
    if known and event.kind in (FINISHED, FAILED, ABORTED):
        known = _told_by(known, after, event, lacks, lineage=bool(expected.lineage))
    if known:
        put_job(tx, known)
    return Receipt(True, after.state, tuple(_warnings(spec, event, known, lacks, folded)))


def _is_new(before: Run, kind: str) -> bool:
    if kind == STARTED:
        return before.started_at is None
    return before.state == OPEN or (kind != RUNNING and before.state == LOST)


def _enter(spec: ServiceSpec, jobs: Mapping[str, Job], event: Event, now: datetime) -> Job | None:
    """A job that is heard of for the first time; None where there are too many already."""
    if event.job in spec.jobs or len(jobs.keys() - spec.jobs.keys()) < MOST_LEARNT:
        return Job(event.service, event.job, seen_at=now)
    return None


def _after(before: Run | None, event: Event, facts: Mapping[str, Any], expected: JobSpec, now: datetime) -> Run:
    run = before or Run(event.service, event.job, event.run, OPEN, at=now)
    run = replace(run, at=now, facts=facts)
    if event.kind == STARTED:
        run = replace(run, started_at=event.at)
    if event.kind not in (STARTED, RUNNING):
        return replace(run, state=event.kind, ended_at=event.at)
    longest = timedelta(seconds=facts["max_duration_seconds"]) if "max_duration_seconds" in facts else None
    limit = longest or expected.max_duration or LONGEST
    return replace(run, until=max((run.started_at or event.at) + min(limit, LONGEST * 12), now + GRACE))


def _lacks(expected: JobSpec, run: Run) -> list[str] | None:
    """What the record of a run lacks; None where none is wanted or told."""
    if expected.record == "off" and "record" not in run.facts:
        return None
    return missing(facts_of(run))


def facts_of(run: Run) -> Facts:
    """All that a run told."""
    return Facts.model_validate({name: value for name, value in run.facts.items() if name in Facts.model_fields})


def _points(before: Run | None, after: Run, event: Event, labels: Mapping[str, str], reason: str) -> Iterator[Point]:
    facts = facts_of(after)
    if facts.waited_seconds is not None and "waited_seconds" not in (before.facts if before else {}):
        yield from series.waited(labels, facts.waited_seconds)
    if event.kind == STARTED:
        yield from series.started(labels)
        if after.ended_at is not None and facts.duration_seconds is None:  # its end came first
            yield from series.took(labels, _duration(after, facts)) if after.state == FINISHED else ()
            yield from series.used(labels, facts, _duration(after, facts)) if facts.gpu_seconds is None else ()
    if event.kind == ABORTED:
        yield from series.aborted(labels)
    if event.kind in (FINISHED, FAILED):
        yield from series.finished(labels) if after.state == FINISHED else series.failed(labels, reason)
    if event.kind in (FINISHED, FAILED, ABORTED):
        duration = _duration(after, facts)
        if after.state == FINISHED:
            yield from series.took(labels, duration)
        yield from series.used(labels, facts, duration)
        yield from series.amounts(labels, facts)


def _duration(run: Run, facts: Facts) -> float | None:
    """How long a run took, in seconds; None when its start is not known."""
    if facts.duration_seconds is not None:
        return facts.duration_seconds
    if run.started_at is None or run.ended_at is None:
        return None
    return max(0.0, (run.ended_at - run.started_at).total_seconds())


def _told_by(known: Job, run: Run, event: Event, lacks: list[str] | None, *, lineage: bool) -> Job:
    """The job after one of its runs ended; what an older run tells late changes nothing that a newer one told."""
    newest = known.ended_at is None or event.at >= known.ended_at
    if newest:
        known = replace(known, ended_at=event.at)
    if event.kind != FINISHED:
        return known
    facts = facts_of(run)
    rows = facts.rows_in if facts.rows_out is None else facts.rows_out
    if newest:
        seen = run.facts.get("lineage", False)
        known = replace(
            known,
            last={
                "nulls": dict(sorted(facts.nulls.items(), key=lambda item: (-item[1], item[0]))[: series.MOST_COLUMNS]),
                "missing": lacks,
                "lineage": seen if seen or lineage or known.last.get("lineage") is not None else None,
                "rows_ratio": rows_ratio(rows, known.rows),
                "record": run.facts.get("record", {}),
            },
        )
    if run.state != FINISHED:
        return known
    as_of = max(filter(None, (known.data_as_of, facts.data_as_of)), default=None)
    if rows is not None:
        known = replace(known, rows=[*known.rows, rows][-ROWS_KEPT:])
    return replace(known, succeeded_at=max(known.succeeded_at or event.at, event.at), data_as_of=as_of)


def rows_ratio(rows: int | None, before: Any) -> float | None:
    """Rows of a run by the median of those before it; None without ROWS_NEEDED of them, or when that is 0."""
    if rows is None or len(before) < ROWS_NEEDED or not (usual := median(before)):
        return None
    return float(rows / usual)


def _warnings(
    spec: ServiceSpec, event: Event, known: Job | None, lacks: list[str] | None, folded: int
) -> Iterator[str]:
    if lacks:
        yield f"the record lacks {', '.join(lacks)}"
    if known is None:
        yield (
            f"{spec.service} has {MOST_LEARNT} jobs that its service file does not name: this one is counted as {OTHER}"
        )
    if folded:
        yield f"too many series: {folded} were counted under {OTHER}"
