"""The formats of prediction events by media type: each gives the same batch for the same events."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from burnline.collectors.predictions.arrow import decode_arrow, decode_parquet
from burnline.collectors.predictions.events import Asked, Decoded, Known
from burnline.collectors.predictions.json_body import decode_json, decode_ndjson
from burnline.collectors.predictions.msgpack_body import decode_msgpack
from burnline.errors import PayloadUnsupported

Decode = Callable[[bytes, Known, Asked], Decoded]
FORMATS: Mapping[str, Decode] = {
    "application/json": decode_json,
    "application/x-ndjson": decode_ndjson,
    "application/jsonl": decode_ndjson,
    "application/msgpack": decode_msgpack,
    "application/vnd.msgpack": decode_msgpack,
    "application/x-msgpack": decode_msgpack,
    "application/vnd.apache.arrow.stream": decode_arrow,
    "application/vnd.apache.arrow.file": decode_arrow,
    "application/vnd.apache.parquet": decode_parquet,
}


def decoder_of(content_type: str) -> Decode:
    """What reads bodies of this Content-Type.

    Raises: PayloadUnsupported for a media type that is not listed, or text that is not UTF-8.
    """
    decode = FORMATS.get(media_type_of(content_type))
    if decode is None:
        others = ", ".join(name for name in FORMATS if name != "application/json")
        raise PayloadUnsupported(
            f"Content-Type {content_type!r} is not supported; send application/json in UTF-8, or one of {others}"
        )
    return decode


def media_type_of(content_type: str) -> str:
    """The media type of a Content-Type; empty for text that is not UTF-8."""
    media_type, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    return media_type.strip().lower() if charset in ("", "utf-8", "utf8") else ""
