"""The door for answers of generative AI, with their texts."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from burnline.app.http.answers import Trouble
from burnline.app.http.bodies import encoding_of, read_body
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.wiring import App
from burnline.collectors.answers.door import accept_answers
from burnline.collectors.answers.read import FORMATS
from burnline.collectors.otlp.answered import Offer
from burnline.collectors.predictions.events import Asked
from burnline.detectors.grounding.answer import inconsistency, score_answer
from burnline.detectors.grounding.judge import Case

ANSWERS = "/v1/answers"


def offer_to(app: App) -> Offer:
    """What shows an answer to the judge of its service, if that is to see it. It never waits."""
    return lambda service, version, sources, question, answer: app.judges.offer(
        Case(service, version, sources, question, answer)
    )


router = APIRouter(
    dependencies=[Depends(require_token), Depends(refuse_cross_site)],
    responses={status: {"model": Trouble} for status in (400, 401, 403, 408, 413, 415, 422, 503)},
)
A_BATCH = {"requestBody": {"required": True, "content": {name: {"schema": {}} for name in FORMATS}}}


@router.post(ANSWERS, status_code=202, openapi_extra=A_BATCH)
async def answers(request: Request, service: str = "", version: str = "") -> JSONResponse:
    """Take answers with their sources: their texts are scored and forgotten, numbers about them are kept.

    `service` and `version` stand in the URL where the format has no place for them (NDJSON). A batch whose header
    Idempotency-Key was there before is not counted again.
    """
    app: App = request.app.state.burnline
    body = await read_body(request)
    receipt = await run_in_threadpool(
        accept_answers,
        app.db,
        body,
        content_type=request.headers.get("content-type", ""),
        content_encoding=encoding_of(request),
        now=app.clock(),
        known=app.event_rules,
        contents={spec.service: spec.telemetry.content for spec in app.specs},
        scorer=score_answer,
        offer=offer_to(app),
        consistency=inconsistency,
        asked=Asked(service, version),
        key=request.headers.get("idempotency-key", ""),
    )
    taken = receipt.accepted or receipt.duplicates or not receipt.refused_count
    return JSONResponse(asdict(receipt), 202 if taken else 422)
