"""The door for samples: the features that training has of events that came with an id."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Raw, Struct

from burnline.collectors.predictions.codec import WRONG, place
from burnline.collectors.predictions.events import (
    MAX_FEATURES,
    Asked,
    EventId,
    Known,
    Refusal,
    Text,
    Value,
    check_flood,
    check_service,
)
from burnline.collectors.predictions.posted import Format, Posted, formats, open_posted
from burnline.errors import PayloadError
from burnline.store.database import Database
from burnline.store.kept_events import key_of
from burnline.store.samples import Sampled, Side, take_trained

REFUSALS_LISTED = 100
MAX_SAMPLES = 10_000
FORM = 'send {"service": "...", "samples": [{"id": "...", "features": {"name": 1.5}}]}; a missing value is null'


@dataclass(frozen=True, slots=True)
class SampleReceipt:
    """What became of the samples; `refused` lists the first hundred.

    Attributes:
        matched: compared with what was served.
        waiting: their event has not come yet.
        duplicates: sent before, or after their event was compared.
        unsampled: their event is not of the sample.
        dropped: there was no room.
    """

    service: str
    matched: int
    waiting: int
    duplicates: int
    unsampled: int
    dropped: int
    refused: tuple[Refusal, ...]
    refused_count: int


class _Envelope(Struct, forbid_unknown_fields=True):
    service: Text
    samples: Raw


class _Sample(Struct, forbid_unknown_fields=True):
    id: EventId
    features: Annotated[dict[Text, Value], Meta(max_length=MAX_FEATURES)]


FORMATS = formats(Posted("samples", _Envelope, _Sample, FORM, MAX_SAMPLES, braces=2))


def accept_samples(
    db: Database,
    body: bytes,
    *,
    content_type: str,
    content_encoding: str,
    now: datetime,
    known: Known,
    asked: Asked | None = None,
) -> SampleReceipt:
    """Compare the samples of a body with what was served, or keep them until it comes; durable on return.

    Raises: PayloadError when the body as a whole cannot be used, also for a service without `signals.skew`;
    PayloadTooLarge above the limits; StoreError when nothing could be kept.
    """
    form, service, items = open_posted(
        FORMATS, body, content_type=content_type, content_encoding=content_encoding, asked=asked or Asked()
    )
    check_service(service, "", known, Asked())
    sampling = known[service].sampling
    if sampling is None:
        raise PayloadError(f"service {service!r} compares nothing with training; name signals.skew in its service file")
    sides: list[Side] = []
    refused: list[Refusal] = []
    values = 0
    for index, item in enumerate(items):
        side = _read(item, form)
        if isinstance(side, Side):
            values += len(side.features)
            check_flood(values)
            sides.append(side)
        else:
            refused.append(Refusal(index, *side))
    wanted = [side for side in sides if sampling.takes(side.key)]
    done = db.write(lambda tx: take_trained(tx, service, wanted, sampling, now)) if wanted else Sampled()
    return SampleReceipt(
        service,
        done.matched,
        done.waiting,
        done.duplicates,
        len(sides) - len(wanted),
        done.dropped,
        tuple(refused[:REFUSALS_LISTED]),
        len(refused),
    )


def _read(item: Raw | bytes, form: Format) -> Side | tuple[str, str]:
    """The sample, or the field that is wrong and why."""
    try:
        found: _Sample = form.read(item)
    except WRONG as error:
        return place(error)
    if found.id is None or (isinstance(found.id, str) and "\0" in found.id):
        return "id", "is missing" if found.id is None else "contains a NUL character"
    if odd := next((name for name, value in found.features.items() if value in (math.inf, -math.inf)), None):
        return f"features.{odd}", "Infinity is no value; a missing one is null"
    return Side(key_of(found.id), found.features)
