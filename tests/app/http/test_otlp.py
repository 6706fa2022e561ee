"""OTLP/HTTP as exporters meet it: what is taken, what is refused and how that is said."""

from __future__ import annotations

import gzip
import json
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from burnline.app.http import otlp
from burnline.store import series
from tests.app.still import Still, still
from tests.collectors.otlp.bodies import NANO, log_body, span_body, spans

PROTOBUF = {"content_type": "application/x-protobuf"}
JSON = {"content_type": "application/json"}
WRONG = b'{"resourceSpans": 7, "resourceLogs": 7, "resourceMetrics": 7}'
PATHS = ["/v1/traces", "/v1/logs", "/v1/metrics"]


def counted(door: Still, name: str, service: str = "ranking", **labels: str) -> float:
    """The value of a posted series."""
    with door.app.db.read() as tx:
        found = [each for each in series.samples(tx, service) if each.name == name and each.labels == labels]
    return found[0].value if found else 0.0


@pytest.fixture
def door(burnline: Still) -> Still:
    burnline.forget()
    burnline.app.db.write(lambda tx: tx.exec_driver_sql("DELETE FROM series"))
    burnline.app.db.write(lambda tx: tx.exec_driver_sql("DELETE FROM accepted_key"))
    return burnline


def test_spans_in_protobuf_become_counts(door: Still) -> None:
    answer = door.post("/v1/traces", spans("ranking", 3, failed=1), **PROTOBUF)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert not ExportTraceServiceResponse.FromString(answer.content).HasField("partial_success")
    assert counted(door, "burnline_otlp_spans_total", kind="server", status="ok") == 2
    assert counted(door, "burnline_otlp_spans_total", kind="server", status="error") == 1


def test_spans_in_json_become_the_same_counts(door: Still) -> None:
    answer = door.post("/v1/traces", span_body("ranking", [{"kind": 2}, {"kind": 2, "status": {"code": 2}}]), **JSON)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {}
    assert counted(door, "burnline_otlp_spans_total", kind="server", status="ok") == 1
    assert counted(door, "burnline_otlp_spans_total", kind="server", status="error") == 1


@pytest.mark.parametrize("path", PATHS)
def test_a_body_may_be_packed_by_gzip(door: Still, path: str) -> None:
    assert door.post(path, gzip.compress(b""), content_encoding="gzip", **PROTOBUF).status_code == 200
    assert door.post(path, gzip.compress(b"{}"), content_encoding="gzip", **JSON).status_code == 200


def test_records_of_an_unknown_service_are_refused_in_part(door: Still) -> None:
    both = json.loads(span_body("ranking", [{"kind": 2}]))
    both["resourceSpans"] += json.loads(span_body("nobody", [{"kind": 2}, {"kind": 2}]))["resourceSpans"]

    answer = door.post("/v1/traces", json.dumps(both), **JSON)

    assert answer.status_code == 200
    message = "no service file has the service.name 'nobody' (2)"
    assert answer.json() == {"partialSuccess": {"rejectedSpans": "2", "errorMessage": message}}
    assert counted(door, "burnline_otlp_spans_total", kind="server", status="ok") == 1


def test_a_partial_success_is_said_in_protobuf_too(door: Still) -> None:
    answer = door.post("/v1/traces", spans("nobody", 4), **PROTOBUF)

    said = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, said.rejected_spans) == (200, 4)
    assert "'nobody'" in said.error_message


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"nonsense", b"\x0a\x7f"])
def test_what_is_no_protobuf_is_answered_with_a_status_in_protobuf(door: Still, path: str, body: bytes) -> None:
    answer = door.post(path, body, **PROTOBUF)

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/x-protobuf")
    status = Status.FromString(answer.content)
    assert status.code == 3
    assert "in protobuf" in status.message
    assert door.counted("burnline_bodies_refused_total", door=path, reason="malformed") == 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"nonsense", b"\xff", WRONG])
def test_what_is_no_json_is_answered_with_a_status_in_json(door: Still, path: str, body: bytes) -> None:
    answer = door.post(path, body, **JSON)

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
    assert answer.json()["code"] == 3
    assert "no OTLP in JSON" in answer.json()["message"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "application/grpc"])
def test_another_media_type_is_refused(door: Still, path: str, kind: str) -> None:
    answer = door.post(path, b"{}", content_type=kind)

    assert answer.status_code == 415
    assert "application/x-protobuf or application/json" in answer.json()["message"]


def test_another_packing_is_refused(door: Still) -> None:
    assert door.post("/v1/logs", b"x", content_encoding="br", **PROTOBUF).status_code == 415


def test_a_bomb_is_refused(door: Still) -> None:
    answer = door.post("/v1/logs", gzip.compress(bytes(200_000_000), 1), content_encoding="gzip", **PROTOBUF)

    assert answer.status_code == 413
    assert Status.FromString(answer.content).code == 8


def test_a_body_of_too_many_records_is_refused(door: Still) -> None:
    answer = door.post("/v1/traces", span_body("ranking", [{}] * 50_001), **JSON)

    assert answer.status_code == 413
    assert "smaller batches" in answer.json()["message"]


def test_a_body_that_comes_again_is_counted_once_and_answered_alike(door: Still) -> None:
    body = span_body("ranking", [{"kind": 2}] * 3)

    answers = [door.post("/v1/traces", body, **JSON) for _ in range(3)]

    assert [answer.json() for answer in answers] == [{}] * 3
    assert counted(door, "burnline_otlp_spans_total", kind="server", status="ok") == 3
    assert door.counted("burnline_otlp_records_repeated_total", signal="traces") >= 6


def test_a_store_that_fails_is_told_with_when_to_come_again(door: Still) -> None:
    door.app.db.write(lambda tx: tx.exec_driver_sql("ALTER TABLE series RENAME TO gone"))
    try:
        answer = door.post("/v1/traces", spans("ranking", 1), **PROTOBUF)
    finally:
        door.app.db.write(lambda tx: tx.exec_driver_sql("ALTER TABLE gone RENAME TO series"))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert Status.FromString(answer.content).code == 14
    assert "send it again" in Status.FromString(answer.content).message


def test_too_many_bodies_at_once_are_told_to_come_again(door: Still, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "MOST_AT_ONCE", 0)

    answer = door.post("/v1/metrics", b"", **PROTOBUF)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert Status.FromString(answer.content).code == 8


def test_clients_that_send_slowly_keep_nobody_out(door: Still, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "MOST_AT_ONCE", 1)
    head = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
    with ExitStack() as stack:
        slow = [stack.enter_context(door.connect()) for _ in range(3)]
        for connection in slow:
            connection.sendall(head + b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 100 "), "its body is awaited"

        answer = door.post("/v1/traces", spans("ranking", 1), **PROTOBUF)

    assert answer.status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_the_doors_stay_shut(tmp_path: Any, path: str) -> None:
    with still(tmp_path, token="correct-horse") as locked:
        shut = locked.post(path, b"", **PROTOBUF)
        opened = locked.post(path, b"", authorization="Bearer correct-horse", **PROTOBUF)

    assert (shut.status_code, opened.status_code) == (401, 200)
    assert shut.headers["www-authenticate"] == "Bearer"
    assert shut.headers["content-type"] == "application/x-protobuf"
    said = Status.FromString(shut.content)
    assert (said.code, said.message) == (16, "send Authorization: Bearer <BURNLINE_TOKEN>")


@pytest.mark.parametrize("path", PATHS)
def test_another_sites_page_cannot_post(door: Still, path: str) -> None:
    answers = [door.post(path, b"{}", origin="http://evil.example", **kind) for kind in (PROTOBUF, JSON)]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert Status.FromString(answers[0].content).message == "this came from another site"
    assert answers[1].json() == {"code": 7, "message": "this came from another site"}


def test_every_refusal_is_a_status_whoever_refuses(door: Still) -> None:
    answers = [httpx.get(door.url + "/v1/logs"), door.post("/v1/logs", b"{}", host="evil.example", **JSON)]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(405, 12), (400, 3)]
    assert door.post("/v1/predictions", b"", **JSON).json().keys() == {"error"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_opens_a_door(door: Still, path: str, method: str) -> None:
    assert httpx.request(method, door.url + path).status_code == 405


def test_a_log_record_is_counted_by_its_severity(door: Still) -> None:
    door.post("/v1/logs", log_body("ranking", [{"severityNumber": 17}, {"severityNumber": 9}, {}]), **JSON)

    assert counted(door, "burnline_otlp_log_records_total", severity="error") == 1
    assert counted(door, "burnline_otlp_log_records_total", severity="info") == 1
    assert counted(door, "burnline_otlp_log_records_total", severity="unset") == 1


def test_an_empty_request_is_fine(door: Still) -> None:
    assert door.post("/v1/traces", ExportTraceServiceRequest().SerializeToString(), **PROTOBUF).status_code == 200
    assert NANO == 10**9
