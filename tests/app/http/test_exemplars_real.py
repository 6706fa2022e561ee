"""From the official SDK through burnline's /metrics to a real Prometheus: exemplars, and the metrics that were sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider, TraceBasedExemplarFilter
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from burnline.app import wiring
from burnline.app.application import create_app
from burnline.app.workers import Workers
from burnline.settings import Settings
from tests.app.serving import serving
from tests.programs import free_port, program, running

pytestmark = pytest.mark.integration

SERVICE = "{{apiVersion: burnline/v1, service: {name}, owner: support-ml, telemetry: {{}}}}"
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - {{job_name: burnline, honor_labels: true, static_configs: [{{targets: ["{target}"]}}]}}
"""
OPENMETRICS = {"accept": "application/openmetrics-text; version=1.0.0"}


@dataclass
class Scene:
    """What two services said by the SDK, scraped by a real Prometheus."""

    burnline: str
    prometheus: str
    traces: dict[str, str]

    def ask(self, path: str, **params: Any) -> Any:
        return httpx.get(f"{self.prometheus}/api/v1/{path}", params=params).json()["data"]

    def exemplars(self, query: str) -> list[dict[str, Any]]:
        """What Prometheus stored for the series of a query."""
        now = time.time()
        found = self.ask("query_exemplars", query=query, start=now - 600, end=now + 60)
        return [{**each["seriesLabels"], **one["labels"], **one} for each in found for one in each["exemplars"]]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    binary, folder = program("prometheus"), tmp_path_factory.mktemp("exemplars")
    services = folder / "services"
    services.mkdir()
    for name in ("assistant", "search"):
        (services / f"{name}.yaml").write_text(SERVICE.format(name=name))
    app = wiring.build(Settings(database=f"sqlite:///{folder}/b.db", services=services))
    app._workers = Workers([], app.instruments)
    port = free_port()
    (folder / "prometheus.yml").write_text(CONFIG.format(target=f"127.0.0.1:{port}"))
    with serving(create_app(app), port) as url:
        traces = {name: speak(url, name) for name in ("assistant", "search")}
        app.collect(app.clock())
        at = f"127.0.0.1:{free_port()}"
        argv = [binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        argv += [f"--web.listen-address={at}", "--enable-feature=exemplar-storage"]
        found = Scene(url, f"http://{at}", traces)
        scraped = "count(burnline_otlp_spans_total) + count(answers_total)"
        with running(argv, log=folder / "log", ready=lambda: answered(found, scraped)):
            yield found


def answered(scene: Scene, query: str) -> bool:
    try:
        return bool(scene.ask("query", query=query)["result"])
    except (httpx.HTTPError, KeyError, ValueError):  # it says that it starts, and not as JSON
        return False


def speak(url: str, service: str) -> str:
    """One span of the service with what generative AI did in it, and a metric within it. Returns the trace's id."""
    resource = Resource.create({"service.name": service})
    traces = TracerProvider(resource=resource, shutdown_on_exit=False)
    traces.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=f"{url}/v1/traces")))
    exporter = OTLPMetricExporter(endpoint=f"{url}/v1/metrics")
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    meters = MeterProvider(
        [reader], resource=resource, exemplar_filter=TraceBasedExemplarFilter(), shutdown_on_exit=False
    )
    meter = meters.get_meter("test")
    answers, took = meter.create_counter("answers"), meter.create_histogram("answer.duration", unit="s")
    meter.create_gauge("queue.length").set(7)
    with traces.get_tracer("test").start_as_current_span("POST /ask", kind=SpanKind.SERVER) as span:
        span.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.usage.output_tokens": 12})
        answers.add(3, {"kind": "short"})
        took.record(0.3)
    meters.shutdown()
    traces.shutdown()
    return f"{span.get_span_context().trace_id:032x}"


@pytest.mark.parametrize(
    "series",
    [
        "burnline_otlp_span_duration_seconds_bucket",
        "burnline_otlp_spans_total",
        "burnline_genai_operation_duration_seconds_bucket",
        "burnline_genai_output_tokens_total",
        "answer_duration_seconds_bucket",
        "answers_total",
    ],
)
def test_prometheus_answers_with_the_traces_that_were_sent(scene: Scene, series: str) -> None:
    found = scene.exemplars(f'{series}{{service="assistant"}}')

    assert {each["trace_id"] for each in found} == {scene.traces["assistant"]}
    assert all(each["span_id"] and float(each["timestamp"]) <= time.time() for each in found)


def test_metrics_that_were_sent_can_be_queried_by_service(scene: Scene) -> None:
    found = scene.ask("query", query='{__name__=~"answers_total|queue_length|answer_duration_seconds_count"}')["result"]

    values = {(each["metric"]["__name__"], each["metric"]["service"]): each["value"][1] for each in found}
    names = {"answers_total": "3", "queue_length": "7", "answer_duration_seconds_count": "1"}
    assert values == {(name, of): value for name, value in names.items() for of in ("assistant", "search")}


def test_the_page_is_strict_openmetrics_and_the_classic_format_has_no_exemplars(scene: Scene, tmp_path: Path) -> None:
    strict = httpx.get(scene.burnline + "/metrics", headers=OPENMETRICS).text
    classic = httpx.get(scene.burnline + "/metrics").text

    families = list(text_string_to_metric_families(strict))  # type: ignore[no-untyped-call] # the library's own gap
    marked = [sample for family in families for sample in family.samples if sample.exemplar]
    kinds = {family.name: family.type for family in families}
    assert len(marked) >= 12
    assert (kinds["answers"], kinds["answer_duration_seconds"], kinds["queue_length"]) == (
        "counter",
        "histogram",
        "gauge",
    )
    assert "trace_id" not in classic
    assert "# TYPE answers_total counter" in classic
