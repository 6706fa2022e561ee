"""`burnline demo`: a real model service, a bad release, and burnline taking it back, with nothing simulated.

Three processes run beside this one: the model server and the load generator of `examples/screening`, and
`burnline up`. This one only releases, watches through the HTTP API, and adds up what happened.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from burnline.app.commands import status_table
from burnline.detectors.profile import profile_csv, save_reference
from burnline.errors import BurnlineError
from burnline.slo.burn import detection_time
from burnline.slo.windows import tiers
from burnline.spec.load import load_service
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
SERVICE = "tumour-screening"
HEALTHY_SECONDS = 20  # of watched, healthy traffic before the bad release
RATE = 80  # requests a second
START_SECONDS, DETECT_SECONDS, RECOVER_SECONDS = 60, 90, 90


@dataclass
class Story:
    """What happened when; None is: not (yet)."""

    released: datetime | None = None
    paged: datetime | None = None
    drifted: datetime | None = None
    rolled_back: datetime | None = None
    verified: datetime | None = None
    closed: datetime | None = None
    serving: str = ""
    outcome: str = ""
    bad_share: float = 0.0
    budget_before: float | None = None
    budget_after: float | None = None
    incidents: int = 0
    told: set[str] = field(default_factory=set)

    @property
    def complete(self) -> bool:
        """All of it happened, and the server really serves the old version again."""
        moments = (self.released, self.paged, self.drifted, self.rolled_back, self.verified, self.closed)
        return all(moments) and self.outcome == "recovered" and self.serving == "1"


class Demo:
    """The demo's folder, its processes, and what it sees through the API."""

    def __init__(self, folder: Path, *, port: int, model_port: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.model_url = f"http://127.0.0.1:{model_port}"
        self.port, self.model_port = port, model_port
        self.console = Console(highlight=False)
        self.client = httpx.Client(timeout=5)
        self.story = Story()
        self.start = time.monotonic()

    def say(self, text: str) -> None:
        """One line of the story, with the seconds since the start."""
        self.console.print(f"[dim]{time.monotonic() - self.start:6.1f}s[/]  {text}")

    def prepare(self) -> ServiceSpec:
        """Make the folder anew: registry, training table, reference, service file."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.say("training the model on the breast cancer data that ships with scikit-learn")
        made = subprocess.run(
            [sys.executable, "-m", "screening.prepare", str(self.folder)],
            env=self._environment(), check=True, capture_output=True, text=True,
        )  # fmt: skip
        self.say(made.stdout.strip())
        reference = profile_csv(
            self.folder / "training.csv", name=SERVICE, prediction="prediction", confidence="confidence"
        )
        save_reference(reference, self.folder / "reference.json")
        written = (EXAMPLES / "services" / f"{SERVICE}.yaml").read_text()
        for before, after in (
            ("http://127.0.0.1:8601", self.model_url),
            ("../screening/reference.json", str(self.folder / "reference.json")),
            ("../screening/registry", str(self.folder / "registry")),
        ):
            written = written.replace(before, after)
        (self.folder / f"{SERVICE}.yaml").write_text(written)
        return load_service(self.folder / f"{SERVICE}.yaml")

    def processes(self) -> Iterator[tuple[str, list[str]]]:
        """What runs beside this process."""
        registry = str(self.folder / "registry" / "registry.json")
        database = f"sqlite:///{self.folder}/burnline.db"
        service = str(self.folder / f"{SERVICE}.yaml")
        events = f"{self.url}/v1/predictions"
        predict = f"{self.model_url}/predict"
        yield "burnline", ["-m", "burnline", "up", service, "--port", str(self.port), "--database", database]
        port = str(self.model_port)
        yield "server", ["-m", "screening.server", "--port", port, "--registry", registry, "--events", events]
        yield "load", ["-m", "screening.load", "--url", predict, "--rate", str(RATE)]

    @contextmanager
    def process(self, name: str, arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
        """Run one, its output into the folder; stopped by TERM, then KILL."""
        with (self.folder / f"{name}.log").open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, *arguments], env=self._environment(), stdout=log, stderr=subprocess.STDOUT
            )
            try:
                yield child
            finally:
                child.terminate()
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()

    def get(self, path: str) -> Any:
        """Ask burnline; None while it does not answer."""
        try:
            answer = self.client.get(f"{self.url}{path}")
            return answer.json() if answer.is_success else None
        except httpx.HTTPError:
            return None

    def slo(self, name: str) -> dict[str, Any] | None:
        """One SLO as burnline sees it now."""
        service = self.get(f"/v1/services/{SERVICE}") or {"slos": []}
        return next((slo for slo in service["slos"] if slo["name"] == name), None)

    def healthy(self) -> bool:
        """Every SLO has data and keeps its promise."""
        service = self.get(f"/v1/services/{SERVICE}")
        return bool(service) and all(slo["state"] == "ok" for slo in service["slos"])

    def release(self, version: str) -> None:
        """What a deployment pipeline does: point the alias at the new version."""
        subprocess.run(
            [sys.executable, "-m", "screening.registry", str(self.folder / "registry"), "champion", version],
            env=self._environment(), check=True,
        )  # fmt: skip

    def observe(self) -> None:
        """Read what burnline says and note what is new."""
        for summary in reversed(self.get("/v1/incidents") or []):
            incident = self.get(f"/v1/incidents/{summary['id']}")
            if incident:
                self._note(incident)
        self._note_drift()
        self._note_rollback()

    def _note(self, incident: dict[str, Any]) -> None:
        story = self.story
        story.incidents = max(story.incidents, incident["id"])
        for entry in incident["entries"]:
            if "page-" in entry["text"] and entry["type"] == "episode_opened":
                story.paged = story.paged or _moment(entry["at"])
            key = f"{incident['id']} {entry['at']} {entry['text']}"
            if key not in story.told and entry["type"] != "step_started":
                story.told.add(key)
                self.say(f"[bold]{entry['source']}[/]  {escape(entry['text'])}")
        for run in incident["runs"]:
            if run["outcome"] and not story.verified:
                story.outcome = run["outcome"]
                story.verified = _moment(run["finished_at"]) if run["outcome"] == "recovered" else None
        if incident["state"] == "closed":
            story.closed = story.closed or _moment(incident["closed_at"])

    def _note_drift(self) -> None:
        service = self.get(f"/v1/services/{SERVICE}") or {"signals": []}
        for signal in service["signals"]:
            if signal["name"] == "drift" and signal["verdict"] == "alarm" and not self.story.drifted:
                self.story.drifted = _moment(signal["at"])
                self.say(f"[bold]drift[/]  {escape(signal['reason'])}")

    def _note_rollback(self) -> None:
        registry = json.loads((self.folder / "registry/registry.json").read_text())
        last = registry["history"][-1]
        if self.story.released and last["to"] == "1" and len(registry["history"]) > 2:
            self.story.rolled_back = _moment(last["at"])
        try:
            page = self.client.get(f"{self.model_url}/metrics").text
        except httpx.HTTPError:
            return
        samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
        serving = [s.labels["model_version"] for s in samples if s.name == "model_info" and s.value == 1]
        self.story.serving = serving[0] if serving else ""
        answered = [s for s in samples if s.name == "http_requests_total" and s.labels["model_version"] == "2"]
        failed = sum(s.value for s in answered if s.labels["status"].startswith("5"))
        self.story.bad_share = failed / total if (total := sum(s.value for s in answered)) else 0.0

    def picture(self) -> Group:
        """The live table under the story."""
        services = self.get("/v1/services") or []
        return Group("", status_table(services), f"\n  {self.url}  shows the same with charts")

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(EXAMPLES), "PYTHONUNBUFFERED": "1"}


def run_demo(*, keep: bool, port: int, model_port: int) -> int:
    """Run the story; 0 only if every part of it happened.

    Raises: BurnlineError when it cannot start.
    """
    if not EXAMPLES.is_dir():
        raise BurnlineError("the demo runs from a checkout of burnline: its model service is in examples/")
    _refuse_taken(port, model_port)
    demo = Demo(Path.cwd() / ".demo", port=port, model_port=model_port)
    spec = demo.prepare()
    with ExitStack() as running:
        children = {name: running.enter_context(demo.process(name, args)) for name, args in demo.processes()}
        live = running.enter_context(Live(console=demo.console, refresh_per_second=2, transient=True))
        _tell(demo, live, children)
        live.stop()
        demo.console.print(summary(demo.story, spec))
        if keep and demo.story.complete:
            demo.console.print(f"still up: {demo.url} (Ctrl-C stops it)")
            _wait_for_interrupt()
    good, bad = "the demo did what it should", f"[red]not all of it happened[/]: see {demo.folder}/*.log"
    demo.console.print(good if demo.story.complete else bad)
    return 0 if demo.story.complete else 1


def _tell(demo: Demo, live: Live, children: dict[str, subprocess.Popen[bytes]]) -> None:
    def until(done: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name, child in children.items():
                if child.poll() is not None:
                    raise BurnlineError(f"{name} stopped by itself: see {demo.folder}/{name}.log")
            demo.observe()
            live.update(demo.picture())
            if done():
                return True
            time.sleep(0.5)
        return False

    story = demo.story
    demo.say("starting the model server, the load generator and burnline")
    if not until(demo.healthy, START_SECONDS):
        demo.say("[red]the service did not become healthy[/]")
        return
    demo.say(f"healthy; {HEALTHY_SECONDS} s of ordinary traffic, {RATE} requests a second")
    until(lambda: False, HEALTHY_SECONDS)
    if story.incidents:
        demo.say("[red]an incident was opened while the service was healthy[/]")
        return
    story.budget_before = (demo.slo("availability") or {}).get("budget_remaining")
    demo.release("2")
    story.released = datetime.now(UTC)
    demo.say("[bold]release[/]  version 2 goes live: it fails, it is slow, its inputs are in the wrong unit")
    if until(lambda: bool(story.paged), DETECT_SECONDS):
        until(lambda: story.complete, RECOVER_SECONDS)
    story.budget_after = (demo.slo("availability") or {}).get("budget_remaining")


def summary(story: Story, spec: ServiceSpec) -> Table:
    """How long each part took, beside what theory allows."""
    promised = spec.slo("availability")
    if promised is None or not isinstance(promised.window, timedelta):
        raise BurnlineError("the demo's service file has no SLO called availability with a rolling window")
    fastest = tiers(promised.window, promised.objective)[0]
    ratio = story.bad_share
    least = detection_time(promised.objective, ratio, fastest.factor, fastest.long) if ratio else None
    table = Table("from the bad release to ...", "took", "", title="What happened", title_justify="left", box=None)
    table.add_row("drift alarm", _took(story, story.drifted), "at the end of a window of 10 s")
    table.add_row("page", _took(story, story.paged), _theory(ratio, least, fastest.long, fastest.short))
    table.add_row("rollback", _took(story, story.rolled_back), "")
    table.add_row("recovery verified", _took(story, story.verified), "on the same SLI")
    table.add_row("incident closed", _took(story, story.closed), "")
    if story.budget_before is not None and story.budget_after is not None:
        spent = story.budget_before - story.budget_after
        table.add_row(
            "budget spent", f"{spent:.1%}", f"of the budget of availability over {format_duration(promised.window)}"
        )
    table.add_row("", "", "windows are short: one second here is one minute of a 30 d period")
    return table


def _theory(bad_share: float, least: timedelta | None, long: timedelta, short: timedelta) -> str:
    windows = f"{format_duration(long)} / {format_duration(short)}"
    if least is None:
        return ""
    return f"at best {least.total_seconds():.1f} s over {windows} with {bad_share:.0%} bad, then scrape and evaluation"


def _took(story: Story, moment: datetime | None) -> str:
    if moment is None or story.released is None:
        return "[red]never[/]"
    return f"{(moment - story.released).total_seconds():.1f} s"


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written)


def _refuse_taken(*ports: int) -> None:
    for port in ports:
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=1)
        except httpx.ConnectError:
            continue
        except httpx.HTTPError:
            pass
        raise BurnlineError(f"port {port} is taken: choose others with --port and --model-port")


def _wait_for_interrupt() -> None:
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        return
