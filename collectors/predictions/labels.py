"""The door for labels: what turned out to be true of events that came with an id."""

from __future__ import annotations

import math
from datetime import datetime

from msgspec import UNSET, Raw, Struct, UnsetType

from burnline.collectors.predictions.check import from_micros, micros, time_fault
from burnline.collectors.predictions.events import At, EventId, Known, Sent, Text, Value
from burnline.collectors.predictions.posted import JoinReceipt, Posted, Unfit, formats, listed, open_posted
from burnline.collectors.predictions.rules import Rules
from burnline.store.database import Database
from burnline.store.kept_events import Joined, Label, key_of, take_labels

MAX_LABELS = 10_000
FORM = 'send {"service": "...", "labels": [{"id": "...", "label": 1, "at": "2026-01-05T12:00:00Z"}]}'


class _Envelope(Struct, forbid_unknown_fields=True):
    service: Text
    labels: Raw


class _Label(Struct, forbid_unknown_fields=True):
    """`actual` is another name of `label`."""

    id: EventId
    label: Value | UnsetType = UNSET
    actual: Value | UnsetType = UNSET
    at: At = None


FORMATS = formats(Posted("labels", _Envelope, _Label, FORM, MAX_LABELS))


def accept_labels(db: Database, sent: Sent, *, now: datetime, known: Known) -> JoinReceipt:
    """Join the well-formed labels of a body with their events, or keep them until those come; durable on return.

    Raises: PayloadError when the body as a whole cannot be used; PayloadTooLarge above LIMIT_BYTES (decompressed) or
    MAX_LABELS; StoreError when nothing could be kept.
    """
    opened = open_posted(FORMATS, sent, known)
    service = opened.service
    labels, refused = opened.each(lambda found: _label(found, known[service], now))
    done = db.write(lambda tx: take_labels(tx, service, labels, now)) if labels else Joined(0, 0, 0)
    return JoinReceipt(service, done.matched, done.waiting, done.duplicates, listed(refused), len(refused))


def _label(found: _Label, rules: Rules, now: datetime) -> Label:
    """Raises: Unfit."""
    if found.id is None or (isinstance(found.id, str) and "\0" in found.id):
        raise Unfit("id", "is missing" if found.id is None else "contains a NUL character")
    value = found.actual if found.label is UNSET else found.label
    if value is None or isinstance(value, UnsetType) or (isinstance(value, float) and not math.isfinite(value)):
        raise Unfit("label", "must be a number, a text, true or false")
    if isinstance(value, str) and "\0" in value:
        raise Unfit("label", "contains a NUL character")
    received = micros(now, 0)
    at = micros(found.at, received)
    if fault := time_fault(at, rules, received):
        raise Unfit("at", fault)
    return Label(key_of(found.id), float(value) if isinstance(value, bool) else value, from_micros(at))
