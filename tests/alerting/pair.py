"""Two real Alertmanagers that gossip, burnline behind its real door, and a receiver between them that misbehaves."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import yaml
from sqlalchemy import select

from burnline.app.application import create_app
from burnline.app.wiring import App, build
from burnline.app.workers import Workers
from burnline.settings import Settings
from burnline.store.incidents import Episode
from burnline.store.schema import episode
from tests.app.serving import serving
from tests.flow.real import Program
from tests.programs import free_port, program

SERVICE = "apiVersion: burnline/v1\nservice: shop\nowner: shop-team\n"
PEER_TIMEOUT_SECONDS = 3
SLOW_SECONDS = PEER_TIMEOUT_SECONDS + 2
OK = "ok"


def now() -> datetime:
    return datetime.now(UTC)


def until(condition: Callable[[], object], what: str, *, within: float = 90.0) -> None:
    """Look until it holds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not {what} within {within:g} s"
        time.sleep(0.05)


class Door:
    """burnline, served on one port through several lives; its workers turn when a test says so.

    `services`: texts of service files; `database`: its URL, unless it is a file in `folder`.
    """

    def __init__(self, folder: Path, services: Sequence[str] = (SERVICE,), database: str = "") -> None:
        files = folder / "services"
        files.mkdir(parents=True, exist_ok=True)
        for n, text in enumerate(services):
            (files / f"{n}.yaml").write_text(text)
        self._port = free_port()
        self.base = f"http://127.0.0.1:{self._port}"
        self.url = f"{self.base}/v1/alerts"
        self.settings = Settings(services=files, database=database or f"sqlite:///{folder}/burnline.db")
        self._open = ExitStack()
        self.app: App

    def open(self) -> None:
        """Begin to serve."""
        self.app = build(self.settings)
        self.app._workers = Workers([], self.app.instruments)
        self._open.enter_context(serving(create_app(self.app), self._port))

    def close(self) -> None:
        """Serve no longer: connections are refused."""
        self._open.close()

    def episodes(self, kind: str) -> list[Episode]:
        """Every episode of the alerts of one kind, once the inbox is worked off."""
        self.app.alerts.run_once(now())
        with self.app.db.read() as tx:
            rows = [Episode(**row) for row in tx.execute(select(episode).order_by(episode.c.id)).mappings()]
        return [each for each in rows if each.labels.get("kind") == kind]

    def lives(self, kind: str) -> list[tuple[str, int]]:
        """The same, as state and deliveries."""
        return [(each.state, each.deliveries) for each in self.episodes(kind)]


@dataclass(frozen=True)
class Attempt:
    """One POST of one Alertmanager: which of the pair, when, and what it was answered."""

    sender: str
    at: float
    answer: str


class Scripted:
    """A receiver in front of the door: each POST to `/kind` gets the next answer of its script, then all go through.
    POSTed to `/`, the kind is that of the alert.

    Answers: a status such as `500`; `302`, to the door; `lost`, a redirect to a page; `hang`, none until the sender
    gives up; `slow`, through to the door at once but answered late; `ok`, through to the door.
    """

    def __init__(self, door: Door, scripts: Mapping[str, Iterable[str]]) -> None:
        self.attempts: dict[str, list[Attempt]] = defaultdict(list)
        self.gets: list[str] = []
        self._door, self._scripts = door, {kind: iter(script) for kind, script in scripts.items()}
        self._lock, self._over = threading.Lock(), threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Scripted:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def _next(self, kind: str, body: bytes) -> str:
        with self._lock:
            told = json.loads(body)
            kind, sender = kind or told["commonLabels"]["kind"], told["externalURL"]
            answer = next(self._scripts.get(kind, iter(())), OK)
            self.attempts[kind].append(Attempt(sender, time.monotonic(), answer))
            return answer

    def _forward(self, body: bytes) -> int:
        try:
            return httpx.post(self._door.url, content=body, timeout=10, trust_env=False).status_code
        except httpx.HTTPError:
            return 503

    def _answer(self, answer: str, body: bytes) -> tuple[int, dict[str, str]]:
        if answer == "hang":
            self._over.wait(60)
            return 503, {}
        if answer in ("302", "lost"):
            return 302, {"Location": self._door.url if answer == "302" else f"{self.url}/page"}
        if answer not in (OK, "slow"):
            return int(answer), {}
        status = self._forward(body)
        if answer == "slow":
            self._over.wait(SLOW_SECONDS)
        return status, {}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers = scripted._answer(scripted._next(self.path.strip("/"), body), body)
                self._send(status, headers)

            def do_GET(self) -> None:
                scripted.gets.append(self.path)
                self._send(200, {})

            def _send(self, status: int, headers: Mapping[str, str]) -> None:
                try:
                    self.send_response(status)
                    for name, value in {**headers, "Content-Length": "0"}.items():
                        self.send_header(name, value)
                    self.end_headers()
                except OSError:
                    """The sender has given up."""

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        return Handler


class Pair:
    """Two Alertmanagers with one configuration; the first to start has position 0 and sends first."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(dict(config)))
        self._ports = [(free_port(), free_port()) for _ in range(2)]
        self.members = [self._member(folder, n) for n in range(2)]
        self.urls = [member.url for member in self.members]

    def _member(self, folder: Path, n: int) -> Program:
        (web, gossip), (_, other) = self._ports[n], self._ports[1 - n]
        argv = [
            program("alertmanager"),
            f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/data-{n}",
            f"--web.listen-address=127.0.0.1:{web}",
            f"--web.external-url=http://127.0.0.1:{web}",
            f"--cluster.listen-address=127.0.0.1:{gossip}",
            f"--cluster.peer=127.0.0.1:{other}",
            f"--cluster.peer-timeout={PEER_TIMEOUT_SECONDS}s",
            "--cluster.gossip-interval=50ms",
            "--cluster.pushpull-interval=1s",
            "--cluster.reconnect-interval=1s",
        ]
        return Program(f"am-{n}", folder, argv, port=web, ready="/-/ready", env={})

    def start(self) -> None:
        """Both, the first first; returns when they have found each other and settled."""
        for member in self.members:
            member.start()
        until(self.settled, "settled")

    def settled(self) -> bool:
        """Whether each sees both and has stopped waiting for more."""
        clusters = [self.get(n, "/api/v2/status")["cluster"] for n in range(2)]
        return all(each["status"] == "ready" and len(each["peers"]) == 2 for each in clusters)

    def get(self, n: int, path: str) -> Any:
        """What one of them answers."""
        return httpx.get(self.urls[n] + path, timeout=5, trust_env=False).raise_for_status().json()

    def close(self) -> None:
        """Stop both."""
        for member in self.members:
            member.close()

    def send(self, labels: Mapping[str, str], *, ended: bool = False, to: Sequence[int] = (0, 1)) -> None:
        """As Prometheus does it: to every one of them."""
        alert: dict[str, object] = {"labels": dict(labels), "annotations": {"summary": "burning"}}
        if ended:
            alert["endsAt"] = now().isoformat()
        for n in to:
            httpx.post(f"{self.urls[n]}/api/v2/alerts", json=[alert], timeout=5, trust_env=False).raise_for_status()


def configuration(routes: Mapping[str, Sequence[Mapping[str, Any]]], *, receiver: str = "") -> dict[str, Any]:
    """Each kind of alert to its own webhooks; `receiver` is the name of all of them, else each has its kind's."""
    receivers = {receiver or kind: [dict(hook) for hook in hooks] for kind, hooks in routes.items()}
    return {
        "route": {
            "receiver": "nobody",
            "group_by": ["..."],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "1h",
            "routes": [{"matchers": [f'kind=~"{kind}"'], "receiver": receiver or kind} for kind in routes],
        },
        "receivers": [{"name": "nobody"}, *({"name": n, "webhook_configs": h} for n, h in receivers.items())],
    }


def hook(url: str, **more: Any) -> dict[str, Any]:
    """A webhook as burnline's generated configuration has it."""
    return {"url": url, "send_resolved": True, "max_alerts": 0, "http_config": {"follow_redirects": False}, **more}


def labels(kind: str, **more: str) -> dict[str, str]:
    """An alert of this kind."""
    return {"alertname": "Burn", "service": "shop", "kind": kind, "severity": "page", **more}


@contextmanager
def closing_all(*things: Any) -> Iterator[None]:
    """Close each, whatever happens."""
    with ExitStack() as stack:
        for thing in things:
            stack.callback(thing.close)
        yield
