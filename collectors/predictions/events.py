"""What every format of prediction events is read into, and the limits that hold for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from burnline.collectors.predictions.rules import Rules
from burnline.collectors.predictions.vectors import Vector, size
from burnline.errors import PayloadError, PayloadTooLarge

MAX_EVENTS = 100_000
MAX_FEATURES = 10_000
MAX_TEXT = 1024
MAX_ID = 200
MAX_KEY = 200  # of a batch, as its sender calls it
MAX_IDS = 10_000  # in one batch: each is a row, and the one writer has others to serve
STRANGERS = 5  # unknown features that the answer names
STRANGERS_KEPT = 16  # and those that the detectors hear of
MAX_VALUES = 4_000_000  # in one batch, sent or filled in: rows without features must not unfold into gigabytes

Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Value = float | Text | bool | None
Confidence = Annotated[float, Meta(ge=0, le=1)] | None
EventId = Annotated[str, Meta(min_length=1, max_length=MAX_ID)] | int | None
At = Annotated[datetime, Meta(tz=True)] | float | None
Known = Mapping[str, Rules]  # by service


@dataclass(frozen=True, slots=True)
class Refusal:
    """One event that was not kept: its place in the batch, the field that is wrong, and why."""

    index: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands beside the body, in the URL; for formats without an envelope it must name the service."""

    service: str = ""
    version: str = ""
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A body as it came, and what its headers and the URL say of it.

    Attributes:
        key: what its sender calls it (`Idempotency-Key`): what was kept under it before is not kept again.
    """

    body: bytes
    content_type: str = "application/json"
    content_encoding: str = ""
    asked: Asked = Asked()
    key: str = ""


class Event(Struct, forbid_unknown_fields=True, gc=False):
    """One event of a body in rows."""

    features: Annotated[dict[Text, Value], Meta(max_length=MAX_FEATURES)]
    prediction: Value = None
    confidence: Confidence = None
    id: EventId = None
    at: At = None
    embedding: Vector = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """One body: the events that could be read, in columns of one length, and those that could not.

    Attributes:
        features: those that the service knows, or all where any goes; None is missing.
        unknown: per event, how many features were sent that the service does not know.
        strangers: some of their names; per event, whether it had them.
        ids, at: empty when no event has one.
        embedding: vectors as they came, empty when no event has one; once checked as 32-bit floats.
        places: per event, its index in the body.
        shadow: nobody got these answers.
        prefix: what stands before a feature's name in a refusal.
    """

    service: str
    version: str
    features: dict[str, list[Any]]
    prediction: list[Any]
    confidence: list[float | None]
    unknown: list[int]
    ids: list[str | int | None]
    at: list[datetime | float | None]
    places: Sequence[int]
    refused: list[Refusal] = field(default_factory=list)
    strangers: Mapping[str, list[bool]] = field(default_factory=dict)
    prefix: str = "features."
    embedding: Sequence[Any] = ()
    shadow: bool = False

    def __len__(self) -> int:
        return len(self.prediction)


def from_rows(
    service: str, version: str, events: list[Event], refused: list[Refusal], places: Sequence[int], known: Known
) -> Decoded:
    """Lay events side by side.

    Raises: PayloadTooLarge for too many of them, or of their features.
    """
    check_flood(sum(size(each.embedding) for each in events))
    wanted = known[service].features
    names = list(dict.fromkeys(name for each in events for name in each.features)) if wanted is None else sorted(wanted)
    check_size(len(events) + len(refused), len(names))
    unknown = [0] * len(events) if wanted is None else [_surplus(each.features, wanted) for each in events]
    return Decoded(
        service,
        version,
        {name: [each.features.get(name) for each in events] for name in names},
        answers([each.prediction for each in events]),
        [each.confidence for each in events],
        unknown,
        some([each.id for each in events]),
        some([each.at for each in events]),
        places,
        refused,
        _strangers(events, unknown, wanted),
        embedding=some([each.embedding for each in events]),
    )


def some(values: list[Any]) -> list[Any]:
    """The column; empty when nothing is in it."""
    return values if any(value is not None for value in values) else []


def answers(values: list[Any]) -> list[Any]:
    """True and false as 1 and 0, as every library gives the classes of a yes-or-no model."""
    return [float(value) if isinstance(value, bool) else value for value in values]


def check_service(service: str, version: str, known: Known, asked: Asked) -> None:
    """Raises: PayloadError for a service that is not watched, or another one than the URL names."""
    if not (service or asked.service):
        raise PayloadError("no service is named; name it in the URL: ?service=NAME, or in a body that has a `service`")
    if service not in known:
        raise PayloadError(f"service {service!r} is not watched here; known: {', '.join(sorted(known)) or 'none'}")
    if asked.service not in ("", service) or asked.version not in ("", version):
        raise PayloadError(f"the URL names {asked.service!r} {asked.version!r}, the body {service!r} {version!r}")
    if "\0" in version:
        raise PayloadError("version contains a NUL character")
    if len(version) > MAX_TEXT:
        raise PayloadError(f"version is longer than {MAX_TEXT:,} characters")


def check_key(key: str) -> None:
    """Raises: PayloadError for what is too long to call a batch by."""
    if len(key) > MAX_KEY:
        raise PayloadError(f"Idempotency-Key is longer than {MAX_KEY} characters")


def check_flood(values: int) -> None:
    """Refuse before anything is decoded what has more values than a batch may have."""
    if values > MAX_VALUES:
        raise PayloadTooLarge(f"more than {MAX_VALUES:,} values in one batch; send smaller batches")


def check_size(events: int, features: int) -> None:
    """Raises: PayloadTooLarge over MAX_EVENTS, MAX_FEATURES, or MAX_VALUES together."""
    if events > MAX_EVENTS:
        raise PayloadTooLarge(f"{events:,} events in one batch; send at most {MAX_EVENTS:,}")
    if features > MAX_FEATURES:
        raise PayloadTooLarge(f"{features:,} different features in one batch; send at most {MAX_FEATURES:,}")
    if events * features > MAX_VALUES:
        raise PayloadTooLarge(
            f"{events:,} events of {features:,} features are more than {MAX_VALUES:,} values; send smaller batches"
        )


def _strangers(events: Sequence[Event], unknown: Sequence[int], known: frozenset[str] | None) -> dict[str, list[bool]]:
    """The first names of features that the service does not know, and which events had them."""
    found: dict[str, list[bool]] = {}
    if known is None:
        return found
    for index, (event, surplus) in enumerate(zip(events, unknown, strict=True)):
        for name in event.features if surplus else ():
            if name not in known and (name in found or len(found) < STRANGERS_KEPT):
                found.setdefault(name, [False] * len(events))[index] = True
    return found


def _surplus(features: dict[str, Any], known: frozenset[str]) -> int:
    return 0 if features.keys() <= known else len(features.keys() - known)
