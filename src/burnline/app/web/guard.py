"""Lets in whom the web config knows; plain ASGI, for `burnline up` and for exporters alike."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from burnline.app.web.access import WebAccess

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = frozenset({"/healthz"})  # it says that the process answers, and nothing else: probes have no password
MOST_WAITING = 32  # passwords to be looked at: a flood of wrong ones must not fill memory


class Guard:
    """Answers 401 to a request without a known password or token, before anything of it is looked at.

    Args:
        token: one more bearer token that lets in.
    """

    def __init__(self, app: Asgi, access: WebAccess, token: str = "") -> None:
        self._app, self._access, self._token = app, access, token
        self._looks = ThreadPoolExecutor(1, thread_name_prefix="password")  # hashes take their time, one by one
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN or not self._access.config.guarded:
            await self._app(scope, receive, send)
            return
        sent = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        header = sent[0] if len(sent) == 1 else ""
        if self._access.has_token(header, self._token) or self._access.remembers(header):
            await self._app(scope, receive, send)
        elif self._waiting >= MOST_WAITING:
            await _refuse(send, 429, "too many passwords to look at; come again later")
        elif header and await self._look(header):
            await self._app(scope, receive, send)
        else:
            await _refuse(send, 401, "say who you are: Authorization: Basic or Bearer")

    async def _look(self, header: str) -> bool:
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._looks, self._access.knows, header)
        finally:
            self._waiting -= 1


async def _refuse(send: Send, status: int, why: str) -> None:
    body = json.dumps({"error": why}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="burnline", charset="UTF-8"'))
    if status == 429:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
