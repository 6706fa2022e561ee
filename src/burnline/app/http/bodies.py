"""Reading a request body: never more than the limit, never longer than the deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from burnline.errors import PayloadBusy, PayloadTooLarge, PayloadTooSlow

LIMIT_BYTES = 16 * 1024 * 1024  # Alertmanager sends 10,000 alerts in 6.9 MB
SMALL_LIMIT_BYTES = 1024 * 1024  # of all but the doors: a release with its lineage has some 100 KB
HELD_BYTES = 256 * 1024 * 1024  # of all bodies that are being read or worked on
SPARED_BYTES = 64 * 1024  # uvicorn holds as much of each connection anyway: alerts come in while others fill HELD_BYTES
BODY_SECONDS = 10.0  # Alertmanager gives up after ten
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 9.2.1: these have no body that is read


async def read_body(request: Request) -> bytes:
    """The body as it came (still compressed).

    Raises: PayloadTooLarge past LIMIT_BYTES, before anything is read where Content-Length says so; PayloadTooSlow past
    BODY_SECONDS; ClientDisconnect when the client goes away.
    """
    _check_size(int(request.headers.get("content-length", 0)), LIMIT_BYTES)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                _check_size(len(body), LIMIT_BYTES)
    except TimeoutError as error:
        raise _too_slow() from error
    return bytes(body)


def encoding_of(request: Request) -> str:
    """All of it: a header sent twice means encoded twice."""
    return ", ".join(request.headers.getlist("content-encoding"))


class HeldBodies:
    """Lets all bodies together hold HELD_BYTES, from when their bytes come until their request is answered.

    Whoever sends more is told to come again, before what came is kept; bodies of up to SPARED_BYTES always come in.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        own = 0

        async def counted() -> Message:
            nonlocal own
            message = await receive()
            size = len(message.get("body", b""))
            self._held += size
            own += size
            if size and own > SPARED_BYTES and self._held > HELD_BYTES:
                raise HTTPException(503) from PayloadBusy("too many bodies at once; send it again")
            return message

        try:
            await self._app(scope, counted, send)
        finally:
            self._held -= own


class SmallBodies:
    """Lets a body be read up to SMALL_LIMIT_BYTES and for BODY_SECONDS, but at the paths that have limits of their own.

    FastAPI reads a JSON body before anything of ours is asked, to its end, however large and slow.
    """

    def __init__(self, app: ASGIApp, but_not: Collection[str]) -> None:
        self._app = app
        self._but_not = frozenset(but_not)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE and scope["path"] not in self._but_not:
            receive = _Limited(int(Headers(scope=scope).get("content-length", 0)), receive)
        await self._app(scope, receive, send)


class _Limited:
    """`receive` of one request. It raises HTTPException: to any other error while it reads, FastAPI answers 400."""

    def __init__(self, promised: int, receive: Receive) -> None:
        self._receive = receive
        self._promised = promised
        self._read = 0
        self._until: float | None = None
        self._ended = False

    async def __call__(self) -> Message:
        try:
            return await self._receive() if self._ended else await self._part()
        except PayloadTooLarge as error:
            raise HTTPException(413, str(error)) from error
        except PayloadTooSlow as error:
            raise HTTPException(408, str(error)) from error

    async def _part(self) -> Message:
        _check_size(self._promised, SMALL_LIMIT_BYTES)
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + BODY_SECONDS
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError as error:
            raise _too_slow() from error
        self._read += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        _check_size(self._read, SMALL_LIMIT_BYTES)
        return message


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        advice = "send it in smaller batches" if limit == LIMIT_BYTES else "nothing that large is kept here"
        raise PayloadTooLarge(f"the body is larger than {limit:,} bytes: {advice}")


def _too_slow() -> PayloadTooSlow:
    return PayloadTooSlow(f"the body did not arrive in {BODY_SECONDS:g} s")
