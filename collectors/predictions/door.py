"""The door for prediction events: what it acknowledges is committed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from burnline.collectors.predictions.check import Checked, check_events
from burnline.collectors.predictions.events import STRANGERS, Known, Refusal, Sent, check_key
from burnline.collectors.predictions.formats import decoder_of
from burnline.collectors.predictions.posted import LIMIT_BYTES, listed, unpacked
from burnline.errors import PayloadError
from burnline.events import PredictionBatch
from burnline.store.database import Database
from burnline.store.predictions import Arrived, Kept, keep_events


@dataclass(frozen=True, slots=True)
class Receipt:
    """How many events were kept, and which were not; `refused` lists the first hundred of `refused_count`.

    Attributes:
        duplicates: their id, or the batch's key, was there before; they are not among the accepted.
        late: among the accepted, those too late for their window.
        unknown_features: names that neither the reference nor model.schema has, STRANGERS at most.
        unknown_features_count: how often the accepted events had one; their values are dropped.
    """

    service: str
    accepted: int
    refused: tuple[Refusal, ...]
    refused_count: int
    duplicates: int = 0
    late: int = 0
    unknown_features: tuple[str, ...] = ()
    unknown_features_count: int = 0


def accept_predictions(
    db: Database,
    sent: Sent,
    *,
    now: datetime,
    known: Known,
    limit_bytes: int = LIMIT_BYTES,
) -> Receipt:
    """Keep the well-formed events of a body (any of FORMATS, plain, gzip or zstd); they are durable on return.

    `known` has the rules of each service.

    Raises: PayloadError when the body as a whole cannot be used; PayloadTooLarge above `limit_bytes` (decompressed)
    or the limits of a batch; StoreError when nothing could be kept.
    """
    decode = decoder_of(sent.content_type)
    body = unpacked(sent, limit_bytes)
    check_key(sent.key)
    decoded = decode(body, known, sent.asked)
    shadow = decoded.shadow or sent.asked.shadow
    if shadow and not decoded.version:
        raise PayloadError("a shadow needs a version: it is told apart by it")
    rules = known[decoded.service]
    checked = check_events(decoded, rules, now)
    arrived = Arrived(
        replace(batch_of(checked, now), shadow=shadow),
        ids=checked.decoded.ids,
        late=checked.late,
        violations=checked.violations,
        key=sent.key,
        slices=rules.events.slices,
        sampling=rules.sampling,
    )
    refused = checked.decoded.refused
    kept = db.write(lambda tx: keep_events(tx, arrived, now)) if len(arrived.batch) else Kept(0, 0)
    return Receipt(
        decoded.service,
        kept.accepted,
        listed(refused),
        len(refused),
        duplicates=kept.duplicates,
        late=kept.late,
        unknown_features=tuple(decoded.strangers)[:STRANGERS] if kept.unknown else (),
        unknown_features_count=kept.unknown,
    )


def batch_of(checked: Checked, now: datetime) -> PredictionBatch:
    """What the detectors get."""
    decoded = checked.decoded
    return PredictionBatch(
        decoded.service,
        decoded.version,
        now,
        decoded.features,
        decoded.prediction,
        decoded.confidence,
        decoded.unknown,
        checked.at,
        embedding=list(decoded.embedding),
        strangers=decoded.strangers,
    )
