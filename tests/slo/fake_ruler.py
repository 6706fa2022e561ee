"""A ruler on loopback that keeps rule groups as Mimir does, or answers what a test tells it to."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

PREFIX = "/prometheus/config/v1/rules"

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class FakeRuler:
    """Keeps groups by tenant, namespace and name; `answers` come first, by method, then those of a real ruler."""

    url: str = ""
    prefix: str = PREFIX
    groups: dict[tuple[str, str], dict[str, dict[str, Any]]] = field(default_factory=dict)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    refuse: dict[str, Answer] = field(default_factory=dict)  # by group name
    received: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def names(self, namespace: str = "burnline", tenant: str = "") -> list[str]:
        return sorted(self.groups.get((tenant, namespace), {}))

    def requests(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.received]

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.received.append((method, path, headers))
        if self.answers.get(method):
            return self.answers[method].pop(0)
        if not path.startswith(self.prefix + "/"):
            return 404, {"Content-Type": "text/html"}, b"<html>no such page</html>"
        namespace, _, group = path.removeprefix(self.prefix + "/").partition("/")
        if "/" in group:
            return 404, {}, b"page not found: a slash in a name must be %2F"
        there = self.groups.setdefault((headers.get("x-scope-orgid", ""), unquote(namespace)), {})
        return self._do(method, there, unquote(namespace), unquote(group), body)

    def _do(self, method: str, there: dict[str, Any], namespace: str, group: str, body: bytes) -> Answer:
        if method == "GET":
            return (
                (200, {}, yaml.dump({namespace: list(there.values())}, Dumper=yaml.CSafeDumper).encode())
                if there
                else _none()
            )
        if method == "DELETE":
            return (202, {}, b"") if there.pop(group, None) else _none()
        try:
            sent = yaml.load(body, yaml.CSafeLoader)
            name = sent["name"]
        except (yaml.YAMLError, TypeError, KeyError) as error:
            return 400, {}, f"unable to decode rule group: {error}".encode()
        if name in self.refuse:
            return self.refuse[name]
        there[name] = _in_its_own_words(sent)
        return 202, {}, b'{"status":"success"}'


def _none() -> Answer:
    return 404, {}, b"no rule groups found"


def _in_its_own_words(group: dict[str, Any]) -> dict[str, Any]:
    """As a ruler gives groups back: keys in another order, defaults filled in, durations in its own way."""
    interval = "60s" if group.get("interval") == "1m" else group.get("interval")
    return {"source_tenants": [], "limit": 0, "interval": interval, "name": group["name"], "rules": group["rules"]}


@contextmanager
def fake_ruler(certificate: Path | None = None) -> Iterator[FakeRuler]:
    """A ruler for the length of a test; with a `certificate` (key and all, in PEM) over TLS."""
    ruler = FakeRuler()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, extra, said = ruler.answer(self.command, self.path, headers, body)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(said)), **extra}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_DELETE = _answer

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ruler.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_address[1]}"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield ruler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
