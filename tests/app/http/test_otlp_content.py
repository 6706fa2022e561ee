"""Texts of prompts and answers from the official SDK: scored into an SLO, and nowhere to be found afterwards."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind

from burnline.app import wiring
from burnline.app.application import create_app
from burnline.app.workers import Workers
from burnline.settings import Settings
from tests.app.serving import serving

MARKER = "xyzzyplugh"
SERVICE = """
apiVersion: burnline/v1
service: assistant
owner: support-ml
telemetry: {content: {sample: 100%}}
slos:
  - name: grounded
    objective: 95%
    window: 7d
    sli: {ratio: {bad: burnline_answers_unsupported_total, total: burnline_answers_with_sources_total}}
"""
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "vllm", "gen_ai.request.model": "llama"}


@pytest.fixture
def burnline(tmp_path: Path) -> Iterator[tuple[str, wiring.App]]:
    services = tmp_path / "services"
    services.mkdir()
    (services / "assistant.yaml").write_text(SERVICE)
    app = wiring.build(Settings(database=f"sqlite:///{tmp_path}/b.db", services=services))
    app._workers = Workers([], app.instruments)
    with serving(create_app(app)) as url:
        yield url, app


def conversation(answer: str) -> dict[str, str]:
    """The messages of one inference with a document from a tool, as instrumentations write them."""
    parts = [{"type": "tool_call_response", "response": f"The {MARKER} bridge opened in 1932."}]
    asked = [{"role": "user", "parts": [{"type": "text", "content": MARKER}]}, {"role": "tool", "parts": parts}]
    said = [{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]
    return {"gen_ai.input.messages": json.dumps(asked), "gen_ai.output.messages": json.dumps(said)}


def speak(url: str) -> None:
    """Ten answers, two of which their document does not hold up; and one more as log records."""
    resource = Resource.create({"service.name": "assistant"})
    traces = TracerProvider(resource=resource, shutdown_on_exit=False)
    traces.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=f"{url}/v1/traces")))
    logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
    logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(endpoint=f"{url}/v1/logs")))
    tracer, logger = traces.get_tracer("test"), logs.get_logger("test")
    for n in range(10):
        answer = f"Paris built towers of iron, {MARKER}" if n < 2 else f"{MARKER} opened in 1932."
        with tracer.start_as_current_span("chat llama", kind=SpanKind.CLIENT) as span:
            span.set_attributes({**CHAT, **conversation(answer)})
    with tracer.start_as_current_span("chat llama", kind=SpanKind.CLIENT):
        choice: Any = {"message": {"role": "assistant", "content": f"Nothing but {MARKER}."}}
        logger.emit(LogRecord(event_name="gen_ai.choice", attributes=CHAT, body=choice))
    traces.shutdown()
    logs.shutdown()


def test_answers_burn_a_budget_and_none_of_their_words_is_kept(
    burnline: tuple[str, wiring.App], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url, app = burnline
    caplog.set_level(logging.DEBUG)
    start = app.clock()
    app.collect(start)
    speak(url)
    malformed = [
        httpx.post(f"{url}/v1/{path}", content=f'{{"{MARKER}": "{MARKER}', headers={"content-type": "application/json"})
        for path in ("traces", "logs", "metrics")
    ]
    for turn in range(1, 11):
        app.collect(start + timedelta(seconds=15 * turn))
        app.evaluate(start + timedelta(seconds=15 * turn))

    (status,) = app.statuses(start + timedelta(seconds=150))
    assert (status.counts.bad, status.counts.total) == (2, 10)
    pages = [
        httpx.get(url + path, headers={"accept": accept}).text
        for path in ("/metrics", "/", "/api/v1/services", "/services/assistant")
        for accept in ("text/html", "application/openmetrics-text; version=1.0.0")
    ]
    assert 'burnline_answers_total{model="llama",provider="vllm",service="assistant"} 11.0 # {span_id=' in "".join(
        pages
    )
    assert MARKER not in "".join([*pages, caplog.text, *(answer.text for answer in malformed)])
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} >= {".db", ".yaml"}
    assert not [file.name for file in files if MARKER.encode() in file.read_bytes()]
