"""The event stream: tells open pages that something they show has changed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from datetime import datetime

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from burnline.app.wiring import App
from burnline.errors import StoreError
from burnline.store import timeline
from burnline.store.guards import newest_turn_id

CHECK_SECONDS = 1.0
LOOK_SECONDS = 0.4  # how soon a stream ends when the server stops
HEARTBEAT_SECONDS = 15.0
REFRESH_SECONDS = 30  # a page is as fresh as this even where nothing tells of a change


class Pulse:
    """A short text that changes whenever what pages show may have; looked up once a second, however many watch."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._text = ""
        self._until = 0.0

    @property
    def fresh(self) -> str:
        """The text if it is new enough, without waiting for anything; otherwise empty."""
        return self._text if time.monotonic() < self._until else ""

    def read(self) -> str:
        """The text, no older than a second. Raises: StoreError."""
        with self._lock:
            if not self.fresh:
                self._text = self._look(self._app.clock())
                self._until = time.monotonic() + CHECK_SECONDS
            return self._text

    def _look(self, now: datetime) -> str:
        with self._app.db.read() as tx:
            entry, turn = timeline.newest_id(tx), newest_turn_id(tx)
        evaluated = max((status.at.timestamp() for status in self._app.engine.statuses()), default=0)
        return f"{entry}-{turn}-{evaluated:.0f}-{now.timestamp() // REFRESH_SECONDS:.0f}"


async def ticks(request: Request, pulse: Pulse) -> AsyncIterator[str]:
    """A `tick` for every change since the one the browser saw last; ends when it leaves, or the server stops."""
    seen = request.headers.get("last-event-id") or request.query_params.get("seen", "")
    quiet = 0.0
    yield "retry: 1000\n\n"
    while not _stopping(request) and not await request.is_disconnected():
        try:
            text = pulse.fresh or await run_in_threadpool(pulse.read)
        except StoreError:
            return  # the browser comes back by itself
        quiet += LOOK_SECONDS
        if text != seen:
            seen, quiet = text, 0.0
            yield f"id: {text}\nevent: tick\ndata: {text}\n\n"
        elif quiet >= HEARTBEAT_SECONDS:
            quiet = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(LOOK_SECONDS)


def _stopping(request: Request) -> bool:
    server = getattr(request.app.state, "server", None)
    return bool(server and server.should_exit)
