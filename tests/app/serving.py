"""Serves an ASGI application on a free loopback port, in a thread, for as long as a test needs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from burnline.app.server import listen, make_server
from burnline.settings import Settings
from tests.programs import free_port


@contextmanager
def serving(app: FastAPI, port: int | None = None) -> Iterator[str]:
    """The base URL of `app` while it is served."""
    port = port or free_port()
    server = app.state.server = make_server(app)
    thread = threading.Thread(target=server.run, args=([listen(Settings(port=port))],), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server stopped while it started"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)
