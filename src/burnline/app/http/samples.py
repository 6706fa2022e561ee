"""The door for samples: what training has of events. What it acknowledges is committed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from burnline.app.http.answers import service_of
from burnline.app.http.api import NOT_FOUND, Parts
from burnline.app.http.batches import answered, batch_router, body_in, hand_over
from burnline.app.http.words import Word
from burnline.collectors.predictions.events import Asked
from burnline.collectors.predictions.samples import FORMATS, MAX_SAMPLES, accept_samples
from burnline.events import Source
from burnline.store.samples import wanted_samples

SAMPLES = "/v1/samples"
router = batch_router()


class Wanted(BaseModel):
    """The ids of events of which training's features are waited for, the oldest first."""

    service: str
    ids: list[str]


@router.post(SAMPLES, status_code=202, openapi_extra=body_in(FORMATS))
async def samples(request: Request, service: str = "") -> JSONResponse:
    """Take features that training has: each is compared with what was served, or waits; what is refused is named.

    `service` stands in the URL where the format has no place for it (NDJSON).
    """
    receipt = await hand_over(request, accept_samples, Asked(service))
    return answered(request, receipt, {Source.SAMPLES}, taken=receipt.taken, refused=receipt.refused_count)


@router.get(SAMPLES, responses=NOT_FOUND)
def wanted(app: Parts, service: Word, limit: Annotated[int, Query(gt=0, le=MAX_SAMPLES)] = 1000) -> Wanted:
    """Which sampled events wait for training's features: what a job has to look up."""
    spec = service_of(app, service)
    with app.db.read() as tx:
        return Wanted(service=spec.service, ids=wanted_samples(tx, spec.service, limit))
