"""Prediction events as MessagePack: the same maps and arrays as in JSON."""

from __future__ import annotations

import msgspec

from burnline.collectors.predictions.codec import Encoding, Reader
from burnline.collectors.predictions.events import MAX_VALUES, Asked, Decoded, Known

FORM = (
    "send a map with service, version and events, an array of maps with features, prediction and confidence; or "
    "instead of events columns, a map of arrays, with prediction and confidence beside it"
)


def array_length(text: bytes) -> int:
    """How many items an encoded array says it has; 0 for anything else. Each could take a single byte."""
    first = text[0] if text else 0
    if 0x90 <= first <= 0x9F:
        return first & 0x0F
    size = {0xDC: 2, 0xDD: 4}.get(first, 0)
    return int.from_bytes(text[1 : 1 + size], "big")


def _may_be_crowded(text: bytes) -> bool:
    return len(text) > 2 * MAX_VALUES  # a name and a value take two bytes at least


_READER = Reader(
    Encoding(
        name="MessagePack",
        form=FORM,
        decoder=msgspec.msgpack.Decoder,
        length=array_length,
        suspect=_may_be_crowded,  # then it is read event by event, and counted on the way
        exotic=True,
        mend=lambda body: body,
    )
)


def decode_msgpack(body: bytes, known: Known, asked: Asked) -> Decoded:
    """Read rows or columns; NaN is a missing value.

    Raises: PayloadError, PayloadTooLarge as `Reader.decode`.
    """
    return _READER.decode(body, known, asked)
