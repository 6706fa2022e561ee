"""How many messages a protobuf body holds, before it is parsed: two bytes of it can cost a hundred of memory.

Only the levels down to the records are looked at; of each field its tag and its length are read, and nothing is copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from burnline.collectors.otlp.wire import MAX_RECORDS
from burnline.errors import PayloadError, PayloadTooLarge

MAX_MESSAGES = 2 * MAX_RECORDS  # records, and what they are wrapped in
RECORDS = ({1}, {2}, {2})  # fields: resource, scope, span or log record
POINTS = ({1}, {2}, {2}, {5, 7, 9, 10, 11}, {1})  # resource, scope, metric, kind of data, data point
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
LONGEST_VARINT = 10


def check_messages(body: bytes, levels: Sequence[set[int]]) -> None:
    """Raises: PayloadTooLarge past MAX_MESSAGES; PayloadError for what is no protobuf."""
    count = 0
    spans = [(0, len(body), 0)]
    while spans:
        start, end, level = spans.pop()
        for field, at, until in _fields(body, start, end):
            if field not in levels[level]:
                continue
            count += 1
            if count > MAX_MESSAGES:
                raise PayloadTooLarge(f"the body holds more than {MAX_RECORDS:,} records: send smaller batches")
            if level + 1 < len(levels):
                spans.append((at, until, level + 1))


def _fields(body: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fields with a length: their number, where they begin and where they end."""
    try:
        while at < end:
            tag, at = _varint(body, at)
            kind = tag & 7
            if kind == BYTES:
                size, at = _varint(body, at)
                if at + size > end:
                    raise PayloadError("the body is no OTLP in protobuf: a field goes on after its end")
                yield tag >> 3, at, at + size
                at += size
            elif kind == VARINT:
                _, at = _varint(body, at)
            elif kind in (FIXED64, FIXED32):
                at += 8 if kind == FIXED64 else 4
            else:
                raise PayloadError("the body is no OTLP in protobuf: it holds a field of no kind that OTLP has")
    except IndexError as error:
        raise PayloadError("the body is no OTLP in protobuf: it ends too early") from error


def _varint(body: bytes, at: int) -> tuple[int, int]:
    byte = body[at]
    if byte < 0x80:
        return byte, at + 1
    value = byte & 0x7F
    for shift in range(7, 7 * LONGEST_VARINT, 7):
        at += 1
        byte = body[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + 1
    raise PayloadError("the body is no OTLP in protobuf: it holds a number that does not end")
