"""Reading a request body: never more than the limit, never longer than the deadline."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from burnline.errors import PayloadTooLarge, PayloadTooSlow

LIMIT_BYTES = 16 * 1024 * 1024  # Alertmanager sends 10,000 alerts in 6.9 MB
BODY_SECONDS = 10.0  # Alertmanager gives up after ten


async def read_body(request: Request) -> bytes:
    """The body as it came (still compressed).

    Raises: PayloadTooLarge past LIMIT_BYTES, before anything is read where Content-Length says so; PayloadTooSlow past
    BODY_SECONDS; ClientDisconnect when the client goes away.
    """
    _check_size(int(request.headers.get("content-length", 0)))
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                _check_size(len(body))
    except TimeoutError as error:
        raise PayloadTooSlow(f"the body did not arrive in {BODY_SECONDS:g} s") from error
    return bytes(body)


def _check_size(size: int) -> None:
    if size > LIMIT_BYTES:
        raise PayloadTooLarge(f"the body is larger than {LIMIT_BYTES:,} bytes: send it in smaller batches")
