"""A serving engine that is only its /metrics page: counters and histograms grow from scrape to scrape."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?P<labels>\{.*\})? (?P<value>\S+)")
_SUFFIX = re.compile(r"_(?:bucket|sum|count)$")


class Engine:
    """Its page, at first as `text`: what it counts has grown by a hundredth of that with each of the next scrapes.

    Where `authorization` is not empty it lets in nobody whose header is another.
    """

    def __init__(self, text: str, authorization: str = "") -> None:
        self.text = text
        self.authorization = authorization
        self.turns = -1  # none yet
        self.url = ""
        self._kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))

    def page(self) -> str:
        """The page now; being asked for it is a scrape."""
        self.turns += 1
        return "\n".join(map(self._line, self.text.split("\n")))

    def _line(self, line: str) -> str:
        sample = _SAMPLE.fullmatch(line)
        if not sample or not self._counts(sample["name"]):
            return line
        grown = float(sample["value"]) * (1 + self.turns / 100)
        return f"{sample['name']}{sample['labels'] or ''} {grown!r}"

    def _counts(self, name: str) -> bool:
        if name == "requests_total":  # Weaviate counts its requests in a gauge
            return True
        return self._kinds.get(name) == "counter" or self._kinds.get(_SUFFIX.sub("", name)) == "histogram"


@contextmanager
def serving_page(text: str, *, authorization: str = "", pem: Path | None = None) -> Iterator[Engine]:
    """The engine on loopback, whatever path is asked for; with a key and certificate by TLS."""
    engine = Engine(text, authorization)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if engine.authorization and self.headers.get("Authorization") != engine.authorization:
                self.send_error(401)
                return
            body = engine.page().encode("utf-8", "surrogateescape")
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if pem is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    engine.url = f"{'https' if pem else 'http'}://127.0.0.1:{server.server_port}/metrics"
    try:
        yield engine
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
