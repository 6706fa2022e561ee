"""Drills that are over, and what they showed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from burnline.store.schema import drill

SIMULATION, LIVE = "simulation", "live"


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill of one service.

    Attributes:
        mode: simulation, or live.
        at: when it ended.
        detect_seconds, respond_seconds, recover_seconds: from the fault to its alert, from there to the change, from
            the fault to the proof; None: never.
        checks: each with `name`, `ok` and `text`.
        spec_digest: SHA-256 of the service file as it was.
        runbooks: those that ran, with their digests.
        run_id: the run of a live one.
    """

    service: str
    scenario: str
    mode: str
    at: datetime
    passed: bool
    detect_seconds: float | None
    respond_seconds: float | None
    recover_seconds: float | None
    checks: Sequence[Mapping[str, Any]]
    spec_digest: str
    runbooks: Mapping[str, str]
    run_id: int | None = None
    id: int = 0


_COLUMNS = [drill.c[field.name] for field in fields(Drill)]


def record_drill(tx: Connection, done: Drill) -> int:
    """Keep a drill that is over, and return its id."""
    values = {field.name: getattr(done, field.name) for field in fields(Drill) if field.name != "id"}
    values |= {"checks": [dict(each) for each in done.checks], "runbooks": dict(done.runbooks)}
    return int(tx.execute(insert(drill).values(values).returning(drill.c.id)).scalar_one())


def drills(tx: Connection, *, service: str | None = None, limit: int = 100) -> list[Drill]:
    """The newest drills, newest first, of one service or of all."""
    query = select(*_COLUMNS).order_by(drill.c.id.desc()).limit(limit)
    return [_drill(row) for row in tx.execute(query if service is None else query.where(drill.c.service == service))]


def newest_drills(tx: Connection) -> list[Drill]:
    """The newest drill of each scenario of each service, in any mode."""
    newest = select(func.max(drill.c.id)).group_by(drill.c.service, drill.c.scenario)
    return [_drill(row) for row in tx.execute(select(*_COLUMNS).where(drill.c.id.in_(newest)).order_by(drill.c.id))]


def drill_of_run(tx: Connection, run_id: int) -> Drill | None:
    """The live drill that a run belongs to."""
    row = tx.execute(select(*_COLUMNS).where(drill.c.run_id == run_id)).first()
    return None if row is None else _drill(row)


def last_drilled(tx: Connection) -> dict[tuple[str, str], datetime]:
    """When each runbook was last part of a drill that passed, by service and runbook."""
    rows = tx.execute(
        select(drill.c.service, drill.c.runbooks, drill.c.at).where(drill.c.passed.is_(True)).order_by(drill.c.at)
    )
    return {(service, runbook): at for service, runbooks, at in rows for runbook in runbooks}


def _drill(row: Row[Any]) -> Drill:
    return Drill(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
