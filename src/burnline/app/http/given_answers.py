"""The door for answers of generative AI, with their texts."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import JSONResponse

from burnline.app.http.batches import answered, batch_router, body_in, hand_over
from burnline.app.wiring import App
from burnline.collectors.answers.door import accept_answers
from burnline.collectors.answers.read import FORMATS
from burnline.collectors.otlp.answered import Offer
from burnline.collectors.predictions.events import Asked
from burnline.detectors.grounding.answer import inconsistency, score_answer
from burnline.detectors.grounding.judge import Case
from burnline.events import Source

ANSWERS = "/v1/answers"


def offer_to(app: App) -> Offer:
    """What shows an answer to the judge of its service, if that is to see it. It never waits."""
    return lambda service, version, sources, question, answer: app.judges.offer(
        Case(service, version, sources, question, answer)
    )


router = batch_router()


@router.post(ANSWERS, status_code=202, openapi_extra=body_in(FORMATS))
async def answers(request: Request, service: str = "", version: str = "") -> JSONResponse:
    """Take answers with their sources: their texts are scored and forgotten, numbers about them are kept.

    `service` and `version` stand in the URL where the format has no place for them (NDJSON). A batch whose header
    Idempotency-Key was there before is not counted again.
    """
    app: App = request.app.state.burnline
    receipt = await hand_over(
        request,
        accept_answers,
        Asked(service, version),
        contents={spec.service: spec.telemetry.content for spec in app.specs},
        scorer=score_answer,
        offer=offer_to(app),
        consistency=inconsistency,
    )
    return answered(
        request, receipt, {Source.ANSWERS}, taken=receipt.accepted + receipt.duplicates, refused=receipt.refused_count
    )
