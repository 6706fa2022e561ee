"""Rehearse one runbook without a service: every hook is a stand-in, time is counted, nothing outside is touched."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection

from burnline.events import AlertEvent, Counts, Outcome, RunRequest, RunState
from burnline.runbooks.actions.contract import PREVIOUS, Hook, Plan
from burnline.runbooks.approvals import decide
from burnline.runbooks.executor import Executor
from burnline.runbooks.load import Catalogue, Recipe
from burnline.runbooks.params import Scalar
from burnline.spec.service import RELEASE, ServiceSpec
from burnline.store import approvals, incidents, runs, timeline
from burnline.store.database import Database, open_database

SERVICE = "rehearsal"
APPROVER = "rehearsal"
BEGIN = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
LONGEST = timedelta(days=3)
BAD_SHARE, WORSE_SHARE = 0.5, 0.95
EVENTS = 1_000_000.0  # more than any runbook asks for as a minimum


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How it went: the outcome, how long it would have taken, the record, and every change of a stand-in."""

    outcome: Outcome | None
    took: timedelta
    record: tuple[str, ...]
    changes: tuple[tuple[str, str], ...]


class StandIn:
    """A hook that remembers a state and changes nothing else."""

    idempotent = True
    kind = "stand-in"

    def __init__(self, name: str, item: str, changes: list[tuple[str, str]]) -> None:
        self.target = f"{name}:{item}" if item else name
        self._name, self._changes = name, changes

    def observe(self) -> str:
        """The last state it was brought to."""
        made = [state for target, state in self._changes if target == self.target]
        return made[-1] if made else "as it was"

    def changed_at(self) -> datetime:
        """Shortly before the alert: a release may be to blame."""
        return BEGIN - timedelta(minutes=10)

    def plan(self, target: str) -> Plan:
        """What `apply` would do."""
        return Plan(self.kind, self.target, self.observe(), "the one before" if target == PREVIOUS else target)

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        """Remember the state; False when it is there already."""
        if self.observe() == target:
            return False
        self._changes.append((self.target, target))
        return True

    def verify(self, target: str) -> bool:
        """Whether it was brought to that state last."""
        return self.observe() == target


def rehearse(
    recipe: Recipe,
    *,
    params: Mapping[str, Scalar] | None = None,
    labels: Mapping[str, str] | None = None,
    helps: bool = True,
    worsens: bool = False,
    approve: bool = True,
    without: Collection[str] = (),
) -> Rehearsal:
    """Run a runbook from its alert to its end on stand-ins, as fast as the machine can.

    Args:
        params: values for the runbook's parameters; those that must be given take their example otherwise.
        labels: of the alert that starts it.
        helps: whether the SLI is good once something was changed; without, it stays bad.
        worsens: whether it gets worse instead.
        approve: whether people say yes; without, nobody answers.
        without: hooks and probes that the service has not.
    """
    with TemporaryDirectory() as folder:
        db = open_database(f"sqlite:///{Path(folder) / 'rehearsal.db'}")
        try:
            after = WORSE_SHARE if worsens else 0.0 if helps else BAD_SHARE
            spec = _service(recipe, without)
            return _play(
                db, spec, recipe, _given(recipe, params or {}, labels or {}), dict(labels or {}), after, approve=approve
            )
        finally:
            db.close()


def _given(recipe: Recipe, params: Mapping[str, Scalar], labels: Mapping[str, str]) -> dict[str, Scalar]:
    declared = recipe.runbook.params.items()
    needed = {name: param.sample for name, param in declared if param.default is None and param.label not in labels}
    return {**needed, **params}


def _play(
    db: Database,
    spec: ServiceSpec,
    recipe: Recipe,
    params: Mapping[str, Scalar],
    labels: dict[str, str],
    after: float,
    *,
    approve: bool,
) -> Rehearsal:
    changes: list[tuple[str, str]] = []

    class Sli:
        def read_sli(self, service: str, slo: str, since: datetime, until: datetime) -> Counts:
            return Counts((after if changes else BAD_SHARE) * EVENTS, EVENTS)

    def hooks(spec: ServiceSpec, name: str = RELEASE, *, item: str = "", drill: bool = False) -> Hook:
        return StandIn(name, item, changes)

    catalogue = Catalogue({recipe.runbook.id: recipe})
    worker = Executor(db, [spec], catalogue, Sli(), owner="rehearsal", elapsed=lambda: 0.0, hooks=hooks)
    run_id = db.write(lambda tx: _request(tx, recipe, params, {**_alert(), **labels}))
    now = _until_it_ends(db, worker, run_id, approve=approve)
    with db.read() as tx:
        run = runs.get_run(tx, run_id)
        record = timeline.entries(tx, run.incident_id if run else 0)
    lines = tuple(f"{entry.at - BEGIN} {entry.text}" for entry in record)
    return Rehearsal(run.outcome if run else None, now - BEGIN, lines, tuple(changes))


def _until_it_ends(db: Database, worker: Executor, run_id: int, *, approve: bool) -> datetime:
    now = BEGIN
    while now < BEGIN + LONGEST:
        worker.run_once(now)
        if approve:
            _say_yes(db, now)
        with db.read() as tx:
            run = runs.get_run(tx, run_id)
        if run is None or run.state is RunState.FINISHED:
            return now
        now = max(now + timedelta(seconds=1), min(run.wake_at or now, BEGIN + LONGEST))
    return now


def _say_yes(db: Database, now: datetime) -> None:
    with db.read() as tx:
        waiting = approvals.pending_approvals(tx)
    for asked, _ in waiting:
        for n in range(asked.required):
            name = f"{APPROVER} {n + 1}"
            decide(db, asked.id, actor=name, decision="approve", plan_hash=asked.plan_hash, reason="", now=now)


def _service(recipe: Recipe, without: Collection[str]) -> ServiceSpec:
    """A service that has everything the runbook may ask for, but for what it is `without`."""
    stand_in: dict[str, Any] = {"alias": {"file": "/nowhere"}}
    hooks = {RELEASE, *(act.hook for _, act in recipe.runbook.changes)} - set(without)
    probes = {step.collect.probe for step in recipe.runbook.steps if step.collect and step.collect.probe} - set(without)
    ratio = {"bad": 'requests_total{status="5xx"}', "total": "requests_total"}
    return ServiceSpec.model_validate(
        {
            "apiVersion": "burnline/v1",
            "service": SERVICE,
            "owner": "rehearsal",
            "slos": [{"name": "availability", "objective": "99%", "window": "30d", "sli": {"ratio": ratio}}],
            **({"release": {"hook": stand_in}} if RELEASE in hooks else {}),
            "actions": dict.fromkeys(hooks - {RELEASE}, stand_in),
            "probes": {name: {"command": {"argv": ["/bin/echo", "a probe's answer"]}} for name in probes},
        }
    )


def _alert() -> dict[str, str]:
    return {"alertname": "ErrorBudgetBurn", "service": SERVICE, "slo": "availability", "severity": "page"}


def _request(tx: Connection, recipe: Recipe, params: Mapping[str, Scalar], labels: Mapping[str, str]) -> int:
    incident = incidents.start_incident(tx, service=SERVICE, title="a rehearsal", now=BEGIN)
    alert = AlertEvent("rehearsal", "0" * 16, "firing", labels, {}, BEGIN, None)
    episode = incidents.start_episode(tx, alert, incident_id=incident.id, service=SERVICE, now=BEGIN)
    request = RunRequest(
        service=SERVICE,
        runbook=recipe.runbook.id,
        episode_id=episode.id,
        incident_id=incident.id,
        approval="one",
        params=params,
    )
    run_id = runs.request_run(tx, request, digest=recipe.digest, body=recipe.body, now=BEGIN)
    if run_id is None:
        raise RuntimeError("a new episode has a run already")
    return run_id
