"""The door for prediction events: what it acknowledges is committed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from burnline.collectors.inflate import inflate
from burnline.collectors.prediction_events import Asked, Decoded, Known, Refusal
from burnline.collectors.prediction_formats import decoder_of
from burnline.events import PredictionBatch
from burnline.store.database import Database
from burnline.store.predictions import keep_batch

LIMIT_BYTES = 16 * 1024 * 1024
REFUSALS_LISTED = 100


@dataclass(frozen=True, slots=True)
class Receipt:
    """How many events were kept, and which were not; `refused` lists the first hundred of `refused_count`."""

    service: str
    accepted: int
    refused: tuple[Refusal, ...]
    refused_count: int


def accept_predictions(
    db: Database,
    body: bytes,
    *,
    content_type: str,
    content_encoding: str,
    now: datetime,
    known: Known,
    limit_bytes: int = LIMIT_BYTES,
    asked: Asked | None = None,
) -> Receipt:
    """Keep the well-formed events of a body (any of FORMATS, plain, gzip or zstd); they are durable on return.

    `known` has the rules of each service; `asked` is what the URL says.

    Raises: PayloadError when the body as a whole cannot be used; PayloadTooLarge above `limit_bytes` (decompressed)
    or the limits of a batch; StoreError when nothing could be kept.
    """
    decode = decoder_of(content_type)
    if len(body) > limit_bytes or content_encoding:
        body = inflate([body], encoding=content_encoding, limit_bytes=limit_bytes)
    decoded = decode(body, known, asked or Asked())
    batch, refused = batch_of(decoded, now), decoded.refused
    if len(batch):
        db.write(lambda tx: keep_batch(tx, batch, now))
    return Receipt(batch.service, len(batch), tuple(refused[:REFUSALS_LISTED]), len(refused))


def batch_of(decoded: Decoded, now: datetime) -> PredictionBatch:
    """What the detectors get."""
    return PredictionBatch(
        decoded.service,
        decoded.version,
        now,
        decoded.features,
        decoded.prediction,
        decoded.confidence,
        decoded.unknown,
    )
