"""A small world for whole-loop tests: a service whose traffic the test decides, and burnline's own parts around it.

The service is a loopback page and prediction events; time is an argument, so minutes pass in milliseconds.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from burnline.app.incident_views import IncidentView, incident
from burnline.app.wiring import App, build
from burnline.collectors.predictions.door import accept_predictions
from burnline.collectors.predictions.events import Sent
from burnline.detectors.profile import Reference, save_reference
from burnline.detectors.profiling.build import build_profile
from burnline.events import SloStatus
from burnline.settings import Settings
from burnline.store import incidents

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RATE = 80  # requests a second
SERVICE_FILE = """
apiVersion: burnline/v1
service: scoring
owner: scoring-ml
escalation:
  page: ["webhook:{pager}/page"]
collect:
  - {{url: "{page}/metrics", interval: 1s}}
model:
  name: scoring
  version: {{from: label, label: model_version}}
  reference: {folder}/reference.json
signals:
  drift: {{window: 10s, min_events: 300}}
slos:
  - {{name: availability, objective: 99%, window: 12h, min_events: 50,
     sli: {{ratio: {{bad: 'http_requests_total{{status=~"5.."}}', total: http_requests_total}}}}}}
  - {{name: latency, objective: 95%, window: 12h, min_events: 50,
     sli: {{latency: {{histogram: http_request_duration_seconds, below: 250ms}}}}}}
  - {{name: quality, objective: 95%, window: 12h, min_events: 50, sli: {{signal: drift}}}}
release:
  hook: {{alias: {{file: {folder}/registry.json, alias: champion}}}}
runbooks:
  - {{on: {{slo: availability, severity: page}}, run: bad-release, approval: {approval}{params}}}
"""


class Service:
    """The watched service: counters that grow as the test says, a registry, and the model behind both."""

    def __init__(self, folder: Path) -> None:
        self.registry = folder / "registry.json"
        self.answered = {"200": 0, "503": 0}
        self.fast = self.slow = 0
        self.random = np.random.default_rng(1)
        self.bad_versions = {"2"}
        self._write({"aliases": {"champion": "1"}, "versions": {"1": {}, "2": {}}, "history": []}, None, "1", START)

    @property
    def version(self) -> str:
        """What the alias names now."""
        return str(json.loads(self.registry.read_text())["aliases"]["champion"])

    @property
    def history(self) -> list[dict[str, Any]]:
        """Every change of the alias."""
        history: list[dict[str, Any]] = json.loads(self.registry.read_text())["history"]
        return history

    def release(self, version: str, now: datetime) -> None:
        """What a deployment pipeline does."""
        content = json.loads(self.registry.read_text())
        self._write(content, content["aliases"]["champion"], version, now)

    def serve(self, failing: float | None = None) -> None:
        """One second of traffic; a bad version fails two in five and is slow."""
        bad = self.version in self.bad_versions
        failed = round(RATE * (failing if failing is not None else 0.4 * bad))
        self.answered["503"] += failed
        self.answered["200"] += RATE - failed
        self.slow += RATE if bad else 0
        self.fast += 0 if bad else RATE

    def events(self) -> dict[str, Any]:
        """What the model saw in that second; a bad version sees its first feature in the wrong unit."""
        scale = 10.0 if self.version in self.bad_versions else 1.0
        columns = {
            "length": (self.random.normal(20, 3, RATE) * scale).tolist(),
            "weight": self.random.normal(70, 9, RATE).tolist(),
        }
        return {"service": "scoring", "version": self.version, "columns": columns, "prediction": [1.0] * RATE}

    def page(self) -> str:
        """The Prometheus page; a status never seen has no series yet."""
        lines = ["# TYPE http_requests counter"]
        lines += [f'http_requests_total{{status="{status}"}} {n}' for status, n in self.answered.items() if n]
        lines.append("# TYPE http_request_duration_seconds histogram")
        total = self.fast + self.slow
        buckets = (("0.25", self.fast), ("0.5", total), ("+Inf", total))
        lines += [f'http_request_duration_seconds_bucket{{le="{le}"}} {n}' for le, n in buckets]
        lines += [f"http_request_duration_seconds_count {total}", "# TYPE model_info gauge"]
        lines.append(f'model_info{{model_version="{self.version}"}} 1')
        return "\n".join(lines) + "\n"

    def _write(self, content: dict[str, Any], before: str | None, after: str, now: datetime) -> None:
        content["aliases"]["champion"] = after
        at = now.isoformat().replace("+00:00", "Z")
        content["history"].append({"alias": "champion", "from": before, "to": after, "at": at, "by": "pipeline"})
        self.registry.write_text(json.dumps(content))


class Pager:
    """A loopback server: serves the service's page, keeps what is posted to it."""

    def __init__(self, service: Service) -> None:
        pager = self
        self.received: list[dict[str, Any]] = []
        self.up = True

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(service.page().encode() if pager.up else None)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                pager.received.append({"path": self.path, **json.loads(body)})
                self._answer(b"{}")

            def log_message(self, *_: object) -> None:
                pass

            def _answer(self, body: bytes | None) -> None:
                self.send_response(200 if body is not None else 500)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.send_header("content-length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class World:
    """The service, burnline's parts, and the time, which passes second by second."""

    def __init__(self, service: Service, pager: Pager, app: App) -> None:
        self.service, self.pager, self.app = service, pager, app
        self.now = START
        app.clock = lambda: self.now

    def live(self, seconds: float, *, failing: float | None = None, traffic: bool = True) -> None:
        """Let so many seconds pass: traffic, then one turn of every worker."""
        for _ in range(round(seconds)):
            self.now += SECOND
            if traffic:
                self.service.serve(failing)
                self._send(self.service.events())
            self.app.collect(self.now)
            self.app.detectors.run_once(self.now)
            self.app.evaluate(self.now)
            self.app.alerts.run_once(self.now)
            for executor in self.app.executors[:1]:
                executor.run_once(self.now)

    def status(self, slo: str) -> SloStatus:
        """One SLO as the engine sees it."""
        return next(status for status in self.app.statuses(self.now) if status.slo == slo)

    def incidents(self) -> list[IncidentView]:
        """Every incident, oldest first."""
        with self.app.db.read() as tx:
            found = incidents.list_incidents(tx)
        views = [incident(self.app.db, one.id) for one in reversed(found)]
        return [view for view in views if view]

    def story(self) -> str:
        """All records, as one text for assertions and for reading when one fails."""
        return "\n".join(
            f"{(entry.at - START).total_seconds():6.1f}s {entry.source} {entry.type}: {entry.text}"
            for view in self.incidents()
            for entry in view.entries
        )

    def _send(self, batch: dict[str, Any]) -> None:
        accept_predictions(
            self.app.db,
            Sent(json.dumps(batch).encode()),
            now=self.now,
            known=self.app.event_rules,
            limit_bytes=10**6,
        )


@cache
def _reference() -> Reference:
    random = np.random.default_rng(0)
    columns = {"length": random.normal(20, 3, 20_000).tolist(), "weight": random.normal(70, 9, 20_000).tolist()}
    return build_profile(columns, [1.0] * 20_000, name="scoring")


def write_files(folder: Path, url: str, *, approval: str = "none", params: str = "") -> Path:
    """The service file, which it returns, and its reference; the service and its pager are at `url`."""
    save_reference(_reference(), folder / "reference.json")
    more = f", params: {params}" if params else ""
    file = folder / "scoring.yaml"
    file.write_text(SERVICE_FILE.format(page=url, pager=url, folder=folder, approval=approval, params=more))
    return file


@contextmanager
def world(folder: Path, *, approval: str = "none", params: str = "") -> Iterator[World]:
    """A fresh world in `folder`; `params` are the binding's, in YAML's flow style."""
    service = Service(folder)
    pager = Pager(service)
    file = write_files(folder, pager.url, approval=approval, params=params)
    app = build(Settings(database=f"sqlite:///{folder}/burnline.db", services=file))
    try:
        yield World(service, pager, app)
    finally:
        app.stop()
        pager.close()
