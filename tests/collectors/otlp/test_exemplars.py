"""The traces that series carry as exemplars: of spans, of verdicts, and those that come with metrics."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from burnline.exposition.exemplars import Exemplar
from burnline.store.database import Database
from tests.collectors.otlp.bodies import (
    NANO,
    START,
    attributes,
    histogram,
    log_body,
    metric_body,
    point,
    span_body,
    total,
)
from tests.collectors.otlp.scene import NOW, Scene, spec, written

TRACE, SPAN = "ab" * 16, "cd" * 8
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "llama-3", "gen_ai.usage.output_tokens": 40}


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


def span(trace: str, seconds: float, **more: Any) -> dict[str, Any]:
    """A server span that ends `seconds` after START."""
    return {"kind": 2, "traceId": trace, "spanId": SPAN, "endTimeUnixNano": str(START + int(seconds * NANO)), **more}


def seen(trace: str = TRACE, **more: Any) -> dict[str, Any]:
    """An exemplar of a data point, of one second after START."""
    return {"timeUnixNano": str(START + NANO), "traceId": trace, "spanId": SPAN, "asDouble": 0.2, **more}


def kept(scene: Scene, service: str = "shop") -> dict[str, Exemplar]:
    """By series, as `name{labels}`."""
    found = scene.exemplars.by_service().get(service, {})
    return {written(name, dict(labels)): each for (name, labels), each in found.items()}


def test_a_spans_trace_is_on_its_bucket_and_on_its_counter(scene: Scene) -> None:
    quick, slow = "11" * 16, "22" * 16

    scene.post("traces", span_body("shop", [span(quick, 0.02), span(slow, 0.7, status={"code": 2})]))

    found = {name: (each.trace_id, each.span_id, round(each.value, 6)) for name, each in kept(scene).items()}
    assert found == {
        'burnline_otlp_spans_total{kind="server",status="ok"}': (quick, SPAN, 1.0),
        'burnline_otlp_spans_total{kind="server",status="error"}': (slow, SPAN, 1.0),
        'burnline_otlp_span_duration_seconds_bucket{kind="server",le="0.025"}': (quick, SPAN, 0.02),
        'burnline_otlp_span_duration_seconds_bucket{kind="server",le="0.75"}': (slow, SPAN, 0.7),
    }


def test_generative_ai_has_the_traces_of_its_tokens_and_its_verdicts(scene: Scene) -> None:
    verdict = attributes({"gen_ai.evaluation.name": "grounding", "gen_ai.evaluation.score.label": "fail"})
    record = {"eventName": "gen_ai.evaluation.result", "attributes": verdict, "timeUnixNano": str(START)}

    scene.post("traces", span_body("shop", [span("11" * 16, 0.5, kind=3, attributes=attributes(CHAT))]))
    scene.post("logs", log_body("shop", [{**record, "traceId": TRACE, "spanId": SPAN}]))

    found = kept(scene)
    assert found['burnline_genai_output_tokens_total{model="llama-3",provider="unknown"}'].value == 40
    assert found['burnline_genai_bad_evaluations_total{evaluation="grounding"}'].trace_id == TRACE
    assert not [name for name in found if "score" in name], "a summary may have none"


def test_exemplars_of_data_points_are_taken_each_to_its_bucket(scene: Scene) -> None:
    exemplars = [seen("11" * 16, asDouble=0.2), seen("22" * 16, asDouble=9.0), seen("33" * 16, asDouble=0.3)]
    times: dict[str, Any] = {"explicitBounds": [0.25, 1.0], "bucketCounts": ["1", "1", "1"], "exemplars": exemplars}

    scene.post("metrics", metric_body("shop", histogram("took", point(start=-1, at=2, sum=9.5, count="3", **times))))
    scene.post("metrics", metric_body("shop", total("sent", point(3, start=-1, at=2, exemplars=[seen(asInt="7")]))))

    found = kept(scene)
    assert {name: each.trace_id[:2] for name, each in found.items()} == {
        'took_seconds_bucket{le="0.25"}': "11",
        'took_seconds_bucket{le="1.0"}': "33",
        'took_seconds_bucket{le="+Inf"}': "22",
        "sent_total": "ab",
    }


def test_exemplars_in_protobuf_are_those_in_json(scene: Scene) -> None:
    request = ExportMetricsServiceRequest()
    part = request.resource_metrics.add()
    part.resource.attributes.add(key="service.name").value.string_value = "shop"
    metric = part.scope_metrics.add().metrics.add(name="sent")
    metric.sum.aggregation_temporality, metric.sum.is_monotonic = 2, True
    data = metric.sum.data_points.add(start_time_unix_nano=START, time_unix_nano=START + NANO, as_int=3)
    one = data.exemplars.add(time_unix_nano=START + NANO, as_double=2.0, trace_id=b"\xab" * 16, span_id=b"\xcd" * 8)
    one.filtered_attributes.add(key="prompt").value.string_value = "never shown"

    scene.post("metrics", request.SerializeToString(), NOW + timedelta(minutes=1))

    assert kept(scene) == {"sent_total": Exemplar(TRACE, SPAN, 2.0, START / NANO + 1)}


@pytest.mark.parametrize(
    "odd",
    [
        {"traceId": "no id"},
        {"traceId": ""},
        {"traceId": "00" * 16},
        {"traceId": "ab" * 8},
        {"timeUnixNano": "soon"},
        {"timeUnixNano": None},
        {"asDouble": "NaN"},
        {"asDouble": None},
    ],
)
def test_an_odd_exemplar_costs_itself_and_not_its_point(scene: Scene, odd: dict[str, Any]) -> None:
    receipt = scene.post(
        "metrics", metric_body("shop", total("sent", point(3, start=-1, at=2, exemplars=[seen(**odd)])))
    )

    assert (receipt.accepted, receipt.rejected, kept(scene)) == ({"shop": 1}, 0, {})


def test_what_is_not_counted_again_brings_no_exemplar_either(scene: Scene) -> None:
    body = span_body("shop", [span(TRACE, 0.1)])
    scene.post("traces", body)
    scene.restart()

    scene.post("traces", body)

    assert kept(scene) == {}


def test_each_service_has_its_own(database: Database) -> None:
    scene = Scene(database, spec("shop"), spec("till"))
    both = [json.loads(span_body(name, [span(n * 32, 0.1)])) for name, n in (("shop", "1"), ("till", "2"))]
    merged = {"resourceSpans": [part for each in both for part in each["resourceSpans"]]}

    scene.post("traces", json.dumps(merged))

    assert {each.trace_id for each in kept(scene).values()} == {"1" * 32}
    assert {each.trace_id for each in kept(scene, "till").values()} == {"2" * 32}
