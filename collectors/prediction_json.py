"""Prediction events as clients send them, rows or columns of JSON, read into columns.

Items without faults are decoded in one typed pass; otherwise they are read one by one. What is wrong with an item
costs that item; what is wrong with the envelope, or is no JSON at all, costs the batch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, DecodeError, Meta, Raw, Struct, UnsetType, ValidationError

from burnline.errors import PayloadError, PayloadTooLarge
from burnline.events import PredictionBatch

MAX_EVENTS = 100_000
MAX_FEATURES = 10_000
MAX_TEXT = 1024
MAX_VALUES = 4_000_000  # in one batch, sent or filled in: rows without features must not unfold into gigabytes

FORM = (
    'send {"service": "...", "version": "...", "events": [{"features": {"name": 1.5}, "prediction": 0, '
    '"confidence": 0.9}]}, or instead of events "columns": {"name": [1.5]} with "prediction": [0] and '
    '"confidence": [0.9]; a missing value is null, JSON has no NaN and no Infinity'
)
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Value = float | Text | bool | None
Confidence = Annotated[float, Meta(ge=0, le=1)] | None
Known = Mapping[str, frozenset[str] | None]
Columns = tuple[dict[str, list[Any]], list[Any], list[float | None], list[int]]  # as PredictionBatch takes them


@dataclass(frozen=True, slots=True)
class Refusal:
    """One event that was not kept: its place in the batch, the field that is wrong, and why."""

    index: int
    field: str
    reason: str


class _Event(Struct, forbid_unknown_fields=True, gc=False):
    features: Annotated[dict[Text, Value], Meta(max_length=MAX_FEATURES)]
    prediction: Value = None
    confidence: Confidence = None


class _RawEvent(Struct, forbid_unknown_fields=True):
    features: Annotated[dict[Text, Raw], Meta(max_length=MAX_FEATURES)]
    prediction: Raw = Raw(b"null")
    confidence: Raw = Raw(b"null")


class _Envelope(Struct, forbid_unknown_fields=True):
    """A body whose items are still text."""

    service: Text
    version: Text = ""
    events: Raw | UnsetType = UNSET
    columns: Annotated[dict[Text, Raw], Meta(max_length=MAX_FEATURES)] | UnsetType = UNSET
    prediction: Raw | UnsetType = UNSET
    confidence: Raw | UnsetType = UNSET


_Decoder = msgspec.json.Decoder[Any]

_ENVELOPE = msgspec.json.Decoder(_Envelope)
_EVENT = msgspec.json.Decoder(_Event)
_EVENTS = msgspec.json.Decoder(list[_Event])
_RAW_EVENT = msgspec.json.Decoder(_RawEvent)
_RAW_ITEMS = msgspec.json.Decoder(list[Raw])
_VALUE: _Decoder = msgspec.json.Decoder(Value)
_VALUES: _Decoder = msgspec.json.Decoder(list[Value])
_CONFIDENCE: _Decoder = msgspec.json.Decoder(Confidence)
_CONFIDENCES: _Decoder = msgspec.json.Decoder(list[Confidence])

_WRONG = (DecodeError, UnicodeDecodeError, RecursionError)  # deep nesting ends in the last one
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_NUL = b"\\u0000"  # JSON's only way to write one; PostgreSQL keeps none in a text


def decode_batch(body: bytes, known: Known, now: datetime) -> tuple[PredictionBatch, list[Refusal]]:
    """Read one body: the events that can be kept, and those that cannot.

    Features that `known` does not list for the service are dropped and counted per event; a feature that an event
    did not send is None. A value of another type than the reference's is kept: the data signal counts those.

    Raises: PayloadError when nothing can be read, for an unknown service, or for columns of different lengths;
    PayloadTooLarge for more than MAX_EVENTS events or MAX_VALUES values.
    """
    if len(body) > MAX_VALUES and body.count(b",") > MAX_VALUES:
        raise PayloadTooLarge(f"more than {MAX_VALUES:,} values in one batch; send smaller batches")
    envelope = _open(body)
    service = envelope.service
    if service not in known:
        raise PayloadError(f"service {service!r} is not watched here; known: {', '.join(sorted(known)) or 'none'}")
    if "\0" in envelope.version:
        raise PayloadError("version contains a NUL character")
    columns, refused = _read(envelope, known[service])
    return PredictionBatch(service, envelope.version, now, *columns), refused


def _open(body: bytes) -> _Envelope:
    try:
        return _ENVELOPE.decode(body)
    except ValidationError as error:
        raise PayloadError(f"{error}; {FORM}") from error
    except _WRONG as error:
        whole = _replace_lone_surrogates(body)
        if whole != body:
            return _open(whole)
        raise PayloadError(f"the body cannot be read as JSON: {error}; {FORM}") from error


def _read(envelope: _Envelope, known: frozenset[str] | None) -> tuple[Columns, list[Refusal]]:
    match envelope:
        case _Envelope(events=Raw() as events, columns=UnsetType(), prediction=UnsetType(), confidence=UnsetType()):
            return _read_rows(bytes(events), known)
        case _Envelope(events=UnsetType(), columns=dict() as columns):
            return _read_columns(columns, envelope, known)
    raise PayloadError(f"the body needs either events, or columns with prediction and confidence beside them; {FORM}")


def _read_rows(text: bytes, known: frozenset[str] | None) -> tuple[Columns, list[Refusal]]:
    refused: list[Refusal] = []
    try:
        events = _read_events(text, refused) if _has_nul(text) else _EVENTS.decode(text)
    except _WRONG:
        events = _read_events(text, refused)
    names = list(dict.fromkeys(name for event in events for name in event.features)) if known is None else sorted(known)
    _check_size(len(events) + len(refused), len(names))
    features = {name: [event.features.get(name) for event in events] for name in names}
    unknown = [0] * len(events) if known is None else [_surplus(event.features, known) for event in events]
    prediction = _answers([event.prediction for event in events])
    return (features, prediction, [event.confidence for event in events], unknown), refused


def _read_events(text: bytes, refused: list[Refusal]) -> list[_Event]:
    events: list[_Event] = []
    for index, item in enumerate(_items(text, "events")):
        event = _read_event(item)
        if isinstance(event, _Event):
            events.append(event)
        else:
            refused.append(Refusal(index, *event))
    return events


def _read_event(item: Raw) -> _Event | tuple[str, str]:
    """The event, or the field that is wrong and why."""
    try:
        event = _EVENT.decode(item)
    except _WRONG as error:
        return _fault(item) or _place(error)
    return (_fault(item) if _has_nul(bytes(item)) else None) or event


def _fault(item: Raw) -> tuple[str, str] | None:
    try:
        event = _RAW_EVENT.decode(item)
    except _WRONG as error:
        return _place(error)
    for name, raw in event.features.items():
        if "\0" in name:
            return "features", f"the name {name!r} contains a NUL character"
        if reason := _value(raw, _VALUE)[1]:
            return f"features.{name}", reason
    for field, raw, decoder in (
        ("prediction", event.prediction, _VALUE),
        ("confidence", event.confidence, _CONFIDENCE),
    ):
        if reason := _value(raw, decoder)[1]:
            return field, reason
    return None


def _read_columns(
    columns: dict[str, Raw], envelope: _Envelope, known: frozenset[str] | None
) -> tuple[Columns, list[Refusal]]:
    if any("\0" in name for name in columns):
        raise PayloadError("the name of a column contains a NUL character")
    faults: dict[int, Refusal] = {}
    sent = {name: _read_column(raw, f"columns.{name}", _VALUES, _VALUE, faults) for name, raw in columns.items()}
    answers = {
        "prediction": _read_column(envelope.prediction, "prediction", _VALUES, _VALUE, faults),
        "confidence": _read_column(envelope.confidence, "confidence", _CONFIDENCES, _CONFIDENCE, faults),
    }
    size = _common_length({**{f"columns.{name}": column for name, column in sent.items()}, **answers})
    names = list(sent) if known is None else sorted(known)
    _check_size(size, len(names))
    kept = [index not in faults for index in range(size)]

    def column(values: list[Any] | None) -> list[Any]:
        if values is None:
            return [None] * (size - len(faults))
        return list(compress(values, kept)) if faults else values

    features = {name: column(sent.get(name)) for name in names}
    unknown = 0 if known is None else len(sent.keys() - known)
    prediction, confidence = _answers(column(answers["prediction"])), column(answers["confidence"])
    return (features, prediction, confidence, [unknown] * len(prediction)), list(faults.values())


def _read_column(
    raw: Raw | UnsetType, field: str, whole: _Decoder, single: _Decoder, faults: dict[int, Refusal]
) -> list[Any] | None:
    """The values of a column, None where one is wrong; what is wrong goes into `faults` by its index."""
    if raw is UNSET:
        return None
    text = bytes(raw)
    try:
        if not _has_nul(text):
            return list(whole.decode(text))
    except _WRONG:
        pass  # told item by item below
    values = []
    for index, item in enumerate(_items(text, field)):
        value, reason = _value(item, single)
        values.append(value)
        if reason:
            faults.setdefault(index, Refusal(index, field, reason))
    return values


def _common_length(columns: Mapping[str, list[Any] | None]) -> int:
    lengths = {name: len(column) for name, column in columns.items() if column is not None}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in sorted(lengths.items(), key=lambda item: item[1])[:10])
        raise PayloadError(f"columns must be of one length, one value per event; found {found}")
    return next(iter(lengths.values()), 0)


def _check_size(events: int, features: int) -> None:
    if events > MAX_EVENTS:
        raise PayloadTooLarge(f"{events:,} events in one batch; send at most {MAX_EVENTS:,}")
    if features > MAX_FEATURES:
        raise PayloadTooLarge(f"{features:,} different features in one batch; send at most {MAX_FEATURES:,}")
    if events * features > MAX_VALUES:
        raise PayloadTooLarge(
            f"{events:,} events of {features:,} features are more than {MAX_VALUES:,} values; send smaller batches"
        )


def _items(text: bytes, field: str) -> list[Raw]:
    try:
        return _RAW_ITEMS.decode(text)
    except _WRONG as error:
        raise PayloadError(f"{field}: {error}; {FORM}") from error


def _value(raw: Raw, decoder: _Decoder) -> tuple[Any, str]:
    """The value, or None and what is wrong with it."""
    try:
        value = decoder.decode(raw)
    except _WRONG as error:
        return None, str(error)
    if isinstance(value, str) and "\0" in value:
        return None, "contains a NUL character"
    return value, ""


def _has_nul(text: bytes) -> bool:
    return b"\\" in text and _NUL in text  # most texts have no backslash: one fast pass


def _place(error: Exception) -> tuple[str, str]:
    """msgspec says `what was expected - at `$.field``: the field and the reason."""
    reason, _, place = str(error).partition(" - at ")
    return place.rpartition("`$")[2].strip("`."), reason


def _answers(values: list[Any]) -> list[Any]:
    """True and false as 1 and 0, as every library gives the classes of a yes-or-no model."""
    return [float(value) if isinstance(value, bool) else value for value in values]


def _surplus(features: dict[str, Any], known: frozenset[str]) -> int:
    return 0 if features.keys() <= known else len(features.keys() - known)


def _replace_lone_surrogates(body: bytes) -> bytes:
    """Half of a UTF-16 pair is no character: U+FFFD takes its place, as in any decoder that replaces."""
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape["lone"] else escape[0], body)
