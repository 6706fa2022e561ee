"""The doors: prediction events and alerts. What they acknowledge is committed."""

from __future__ import annotations

import asyncio

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from burnline.alerting.inbox import submit_webhook
from burnline.alerting.webhook import ALERTMANAGER
from burnline.app.http.batches import answered, batch_router, body_in, hand_over
from burnline.app.http.bodies import LIMIT_BYTES, encoding_of, read_body
from burnline.app.wiring import App
from burnline.collectors.inflate import inflate
from burnline.collectors.predictions.door import accept_predictions
from burnline.collectors.predictions.events import Asked
from burnline.collectors.predictions.formats import FORMATS
from burnline.errors import PayloadError
from burnline.events import Source

PREDICTIONS, ALERTS = "/v1/predictions", "/v1/alerts"
router = batch_router()
A_JSON_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


@router.post(PREDICTIONS, status_code=202, openapi_extra=body_in(FORMATS))
async def predictions(request: Request, service: str = "", version: str = "", *, shadow: bool = False) -> JSONResponse:
    """Take a batch of prediction events: good ones are kept, each refused one is named with its reason.

    `shadow`: the version answered beside the one that serves, and nobody got its answers.
    `service` and `version` stand in the URL where the format has no place for them (NDJSON, Arrow, Parquet). A batch
    whose header Idempotency-Key was there before is counted and not kept again; so is an event whose id was.
    """
    app: App = request.app.state.burnline
    asked = Asked(service, version, shadow=shadow)
    receipt = await hand_over(request, accept_predictions, asked, limit_bytes=LIMIT_BYTES)
    app.instruments.events_accepted.labels(receipt.service).inc(receipt.accepted)
    app.instruments.events_refused.labels(receipt.service, "malformed").inc(receipt.refused_count)
    joined = {Source.PREDICTIONS, Source.LABELS, Source.SAMPLES}  # what comes later is joined with them
    return answered(
        request, receipt, joined, taken=receipt.accepted + receipt.duplicates, refused=receipt.refused_count
    )


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
