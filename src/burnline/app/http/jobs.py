"""The door for jobs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from burnline.app.http.api import Parts, Trouble
from burnline.app.http.bodies import read_body
from burnline.app.http.business import REFUSED, Label, Value
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.http.words import PLAIN
from burnline.app.wiring import App
from burnline.collectors.inflate import inflate
from burnline.collectors.jobs.facts import Facts
from burnline.collectors.jobs.lineage import happened, place_of, read_event
from burnline.collectors.jobs.runs import Event, Receipt, accept_event
from burnline.errors import PayloadError

Happened = Literal["started", "running", "finished", "failed", "aborted"]
Reason = Literal["error", "exit", "signal", "timeout", "out_of_memory", "data", "dependency", "gpu", "other"]
LINEAGE = ("/v1/lineage", "/api/v1/lineage")  # the second is where OpenLineage's clients send to
LINEAGE_BYTES = 4 * 1024 * 1024  # after decompression: an event with the schemas of many tables
A_JSON_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}
TAKEN = ("job", "reason", "cause", "column", "behind", "le", "service")  # labels that burnline sets itself
router = APIRouter(dependencies=[Depends(require_token), Depends(refuse_cross_site)], responses=REFUSED)


class JobPosting(Facts):
    """What happened to one run of a job, and what it tells of itself; `at` left out is now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: Annotated[str, Field(max_length=63), PLAIN]
    job: Annotated[str, Field(min_length=1, max_length=200, pattern="^(_?[^_]|_$)"), PLAIN]
    run: Annotated[str, Field(min_length=1, max_length=200), PLAIN]
    event: Happened
    at: AwareDatetime | None = None
    reason: Reason | None = None
    labels: Annotated[dict[Label, Value], Field(max_length=5)] = Field(default_factory=dict)


class Taken(BaseModel):
    """`accepted` is false when this was told before: it counts once. `state` is the run's now."""

    accepted: bool
    state: str
    warnings: list[str]


@router.post("/v1/jobs")
def jobs(body: JobPosting, app: Parts) -> Taken:
    """Take what happened to a run of a job; it is durable when this answers."""
    spec = app.spec(body.service)
    if spec is None:
        raise HTTPException(404, "no service has this name")
    if taken := [name for name in body.labels if name in TAKEN]:
        raise PayloadError(f"labels.{taken[0]}: is set by burnline; choose another name")
    if body.reason and body.event != "failed":
        raise PayloadError(f"reason: {body.reason} is no part of {body.event!r}; only a run that failed has one")
    now = app.clock()
    event = Event(
        body.service, body.job, body.run, body.event, body.at or now, body, reason=body.reason or "", labels=body.labels
    )
    return answer(accept_event(app.db, spec, event, now))


def answer(receipt: Receipt) -> Taken:
    """A receipt, as it is sent."""
    return Taken(accepted=receipt.accepted, state=receipt.state, warnings=list(receipt.warnings))


@router.post(LINEAGE[0], openapi_extra=A_JSON_BODY, responses={415: {"model": Trouble}})
async def lineage(request: Request) -> Taken:
    """Take an OpenLineage event; one of a job that is nobody's is answered, and not kept."""
    return await _lineage(request)


@router.post(LINEAGE[1], openapi_extra=A_JSON_BODY, responses={415: {"model": Trouble}})
async def lineage_of_clients(request: Request) -> Taken:
    """As `/v1/lineage`, where OpenLineage's clients send to by themselves."""
    return await _lineage(request)


async def _lineage(request: Request) -> Taken:
    app: App = request.app.state.burnline
    body = await read_body(request)
    encoding = ", ".join(request.headers.getlist("content-encoding"))
    return await run_in_threadpool(_take_lineage, app, body, encoding)


def _take_lineage(app: App, body: bytes, encoding: str) -> Taken:
    if encoding or len(body) > LINEAGE_BYTES:
        body = inflate([body], encoding=encoding, limit_bytes=LINEAGE_BYTES)
    event = read_event(body)
    if event is None:
        return Taken(accepted=False, state="", warnings=["tells of no run: nothing was kept"])
    place = place_of(event, app.specs)
    if place is None:
        told = "no service file names this job (jobs.<name>.lineage), and no service is called like its namespace"
        return Taken(accepted=False, state="", warnings=[told])
    now = app.clock()
    return answer(accept_event(app.db, place.spec, happened(event, place, now), now))
