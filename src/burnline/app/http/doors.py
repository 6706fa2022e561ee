"""The doors: prediction events and alerts. What they acknowledge is committed."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from burnline.alerting.inbox import submit_webhook
from burnline.alerting.webhook import ALERTMANAGER
from burnline.app.http.answers import Trouble
from burnline.app.http.bodies import LIMIT_BYTES, encoding_of, read_body
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.wiring import App
from burnline.collectors.inflate import inflate
from burnline.collectors.predictions.door import accept_predictions
from burnline.collectors.predictions.events import Asked
from burnline.collectors.predictions.formats import FORMATS
from burnline.errors import PayloadError

PREDICTIONS, ALERTS = "/v1/predictions", "/v1/alerts"
router = APIRouter(
    dependencies=[Depends(require_token), Depends(refuse_cross_site)],
    responses={status: {"model": Trouble} for status in (400, 401, 403, 408, 413, 415, 422, 503)},
)
A_JSON_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


A_BATCH = {"requestBody": {"required": True, "content": {name: {"schema": {}} for name in FORMATS}}}


@router.post(PREDICTIONS, status_code=202, openapi_extra=A_BATCH)
async def predictions(request: Request, service: str = "", version: str = "", *, shadow: bool = False) -> JSONResponse:
    """Take a batch of prediction events: good ones are kept, each refused one is named with its reason.

    `shadow`: the version answered beside the one that serves, and nobody got its answers.
    `service` and `version` stand in the URL where the format has no place for them (NDJSON, Arrow, Parquet). A batch
    whose header Idempotency-Key was there before is counted and not kept again; so is an event whose id was.
    """
    app: App = request.app.state.burnline
    body = await read_body(request)
    receipt = await run_in_threadpool(
        accept_predictions,
        app.db,
        body,
        content_type=request.headers.get("content-type", ""),
        content_encoding=encoding_of(request),
        now=app.clock(),
        known=app.event_rules,
        limit_bytes=LIMIT_BYTES,
        asked=Asked(service, version, shadow=shadow),
        key=request.headers.get("idempotency-key", ""),
    )
    app.instruments.events_accepted.labels(receipt.service).inc(receipt.accepted)
    app.instruments.events_refused.labels(receipt.service, "malformed").inc(receipt.refused_count)
    status = 202 if receipt.accepted or receipt.duplicates or not receipt.refused_count else 422
    return JSONResponse(asdict(receipt), status)


@router.post(ALERTS, openapi_extra=A_JSON_BODY)
async def alerts(request: Request) -> JSONResponse:
    """Take an Alertmanager webhook (version 4); the work is done after it is committed."""
    app: App = request.app.state.burnline
    body = await read_body(request)
    if not body:  # as when Content-Length was forgotten: a 200 would lose what was meant to be sent
        raise PayloadError("the body is empty; send an Alertmanager webhook")
    if encoding := encoding_of(request):
        body = await run_in_threadpool(inflate, [body], encoding=encoding, limit_bytes=LIMIT_BYTES)
    kept = submit_webhook(app.db, body, source=ALERTMANAGER, now=app.clock(), limit_bytes=LIMIT_BYTES)
    return JSONResponse({"accepted": await asyncio.wrap_future(kept)})
