"""Runs of runbooks: their claims and steps.

A worker owns a run for the length of its lease and for one epoch; every write of a worker is fenced by that epoch, so
one that was stopped and comes back late writes nothing. Leases are compared with the database's clock only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, insert, literal, or_, select, update
from sqlalchemy.exc import IntegrityError

from burnline.errors import Fenced
from burnline.events import Outcome, RunRequest, RunState, StepState
from burnline.store.database import database_now
from burnline.store.guards import unlock
from burnline.store.schema import episode, run, step


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one runbook. `labels` are the alert's: hostile data. `body` is the runbook it was started with."""

    id: int
    episode_id: int
    incident_id: int
    service: str
    runbook: str
    digest: str
    body: str
    params: Mapping[str, Any]
    approval: str
    state: RunState
    outcome: Outcome | None
    owner: str | None
    epoch: int
    attempts: int
    next_step: int
    wake_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    approvers: Mapping[str, str | None]
    drill: bool
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StepRow:
    """One attempt of one step; `n` counts the runbook's steps from 0."""

    id: int
    run_id: int
    n: int
    attempt: int
    name: str
    kind: str
    state: StepState
    epoch: int
    idempotency_key: str
    request: Mapping[str, Any]
    result: Mapping[str, Any] | None
    started_at: datetime
    ended_at: datetime | None


_RUN_COLUMNS = [run.c[name] for name in Run.__slots__ if name != "labels"]


def request_run(tx: Connection, request: RunRequest, *, digest: str, body: str, now: datetime) -> int | None:
    """Queue a run and return its id; None when this episode already has a run of this runbook."""
    values = {
        "episode_id": request.episode_id,
        "incident_id": request.incident_id,
        "service": request.service,
        "runbook": request.runbook,
        "digest": digest,
        "body": body,
        "params": dict(request.params),
        "approval": request.approval,
        "state": RunState.QUEUED,
        "created_at": now,
        "approvers": dict(request.approvers),
        "drill": request.drill,
    }
    try:
        with tx.begin_nested():
            return int(tx.execute(insert(run).values(values).returning(run.c.id)).scalar_one())
    except IntegrityError:
        same = (run.c.episode_id == request.episode_id, run.c.runbook == request.runbook)
        if tx.scalar(select(run.c.id).where(*same)) is None:
            raise
        return None


def claim_run(tx: Connection, *, owner: str, lease: timedelta, now: datetime) -> Run | None:
    """Take the oldest run that is due: queued, waiting until `now` or before, or left behind by a dead worker.

    Taking over from a dead worker counts as an attempt. Returns None when nothing is due.
    """
    clock = database_now(tx)
    left_behind = and_(run.c.state == RunState.RUNNING, run.c.lease_until < clock)
    due = or_(run.c.state == RunState.QUEUED, left_behind, and_(run.c.state == RunState.WAITING, run.c.wake_at <= now))
    seen = tx.execute(
        select(run.c.id, run.c.epoch, run.c.state)
        .where(due)
        .order_by(run.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if seen is None:
        return None
    taken = tx.execute(
        update(run)
        .where(run.c.id == seen.id, run.c.epoch == seen.epoch)
        .values(
            state=RunState.RUNNING,
            owner=owner,
            lease_until=clock + lease,
            epoch=run.c.epoch + 1,
            attempts=run.c.attempts + (1 if seen.state == RunState.RUNNING else 0),
            wake_at=None,
            started_at=func.coalesce(run.c.started_at, literal(now, run.c.started_at.type)),
        )
    )
    return get_run(tx, seen.id) if taken.rowcount == 1 else None


def heartbeat(tx: Connection, claimed: Run, lease: timedelta) -> None:
    """Lengthen the lease. Raises: Fenced."""
    keep_fenced(tx, claimed, lease_until=database_now(tx) + lease)


def start_step(
    tx: Connection, claimed: Run, *, n: int, name: str, kind: str, request: Mapping[str, Any], now: datetime
) -> StepRow:
    """Record that an attempt of step `n` is about to be made; attempts at the same request share an idempotency key.

    Raises: Fenced.
    """
    keep_fenced(tx, claimed, next_step=n)
    last = last_attempt(tx, claimed.id, n)
    attempt = last.attempt + 1 if last else 1
    # the time keeps keys apart when a database starts anew beside a registry that does not
    key = f"{claimed.created_at:%Y%m%dT%H%M%S}:{claimed.id}:{n}" + (f":{attempt}" if last else "")
    values = {
        "run_id": claimed.id,
        "n": n,
        "attempt": attempt,
        "name": name,
        "kind": kind,
        "state": StepState.STARTED,
        "epoch": claimed.epoch,
        "idempotency_key": last.idempotency_key if last and last.request == request else key,
        "request": dict(request),
        "started_at": now,
    }
    return _step(tx.execute(insert(step).values(values).returning(step)).one())


def finish_step(
    tx: Connection, claimed: Run, started: StepRow, *, state: StepState, result: Mapping[str, Any], now: datetime
) -> None:
    """Record how an attempt ended. Raises: Fenced."""
    keep_fenced(tx, claimed)
    tx.execute(update(step).where(step.c.id == started.id).values(state=state, result=dict(result), ended_at=now))


def go_to_step(tx: Connection, claimed: Run, n: int, *, outcome: Outcome | None = None) -> None:
    """Set which step is next and, where one is given, how the run ends. Raises: Fenced."""
    keep_fenced(tx, claimed, next_step=n, **({} if outcome is None else {"outcome": outcome}))


def park(tx: Connection, claimed: Run, wake_at: datetime) -> None:
    """Give the run back until `wake_at`: a waiting run holds no worker. Raises: Fenced."""
    keep_fenced(tx, claimed, state=RunState.WAITING, owner=None, lease_until=None, wake_at=wake_at)


def finish_run(tx: Connection, claimed: Run, outcome: Outcome, now: datetime) -> None:
    """End the run and free its target. Raises: Fenced."""
    keep_fenced(tx, claimed, state=RunState.FINISHED, outcome=outcome, owner=None, lease_until=None, finished_at=now)
    unlock(tx, claimed.id)


def require_approval(tx: Connection, claimed: Run) -> None:
    """From now on a person must say yes, whatever the service file says. Raises: Fenced."""
    keep_fenced(tx, claimed, approval="one")


def alert_is_over(tx: Connection, run_id: int) -> bool:
    """Whether the alert that started a run has ended."""
    over = select(episode.c.ended_at).join(run, run.c.episode_id == episode.c.id).where(run.c.id == run_id)
    return tx.scalar(over) is not None


def get_run(tx: Connection, run_id: int) -> Run | None:
    """The run of that id."""
    row = tx.execute(_runs().where(run.c.id == run_id)).first()
    return None if row is None else _run(row)


def steps(tx: Connection, run_id: int) -> list[StepRow]:
    """Every attempt of every step of a run, in the order they were started."""
    return [_step(row) for row in tx.execute(select(step).where(step.c.run_id == run_id).order_by(step.c.id))]


def last_attempt(tx: Connection, run_id: int, n: int) -> StepRow | None:
    """The latest attempt of step `n`."""
    query = select(step).where(step.c.run_id == run_id, step.c.n == n).order_by(step.c.attempt.desc()).limit(1)
    row = tx.execute(query).first()
    return None if row is None else _step(row)


def runs(tx: Connection, limit: int) -> list[Run]:
    """The newest runs, newest first."""
    return [_run(row) for row in tx.execute(_runs().order_by(run.c.id.desc()).limit(limit))]


def runs_of_incident(tx: Connection, incident_id: int) -> list[Run]:
    """The runs an incident started, oldest first."""
    return [_run(row) for row in tx.execute(_runs().where(run.c.incident_id == incident_id).order_by(run.c.id))]


def keep_fenced(tx: Connection, claimed: Run, **values: Any) -> None:
    """Write to the run as its owner. Raises: Fenced when another worker took it."""
    mine = (run.c.id == claimed.id, run.c.epoch == claimed.epoch, run.c.state == RunState.RUNNING)
    if tx.execute(update(run).where(*mine).values(values or {"epoch": claimed.epoch})).rowcount != 1:
        raise Fenced(f"run {claimed.id} is no longer owned by epoch {claimed.epoch}")


def _runs() -> Select[Any]:
    return select(*_RUN_COLUMNS, episode.c.labels).join(episode, episode.c.id == run.c.episode_id)


def _run(row: Row[Any]) -> Run:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
    values["state"] = RunState(values["state"])
    values["outcome"] = Outcome(values["outcome"]) if values["outcome"] else None
    return Run(**values)


def _step(row: Row[Any]) -> StepRow:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
    return StepRow(**{**values, "state": StepState(values["state"])})
