"""ASGI middleware: times requests, counts errors, and gives predictions the trace that they belong to."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from burnline.client.client import Client
from burnline.client.tally import Tally
from burnline.client.trace import CURRENT, Trace, read_parent

log = logging.getLogger("burnline.client")
METRICS = "/v1/metrics"
SAID_EVERY_SECONDS = 60.0
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Requests:
    """Wraps an ASGI application, as in `app.add_middleware(Requests, client=client)`.

    The application's answers and errors are its own: nothing here raises, waits, or reads a body. What was counted is
    sent by a thread of its own.

    Args:
        client: whose service, address and token these are.
        every_seconds: how often what was counted is sent.
        ids: a prediction without an id gets its request's trace id, so that labels and traces find it.
    """

    def __init__(self, app: Application, client: Client, *, every_seconds: float = 10.0, ids: bool = True) -> None:
        self._app, self._client = app, client
        self._every, self._ids = every_seconds, ids
        self._said_at = -SAID_EVERY_SECONDS
        self._lock = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        """What belongs to one process: a fork counts its own."""
        self._pid = os.getpid()
        self._tally = Tally(uuid.uuid4().hex)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._timed(scope, receive, send)
            return
        await self._app(scope, receive, send)
        if scope["type"] == "lifespan":
            await asyncio.to_thread(self.close)

    async def _timed(self, scope: Scope, receive: Receive, send: Send) -> None:
        trace = _trace_of(scope)
        status = 500  # of an application that raises, its server answers this

        async def note(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message.get("type") == "http.response.start":
                status = message.get("status", status)
            await send(message)

        begun = time.perf_counter()
        token = CURRENT.set(trace if self._ids else None)
        try:
            await self._app(scope, receive, note)
        except Exception:
            self._count(scope, 500, begun, trace)
            raise
        else:
            self._count(scope, status, begun, trace)
        finally:
            CURRENT.reset(token)

    def _count(self, scope: Scope, status: int, begun: float, trace: Trace | None) -> None:
        try:
            if self._pid != os.getpid():
                self._begin()
            route = str(getattr(scope.get("route"), "path", "") or "")  # never the path itself: there is no end of them
            self._tally.add((str(scope.get("method", "")), route, int(status)), time.perf_counter() - begun, trace)
            if self._thread is None:
                self._start()
        except Exception as error:  # noqa: BLE001 - whatever it is, the request was answered
            self._say(f"a request was not counted: {error}")

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._ended.is_set():
                self._thread = threading.Thread(target=self._work, name="burnline-requests", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while not self._ended.wait(self._every):
            self.send()
        self.send()

    def send(self) -> bool:
        """Send what was counted, now; whether burnline took it. What it does not take goes with the next sending."""
        try:
            return self._post(json.dumps(self._tally.as_otlp(self._client.service, self._client.version)).encode())
        except Exception as error:  # noqa: BLE001 - the thread must live; the next sending has it all
            self._say(f"{type(error).__name__}: {error}")
            return False

    def _post(self, body: bytes) -> bool:
        with self._client.http() as http:
            answer = http.post(METRICS, content=body, headers={"Content-Type": "application/json"})
        if not answer.is_success:
            self._say(f"{answer.status_code} {answer.text[:300]}")
        return answer.is_success

    def close(self, seconds: float = 2.0) -> None:
        """Send what is left, and wait for that no longer than `seconds`."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _say(self, reason: str) -> None:
        if time.monotonic() - self._said_at >= SAID_EVERY_SECONDS:
            self._said_at = time.monotonic()
            log.warning("burnline did not take what was counted of requests: %s", reason)


def _trace_of(scope: Scope) -> Trace | None:
    for name, value in scope.get("headers", ()):
        if name == b"traceparent":
            return read_parent(value.decode("latin-1"))
    return None
