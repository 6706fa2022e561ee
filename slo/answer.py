"""An HTTP answer read whole, within a time and a size: httpx bounds only each wait, and an answer may drip for ever."""

from __future__ import annotations

import time
from dataclasses import dataclass

import httpx

from burnline.errors import PayloadTooLarge, PayloadTooSlow

TRAVELLED = ("content-encoding", "content-length", "transfer-encoding")  # of the body as it came, which is undone


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an answer may take in all, and how large it may be, unpacked."""

    seconds: float
    size_bytes: int


def read_whole(client: httpx.Client, request: httpx.Request, limits: Limits) -> httpx.Response:
    """Send, and read to the end.

    Raises: httpx.HTTPError as the client does; PayloadTooSlow and PayloadTooLarge, naming the limit.
    """
    ends = time.monotonic() + limits.seconds
    request.headers["Accept-Encoding"] = "gzip"  # a piece of it grows a thousand times at most
    answer = client.send(request, stream=True)
    body = bytearray()
    try:
        for piece in answer.iter_bytes():
            body += piece
            if len(body) > limits.size_bytes:
                raise PayloadTooLarge(f"the answer is larger than {limits.size_bytes:,} bytes")
            if time.monotonic() > ends:
                raise PayloadTooSlow(f"the answer did not end within {limits.seconds:g} s")
    finally:
        answer.close()
    headers = [(name, value) for name, value in answer.headers.multi_items() if name.lower() not in TRAVELLED]
    return httpx.Response(answer.status_code, headers=headers, content=bytes(body), request=request)
