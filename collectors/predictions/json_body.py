"""Prediction events as JSON, and as NDJSON: one event a line."""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw

from burnline.collectors.predictions.codec import WRONG, Encoding, Reader
from burnline.collectors.predictions.events import (
    Asked,
    Decoded,
    Event,
    Known,
    Refusal,
    check_flood,
    check_service,
    check_size,
    from_rows,
)

FORM = (
    'send {"service": "...", "version": "...", "events": [{"features": {"name": 1.5}, "prediction": 0, '
    '"confidence": 0.9}]}, or instead of events "columns": {"name": [1.5]} with "prediction": [0] and '
    '"confidence": [0.9]; a missing value is null, JSON has no NaN and no Infinity'
)
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_NUL = b"\\u0000"  # JSON's only way to write one; PostgreSQL keeps none in a text
_LINES = msgspec.json.Decoder(Event)


def _has_nul(text: bytes) -> bool:
    return b"\\" in text and _NUL in text  # most texts have no backslash: one fast pass


def replace_lone_surrogates(body: bytes) -> bytes:
    """Half of a UTF-16 pair is no character: U+FFFD takes its place, as in any decoder that replaces."""
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape["lone"] else escape[0], body)


JSON = Encoding(
    name="JSON",
    form=FORM,
    decoder=msgspec.json.Decoder,
    length=lambda _text: 0,  # not known without reading it: `decode_json` counts the commas of the whole body
    suspect=_has_nul,
    exotic=False,
    mend=replace_lone_surrogates,
)
_READER = Reader(JSON)


def decode_json(body: bytes, known: Known, asked: Asked) -> Decoded:
    """Read rows or columns.

    Raises: PayloadError, PayloadTooLarge as `Reader.decode`.
    """
    check_flood(body.count(b","))
    return _READER.decode(body, known, asked)


def decode_ndjson(body: bytes, known: Known, asked: Asked) -> Decoded:
    """Read one event a line, `{"features": ...}`, for the service that the URL names. Empty lines are no events.

    Raises: PayloadError for a service that is not watched, PayloadTooLarge over the limits.
    """
    check_service(asked.service, asked.version, known, asked)
    check_flood(body.count(b","))
    refused: list[Refusal] = []
    events = None if _has_nul(body) else _all_lines(body)
    places: range | list[int] = range(len(events or ()))
    if events is None:
        lines = [line for line in body.split(b"\n") if line.strip()]
        check_size(len(lines), 0)
        events, places = _READER.items([_mended(line) for line in lines], refused)
    return from_rows(asked.service, asked.version, events, refused, places, known)


def _all_lines(body: bytes) -> list[Event] | None:
    check_size(body.count(b"\n"), 0)
    try:
        return _LINES.decode_lines(body)
    except WRONG:
        return None


def _mended(line: bytes) -> Raw | bytes:
    return replace_lone_surrogates(line) if b"\\" in line else line
