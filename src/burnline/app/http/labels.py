"""The door for labels. What it acknowledges is committed."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import JSONResponse

from burnline.app.http.batches import answered, batch_router, body_in, hand_over
from burnline.collectors.predictions.events import Asked
from burnline.collectors.predictions.labels import FORMATS, accept_labels
from burnline.events import Source

LABELS = "/v1/labels"
router = batch_router()


@router.post(LABELS, status_code=202, openapi_extra=body_in(FORMATS))
async def labels(request: Request, service: str = "") -> JSONResponse:
    """Take labels: each is joined with the event of its id, or waits for it; each refused one is named.

    `service` stands in the URL where the format has no place for it (NDJSON).
    """
    receipt = await hand_over(request, accept_labels, Asked(service))
    return answered(request, receipt, {Source.LABELS}, taken=receipt.taken, refused=receipt.refused_count)
