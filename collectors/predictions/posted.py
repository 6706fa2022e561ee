"""What is posted of events by their ids, in an envelope or one a line: read item by item, each costs only itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw, Struct

from burnline.collectors.inflate import inflate
from burnline.collectors.predictions.codec import WRONG
from burnline.collectors.predictions.events import Asked
from burnline.collectors.predictions.formats import media_type_of
from burnline.collectors.predictions.json_body import replace_lone_surrogates
from burnline.collectors.predictions.msgpack_body import array_length
from burnline.errors import PayloadError, PayloadTooLarge, PayloadUnsupported

LIMIT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Posted:
    """What may be posted.

    Attributes:
        name: of the items, in the plural.
        envelope: has `service`, and the items under their name.
        item: what each of them is.
        example: what to send, in words.
        most: items in one body.
        braces: of each of them in JSON, at least.
    """

    name: str
    envelope: type[Struct]
    item: type[Struct]
    example: str
    most: int
    braces: int = 1


class Format:
    """How items are written: in an envelope, or (`lines`) one a line for the service that the URL names."""

    def __init__(
        self, kind: Posted, decoder: Callable[[Any], Any], length: Callable[[bytes], int], *, lines: bool = False
    ) -> None:
        self.kind, self.length, self.lines = kind, length, lines
        self.packed = decoder is msgspec.msgpack.Decoder
        self._envelope, self._items, self._item = decoder(kind.envelope), decoder(list[Raw]), decoder(kind.item)

    def read(self, item: Raw | bytes) -> Any:
        """One item. Raises: one of `codec.WRONG`."""
        return self._item.decode(item)

    def open(self, body: bytes, asked: Asked) -> tuple[str, Sequence[Raw | bytes]]:
        """The service and the items, not yet decoded.

        Raises: PayloadError, PayloadTooLarge.
        """
        most = self.kind.most
        if not self.packed and b"\\u" in body:
            body = replace_lone_surrogates(body)
        if self.lines:
            lines = [line for line in body.split(b"\n") if line.strip()] if self.length(body) <= most else None
            return asked.service, self._few(lines)
        try:
            envelope = self._envelope.decode(body)
            text = bytes(getattr(envelope, self.kind.name))
            items = self._items.decode(text) if self.length(text) <= most else None
        except WRONG as error:
            raise PayloadError(f"{error}; {self.kind.example}") from error
        if asked.service not in ("", envelope.service):
            raise PayloadError(f"the URL names {asked.service!r}, the body {envelope.service!r}")
        return envelope.service, self._few(items)

    def _few(self, items: Sequence[Raw | bytes] | None) -> Sequence[Raw | bytes]:
        if items is None or len(items) > self.kind.most:
            raise PayloadTooLarge(f"more than {self.kind.most:,} {self.kind.name}; send fewer at a time")
        return items


def formats(kind: Posted) -> Mapping[str, Format]:
    """Every media type in which it may be posted."""
    lines = Format(kind, msgspec.json.Decoder, lambda text: text.count(b"\n"), lines=True)
    packed = Format(kind, msgspec.msgpack.Decoder, array_length)
    return {
        "application/json": Format(kind, msgspec.json.Decoder, lambda text: text.count(b"{") // kind.braces),
        "application/x-ndjson": lines,
        "application/jsonl": lines,
        "application/msgpack": packed,
        "application/vnd.msgpack": packed,
        "application/x-msgpack": packed,
    }


def open_posted(
    known: Mapping[str, Format], body: bytes, *, content_type: str, content_encoding: str, asked: Asked
) -> tuple[Format, str, Sequence[Raw | bytes]]:
    """The format, the service and the items of a body, which may be packed.

    Raises: PayloadError when it cannot be used as a whole; PayloadTooLarge above LIMIT_BYTES or the most of its items.
    """
    form = known.get(media_type_of(content_type))
    if form is None:
        raise PayloadUnsupported(f"Content-Type {content_type!r} is not supported; send one of {', '.join(known)}")
    if len(body) > LIMIT_BYTES or content_encoding:
        body = inflate([body], encoding=content_encoding, limit_bytes=LIMIT_BYTES)
    return form, *form.open(body, asked)
