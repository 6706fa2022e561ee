"""A server on loopback whose answer never ends: a byte at a time, for as long as somebody listens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAUSE_SECONDS = 0.01


@contextmanager
def dripping() -> Iterator[str]:
    """Its URL."""
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def _drip(self) -> None:
            self.send_response(200)
            self.end_headers()
            while not stopped.wait(PAUSE_SECONDS):
                try:
                    self.wfile.write(b"#")
                except OSError:
                    return

        do_GET = do_POST = do_DELETE = _drip

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()
