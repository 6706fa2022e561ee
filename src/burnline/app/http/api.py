"""JSON for programs: the same views the pages show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import BaseModel, Field

from burnline.app import incident_views, views
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.incident_views import ApprovalView, IncidentView, RunView
from burnline.app.views import History, ServiceView
from burnline.app.wiring import App
from burnline.runbooks.approvals import decide
from burnline.store import incidents
from burnline.store.incidents import Incident

T = TypeVar("T")
router = APIRouter(prefix="/v1")
Seconds = Annotated[float, Query(gt=0, le=366 * 86400)]


class Decision(BaseModel):
    """A person's answer to an approval."""

    decision: Annotated[str, Field(pattern="^(approve|reject)$")]
    actor: Annotated[str, Field(min_length=1, max_length=100)]
    plan_hash: str
    reason: Annotated[str, Field(max_length=500)] = ""


def burnline(request: Request) -> App:
    """The application's parts."""
    app: App = request.app.state.burnline
    return app


Parts = Annotated[App, Depends(burnline)]


@router.get("/services")
def services(app: Parts) -> list[ServiceView]:
    """Every service now, the worst first."""
    return views.fleet(app, datetime.now(UTC))


@router.get("/services/{name}")
def service(name: str, app: Parts) -> ServiceView:
    """One service now."""
    return found(views.service(app, name, datetime.now(UTC)), f"no service is called {name!r}")


@router.get("/services/{name}/slos/{slo}/history")
def history(name: str, slo: str, app: Parts, seconds: Seconds | None = None) -> History:
    """One SLO over the last `seconds` (by default a sixtieth of its window, at least five minutes)."""
    spec = found(app.spec(name), f"no service is called {name!r}")
    promised = found(spec.slo(slo), f"{name} has no SLO called {slo!r}")
    window = promised.window if isinstance(promised.window, timedelta) else timedelta(days=30)
    span = timedelta(seconds=seconds) if seconds else max(window / 60, timedelta(minutes=5))
    return views.history(app, name, slo, datetime.now(UTC) - span)


@router.get("/incidents")
def list_incidents(app: Parts, limit: Annotated[int, Query(gt=0, le=1000)] = 100) -> list[Incident]:
    """Incidents, newest first."""
    with app.db.read() as tx:
        return incidents.list_incidents(tx, limit=limit)


@router.get("/incidents/{incident_id}")
def incident(incident_id: int, app: Parts) -> IncidentView:
    """One incident with its record and runs."""
    return found(incident_views.incident(app.db, incident_id), f"no incident has the number {incident_id}")


@router.get("/runs")
def runs(app: Parts) -> list[RunView]:
    """The newest runs, newest first."""
    return incident_views.newest_runs(app.db)


@router.get("/runs/{run_id}")
def run(run_id: int, app: Parts) -> RunView:
    """One run with its steps."""
    return found(incident_views.run(app.db, run_id), f"no run has the number {run_id}")


@router.get("/approvals")
def approvals(app: Parts) -> list[ApprovalView]:
    """What waits for a person."""
    return incident_views.approvals(app.db)


@router.post("/approvals/{approval_id}", dependencies=[Depends(require_token), Depends(refuse_cross_site)])
def answer(approval_id: int, decision: Decision, app: Parts) -> dict[str, Any]:
    """Approve or reject what a run plans to do."""
    return {"state": settle(app, approval_id, decision)}


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
        now=datetime.now(UTC),
    )


def found(value: T | None, message: str) -> T:
    """The value, or 404 in words."""
    if value is None:
        raise HTTPException(404, message)
    return value
