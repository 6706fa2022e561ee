"""`burnline demo`: a real model service, a bad release, and burnline taking it back, with nothing simulated.

Three processes run beside this one: the model server and the load generator of `examples/screening`, and
`burnline up`. This one only releases, watches through the HTTP API, and adds up what happened.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from burnline.app.commands import status_table
from burnline.app.demo_machine import Machine
from burnline.app.demo_stage import EXAMPLES, RATE, SERVICE, Stage
from burnline.app.demo_story import Line, Story, summary
from burnline.app.demo_traffic import read_page
from burnline.errors import BurnlineError
from burnline.slo.windows import Tier, tiers
from burnline.spec.service import ServiceSpec
from burnline.spec.slo import SloSpec

HEALTHY_SECONDS = 20  # of watched, healthy traffic before the bad release
START_SECONDS, DETECT_SECONDS, RECOVER_SECONDS = 120, 90, 90
WORDS = {"200": "answered", "503": "failed", "499": "cut off"}


class Watch:
    """What the demo sees, and says, while it runs."""

    def __init__(self, stage: Stage, console: Console) -> None:
        self.stage, self.console = stage, console
        self.client = httpx.Client(timeout=5)
        self.story, self.machine = Story(), Machine()
        self.service: dict[str, Any] = {"slos": [], "signals": []}
        self.start = time.monotonic()

    def say(self, text: str, source: str = "demo") -> None:
        """One line of the story, with the seconds since the start."""
        line = Table.grid(padding=(0, 2, 0, 0))
        line.add_column(width=6, justify="right", style="dim")
        line.add_column(width=8, style="bold")
        line.add_column()
        line.add_row(f"{time.monotonic() - self.start:.1f}s", source, Text(text))
        self.console.print(line)

    def look(self) -> None:
        """Read what burnline, the registry and the model server say, and tell what is new."""
        self.stage.check()
        self.service = self._json(f"/v1/services/{SERVICE}") or self.service
        self._tell(self.story.note_signals(self.service["signals"]))
        self.story.note_registry(self.stage.registry())
        if page := self._text(f"{self.stage.model_url}/metrics"):
            self.story.traffic.readings.append(read_page(page, datetime.now(UTC)))
            self.story.note_serving()
        if page := self._text(f"{self.stage.url}/metrics"):
            self.machine.note(page)
        for incident in reversed(self._json("/v1/incidents") or []):
            if whole := self._json(f"/v1/incidents/{incident['id']}"):
                self._tell(self.story.note_incident(whole))

    def healthy(self) -> bool:
        """Every SLO has data and keeps its promise, and nothing is open from before it had."""
        slos = self.service["slos"]
        return bool(slos) and all(slo["state"] == "ok" for slo in slos) and not self.story.open

    def budget(self) -> float | None:
        """What is left of the budget of availability."""
        left = (slo["budget_remaining"] for slo in self.service["slos"] if slo["name"] == "availability")
        return next(left, None)

    def picture(self) -> Group:
        """The live table under the story."""
        table = status_table([self.service] if self.service["slos"] else [])
        return Group("", table, "", Text(self.machine.line()), f"{self.stage.url} shows the same with charts")

    def rest(self) -> dict[str, str]:
        """Rows of the summary that are not part of the story."""
        last, met = self.story.traffic.last, self.stage.outcomes()
        counted = ", ".join(f"{number:,} {WORDS.get(outcome, outcome)}" for outcome, number in sorted(met.items()))
        return {
            "requests": counted or "the load generator said nothing",
            "prediction events": f"{last.dropped:,.0f} dropped by the server" if last else "the server said nothing",
            "this host": self.machine.line().removeprefix("this host: "),
        }

    def _tell(self, lines: Iterable[Line]) -> None:
        for source, text in lines:
            self.say(text, source)

    def _text(self, url: str) -> str:
        try:
            answer = self.client.get(url)
        except httpx.HTTPError:
            return ""
        return answer.text if answer.is_success else ""

    def _json(self, path: str) -> Any:
        try:
            answer = self.client.get(f"{self.stage.url}{path}")
        except httpx.HTTPError:
            return None
        return answer.json() if answer.is_success else None


def run_demo(*, keep: bool, port: int, model_port: int) -> int:
    """Run the story; 0 only if every part of it happened.

    Raises: BurnlineError when it cannot start, or a process ends by itself.
    """
    if not EXAMPLES.is_dir():
        raise BurnlineError("the demo runs from a checkout of burnline: its model service is in examples/")
    _refuse_taken(port, model_port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes are stopped
    stage = Stage(Path.cwd() / ".demo" / str(port), port=port, model_port=model_port)
    console = Console(highlight=False)
    watch = Watch(stage, console)
    watch.say("training the model on the breast cancer data that ships with scikit-learn")
    spec, trained = stage.prepare()
    watch.say(trained)
    watch.say("starting the model server, the load generator and burnline")
    with stage.running():
        with Live(console=console, refresh_per_second=2, transient=True) as live:
            _play(watch, live)
        slo, tier, window = _promise(spec)
        console.print(summary(watch.story, tier, slo.objective, window, watch.rest()))
        console.print(_verdict(watch, stage))
        if keep:
            console.print(f"Still up: {stage.url} (Ctrl-C stops it)")
            _wait_for_interrupt()
    return 0 if watch.story.complete else 1


def _play(watch: Watch, live: Live) -> None:
    """The whole play: healthy, bad release, page, recovery; what is missing at the end is in the story."""

    def until(done: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            watch.look()
            live.update(watch.picture())
            if done():
                return True
            time.sleep(0.5)
        return False

    story = watch.story
    if not until(watch.healthy, START_SECONDS):
        sick = [slo for slo in watch.service["slos"] if slo["state"] != "ok"]
        states = [f"{slo['name']} is {slo['state']}: {slo['sentence']}" for slo in sick]
        why = " ".join(states) or "no SLO was evaluated, or an incident stays open"
        story.failure = f"not healthy after {START_SECONDS} s; {why}"
        return
    watch.say(f"healthy; {HEALTHY_SECONDS} s of ordinary traffic, {RATE} requests a second")
    healthy_since = datetime.now(UTC)
    until(lambda: False, HEALTHY_SECONDS)
    if story.disturbed(healthy_since):
        story.failure = "an incident was opened while the service was healthy"
        return
    story.budget_before = watch.budget()
    story.released = datetime.now(UTC)
    watch.stage.release("2")
    watch.say("version 2 goes live: it fails, it is slow, its inputs are in the wrong unit", "release")
    if until(lambda: bool(story.paged), DETECT_SECONDS):
        until(lambda: story.complete or story.hopeless(datetime.now(UTC)), RECOVER_SECONDS)
    story.budget_after = watch.budget()


def _promise(spec: ServiceSpec) -> tuple[SloSpec, Tier, timedelta]:
    """The SLO that pages first, its fastest tier and its window."""
    slo = spec.slo("availability")
    if slo is None or not isinstance(slo.window, timedelta):
        raise BurnlineError("the demo's service file has no SLO called availability with a rolling window")
    return slo, tiers(slo.window, slo.objective)[0], slo.window


def _verdict(watch: Watch, stage: Stage) -> str:
    took = f"{time.monotonic() - watch.start:.0f} s"
    if watch.story.complete:
        return f"[bold green]The demo did what it should[/], in {took}."
    return f"[bold red]Not all of it happened[/], in {took}. What the processes said: {stage.folder}/*.log"


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
