"""The HTTP server process: uvicorn, with the deadlines it lacks."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from burnline.errors import BurnlineError
from burnline.settings import Settings

HEADER_SECONDS = 10.0


class DeadlineProtocol(HttpToolsProtocol):
    """Closes a connection that does not finish its request headers in time.

    uvicorn has no such deadline (issue 157 there), so a few hundred half-open connections would be held for ever;
    the body has its own deadline where it is read.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEADER_SECONDS, transport.close)

    def on_headers_complete(self) -> None:
        self._disarm()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing():
            self._disarm()
            self._deadline = self.loop.call_later(HEADER_SECONDS, self._close_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def _close_if_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _disarm(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None


class Server(uvicorn.Server):
    """A uvicorn server whose owner decides about signals."""


def make_server(app: FastAPI, settings: Settings, **options: Any) -> Server:
    """A server for `app`, ready for `.run()`.

    Raises: BurnlineError when it would listen beyond this host without a token.
    """
    if not _is_loopback(settings.host) and not settings.token:
        raise BurnlineError(
            f"BURNLINE_HOST={settings.host} is reachable from other hosts: set BURNLINE_TOKEN, or listen on 127.0.0.1"
        )
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=DeadlineProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=int(HEADER_SECONDS),
        timeout_graceful_shutdown=5,
        **options,
    )
    return Server(config)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
