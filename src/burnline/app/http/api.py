"""JSON for programs: the same views the pages show."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from burnline.app import incident_views, measured_views, signal_views, switch_views, views
from burnline.app.audit import Head, head_of
from burnline.app.http.answers import Trouble, found, service_of
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.http.words import PLAIN, Word
from burnline.app.incident_views import ApprovalView, IncidentLine, IncidentView, RunView
from burnline.app.measured_views import PartView
from burnline.app.runbook_views import RunbookLine, RunbookView, runbook_lines, runbook_view
from burnline.app.signal_views import SignalDetail
from burnline.app.switch_views import Actions
from burnline.app.trace_links import Links
from burnline.app.views import History, ServiceView
from burnline.app.wiring import App
from burnline.runbooks.approvals import decide, refuse_nobody
from burnline.runbooks.byhand import start_by_hand
from burnline.runbooks.switch import switch_actions
from burnline.store.chains import chains

Seconds = Annotated[float, Query(gt=0, le=366 * 86400)]
Limit = Annotated[int, Query(gt=0, le=1000)]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]  # what a database can hold


class Decision(BaseModel):
    """A person's answer to an approval; `plan_hash` is that of the plan they saw."""

    decision: Annotated[str, Field(pattern="^(approve|reject)$")]
    actor: Annotated[str, Field(min_length=1, max_length=100), PLAIN]
    plan_hash: Word
    reason: Annotated[str, Field(max_length=500), PLAIN] = ""


class Decided(BaseModel):
    """The approval's new state."""

    state: str


class RunWish(BaseModel):
    """Which runbook a person starts, for which service, and why."""

    service: Annotated[str, Field(max_length=63)]
    runbook: Annotated[str, Field(max_length=63)]
    actor: Annotated[str, Field(min_length=1, max_length=100), PLAIN]
    params: dict[Annotated[str, Field(max_length=63)], bool | int | float | Annotated[str, Field(max_length=4096)]] = (
        Field(default_factory=dict, max_length=64)
    )
    slo: Annotated[str, Field(max_length=63)] = ""
    reason: Annotated[str, Field(max_length=500)] = ""


class Started(BaseModel):
    """The number of the run."""

    run: int


class Setting(BaseModel):
    """Whether actions shall be on or off, who says so, and why."""

    state: Annotated[str, Field(pattern="^(on|off)$")]
    actor: Annotated[str, Field(min_length=1, max_length=100), PLAIN]
    reason: Annotated[str, Field(max_length=500), PLAIN] = ""


router = APIRouter(prefix="/v1", responses={status: {"model": Trouble} for status in (400, 408, 413, 422, 503)})
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Trouble}}


def burnline(request: Request) -> App:
    """The application's parts."""
    app: App = request.app.state.burnline
    return app


Parts = Annotated[App, Depends(burnline)]


@router.get("/services")
def services(app: Parts) -> list[ServiceView]:
    """Every service now, the worst first."""
    return views.fleet(app, app.clock())


@router.get("/services/{name}", responses=NOT_FOUND)
def service(name: str, app: Parts) -> ServiceView:
    """One service now."""
    return views.service(app, service_of(app, name), app.clock())


@router.get("/services/{name}/policy", responses=NOT_FOUND)
def policy(name: str, app: Parts) -> views.PolicyView:
    """What the error-budget policy of one service says now: what a release guard asks before it lets a release go."""
    return views.policy(app, service_of(app, name), app.clock())


@router.get("/services/{name}/measured", responses=NOT_FOUND)
def measured(name: str, app: Parts) -> tuple[PartView, ...]:
    """What burnline itself measured for one service, by the newest turn of each collector."""
    return measured_views.measured(app, service_of(app, name), app.clock())


@router.get("/services/{name}/slos/{slo}/history", responses=NOT_FOUND)
def history(name: str, slo: str, app: Parts, seconds: Seconds | None = None) -> History:
    """One SLO over the last `seconds` (by default a sixtieth of its window, at least five minutes)."""
    spec = service_of(app, name)
    promised = found(spec.slo(slo), f"{name} has no SLO called {slo!r}")
    span = timedelta(seconds=seconds) if seconds else views.recent(promised)
    return views.history(app, name, promised, app.clock() - span)


@router.get("/services/{name}/signals/{signal}", responses=NOT_FOUND)
def signal(name: str, signal: str, app: Parts) -> SignalDetail:
    """One signal: its newest window, what it comes from, versions and slices, and the windows before."""
    spec = service_of(app, name)
    return found(signal_views.signal(app, spec, signal, app.clock()), f"{name} has no signal called {signal!r}")


@router.get("/incidents")
def list_incidents(app: Parts, limit: Limit = 100) -> list[IncidentLine]:
    """Incidents, newest first."""
    return incident_views.lines(app.db, limit=limit)


@router.get("/incidents/{incident_id}", responses=NOT_FOUND)
def incident(incident_id: Number, app: Parts) -> IncidentView:
    """One incident with its record and runs."""
    return found(
        incident_views.incident(app.db, incident_id, Links.of(app.settings), app.clock()),
        f"no incident has the number {incident_id}",
    )


@router.get("/audit")
def audit(app: Parts) -> Head:
    """The head over all records, and of each whether its chain holds."""
    with app.db.read() as tx:
        return head_of(list(chains(tx)), app.clock())


@router.get("/runs")
def runs(app: Parts, limit: Limit = 50) -> list[RunView]:
    """The newest runs, newest first."""
    return incident_views.newest_runs(app.db, limit)


@router.post(
    "/runs",
    dependencies=[Depends(require_token), Depends(refuse_cross_site)],
    responses={status: {"model": Trouble} for status in (401, 403, 404, 409)},
)
def start_run(wish: RunWish, app: Parts) -> Started:
    """Start a runbook by hand."""
    spec = service_of(app, wish.service)
    recipe = found(app.catalogue.get(wish.runbook), f"no runbook is called {wish.runbook!r}")
    refuse_nobody(wish.actor)
    started = start_by_hand(
        app.db,
        spec,
        recipe,
        actor=wish.actor,
        params=wish.params,
        slo=wish.slo,
        reason=wish.reason,
        now=app.clock(),
    )
    return Started(run=started)


@router.get("/runs/{run_id}", responses=NOT_FOUND)
def run(run_id: Number, app: Parts) -> RunView:
    """One run with its steps."""
    return found(incident_views.run(app.db, run_id), f"no run has the number {run_id}")


@router.get("/runbooks")
def runbooks(app: Parts) -> list[RunbookLine]:
    """Every runbook, in order of its id."""
    return runbook_lines(app.catalogue, app.specs)


@router.get("/runbooks/{runbook_id}", responses=NOT_FOUND)
def runbook(runbook_id: str, app: Parts) -> RunbookView:
    """One runbook, as it is on disk now."""
    view = runbook_view(app.catalogue, app.specs, runbook_id)
    return found(view, f"no runbook is called {runbook_id!r}")


@router.get("/approvals")
def approvals(app: Parts) -> list[ApprovalView]:
    """What waits for a person, oldest first."""
    return incident_views.approvals(app.db, app.clock())


@router.post(
    "/approvals/{approval_id}",
    dependencies=[Depends(require_token), Depends(refuse_cross_site)],
    responses={status: {"model": Trouble} for status in (401, 403, 409)},
)
def answer(approval_id: Number, decision: Decision, app: Parts) -> Decided:
    """Approve or reject what a run plans to do."""
    return Decided(state=settle(app, approval_id, decision))


@router.get("/actions")
def actions(app: Parts) -> Actions:
    """Whether runs may change anything, and who said so, the last times too."""
    return switch_views.actions(app)


@router.post(
    "/actions",
    dependencies=[Depends(require_token), Depends(refuse_cross_site)],
    responses={status: {"model": Trouble} for status in (401, 403, 409)},
)
def set_actions(setting: Setting, app: Parts) -> Actions:
    """Stop every change by a run, or let them be made again."""
    switch_actions(app.db, setting.state, actor=setting.actor, reason=setting.reason, now=app.clock())
    return switch_views.actions(app)


def settle(app: App, approval_id: int, decision: Decision) -> str:
    """Decide an approval for a person.

    Raises: DecisionRefused when it was decided, has expired or the plan changed.
    """
    return decide(
        app.db,
        approval_id,
        actor=decision.actor,
        decision=decision.decision,
        plan_hash=decision.plan_hash,
        reason=decision.reason,
        now=app.clock(),
    )
