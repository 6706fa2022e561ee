"""The loop for real: burnline as a process, a service with traffic, and where a test asks for it Prometheus and
Alertmanager; time is the clock's.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from burnline.alerting.config import render_alertmanager
from burnline.slo.compiler.rules import render_rules
from burnline.spec.load import load_services
from tests.flow.world import RATE, Pager, Service, write_files
from tests.programs import Process, free_port, program, running
from tests.warm import running_burnline

TRAFFIC_SECONDS = 0.5  # between two bursts of RATE requests
PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{folder}/rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["{alertmanager}"]}}]}}]}}
scrape_configs:
  - {{job_name: scoring, static_configs: [{{targets: ["{service}"]}}]}}
  - {{job_name: burnline, static_configs: [{{targets: ["{burnline}"]}}]}}
"""


class LiveService(Service):
    """A service whose registry others read while it is written."""

    def _write(self, content: dict[str, Any], *change: Any) -> None:
        live, self.registry = self.registry, self.registry.with_suffix(".new")
        super()._write(content, *change)
        self.registry = self.registry.replace(live)


class Program:
    """A process on a loopback port that a test starts, kills and starts again; it has all its logs."""

    def __init__(
        self, name: str, folder: Path, argv: list[str], *, port: int, ready: str, env: Mapping[str, str]
    ) -> None:
        self.place = f"127.0.0.1:{port}"
        self.url = f"http://{self.place}"
        self._name, self._folder, self._argv, self._ready, self._env = name, folder, argv, ready, env
        self._started = ExitStack()
        self.logs: list[Path] = []

    def start(self) -> None:
        """Start it; returns when it serves."""
        self.logs.append(self._folder / f"{self._name}-{len(self.logs)}.log")
        self.process: Process = self._started.enter_context(self._running(self.logs[-1]))

    def kill(self) -> None:
        """kill -9: nothing is written on the way out."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Stop it if it runs."""
        self._started.close()

    def _running(self, log: Path) -> AbstractContextManager[Process]:
        return running(self._argv, log=log, url=self.url + self._ready, env=self._env)

    def log(self) -> str:
        """What all its lives wrote."""
        return "".join(log.read_text(errors="replace") for log in self.logs)


class Burnline(Program):
    """`burnline` with these arguments."""

    def _running(self, log: Path) -> AbstractContextManager[Process]:
        return running_burnline(*self._argv, log=log, url=self.url + self._ready, env=self._env)


class Live:
    """What a test sees and does: the service and its traffic, burnline, and the programs beside it."""

    def __init__(self, service: LiveService, pager: Pager, burnline: Program, database: Path) -> None:
        self.service, self.pager, self.burnline, self.database = service, pager, burnline, database
        self.prometheus: Program | None = None
        self.alertmanager: Program | None = None
        self.acknowledged = self.sent = 0  # prediction events
        self._client = httpx.Client(base_url=burnline.url, timeout=10, trust_env=False)
        self._stop = threading.Event()
        self._traffic = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Live:
        self._traffic.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hush()
        self._client.close()

    def hush(self) -> None:
        """End the traffic."""
        self._stop.set()
        self._traffic.join()

    def get(self, path: str) -> Any:
        """What burnline's API says; None while it does not answer."""
        try:
            return self._client.get(path).raise_for_status().json()
        except httpx.HTTPError:
            return None

    def post(self, path: str, body: Any) -> httpx.Response | None:
        """burnline's answer; None when there was none."""
        try:
            return self._client.post(path, json=body)
        except httpx.HTTPError:
            return None

    def rows(self, query: str) -> list[Any]:
        """What burnline's database holds, asked beside burnline: also while it is dead."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()

    def states(self) -> dict[str, str]:
        """Each SLO's state."""
        service = self.get("/v1/services/scoring")
        return {slo["name"]: slo["state"] for slo in service["slos"]} if service else {}

    def incident(self) -> dict[str, Any]:
        """The one incident, empty before it is there."""
        lines = self.get("/v1/incidents") or []
        assert len(lines) <= 1, lines
        return self.get(f"/v1/incidents/{lines[0]['id']}") or {} if lines else {}

    def run(self) -> dict[str, Any]:
        """The incident's one run, empty before it is there."""
        runs = self.incident().get("runs", [])
        assert len(runs) <= 1, runs
        return dict(runs[0]) if runs else {}

    def step(self, name: str) -> str:
        """The state of the run's newest step of this name."""
        return next((step["state"] for step in reversed(self.run().get("steps", ())) if step["name"] == name), "")

    def until(self, condition: Callable[[], object], what: str, *, within: float = 120.0) -> None:
        """Look until it holds; fails with the whole story when it does not in time."""
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, f"not {what} within {within:g} s\n{self.story()}"
            time.sleep(0.05)

    def story(self) -> str:
        """Everything on record, and the end of burnline's log, for reading when a test fails."""
        entries = (
            f"{entry['at']} {entry['source']} {entry['type']}: {entry['text']}"
            for entry in self.incident().get("entries", ())
        )
        return "\n".join([str(self.states()), *entries, *self.burnline.log().splitlines()[-20:]])

    def _serve(self) -> None:
        while not self._stop.wait(TRAFFIC_SECONDS):
            self.service.serve(failing=1.0 if self.service.version in self.service.bad_versions else 0.0)
            self.sent += RATE
            answer = self.post("/v1/predictions", self.service.events())
            if answer is not None and answer.is_success:
                self.acknowledged += RATE


@contextmanager
def live(
    folder: Path,
    *,
    approval: str = "none",
    timing: str = "{settle: 3s, window: 2s}",
    hook: str = "",
    prometheus: bool = False,
    cold: bool = False,
) -> Iterator[Live]:
    """A live service watched by a real burnline; with `prometheus`, the compiled rules decide.

    `hook` takes the place of the alias hook, in YAML's flow style; `cold` is an interpreter of burnline's own.
    """
    service = LiveService(folder)
    with ExitStack() as stack:
        pager = Pager(service)
        stack.callback(pager.close)
        file = write_files(folder, pager.url, approval=approval, params=timing)
        if hook:
            file.write_text(re.sub(r"hook: .*", f"hook: {hook}", file.read_text()))
        at_prometheus = free_port()
        burnline = burnline_up(folder, f"http://127.0.0.1:{at_prometheus}" if prometheus else "", cold=cold)
        stack.callback(burnline.close)
        burnline.start()
        scene = stack.enter_context(Live(service, pager, burnline, folder / "burnline.db"))
        if prometheus:
            scene.alertmanager = _alertmanager(folder, burnline)
            stack.callback(scene.alertmanager.close)
            scene.alertmanager.start()
            scene.prometheus = _prometheus(folder, at_prometheus, scene)
            stack.callback(scene.prometheus.close)
            scene.prometheus.start()
        yield scene


def burnline_up(folder: Path, prometheus_url: str = "", *, cold: bool = False) -> Program:
    """`burnline up` for the service file and the database in `folder`."""
    port = free_port()
    argv = ["up", f"{folder}/scoring.yaml", "--port", str(port), "--database", f"sqlite:///{folder}/burnline.db"]
    env = {"BURNLINE_PROMETHEUS_URL": prometheus_url, "BURNLINE_LEASE_SECONDS": "2"}
    kind, start = (Program, [sys.executable, "-m", "burnline"]) if cold else (Burnline, [])
    return kind("burnline", folder, [*start, *argv], port=port, ready="/readyz", env=env)


def _alertmanager(folder: Path, burnline: Program) -> Program:
    specs, port = load_services(folder / "scoring.yaml"), free_port()
    (folder / "alertmanager.yml").write_text(render_alertmanager(specs, f"{burnline.url}/v1/alerts"))
    argv = [
        program("alertmanager"),
        f"--config.file={folder}/alertmanager.yml",
        f"--storage.path={folder}/alertmanager",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    return Program("alertmanager", folder, argv, port=port, ready="/-/ready", env={})


def _prometheus(folder: Path, port: int, scene: Live) -> Program:
    assert scene.alertmanager is not None
    (folder / "rules.yml").write_text(render_rules(load_services(folder / "scoring.yaml")))
    service = scene.pager.url.removeprefix("http://")
    places = {"alertmanager": scene.alertmanager.place, "service": service, "burnline": scene.burnline.place}
    (folder / "prometheus.yml").write_text(PROMETHEUS.format(folder=folder, **places))
    argv = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/prometheus",
        f"--web.listen-address=127.0.0.1:{port}",
        "--rules.alert.resend-delay=3s",  # an Alertmanager that starts anew knows nothing until then
    ]
    return Program("prometheus", folder, argv, port=port, ready="/-/ready", env={})


def alert_body(labels: Mapping[str, str], fingerprint: str, starts_at: str, *, ended_at: str = "") -> dict[str, Any]:
    """One webhook of Alertmanager with one alert."""
    status = "resolved" if ended_at else "firing"
    alert = {"status": status, "labels": dict(labels), "fingerprint": fingerprint, "startsAt": starts_at}
    return {"version": "4", "alerts": [{**alert, **({"endsAt": ended_at} if ended_at else {})}]}
