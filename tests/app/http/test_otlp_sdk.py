"""The official OpenTelemetry SDK against a real burnline: numbers arrive, an SLO on them burns, retries do no harm."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from burnline.app import wiring
from burnline.app.application import create_app
from burnline.app.workers import Workers
from burnline.settings import Settings
from burnline.store import series, streams
from tests.app.serving import serving

SERVICE = """
apiVersion: burnline/v1
service: assistant
owner: support-ml
telemetry: {service_name: assistant-api}
slos:
  - name: availability
    objective: 99%
    window: 7d
    sli: {ratio: {bad: 'burnline_otlp_spans_total{status="error"}', total: burnline_otlp_spans_total}}
  - name: answers
    objective: 99%
    window: 7d
    sli: {ratio: {bad: burnline_genai_bad_evaluations_total, total: burnline_genai_evaluations_total}}
  - name: fast
    objective: 99%
    window: 7d
    sli: {latency: {histogram: 'answer_duration_seconds{service="assistant"}', below: 250ms}}
"""
RESOURCE = Resource.create({"service.name": "assistant-api", "service.instance.id": "pod-1"})
TOKEN = {"Authorization": "Bearer correct-horse"}


class Burnline:
    """burnline behind its real server, with its workers standing still; turns are given by hand."""

    def __init__(self, url: str, app: wiring.App) -> None:
        self.url, self.app = url, app

    def values(self) -> dict[str, float]:
        """Every series that was posted, without labels."""
        found: dict[str, float] = {}
        with self.app.db.read() as tx:
            now = self.app.clock()
            each = series.samples(tx, "assistant") + streams.gauges(tx, "assistant", since=now - timedelta(minutes=5))
        for sample in each:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
        return found

    def turn(self, at: datetime) -> None:
        """One turn of the collectors and of the engine."""
        self.app.collect(at)
        self.app.evaluate(at)

    def counts(self, slo: str, start: datetime) -> tuple[tuple[float, float], float | None]:
        """Bad and total events of an SLO, and its SLI, two minutes after `start`."""
        for turn in range(1, 11):
            self.turn(start + timedelta(seconds=15 * turn))
        status = next(each for each in self.app.statuses(start + timedelta(seconds=150)) if each.slo == slo)
        return (status.counts.bad, status.counts.total), status.sli


@pytest.fixture
def burnline(tmp_path: Path) -> Iterator[Burnline]:
    services = tmp_path / "services"
    services.mkdir()
    (services / "assistant.yaml").write_text(SERVICE)
    settings = Settings(database=f"sqlite:///{tmp_path}/b.db", services=services, token="correct-horse")
    app = wiring.build(settings)
    app._workers = Workers([], app.instruments)
    with serving(create_app(app)) as url:
        yield Burnline(url, app)


def tracer(url: str) -> tuple[TracerProvider, Any]:
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{url}/v1/traces", headers=TOKEN, timeout=10)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, provider.get_tracer("test")


def work(made: Any, *, failed: int, total: int) -> None:
    for n in range(total):
        with made.start_as_current_span("POST /ask", kind=SpanKind.SERVER) as span:
            if n < failed:
                span.set_status(Status(StatusCode.ERROR, "no"))
            with made.start_as_current_span("chat llama", kind=SpanKind.CLIENT) as call:
                call.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.provider.name": "vllm"})
                call.set_attributes({"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10})


def test_spans_of_the_sdk_burn_a_budget(burnline: Burnline) -> None:
    provider, made = tracer(burnline.url)
    start = burnline.app.clock()
    burnline.turn(start)
    work(made, failed=5, total=20)
    counts, sli = burnline.counts("availability", start)
    provider.shutdown()

    found = burnline.values()
    assert found["burnline_otlp_spans_total"] == 20
    assert found["burnline_genai_operations_total"] == 20
    assert found["burnline_genai_input_tokens_total"] == 2000
    assert (counts, sli) == ((5, 20), 0.75)


def test_verdicts_and_security_events_of_the_sdk_are_counted(burnline: Burnline) -> None:
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    exporter = OTLPLogExporter(endpoint=f"{burnline.url}/v1/logs", headers=TOKEN, timeout=10)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("test")
    start = burnline.app.clock()
    burnline.turn(start)

    for label in ("pass", "fail", "hallucinated", "undecided"):
        given = {"gen_ai.evaluation.name": "grounding", "gen_ai.evaluation.score.label": label}
        logger.emit(LogRecord(event_name="gen_ai.evaluation.result", attributes=given, body="never kept"))
    logger.emit(LogRecord(event_name="authn_login_fail:bob", severity_number=SeverityNumber.WARN))
    provider.shutdown()

    found = burnline.values()
    assert found["burnline_genai_evaluations_total"] == 3
    assert found["burnline_genai_bad_evaluations_total"] == 2
    assert found["burnline_genai_unjudged_evaluations_total"] == 1
    assert found["burnline_security_events_total"] == 1
    assert burnline.counts("answers", start)[0] == (2, 3)


@pytest.mark.parametrize("temporality", ["CUMULATIVE", "DELTA"])
def test_metrics_of_the_sdk_are_series(burnline: Burnline, temporality: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", temporality)
    exporter = OTLPMetricExporter(endpoint=f"{burnline.url}/v1/metrics", headers=TOKEN, timeout=10)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    coarse = View(instrument_name="wait.duration", aggregation=ExponentialBucketHistogramAggregation())
    provider = MeterProvider(metric_readers=[reader], resource=RESOURCE, views=[coarse], shutdown_on_exit=False)
    meter = provider.get_meter("test")
    answers = meter.create_counter("answers", unit="{answer}")
    open_now = meter.create_up_down_counter("open")
    bounds = [0.1, 0.25, 1.0]
    spent = meter.create_histogram("answer.duration", unit="s", explicit_bucket_boundaries_advisory=bounds)
    waited = meter.create_histogram("wait.duration", unit="s")
    meter.create_gauge("cache.hits", unit="1").set(0.5)
    start = burnline.app.clock()
    burnline.turn(start)

    for _ in range(3):
        answers.add(10)
        open_now.add(1)
        spent.record(0.2)
        spent.record(0.3)
        waited.record(0.2)
        provider.force_flush()
    provider.shutdown()

    found = burnline.values()
    assert found["answers_total"] == 30
    assert found["open"] == 3
    assert found["cache_hits_ratio"] == 0.5
    assert found["answer_duration_seconds_count"] == 6
    assert found["answer_duration_seconds_sum"] == pytest.approx(1.5)
    assert found["wait_duration_seconds_count"] == 3
    assert burnline.counts("fast", start)[0] == (3, 6)


def test_what_was_refused_with_a_503_is_sent_again_and_counted_once(burnline: Burnline) -> None:
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    spans: list[Any] = []
    for _ in range(3):
        with provider.get_tracer("test").start_as_current_span("GET /", kind=SpanKind.SERVER) as span:
            spans.append(span)
    exporter = OTLPSpanExporter(endpoint=f"{burnline.url}/v1/traces", headers=TOKEN, timeout=30)
    burnline.app.db.write(lambda tx: tx.exec_driver_sql("ALTER TABLE series RENAME TO gone"))
    mended: list[str] = []

    class Mend(logging.Handler):
        """Mends the store when the exporter says that it will try again."""

        def emit(self, record: logging.LogRecord) -> None:
            if not mended:
                mended.append(record.getMessage())
                burnline.app.db.write(lambda tx: tx.exec_driver_sql("ALTER TABLE gone RENAME TO series"))

    log = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    handler = Mend()
    log.addHandler(handler)
    try:
        result = exporter.export(spans)
    finally:
        log.removeHandler(handler)

    assert result is SpanExportResult.SUCCESS
    assert "Service Unavailable" in mended[0] or "retrying" in mended[0]
    assert burnline.values()["burnline_otlp_spans_total"] == 3


def test_the_series_are_on_the_page_of_metrics_with_their_service(burnline: Burnline) -> None:
    provider, made = tracer(burnline.url)
    work(made, failed=0, total=2)
    provider.shutdown()
    start = burnline.app.clock()
    burnline.turn(start)

    page = httpx.get(burnline.url + "/metrics").text
    open_page = httpx.get(burnline.url + "/metrics", headers={"accept": "application/openmetrics-text"})

    line = next(each for each in page.splitlines() if each.startswith("burnline_otlp_spans_total{"))
    assert 'service="assistant"' in line
    assert line.endswith(" 2.0")
    last = 'burnline_otlp_span_duration_seconds_bucket{service="assistant",kind="server",le="+Inf"} 2.0'
    assert {*last.partition("{")[2].partition("}")[0].split(",")} == {*labels_of(page)}
    kinds = {family.name: family.type for family in text_string_to_metric_families(open_page.text)}  # type: ignore[no-untyped-call]
    assert kinds["burnline_otlp_spans"] == "counter"
    assert kinds["burnline_otlp_span_duration_seconds"] == "histogram"


def labels_of(page: str) -> list[str]:
    """The labels of the last bucket of the spans' durations."""
    bucket = "burnline_otlp_span_duration_seconds_bucket{"
    line = next(each for each in page.splitlines() if each.startswith(bucket) and 'le="+Inf"' in each)
    return line.partition("{")[2].partition("}")[0].split(",")
