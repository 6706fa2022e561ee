"""What is refused before a door of OTLP is reached, as the protocol wants it: google.rpc.Status, not {"error"}."""

from __future__ import annotations

import json
from types import ModuleType

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from burnline.app.http.otlp import PATHS, written_for

CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 8, 415: 3, 429: 8, 503: 14}  # google.rpc.Code by status
INTERNAL = 13
FAILED = 400  # the first status that is no success


class OtlpErrors:
    """Writes the answers to requests at PATHS that say {"error"} anew, in the encoding of the request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in PATHS:
            _, writer, answers = written_for(Headers(scope=scope).get("content-type", ""))
            send = _Rewritten(writer, answers, send)
        await self._app(scope, receive, send)


class _Rewritten:
    """`send` of one request: holds a failure back until its body is whole."""

    def __init__(self, writer: ModuleType, answers: str, send: Send) -> None:
        self._writer, self._answers, self._send = writer, answers, send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= FAILED:
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._end(self._start)

    async def _end(self, start: Message) -> None:
        if (said := _error(self._body)) is not None:
            self._body = self._writer.status(CODES.get(start["status"], INTERNAL), said)
            headers = MutableHeaders(scope=start)
            headers["content-type"], headers["content-length"] = self._answers, str(len(self._body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": self._body})


def _error(body: bytes) -> str | None:
    """What `{"error": ...}` says; None for anything else, as what a door wrote itself."""
    try:
        said = json.loads(body)
    except ValueError:
        return None
    return str(said["error"]) if isinstance(said, dict) and "error" in said else None
