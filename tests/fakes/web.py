"""Fakes that are asked over HTTP: a JSON server on loopback that a test gives its behaviour."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """One request as a fake sees it: `path` and `query` decoded, `headers` by lower-case name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


# A status and what becomes JSON, bytes as they are; None hangs up unanswered.
Answers = Callable[[Request], tuple[int, Any] | None]


@contextmanager
def serving(answers: Answers) -> Iterator[str]:
    """The URL of a server that answers as it is told, one request at a time."""
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = urlsplit(self.path)
            request = Request(
                self.command,
                unquote(parts.path),
                dict(parse_qsl(parts.query)),
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(content) if content else None,
            )
            with turn:
                answer = answers(request)
            if answer is None:
                return
            written = answer[1] if isinstance(answer[1], bytes) else json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def dripping(start: bytes, drop: bytes, *, seconds: float = 5.0) -> Iterator[str]:
    """The URL of a server that answers with `start` and then, for so long, a `drop` every hundredth of a second."""
    over = threading.Event()
    door = socket.create_server(("127.0.0.1", 0))

    def drip(caller: socket.socket) -> None:
        with closing(caller), suppress(OSError):
            caller.recv(65536)
            caller.sendall(start)
            for _ in range(int(seconds * 100)):
                if over.wait(0.01):
                    return
                caller.sendall(drop)

    def answer() -> None:
        with suppress(OSError):  # the door was shut
            while not over.is_set():
                drip(door.accept()[0])

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
    finally:
        over.set()
        door.shutdown(socket.SHUT_RDWR)
        thread.join()
        door.close()
