"""The door for labels: what turned out to be true of events that came with an id."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from burnline.collectors.inflate import inflate
from burnline.collectors.predictions.check import from_micros, micros, time_fault
from burnline.collectors.predictions.codec import WRONG, place
from burnline.collectors.predictions.events import Asked, At, EventId, Known, Refusal, Text, Value, check_service
from burnline.collectors.predictions.formats import media_type_of
from burnline.collectors.predictions.json_body import replace_lone_surrogates
from burnline.collectors.predictions.msgpack_body import array_length
from burnline.collectors.predictions.rules import Rules
from burnline.errors import PayloadError, PayloadTooLarge, PayloadUnsupported
from burnline.store.database import Database
from burnline.store.kept_events import Joined, Label, key_of, take_labels

LIMIT_BYTES = 16 * 1024 * 1024
REFUSALS_LISTED = 100
MAX_LABELS = 10_000
FORM = 'send {"service": "...", "labels": [{"id": "...", "label": 1, "at": "2026-01-05T12:00:00Z"}]}'


@dataclass(frozen=True, slots=True)
class LabelReceipt:
    """How many labels found their event, wait for it, or came again; `refused` lists the first hundred."""

    service: str
    matched: int
    waiting: int
    duplicates: int
    refused: tuple[Refusal, ...]
    refused_count: int


class _Envelope(Struct, forbid_unknown_fields=True):
    service: Text
    labels: Raw


class _Label(Struct, forbid_unknown_fields=True):
    """`actual` is another name of `label`."""

    id: EventId
    label: Value | UnsetType = UNSET
    actual: Value | UnsetType = UNSET
    at: At = None


class _Format:
    """How labels are written: in an envelope, or (`lines`) one a line for the service that the URL names."""

    def __init__(self, decoder: Callable[[Any], Any], length: Callable[[bytes], int], *, lines: bool = False) -> None:
        self.envelope, self.items, self.label = decoder(_Envelope), decoder(list[Raw]), decoder(_Label)
        self.length, self.lines = length, lines


_JSON = _Format(msgspec.json.Decoder, lambda text: text.count(b"{"))
_LINES = _Format(msgspec.json.Decoder, lambda text: text.count(b"\n"), lines=True)
_MSGPACK = _Format(msgspec.msgpack.Decoder, array_length)
FORMATS: Mapping[str, _Format] = {
    "application/json": _JSON,
    "application/x-ndjson": _LINES,
    "application/jsonl": _LINES,
    "application/msgpack": _MSGPACK,
    "application/vnd.msgpack": _MSGPACK,
    "application/x-msgpack": _MSGPACK,
}


def accept_labels(
    db: Database,
    body: bytes,
    *,
    content_type: str,
    content_encoding: str,
    now: datetime,
    known: Known,
    asked: Asked | None = None,
) -> LabelReceipt:
    """Join the well-formed labels of a body with their events, or keep them until those come; durable on return.

    Raises: PayloadError when the body as a whole cannot be used; PayloadTooLarge above LIMIT_BYTES (decompressed) or
    MAX_LABELS; StoreError when nothing could be kept.
    """
    form = FORMATS.get(media_type_of(content_type))
    if form is None:
        raise PayloadUnsupported(f"Content-Type {content_type!r} is not supported; send one of {', '.join(FORMATS)}")
    if len(body) > LIMIT_BYTES or content_encoding:
        body = inflate([body], encoding=content_encoding, limit_bytes=LIMIT_BYTES)
    service, items = _open(body, form, asked or Asked())
    check_service(service, "", known, Asked())
    labels: list[Label] = []
    refused: list[Refusal] = []
    for index, item in enumerate(items):
        label = _read(item, form, known[service], now)
        if isinstance(label, Label):
            labels.append(label)
        else:
            refused.append(Refusal(index, *label))
    done = db.write(lambda tx: take_labels(tx, service, labels, now)) if labels else Joined(0, 0, 0)
    listed = tuple(refused[:REFUSALS_LISTED])
    return LabelReceipt(service, done.matched, done.waiting, done.duplicates, listed, len(refused))


def _open(body: bytes, form: _Format, asked: Asked) -> tuple[str, Sequence[Raw | bytes]]:
    """The service and the labels, not yet decoded."""
    if form is not _MSGPACK and b"\\u" in body:
        body = replace_lone_surrogates(body)
    if form.lines:
        lines = [line for line in body.split(b"\n") if line.strip()] if form.length(body) <= MAX_LABELS else None
        return asked.service, _few(lines)
    try:
        envelope: _Envelope = form.envelope.decode(body)
        text = bytes(envelope.labels)
        items = form.items.decode(text) if form.length(text) <= MAX_LABELS else None
    except WRONG as error:
        raise PayloadError(f"{error}; {FORM}") from error
    if asked.service not in ("", envelope.service):
        raise PayloadError(f"the URL names {asked.service!r}, the body {envelope.service!r}")
    return envelope.service, _few(items)


def _few(items: Sequence[Raw | bytes] | None) -> Sequence[Raw | bytes]:
    if items is None or len(items) > MAX_LABELS:
        raise PayloadTooLarge(f"more than {MAX_LABELS:,} labels; send fewer at a time")
    return items


def _read(item: Raw | bytes, form: _Format, rules: Rules, now: datetime) -> Label | tuple[str, str]:
    """The label, or the field that is wrong and why."""
    try:
        found: _Label = form.label.decode(item)
    except WRONG as error:
        return place(error)
    if found.id is None or (isinstance(found.id, str) and "\0" in found.id):
        return "id", "is missing" if found.id is None else "contains a NUL character"
    value = found.actual if found.label is UNSET else found.label
    if value is None or isinstance(value, UnsetType) or (isinstance(value, float) and not math.isfinite(value)):
        return "label", "must be a number, a text, true or false"
    if isinstance(value, str) and "\0" in value:
        return "label", "contains a NUL character"
    received = micros(now, 0)
    at = micros(found.at, received)
    if fault := time_fault(at, rules, received):
        return "at", fault
    return Label(key_of(found.id), float(value) if isinstance(value, bool) else value, from_micros(at))
