"""Reading a request body: never more than the limit, never longer than the deadline."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from burnline.errors import PayloadTooLarge

LIMIT_BYTES = 16 * 1024 * 1024  # Alertmanager sends 10,000 alerts in 6.9 MB
BODY_SECONDS = 10.0  # Alertmanager gives up after ten


async def read_body(request: Request) -> bytes:
    """The body as it came (still compressed).

    Raises: PayloadTooLarge past LIMIT_BYTES, TimeoutError past BODY_SECONDS.
    """
    parts: list[bytes] = []
    size = 0
    async with asyncio.timeout(BODY_SECONDS):
        async for part in request.stream():
            size += len(part)
            if size > LIMIT_BYTES:
                raise PayloadTooLarge(f"the body is larger than {LIMIT_BYTES} bytes: send it in smaller batches")
            parts.append(part)
    return b"".join(parts)
