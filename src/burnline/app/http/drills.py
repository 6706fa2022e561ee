"""Drills over HTTP: those that are over, and the start of another one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from burnline.app.drills.live import judge_run
from burnline.app.http.answers import Trouble, service_of
from burnline.app.http.api import NOT_FOUND, Limit, Parts
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.http.words import Word
from burnline.errors import DecisionRefused
from burnline.spec.drill import ScenarioName
from burnline.store.drills import Drill, drill_of_run, drills, record_drill

REFUSED: dict[int | str, dict[str, Any]] = {status: {"model": Trouble} for status in (401, 403, 409)}
router = APIRouter(prefix="/v1", responses={status: {"model": Trouble} for status in (400, 408, 413, 422, 503)})


class DrillBody(BaseModel):
    """A drill to start in simulation; with `run`, a live one that is over, to be judged and kept.

    Attributes:
        scenarios: left out, what the service file says, else all that apply.
    """

    model_config = ConfigDict(extra="forbid")

    service: Word
    scenarios: list[ScenarioName] = Field(default_factory=list, max_length=100)
    run: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None


class DrillStarted(BaseModel):
    """What was started, or kept."""

    service: str
    scenarios: list[str] = Field(default_factory=list)
    drill: Drill | None = None


@router.get("/drills")
def list_drills(app: Parts, service: Word | None = None, limit: Limit = 100) -> list[Drill]:
    """Drills that are over, newest first."""
    with app.db.read() as tx:
        return drills(tx, service=service, limit=limit)


@router.post(
    "/drills",
    status_code=202,
    dependencies=[Depends(require_token), Depends(refuse_cross_site)],
    responses={**REFUSED, **NOT_FOUND},
)
def start_drill(body: DrillBody, app: Parts, response: Response) -> DrillStarted:
    """Drill a service in the background; it is in the list when it is over."""
    spec = service_of(app, body.service)
    if body.run is None:
        asked = app.drills.ask(spec.service, body.scenarios)
        return DrillStarted(service=spec.service, scenarios=list(asked.scenarios))
    response.status_code = 201
    with app.db.read() as tx:
        if drill_of_run(tx, body.run) is not None:
            raise DecisionRefused(f"the drill of run {body.run} is kept already")
        done = judge_run(tx, spec, body.run, app.clock())
    kept = app.db.write(lambda tx: record_drill(tx, done))
    with app.db.read() as tx:
        return DrillStarted(service=spec.service, drill=next(each for each in drills(tx) if each.id == kept))
