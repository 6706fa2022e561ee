"""Jobs that feed a service, and their runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from burnline.store.schema import job, job_run

OPEN, LOST = "open", "lost"


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `started_at` is None while only its end is known; `facts`: all it told, as JSON."""

    service: str
    job: str
    run: str
    state: str
    at: datetime
    started_at: datetime | None = None
    until: datetime | None = None
    ended_at: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `rows`: of its newest runs that finished, oldest first; `last`: what the newest of them told."""

    service: str
    job: str
    seen_at: datetime
    ended_at: datetime | None = None
    succeeded_at: datetime | None = None
    data_as_of: datetime | None = None
    rows: Sequence[int] = ()
    last: Mapping[str, Any] = field(default_factory=dict)


def run_of(tx: Connection, service: str, name: str, run: str) -> Run | None:
    """That run, or None."""
    these = (job_run.c.service == service, job_run.c.job == name, job_run.c.run == run)
    row = tx.execute(select(job_run).where(*these)).first()
    return None if row is None else Run(**row._asdict())


def put_run(tx: Connection, run: Run) -> None:
    """Keep a run, new or changed."""
    _put(tx, job_run, run, ("service", "job", "run"))


def jobs_of(tx: Connection, service: str) -> dict[str, Job]:
    """The service's jobs by name."""
    rows = tx.execute(select(job).where(job.c.service == service).order_by(job.c.job))
    return {row.job: Job(**row._asdict()) for row in rows}


def put_job(tx: Connection, changed: Job) -> None:
    """Keep a job, new or changed."""
    _put(tx, job, changed, ("service", "job"))


def open_runs(tx: Connection, service: str) -> list[Run]:
    """The service's runs that have not ended."""
    these = (job_run.c.service == service, job_run.c.state == OPEN)
    return [Run(**row._asdict()) for row in tx.execute(select(job_run).where(*these).order_by(job_run.c.job))]


def overdue_runs(tx: Connection, now: datetime, limit: int) -> list[Run]:
    """Open runs of any service that should have ended, those first that are longest overdue."""
    these = (job_run.c.state == OPEN, job_run.c.until <= now)
    rows = tx.execute(select(job_run).where(*these).order_by(job_run.c.until).limit(limit))
    return [Run(**row._asdict()) for row in rows]


def doubt(tx: Connection, started: Run, until: datetime) -> None:
    """Expect the end of every open run of this job that began before `started` by `until` at the latest."""
    these = (
        job_run.c.service == started.service,
        job_run.c.job == started.job,
        job_run.c.run != started.run,
        job_run.c.state == OPEN,
        job_run.c.started_at <= started.started_at,
        job_run.c.until > until,
    )
    tx.execute(update(job_run).where(*these).values(until=until))


def forget_runs(tx: Connection, before: datetime) -> int:
    """Delete runs that nothing was heard of since. Returns how many went."""
    return tx.execute(delete(job_run).where(job_run.c.at < before, job_run.c.state != OPEN)).rowcount


def _put(tx: Connection, table: Any, thing: Run | Job, keys: Sequence[str]) -> None:
    values = {column.name: getattr(thing, column.name) for column in table.columns}
    put = (sqlite if tx.dialect.name == "sqlite" else postgresql).insert(table).values(values)
    changed = {name: put.excluded[name] for name in values if name not in keys}
    tx.execute(put.on_conflict_do_update(index_elements=keys, set_=changed))
