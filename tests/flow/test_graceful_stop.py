"""SIGTERM: everything is let go in time, and the next process goes on where this one stopped."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import httpx
import pytest

from burnline.alerting.webhook import fingerprint
from tests.flow.real import Live, alert_body, live

STOP_SECONDS = 10.0
PAGE = {"alertname": "ErrorBudgetBurn", "service": "scoring", "slo": "availability", "severity": "page"}
HANGS = '{command: {argv: [/bin/sleep, "60"], observe: [/bin/echo, "2"], timeout: 60s, idempotent: true}}'

pytestmark = pytest.mark.slow


def sigterm(scene: Live) -> float:
    """Stop burnline as a service manager does; returns the seconds it took."""
    began = monotonic()
    scene.burnline.process.terminate()
    code = scene.burnline.process.wait(60)
    assert code == 0, scene.burnline.log()
    return monotonic() - began


def watch(url: str, ticks: list[str]) -> None:
    """Keep the page's event stream open until the server ends it."""
    with httpx.stream("GET", f"{url}/events", timeout=60, trust_env=False) as stream:
        ticks.extend(stream.iter_lines())


@pytest.mark.parametrize(("hook", "step"), [("", "prove"), (HANGS, "roll-back")], ids=["waiting", "in a hanging hook"])
def test_sigterm_ends_in_time_with_a_page_open_and_a_run_in_flight(tmp_path: Path, hook: str, step: str) -> None:
    ticks: list[str] = []
    with live(tmp_path, hook=hook, cold=True) as scene:
        page = threading.Thread(target=watch, args=(scene.burnline.url, ticks))
        page.start()
        scene.until(lambda: scene.states().get("availability") == "ok", "healthy")
        scene.service.release("2", datetime.now(UTC))
        scene.until(lambda: (scene.get("/v1/services/scoring") or {}).get("version") == "2", "released")
        assert scene.post("/v1/alerts", alert_body(PAGE, fingerprint(PAGE), datetime.now(UTC).isoformat()))
        scene.until(lambda: scene.step(step) == "started", "in flight")

        took = sigterm(scene)
        page.join()

        print(f"stopped in {took:.1f} s")
        log = scene.burnline.log()
        assert took < STOP_SECONDS, log
        assert '"stack"' not in log, log
        assert "Traceback" not in log, log
        assert "event: tick" in ticks
        [[state, attempts]] = scene.rows("SELECT state, attempts FROM run")
        assert (state, attempts) == ("waiting", 0), "handed back, not left behind"
        scene.burnline.start()
        scene.until(lambda: scene.step(step) != "", "taken up again", within=30)
