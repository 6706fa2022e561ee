"""Prediction events in JSON or MessagePack, rows or columns, read into columns: one reading, two encodings.

Items without faults are decoded in one typed pass; otherwise they are read one by one. What is wrong with an item
costs that item; what is wrong with the envelope, or cannot be decoded at all, costs the batch.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress, islice
from typing import Annotated, Any

from msgspec import UNSET, DecodeError, Meta, Raw, Struct, UnsetType, ValidationError

from burnline.collectors.predictions.events import (
    MAX_FEATURES,
    STRANGERS_KEPT,
    Asked,
    At,
    Confidence,
    Decoded,
    Event,
    EventId,
    Known,
    Refusal,
    Text,
    Value,
    answers,
    check_flood,
    check_service,
    check_size,
    from_rows,
    some,
)
from burnline.collectors.predictions.vectors import Vector, size
from burnline.errors import PayloadError

WRONG = (DecodeError, UnicodeDecodeError, RecursionError)  # deep nesting ends in the last one
FIELDS = ("prediction", "confidence", "id", "at", "embedding")
KINDS: Mapping[str, tuple[Any, Any]] = {  # "": of a feature
    "": (list[Value], Value),
    "prediction": (list[Value], Value),
    "confidence": (list[Confidence], Confidence),
    "id": (list[EventId], EventId),
    "at": (list[At], At),
    "embedding": (list[Vector], Vector),
}
Decoder = Any  # of msgspec.json or msgspec.msgpack, which share no name


class _RawEvent(Struct, forbid_unknown_fields=True):
    features: Annotated[dict[Text, Raw], Meta(max_length=MAX_FEATURES)]
    prediction: Raw | UnsetType = UNSET
    confidence: Raw | UnsetType = UNSET
    id: Raw | UnsetType = UNSET
    at: Raw | UnsetType = UNSET
    embedding: Raw | UnsetType = UNSET


class _Envelope(Struct, forbid_unknown_fields=True):
    """A body whose items are not decoded yet."""

    service: Text
    version: Text = ""
    shadow: bool = False
    events: Raw | UnsetType = UNSET
    columns: Annotated[dict[Text, Raw], Meta(max_length=MAX_FEATURES)] | UnsetType = UNSET
    prediction: Raw | UnsetType = UNSET
    confidence: Raw | UnsetType = UNSET
    id: Raw | UnsetType = UNSET
    at: Raw | UnsetType = UNSET
    embedding: Raw | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Encoding:
    """What JSON and MessagePack do differently.

    Attributes:
        form: what to send, in words.
        decoder: makes a decoder of a type.
        length: the number of values in an encoded array at most, without decoding it.
        suspect: whether encoded text may hold what no database keeps.
        exotic: whether decoded values may be NaN, infinite, or text with NUL.
        mend: the body, after what cannot be decoded but has a meaning was replaced.
    """

    name: str
    form: str
    decoder: Callable[[Any], Decoder]
    length: Callable[[bytes], int]
    suspect: Callable[[bytes], bool]
    exotic: bool
    mend: Callable[[bytes], bytes]


class Reader:
    """Reads bodies of one encoding."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        make = encoding.decoder
        self._envelope: Decoder = make(_Envelope)
        self._events: Decoder = make(list[Event])
        self._event: Decoder = make(Event)
        self._raw_event: Decoder = make(_RawEvent)
        self._raw_items: Decoder = make(list[Raw])
        self._kinds: dict[str, tuple[Decoder, Decoder]] = {
            field: (make(many), make(one)) for field, (many, one) in KINDS.items()
        }

    def decode(self, body: bytes, known: Known, asked: Asked) -> Decoded:
        """Read one body: the events that can be kept, and those that cannot.

        Features that `known` does not list for the service are dropped and counted per event; a feature that an event
        did not send is None. A value of another type than the reference's is kept: the data signal counts those.

        Raises: PayloadError when nothing can be read, for an unknown service, or for columns of different lengths;
        PayloadTooLarge for more than MAX_EVENTS events or MAX_VALUES values.
        """
        envelope = self._open(body)
        check_service(envelope.service, envelope.version, known, asked)
        fields = [getattr(envelope, field) for field in FIELDS]
        if isinstance(envelope.events, Raw) and not isinstance(envelope.columns, dict):
            if all(field is UNSET for field in fields):
                return replace(self._rows(bytes(envelope.events), envelope, known), shadow=envelope.shadow)
        elif isinstance(envelope.columns, dict) and envelope.events is UNSET:
            return replace(self._columns(envelope.columns, envelope, known), shadow=envelope.shadow)
        needed = "the body needs either events, or columns with prediction and confidence beside them"
        raise PayloadError(f"{needed}; {self._encoding.form}")

    def _open(self, body: bytes) -> _Envelope:
        try:
            return self._envelope.decode(body)  # type: ignore[no-any-return]
        except ValidationError as error:
            raise PayloadError(f"{error}; {self._encoding.form}") from error
        except WRONG as error:
            whole = self._encoding.mend(body)
            if whole != body:
                return self._open(whole)
            name, form = self._encoding.name, self._encoding.form
            raise PayloadError(f"the body cannot be read as {name}: {error}; {form}") from error

    def _rows(self, text: bytes, envelope: _Envelope, known: Known) -> Decoded:
        check_size(self._length(text), 0)
        refused: list[Refusal] = []
        events = self._fast(text)
        places: Sequence[int] = range(len(events or ()))
        if events is None:
            events, places = self.items(self._items(text, "events"), refused)
        return from_rows(envelope.service, envelope.version, events, refused, places, known)

    def _fast(self, text: bytes) -> list[Event] | None:
        """All events in one pass; None when they must be read one by one."""
        if self._encoding.suspect(text):
            return None
        try:
            events: list[Event] = self._events.decode(text)
        except WRONG:
            return None
        return events if not self._encoding.exotic or all(map(is_plain, events)) else None

    def items(self, items: Sequence[Raw | bytes], refused: list[Refusal]) -> tuple[list[Event], list[int]]:
        """Those that are events, with their places; the others go into `refused`.

        Raises: PayloadTooLarge as soon as they have more than MAX_VALUES values.
        """
        events: list[Event] = []
        places: list[int] = []
        values = 0
        for index, item in enumerate(items):
            event = self._one(item)
            if isinstance(event, Event):
                values += len(event.features) + size(event.embedding)
                check_flood(values)
                events.append(event)
                places.append(index)
            else:
                refused.append(Refusal(index, *event))
        return events, places

    def _one(self, item: Raw | bytes) -> Event | tuple[str, str]:
        """The event, or the field that is wrong and why."""
        try:
            event: Event = self._event.decode(item)
        except WRONG:
            return self._field_by_field(item)
        if not self._encoding.suspect(bytes(item)) and (not self._encoding.exotic or is_plain(event)):
            return event
        return self._field_by_field(item)

    def _field_by_field(self, item: Raw | bytes) -> Event | tuple[str, str]:
        try:
            event = self._raw_event.decode(item)
        except WRONG as error:
            return place(error)
        features: dict[str, Any] = {}
        for name, raw in event.features.items():
            if "\0" in name:
                return "features", f"the name {name!r} contains a NUL character"
            features[name], reason = _value(raw, self._kinds[""][1])
            if reason:
                return f"features.{name}", reason
        beside: dict[str, Any] = {}
        for field in FIELDS:
            if (raw := getattr(event, field)) is not UNSET:
                beside[field], reason = _value(raw, self._kinds[field][1])
                if reason:
                    return field, reason
        return Event(features, **beside)

    def _columns(self, columns: dict[str, Raw], envelope: _Envelope, known: Known) -> Decoded:
        if any("\0" in name for name in columns):
            raise PayloadError("the name of a column contains a NUL character")
        check_flood(sum(self._length(bytes(raw)) for raw in columns.values()))
        faults: dict[int, Refusal] = {}
        sent = {name: self._column(raw, f"columns.{name}", "", faults) for name, raw in columns.items()}
        beside = {field: self._column(getattr(envelope, field), field, field, faults) for field in FIELDS}
        rows = _common_length({**{f"columns.{name}": column for name, column in sent.items()}, **beside})
        wanted = known[envelope.service].features
        names = list(sent) if wanted is None else sorted(wanted)
        check_size(rows, len(names))
        kept = [index not in faults for index in range(rows)]

        def column(values: list[Any] | None) -> list[Any]:
            if values is None:
                return [None] * (rows - len(faults))
            return list(compress(values, kept)) if faults else values

        unknown = 0 if wanted is None else len(sent.keys() - wanted)
        return Decoded(
            envelope.service,
            envelope.version,
            {name: column(sent.get(name)) for name in names},
            answers(column(beside["prediction"])),
            column(beside["confidence"]),
            [unknown] * (rows - len(faults)),
            some(column(beside["id"])),
            some(column(beside["at"])),
            list(compress(range(rows), kept)) if faults else range(rows),
            list(faults.values()),
            _strangers(sent, wanted, rows - len(faults)),
            "columns.",
            some(column(beside["embedding"])),
        )

    def _column(self, raw: Raw | UnsetType, field: str, kind: str, faults: dict[int, Refusal]) -> list[Any] | None:
        """The values of a column, None where one is wrong; what is wrong goes into `faults` by its index."""
        if isinstance(raw, UnsetType):
            return None
        text, (whole, single) = bytes(raw), self._kinds[kind]
        check_size(self._length(text), 0)
        if kind == "embedding" and self._length(text):
            check_flood(sum(self._length(bytes(item)) for item in self._items(text, field)))
        try:
            if not self._encoding.suspect(text):
                found = list(whole.decode(text))
                if not self._encoding.exotic or _is_plain_column(found):
                    return found
        except WRONG:
            pass  # told item by item below
        values = []
        for index, item in enumerate(self._items(text, field)):
            value, reason = _value(item, single)
            values.append(value)
            if reason:
                faults.setdefault(index, Refusal(index, field, reason))
        return values

    def _length(self, text: bytes) -> int:
        return self._encoding.length(text)

    def _items(self, text: bytes, field: str) -> list[Raw]:
        try:
            return list(self._raw_items.decode(text))
        except WRONG as error:
            raise PayloadError(f"{field}: {error}; {self._encoding.form}") from error


def _strangers(sent: Iterable[str], known: frozenset[str] | None, events: int) -> dict[str, list[bool]]:
    """The first columns that the service does not know; every event has them."""
    names = (name for name in sent if known is not None and name not in known)
    return {name: [True] * events for name in islice(names, STRANGERS_KEPT)}


def is_plain(event: Event) -> bool:
    """Whether nothing in the event is NaN, infinite, or text with NUL."""
    beside = (event.prediction, event.confidence, event.id, event.at)
    return _plain(event.features.values()) and _plain(beside) and "\0" not in "".join(event.features)


def _is_plain_column(values: list[Any]) -> bool:
    try:
        return math.isfinite(sum(values)) or _plain(values)  # numbers alone, without anything missing: one fast pass
    except (TypeError, OverflowError):
        return _plain(values)


def _plain(values: Any) -> bool:
    for value in values:
        if type(value) is float:
            if not math.isfinite(value):
                return False
        elif type(value) is str and "\0" in value:
            return False
    return True


def _common_length(columns: Mapping[str, list[Any] | None]) -> int:
    lengths = {name: len(column) for name, column in columns.items() if column is not None}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in sorted(lengths.items(), key=lambda item: item[1])[:10])
        raise PayloadError(f"columns must be of one length, one value per event; found {found}")
    return next(iter(lengths.values()), 0)


def _value(raw: Raw, decoder: Decoder) -> tuple[Any, str]:
    """The value, or None and what is wrong with it; NaN is how many libraries write what is missing."""
    try:
        value = decoder.decode(raw)
    except WRONG as error:
        return None, "" if _is_nan(bytes(raw)) else str(error)
    if isinstance(value, str) and "\0" in value:
        return None, "contains a NUL character"
    if isinstance(value, float) and not math.isfinite(value):
        return None, "" if math.isnan(value) else "Infinity is no value; a missing one is null"
    return value, ""


def _is_nan(raw: bytes) -> bool:
    """Whether this is a NaN of MessagePack: no JSON begins with these bytes."""
    form = {b"\xca": ">f", b"\xcb": ">d"}.get(raw[:1])
    return form is not None and math.isnan(struct.unpack(form, raw[1:])[0])


def place(error: Exception) -> tuple[str, str]:
    """msgspec says `what was expected - at `$.field``: the field and the reason."""
    reason, _, where = str(error).partition(" - at ")
    return where.rpartition("`$")[2].strip("`."), reason
