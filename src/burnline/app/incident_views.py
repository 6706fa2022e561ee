"""An incident, its record, its runs and what waits for a person, as pages and programs are shown them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from burnline.app.trace_links import Links, TraceLink
from burnline.events import Outcome, RunState
from burnline.store import approvals as questions
from burnline.store import incidents, runs, timeline
from burnline.store.database import Database
from burnline.store.incidents import Incident
from burnline.store.timeline import Entry

ENDED = {
    Outcome.RECOVERED: "recovered",
    Outcome.NOT_RECOVERED: "did not help",
    Outcome.NO_DATA: "done, but no data shows whether it helped",
    Outcome.WORSE: "made it worse",
    Outcome.SKIPPED: "held back by its guards",
    Outcome.REJECTED: "was not approved",
    Outcome.FAILED: "failed",
    Outcome.DEAD: "given up after its workers died",
}

NO_LINKS = Links()


@dataclass(frozen=True, slots=True)
class StepView:
    """One attempt of one step."""

    name: str
    kind: str
    state: str
    attempt: int
    started_at: datetime
    ended_at: datetime | None
    result: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class RunView:
    """One run of a runbook with its steps."""

    id: int
    incident_id: int
    service: str
    runbook: str
    state: str
    outcome: str | None
    drill: bool
    created_at: datetime
    finished_at: datetime | None
    steps: tuple[StepView, ...]


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """What waits for people; the answer must carry `plan_hash`.

    Attributes:
        kind: plan: may this be done? doubt: did it take effect?
        drill: it is asked in a drill, and reaches drill targets only.
        required: how many must approve; `approved_by` have.
        approvers: who may; empty is anybody.
    """

    id: int
    run_id: int
    incident_id: int
    service: str
    runbook: str
    plan: Mapping[str, Any]
    plan_hash: str
    requested_at: datetime
    expires_at: datetime
    kind: str
    required: int
    approved_by: tuple[str, ...]
    approvers: tuple[str, ...]
    drill: bool


@dataclass(frozen=True, slots=True)
class EntryView:
    """One line of the record. `routine`: a step's start, when its end is on record less than a second later."""

    at: datetime
    source: str
    actor: str
    type: str
    text: str
    data: Mapping[str, Any]
    routine: bool


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """An incident in one line.

    Attributes:
        doing: what is being done about it, or was done, in a few words.
        drill: it is of the service's drills; nothing is wrong with the service.
    """

    id: int
    service: str
    drill: bool
    title: str
    state: str
    opened_at: datetime
    closed_at: datetime | None
    doing: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident with its record and runs.

    Attributes:
        drill: it is of the service's drills; nothing is wrong with the service.
        chain_holds: nobody changed the record after it was written.
        traces: what its record names, and where to look at them.
        logs_url: where the service's logs of its time are; empty where no setting says.
    """

    id: int
    service: str
    drill: bool
    title: str
    state: str
    opened_at: datetime
    closed_at: datetime | None
    doing: str
    chain_holds: bool
    entries: tuple[EntryView, ...]
    runs: tuple[RunView, ...]
    approvals: tuple[ApprovalView, ...]
    traces: tuple[TraceLink, ...] = ()
    logs_url: str = ""


def incident(
    db: Database, incident_id: int, links: Links = NO_LINKS, now: datetime | None = None
) -> IncidentView | None:
    """One incident whole; None when there is none of that id."""
    with db.read() as tx:
        found = incidents.find_incident(tx, incident_id)
        return _incident(tx, found, links, now or found.opened_at) if found else None


def lines(
    db: Database,
    *,
    service: str | None = None,
    state: str | None = None,
    known: Collection[str] = (),
    limit: int = 100,
) -> list[IncidentLine]:
    """Incidents, newest first, of one service and state or of all; those of `known` services before all others.

    Those of a service's drills are not of the service.
    """
    with db.read() as tx:
        found = incidents.list_incidents(tx, service=service, state=state, known=known, limit=limit)
        return [
            IncidentLine(
                one.id,
                one.about,
                one.drill,
                one.title,
                one.state,
                one.opened_at,
                one.closed_at,
                _doing(_runs(tx, one.id)),
            )
            for one in found
        ]


def open_count(db: Database) -> int:
    """How many incidents are open, however many are shown; drills are none."""
    with db.read() as tx:
        return incidents.count_open(tx, drills=False)


def run(db: Database, run_id: int) -> RunView | None:
    """One run with its steps."""
    with db.read() as tx:
        found = runs.get_run(tx, run_id)
        return run_view(tx, found) if found else None


def newest_runs(db: Database, limit: int) -> list[RunView]:
    """The newest runs, newest first."""
    with db.read() as tx:
        return [run_view(tx, found) for found in runs.runs(tx, limit)]


def approvals(db: Database, now: datetime) -> list[ApprovalView]:
    """Everything that waits for a person and has not expired by `now`, oldest first."""
    with db.read() as tx:
        return [view for view in _approvals(tx) if view.expires_at > now]


def _incident(tx: Connection, found: Incident, links: Links, now: datetime) -> IncidentView:
    record = timeline.entries(tx, found.id)
    made = _runs(tx, found.id)
    return IncidentView(
        id=found.id,
        service=found.about,
        drill=found.drill,
        title=found.title,
        state=found.state,
        opened_at=found.opened_at,
        closed_at=found.closed_at,
        doing=_doing(made),
        chain_holds=timeline.first_broken(record) is None,
        entries=tuple(_entries(sorted(record, key=lambda entry: (entry.at, entry.id))))[::-1],
        runs=made,
        approvals=tuple(view for view in _approvals(tx) if view.incident_id == found.id),
        traces=links.traces(record),
        logs_url=links.logs(found, now),
    )


def _entries(record: Sequence[Entry]) -> Iterator[EntryView]:
    ended: dict[tuple[Any, Any], datetime] = {}
    for entry in reversed(record):
        step = entry.data.get("run"), entry.data.get("step")
        starts = entry.type == "step_started"
        routine = starts and step in ended and ended[step] - entry.at < timedelta(seconds=1)
        if not starts:
            ended[step] = entry.at
        yield EntryView(entry.at, entry.source, entry.actor, entry.type, entry.text, entry.data, routine)


def _runs(tx: Connection, incident_id: int) -> tuple[RunView, ...]:
    return tuple(run_view(tx, started) for started in runs.runs_of_incident(tx, incident_id))


def _doing(made: Sequence[RunView]) -> str:
    if not made:
        return "no runbook is bound to this"
    run = next((each for each in reversed(made) if not each.outcome), None)
    if run is None:
        return "; ".join(f"{each.runbook} {ENDED[Outcome(each.outcome)]}" for each in made if each.outcome)
    last = run.steps[-1] if run.steps else None
    if last is None:
        return f"{run.runbook} is about to start"
    if last.kind == "approve" and last.ended_at is None:
        return f"{run.runbook} waits for a person"
    return f"{run.runbook} is at its step {last.name}"


def run_view(tx: Connection, found: runs.Run) -> RunView:
    """One run with its steps, as it stands."""
    return RunView(
        id=found.id,
        incident_id=found.incident_id,
        service=found.service,
        runbook=found.runbook,
        state=found.state,
        outcome=found.outcome if found.state is RunState.FINISHED else None,
        drill=found.drill,
        created_at=found.created_at,
        finished_at=found.finished_at,
        steps=tuple(
            StepView(s.name, s.kind, s.state, s.attempt, s.started_at, s.ended_at, s.result)
            for s in runs.steps(tx, found.id)
        ),
    )


def _approvals(tx: Connection) -> list[ApprovalView]:
    return [
        ApprovalView(
            asked.id,
            asking.id,
            asking.incident_id,
            asking.service,
            asking.runbook,
            asked.plan,
            asked.plan_hash,
            asked.requested_at,
            asked.expires_at,
            asked.kind,
            asked.required,
            tuple(vote.actor for vote in questions.votes(tx, asked.id)),
            tuple(asking.approvers),
            asking.drill,
        )
        for asked, asking in questions.pending_approvals(tx)
    ]
