"""The door for prediction events: what it acknowledges is committed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from burnline.collectors.inflate import inflate
from burnline.collectors.prediction_json import Known, Refusal, decode_batch
from burnline.errors import PayloadUnsupported
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
) -> Receipt:
    """Keep the well-formed events of a JSON body (rows or columns, plain or gzip); they are durable on return.

    `known` maps each service to the feature names of its reference, or to None where any feature goes.

    Raises: PayloadError when the body as a whole cannot be used; PayloadTooLarge above `limit_bytes` (decompressed)
    or the limits of a batch; StoreError when nothing could be kept.
    """
    _check_content_type(content_type)
    if len(body) > limit_bytes or content_encoding:
        body = inflate([body], encoding=content_encoding, limit_bytes=limit_bytes)
    batch, refused = decode_batch(body, known, now)
    if len(batch):
        db.write(lambda tx: keep_batch(tx, batch, now))
    return Receipt(batch.service, len(batch), tuple(refused[:REFUSALS_LISTED]), len(refused))


def _check_content_type(content_type: str) -> None:
    media_type, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media_type.strip().lower() != "application/json" or charset not in ("", "utf-8", "utf8"):
        raise PayloadUnsupported(f"Content-Type {content_type!r} is not supported; send application/json in UTF-8")
