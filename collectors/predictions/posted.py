"""What is posted in an envelope or one a line: read item by item, each costs only itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from burnline.collectors.inflate import inflate
from burnline.collectors.predictions.codec import WRONG, place
from burnline.collectors.predictions.events import Known, Refusal, Sent, check_service
from burnline.collectors.predictions.formats import media_type_of
from burnline.collectors.predictions.json_body import replace_lone_surrogates
from burnline.collectors.predictions.msgpack_body import array_length
from burnline.errors import PayloadError, PayloadTooLarge, PayloadUnsupported

LIMIT_BYTES = 16 * 1024 * 1024
REFUSALS_LISTED = 100
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Posted:
    """What may be posted.

    Attributes:
        name: of the items, in the plural.
        envelope: has `service`, perhaps `version`, and the items under their name.
        item: what each of them is.
        example: what to send, in words.
        most: items in one body.
        braces: of each of them in JSON, at least; 0 where their texts may be full of braces.
    """

    name: str
    envelope: type[Struct]
    item: type[Struct]
    example: str
    most: int
    braces: int = 1


class Unfit(Exception):
    """An item that could be read and cannot be used: the field that is wrong, and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field, self.reason = field, reason


class Format:
    """How items are written: in an envelope, or (`lines`) one a line for the service that the URL names."""

    def __init__(
        self, kind: Posted, decoder: Callable[[Any], Any], length: Callable[[bytes], int], *, lines: bool = False
    ) -> None:
        self.kind, self.length, self.lines = kind, length, lines
        self.packed = decoder is msgspec.msgpack.Decoder
        self._envelope, self._items, self._item = decoder(kind.envelope), decoder(list[Raw]), decoder(kind.item)

    def each(self, items: Sequence[Raw | bytes], make: Callable[[Any], T]) -> tuple[list[T], list[Refusal]]:
        """What `make` makes of the items, which may raise Unfit, and those that are refused."""
        made: list[T] = []
        refused: list[Refusal] = []
        for index, item in enumerate(items):
            try:
                made.append(make(self._item.decode(item)))
            except WRONG as error:
                refused.append(Refusal(index, *place(error)))
            except Unfit as error:
                refused.append(Refusal(index, error.field, error.reason))
        return made, refused

    def open(self, body: bytes) -> tuple[Any, Sequence[Raw | bytes]]:
        """The envelope (None where there is none) and the items, not yet decoded.

        Raises: PayloadError, PayloadTooLarge.
        """
        most = self.kind.most
        if not self.packed and b"\\u" in body:
            body = replace_lone_surrogates(body)
        if self.lines:
            lines = [line for line in body.split(b"\n") if line.strip()] if self.length(body) <= most else None
            return None, self._few(lines)
        try:
            envelope = self._envelope.decode(body)
            text = bytes(getattr(envelope, self.kind.name))
            items = self._items.decode(text) if self.length(text) <= most else None
        except WRONG as error:
            raise PayloadError(f"{error}; {self.kind.example}") from error
        return envelope, self._few(items)

    def _few(self, items: Sequence[Raw | bytes] | None) -> Sequence[Raw | bytes]:
        if items is None or len(items) > self.kind.most:
            raise PayloadTooLarge(f"more than {self.kind.most:,} {self.kind.name}; send fewer at a time")
        return items


def textual(kind: Posted) -> Mapping[str, Format]:
    """The media types of text in which it may be posted."""
    lines = Format(kind, msgspec.json.Decoder, lambda text: text.count(b"\n"), lines=True)
    return {
        "application/json": Format(
            kind, msgspec.json.Decoder, lambda text: text.count(b"{") // kind.braces if kind.braces else 0
        ),
        "application/x-ndjson": lines,
        "application/jsonl": lines,
    }


def formats(kind: Posted) -> Mapping[str, Format]:
    """Every media type in which it may be posted."""
    packed = Format(kind, msgspec.msgpack.Decoder, array_length)
    names = ("application/msgpack", "application/vnd.msgpack", "application/x-msgpack")
    return {**textual(kind), **dict.fromkeys(names, packed)}


def unpacked(sent: Sent, limit_bytes: int) -> bytes:
    """The body as it was before it was packed. Raises: PayloadError, PayloadTooLarge."""
    if len(sent.body) > limit_bytes or sent.content_encoding:
        return inflate([sent.body], encoding=sent.content_encoding, limit_bytes=limit_bytes)
    return sent.body


@dataclass(frozen=True, slots=True)
class Opened:
    """A body: whose items these are, which are not yet decoded, and what else its envelope says."""

    form: Format
    service: str
    version: str
    envelope: Any
    items: Sequence[Raw | bytes]

    def each(self, make: Callable[[Any], T]) -> tuple[list[T], list[Refusal]]:
        """As `Format.each`."""
        return self.form.each(self.items, make)


def open_posted(taken: Mapping[str, Format], sent: Sent, known: Known) -> Opened:
    """Open a body, which may be packed, of a service that is known.

    Raises: PayloadError when it cannot be used as a whole; PayloadTooLarge above LIMIT_BYTES or the most of its items.
    """
    form = taken.get(media_type_of(sent.content_type))
    if form is None:
        raise PayloadUnsupported(f"Content-Type {sent.content_type!r} is not supported; send one of {', '.join(taken)}")
    envelope, items = form.open(unpacked(sent, LIMIT_BYTES))
    of = sent.asked if envelope is None else envelope
    version = getattr(of, "version", "")
    check_service(of.service, version, known, sent.asked)
    return Opened(form, of.service, version, envelope, items)


@dataclass(frozen=True, slots=True)
class JoinReceipt:
    """What became of items that belong to events by their id; `refused` lists the first hundred of `refused_count`.

    Attributes:
        matched: joined with their event.
        waiting: their event has not come yet.
        duplicates: sent before, or after what their event had already.
    """

    service: str
    matched: int
    waiting: int
    duplicates: int
    refused: tuple[Refusal, ...]
    refused_count: int

    @property
    def taken(self) -> int:
        """How many were not refused."""
        return self.matched + self.waiting + self.duplicates


def listed(refused: Sequence[Refusal]) -> tuple[Refusal, ...]:
    """Those that an answer names."""
    return tuple(refused[:REFUSALS_LISTED])
