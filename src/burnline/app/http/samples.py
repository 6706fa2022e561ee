"""The door for samples: what training has of events. What it acknowledges is committed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from burnline.app.http.answers import Trouble, service_of
from burnline.app.http.api import NOT_FOUND, Parts
from burnline.app.http.bodies import encoding_of, read_body
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.http.words import Word
from burnline.app.wiring import App
from burnline.collectors.predictions.events import Asked
from burnline.collectors.predictions.samples import FORMATS, MAX_SAMPLES, accept_samples
from burnline.store.samples import wanted_samples

SAMPLES = "/v1/samples"
router = APIRouter(
    dependencies=[Depends(require_token), Depends(refuse_cross_site)],
    responses={status: {"model": Trouble} for status in (400, 401, 403, 408, 413, 415, 422, 503)},
)
A_BATCH = {"requestBody": {"required": True, "content": {name: {"schema": {}} for name in FORMATS}}}


class Wanted(BaseModel):
    """The ids of events of which training's features are waited for, the oldest first."""

    service: str
    ids: list[str]


@router.post(SAMPLES, status_code=202, openapi_extra=A_BATCH)
async def samples(request: Request, service: str = "") -> JSONResponse:
    """Take features that training has: each is compared with what was served, or waits; what is refused is named.

    `service` stands in the URL where the format has no place for it (NDJSON).
    """
    app: App = request.app.state.burnline
    body = await read_body(request)
    receipt = await run_in_threadpool(
        accept_samples,
        app.db,
        body,
        content_type=request.headers.get("content-type", ""),
        content_encoding=encoding_of(request),
        now=app.clock(),
        known=app.event_rules,
        asked=Asked(service),
    )
    taken = receipt.matched + receipt.waiting + receipt.duplicates + receipt.unsampled + receipt.dropped
    return JSONResponse(asdict(receipt), 202 if taken or not receipt.refused_count else 422)


@router.get(SAMPLES, responses=NOT_FOUND)
def wanted(app: Parts, service: Word, limit: Annotated[int, Query(gt=0, le=MAX_SAMPLES)] = 1000) -> Wanted:
    """Which sampled events wait for training's features: what a job has to look up."""
    spec = service_of(app, service)
    with app.db.read() as tx:
        return Wanted(service=spec.service, ids=wanted_samples(tx, spec.service, limit))
