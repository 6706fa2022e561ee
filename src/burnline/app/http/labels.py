"""The door for labels. What it acknowledges is committed."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from burnline.app.http.answers import Trouble
from burnline.app.http.bodies import encoding_of, read_body
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.wiring import App
from burnline.collectors.predictions.events import Asked
from burnline.collectors.predictions.labels import FORMATS, accept_labels

LABELS = "/v1/labels"
router = APIRouter(
    dependencies=[Depends(require_token), Depends(refuse_cross_site)],
    responses={status: {"model": Trouble} for status in (400, 401, 403, 408, 413, 415, 422, 503)},
)
A_BATCH = {"requestBody": {"required": True, "content": {name: {"schema": {}} for name in FORMATS}}}


@router.post(LABELS, status_code=202, openapi_extra=A_BATCH)
async def labels(request: Request, service: str = "") -> JSONResponse:
    """Take labels: each is joined with the event of its id, or waits for it; each refused one is named.

    `service` stands in the URL where the format has no place for it (NDJSON).
    """
    app: App = request.app.state.burnline
    body = await read_body(request)
    receipt = await run_in_threadpool(
        accept_labels,
        app.db,
        body,
        content_type=request.headers.get("content-type", ""),
        content_encoding=encoding_of(request),
        now=app.clock(),
        known=app.event_rules,
        asked=Asked(service),
    )
    taken = receipt.matched + receipt.waiting + receipt.duplicates
    return JSONResponse(asdict(receipt), 202 if taken or not receipt.refused_count else 422)
