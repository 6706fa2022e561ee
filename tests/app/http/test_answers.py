"""POST /v1/answers and OTLP, through to the signal: what goes beyond its sources raises an alarm, and the texts go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from burnline.app import wiring
from burnline.app.application import create_app
from burnline.app.workers import Workers
from burnline.events import Source, Verdict
from burnline.settings import Settings
from burnline.store.predictions import next_batches
from burnline.store.schema import EPOCH
from tests.app.serving import serving
from tests.fakes.web import Request
from tests.fakes.web import serving as fake

MARKER = "xyzzyplugh"
WINDOW = timedelta(minutes=10)
SERVICE = """
apiVersion: burnline/v1
service: assistant
owner: support-ml
telemetry: {content: {sample: 100%}}
events: {slices: [country]}
signals:
  hallucination: {window: 10m, min_events: 50, sample: 100%, judge: {url: "URL/v1", model: small}}
  refusal: {window: 10m, min_events: 50}
slos:
  - {name: grounded, objective: 80%, window: 7d, sli: {signal: hallucination}}
"""
SOURCE = f"The {MARKER} bridge opened in March 1932. It carries 160,000 vehicles a day."
HELD, MADE_UP = f"The {MARKER} bridge opened in 1932.", "Gustave Eiffel designed seven towers in Paris."


class Burnline:
    """A burnline with a judge that calls everything ungrounded."""

    def __init__(self, url: str, app: wiring.App) -> None:
        self.url, self.app = url, app

    def send(self, *answers: Any, version: str = "7") -> httpx.Response:
        body = {"service": "assistant", "version": version, "answers": answers}
        return httpx.post(f"{self.url}/v1/answers", json=body, timeout=20)

    def close_window(self) -> dict[str, Any]:
        """The findings of all events once the window has ended, by signal."""
        now = self.app.clock()
        self.app.judges.run_once(now)
        self.app.detectors.run_once(now)
        self.app.detectors.run_once(now + WINDOW - (now - EPOCH) % WINDOW)
        return {found.signal: found for found in self.app.detectors.latest()}


@pytest.fixture
def burnline(tmp_path: Path) -> Iterator[Burnline]:
    def judge(_request: Request) -> tuple[int, Any]:
        return 200, {"choices": [{"message": {"content": '{"ungrounded": true}'}}]}

    services = tmp_path / "services"
    services.mkdir()
    with ExitStack() as stack:
        (services / "assistant.yaml").write_text(SERVICE.replace("URL", stack.enter_context(fake(judge))))
        app = wiring.build(Settings(database=f"sqlite:///{tmp_path}/b.db", services=services))
        now = app.clock()
        app.clock = lambda: now  # no window ends while a test goes on
        app._workers = Workers([], app.instruments)
        yield Burnline(stack.enter_context(serving(create_app(app))), app)


def answer(text: str, country: str = "DE") -> dict[str, Any]:
    return {"answer": text, "question": "When?", "sources": [SOURCE], "features": {"country": country}}


def test_made_up_answers_raise_an_alarm_and_no_text_is_left(burnline: Burnline, tmp_path: Path) -> None:
    said = burnline.send(*[answer(HELD)] * 40, *[answer(MADE_UP, "FR")] * 40)

    found = burnline.close_window()
    assert said.status_code == 202
    assert said.json()["accepted"] == 80
    assert said.json()["ungrounded"][0] < 0.1 < 0.5 < said.json()["ungrounded"][-1]
    assert found["hallucination"].verdict is Verdict.ALARM
    assert (found["hallucination"].counts.bad, found["hallucination"].counts.total) == (40, 80)
    assert "A judge calls" in found["hallucination"].reason
    assert found["refusal"].verdict is Verdict.OK
    files = [path.read_bytes() for path in tmp_path.glob("b.db*")]
    assert files
    assert not any(MARKER.encode() in content for content in files)


def test_answers_by_otlp_feed_the_same_signal(burnline: Burnline) -> None:
    messages = [{"role": "tool", "parts": [{"type": "tool_call_response", "response": SOURCE}]}]
    spans = [
        {
            "traceId": f"{number + 1:032x}",
            "spanId": f"{number + 1:016x}",
            "name": "chat",
            "attributes": [
                {"key": key, "value": {"stringValue": value}}
                for key, value in {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.request.model": "small",
                    "gen_ai.input.messages": json.dumps(messages),
                    "gen_ai.completion.0.content": MADE_UP if number % 2 else HELD,
                }.items()
            ],
        }
        for number in range(60)
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "assistant"}}]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}

    said = httpx.post(f"{burnline.url}/v1/traces", json=body, timeout=20)

    with burnline.app.db.read() as tx:
        [(_, batch)] = next_batches(tx, 10, Source.ANSWERS)
    found = burnline.close_window()["hallucination"]
    assert said.status_code == 200
    assert (batch.version, batch.features["retrieved"]) == ("small", [1] * 60)
    assert (found.verdict, found.counts.bad, found.counts.total) == (Verdict.ALARM, 30, 60)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"nope", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b'{"service": "assistant", "answers": [{}]}', "application/json", 422),
        (b'{"service": "nobody", "answers": []}', "application/json", 400),
    ],
)
def test_what_is_refused_says_why(burnline: Burnline, body: bytes, kind: str, status: int) -> None:
    said = httpx.post(f"{burnline.url}/v1/answers", content=body, headers={"Content-Type": kind}, timeout=20)

    assert said.status_code == status
    assert "error" in said.json() or said.json()["refused"]
