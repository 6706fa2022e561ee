"""What goes through the pipes: a JSON head and raw bytes, each after its length. Nothing is ever unpickled.

The worker runs in an interpreter that may not have burnline, so everything beside this file needs the standard library
alone, and the one library that the worker is for.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

PREFIX = struct.Struct("<4sIQ")  # magic, bytes of the head, bytes of the body
MAGIC = b"blw1"
HEAD_BYTES = 4 * 1024 * 1024
BODY_BYTES = 256 * 1024 * 1024


class FrameError(ValueError):
    """What came is no frame."""


def frame(head: dict[str, Any], body: bytes = b"") -> bytes:
    """The bytes of one message.

    >>> sizes(frame({"op": "hello"})[: PREFIX.size])
    (15, 0)
    """
    written = json.dumps(head).encode()
    return PREFIX.pack(MAGIC, len(written), len(body)) + written + body


def sizes(prefix: bytes) -> tuple[int, int]:
    """Bytes of head and body that follow.

    Raises: FrameError for another magic, or sizes that no message has.
    """
    magic, head, body = PREFIX.unpack(prefix)
    if magic != MAGIC or head > HEAD_BYTES or body > BODY_BYTES:
        raise FrameError(f"not a message: {prefix[:16]!r}")
    return head, body


def read_frame(read: Callable[[int], bytes]) -> tuple[dict[str, Any], bytes] | None:
    """The next message, or None at the end; `read` gives exactly as many bytes as asked for, or fewer at the end.

    Raises: FrameError when it is cut off or none.
    """
    prefix = read(PREFIX.size)
    if not prefix:
        return None
    if len(prefix) < PREFIX.size:
        raise FrameError("cut off")
    head_size, body_size = sizes(prefix)
    head, body = read(head_size), read(body_size)
    if len(head) < head_size or len(body) < body_size:
        raise FrameError("cut off")
    return json.loads(head), body
