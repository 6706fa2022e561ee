"""The door for samples: the features that training has of events that came with an id."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Raw, Struct

from burnline.collectors.predictions.events import MAX_FEATURES, EventId, Known, Sent, Text, Value, check_flood
from burnline.collectors.predictions.posted import JoinReceipt, Posted, Unfit, formats, listed, open_posted
from burnline.errors import PayloadError
from burnline.store.database import Database
from burnline.store.kept_events import key_of
from burnline.store.samples import Sampled, Side, take_trained

MAX_SAMPLES = 10_000
FORM = 'send {"service": "...", "samples": [{"id": "...", "features": {"name": 1.5}}]}; a missing value is null'


@dataclass(frozen=True, slots=True)
class SampleReceipt(JoinReceipt):
    """Beside what was joined.

    Attributes:
        unsampled: their event is not of the sample.
        dropped: there was no room.
    """

    unsampled: int = 0
    dropped: int = 0

    @property
    def taken(self) -> int:
        """How many were not refused."""
        return self.matched + self.waiting + self.duplicates + self.unsampled + self.dropped


class _Envelope(Struct, forbid_unknown_fields=True):
    service: Text
    samples: Raw


class _Sample(Struct, forbid_unknown_fields=True):
    id: EventId
    features: Annotated[dict[Text, Value], Meta(max_length=MAX_FEATURES)]


FORMATS = formats(Posted("samples", _Envelope, _Sample, FORM, MAX_SAMPLES, braces=2))


def accept_samples(db: Database, sent: Sent, *, now: datetime, known: Known) -> SampleReceipt:
    """Compare the samples of a body with what was served, or keep them until it comes; durable on return.

    Raises: PayloadError when the body as a whole cannot be used, also for a service without `signals.skew`;
    PayloadTooLarge above the limits; StoreError when nothing could be kept.
    """
    opened = open_posted(FORMATS, sent, known)
    service = opened.service
    sampling = known[service].sampling
    if sampling is None:
        raise PayloadError(f"service {service!r} compares nothing with training; name signals.skew in its service file")
    sides, refused = opened.each(_side)
    check_flood(sum(len(side.features) for side in sides))
    wanted = [side for side in sides if sampling.takes(side.key)]
    done = db.write(lambda tx: take_trained(tx, service, wanted, sampling, now)) if wanted else Sampled()
    return SampleReceipt(
        service,
        done.matched,
        done.waiting,
        done.duplicates,
        listed(refused),
        len(refused),
        unsampled=len(sides) - len(wanted),
        dropped=done.dropped,
    )


def _side(found: _Sample) -> Side:
    """Raises: Unfit."""
    if found.id is None or (isinstance(found.id, str) and "\0" in found.id):
        raise Unfit("id", "is missing" if found.id is None else "contains a NUL character")
    if odd := next((name for name, value in found.features.items() if value in (math.inf, -math.inf)), None):
        raise Unfit(f"features.{odd}", "Infinity is no value; a missing one is null")
    return Side(key_of(found.id), found.features)
