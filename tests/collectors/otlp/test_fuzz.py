"""Anything at all at the doors of OTLP: it is counted or refused, and never breaks anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from burnline.collectors.otlp.door import Signal
from burnline.collectors.otlp.scan import POINTS, RECORDS, check_messages
from burnline.collectors.otlp.sheet import Receipt
from burnline.errors import PayloadError, PayloadTooLarge
from burnline.store.database import Database
from tests.collectors.otlp.bodies import log_body, metric_body, point, span_body, total
from tests.collectors.otlp.scene import Scene

SIGNALS: list[Signal] = ["traces", "logs", "metrics"]
REQUESTS: dict[str, Any] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
each_signal = pytest.mark.parametrize("signal", SIGNALS)
often = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

TEXTS = st.text(max_size=12) | st.sampled_from(
    ["shop", "gen_ai.system", "a.b", "s", "\0", '"}\n', "9" * 400, "NaN", "-1"]
)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, 1, 2, 3, 5, -1])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


def survives(scene: Scene, signal: Signal, body: str | bytes) -> Receipt | None:
    """What came of it; None: the body was refused whole."""
    try:
        return scene.post(signal, body)
    except PayloadError:
        return None


def well_formed(signal: Signal) -> str:
    """A body that is taken."""
    if signal == "traces":
        attributes = [{"key": "gen_ai.system", "value": {"stringValue": "x"}}]
        return span_body("shop", [{"kind": 2, "attributes": attributes, "status": {"code": 2}}])
    if signal == "logs":
        return log_body("shop", [{"severityNumber": 9, "eventName": "jailbreak"}])
    return metric_body("shop", total("jobs", point(5, labels={"a": "b"})))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a JSON document."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))


@each_signal
@often
@given(body=st.binary(max_size=200))
def test_any_bytes_are_survived(scene: Scene, signal: Signal, body: bytes) -> None:
    survives(scene, signal, body)
    survives(scene, signal, body.decode("latin-1"))


@each_signal
@often
@given(data=st.data())
def test_a_body_with_any_byte_changed_is_survived(scene: Scene, signal: Signal, data: st.DataObject) -> None:
    body = bytearray(json_format.Parse(well_formed(signal), REQUESTS[signal]()).SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    survives(scene, signal, bytes(body))


@each_signal
@often
@given(data=st.data())
def test_a_document_with_anything_anywhere_is_survived(scene: Scene, signal: Signal, data: st.DataObject) -> None:
    document = json.loads(well_formed(signal))
    path = data.draw(st.sampled_from([each for each in places(document) if each]))
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = data.draw(VALUES)

    receipt = survives(scene, signal, json.dumps(document))

    if receipt is not None:
        assert sum(receipt.accepted.values()) + receipt.rejected + receipt.repeated <= 1


@each_signal
def test_nesting_without_end_is_refused(scene: Scene, signal: Signal) -> None:
    deep = '{"arrayValue":{"values":[' * 50_000
    text = well_formed(signal).replace('"shop"}', f'"shop"}}, "deep": {deep}')
    assert survives(scene, signal, text) is None
    assert survives(scene, signal, "[" * 500_000) is None
    nested = b""
    for _ in range(2_000):
        nested = b"\x2a" + varint(len(nested) + 2) + b"\x0a" + varint(len(nested)) + nested
    survives(scene, signal, b"\x0a" + varint(len(nested)) + nested)


@each_signal
@often
@given(text=st.text(max_size=30), number=st.integers(-(2**63), 2**63 - 1))
def test_protobuf_and_json_are_counted_alike(scene: Scene, signal: Signal, text: str, number: int) -> None:
    """Each is the other's translation; json_format writes ids in base 64, so they are left out."""
    values = [
        {"key": "gen_ai.request.model", "value": {"stringValue": text}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": str(number)}},
        {"key": "event.name", "value": {"stringValue": "pii"}},
        {"key": "plain", "value": {"boolValue": True}},
    ]
    if signal == "traces":
        body = span_body("shop", [{"kind": 5, "attributes": values, "traceId": "", "spanId": ""}])
    elif signal == "logs":
        body = log_body("shop", [{"severityNumber": 13, "attributes": values}])
    else:
        body = metric_body("shop", total("jobs", {**point(0, labels={"plain": True}), "asInt": str(number)}))
    before = scene.values()

    first = survives(scene, signal, body)
    middle = scene.values()
    second = survives(scene, signal, bytes(json_format.Parse(body, REQUESTS[signal]()).SerializeToString()))
    after = scene.values()

    assert first is not None
    assert second is not None
    assert (first.accepted, first.refused) == (second.accepted, second.refused)
    if signal != "metrics":
        grown = {key: value - before.get(key, 0) for key, value in middle.items()}
        assert grown == pytest.approx({key: value - middle.get(key, 0) for key, value in after.items()})


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    made = bytearray()
    while True:
        low, number = number & 0x7F, number >> 7
        made.append(low | (0x80 if number else 0))
        if not number:
            return bytes(made)


def wrapped(inner: bytes, *fields: int) -> bytes:
    """Bytes as a field within fields, the innermost first."""
    for field in fields:
        inner = bytes([field << 3 | 2]) + varint(len(inner)) + inner
    return inner


@pytest.mark.parametrize(
    ("signal", "body"),
    [
        ("traces", wrapped(b"\x12\x00" * 110_000, 2, 1)),
        ("traces", wrapped(b"\x12\x00" * 110_000, 1)),
        ("traces", b"\x0a\x00" * 110_000),
        ("logs", wrapped(b"\x12\x00" * 110_000, 2, 1)),
        ("metrics", wrapped(b"\x0a\x00" * 110_000, 7, 2, 2, 1)),
        ("metrics", wrapped(b"\x12\x00" * 110_000, 2, 1)),
    ],
    ids=["spans", "scopes", "resources", "records", "points", "metrics"],
)
def test_a_body_of_countless_empty_messages_is_refused_before_it_is_parsed(
    scene: Scene, signal: Signal, body: bytes
) -> None:
    with pytest.raises(PayloadTooLarge, match="smaller batches"):
        check_messages(body, POINTS if signal == "metrics" else RECORDS)
    with pytest.raises(PayloadTooLarge, match="smaller batches"):
        scene.post(signal, body)


def test_a_text_of_countless_empty_objects_is_refused_before_it_is_read(scene: Scene) -> None:
    with pytest.raises(PayloadTooLarge, match="more than 1,000,000 objects"):
        scene.post("traces", '{"x": [' + "{}," * 1_000_000 + "{}]}")


@given(body=st.binary(max_size=60))
def test_what_is_scanned_is_a_body_or_an_error_and_nothing_else(body: bytes) -> None:
    for levels in (RECORDS, POINTS):
        try:
            check_messages(body, levels)
        except PayloadError as error:
            assert "no OTLP in protobuf" in str(error)  # noqa: PT017 - either is right


@each_signal
def test_what_is_well_formed_passes_the_scan(signal: Signal) -> None:
    body = json_format.Parse(well_formed(signal), REQUESTS[signal]()).SerializeToString()

    check_messages(body, POINTS if signal == "metrics" else RECORDS)
