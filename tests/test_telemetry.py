"""burnline's own logs and traces."""

from __future__ import annotations

import gzip
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import monotonic
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from burnline.errors import SpecError
from burnline.telemetry import LOGGER, Causes, setup_logging, setup_telemetry, span
from tests.programs import free_port

log = logging.getLogger("burnline.test")


@dataclass
class Settings:
    otlp_endpoint: str = ""


@dataclass
class Receiver:
    """A loopback OTLP/HTTP collector; keeps what it was sent, decoded."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            traces = ExportTraceServiceRequest.FromString(body)
            for of_resource in traces.resource_spans:
                self.resources.append(plain(of_resource.resource.attributes))
                self.spans += [item for scope in of_resource.scope_spans for item in scope.spans]
        if path == "/v1/logs":
            logs = ExportLogsServiceRequest.FromString(body)
            for of_service in logs.resource_logs:
                self.resources.append(plain(of_service.resource.attributes))
                self.logs += [item for scope in of_service.scope_logs for item in scope.log_records]


def plain(attributes: Any) -> dict[str, Any]:
    def value(pair: KeyValue) -> Any:
        return getattr(pair.value, pair.value.WhichOneof("value") or "string_value")

    return {pair.key: value(pair) for pair in attributes}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.take(self.path, gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}"
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What `setup_logging` writes, with logging put back as it was."""
    root, logger = logging.getLogger(), logging.getLogger(LOGGER)
    before = (root.handlers[:], logger.level)
    stream = io.StringIO()
    setup_logging(stream)
    yield stream
    root.handlers[:] = before[0]
    logger.setLevel(before[1])


def only(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def test_a_log_event_is_one_json_line_with_its_fields(lines: io.StringIO) -> None:
    log.info("run claimed", extra={"run": 7, "service": "card-fraud", "labels": {"slo": "latency"}, "score": None})

    line = only(lines)
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "burnline.test",
        "event": "run claimed",
        "run": 7,
        "service": "card-fraud",
        "labels": {"slo": "latency"},
        "score": None,
    }


def test_an_exception_is_in_the_same_line(lines: io.StringIO) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        log.exception("turn failed")

    line = only(lines)
    assert (line["level"], line["error"]) == ("error", "ValueError: first\nsecond")
    assert "test_telemetry.py" in line["stack"]


def test_debug_is_not_written_unless_asked_for(lines: io.StringIO) -> None:
    log.debug("noise")

    assert lines.getvalue() == ""


def test_a_library_is_heard_when_it_warns(lines: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").info("noise")
    logging.getLogger("uvicorn.error").warning("could not bind")

    assert only(lines)["event"] == "could not bind"


def test_setting_logging_up_again_writes_each_line_once(lines: io.StringIO) -> None:
    second = io.StringIO()
    setup_logging(second, logging.DEBUG)

    log.debug("once")

    assert (lines.getvalue(), only(second)["event"]) == ("", "once")


@pytest.mark.parametrize(
    "name", ["token", "alerts_token", "Authorization", "password", "api_key", "apikey", "set_cookie"]
)
def test_a_field_named_like_a_secret_is_hidden(lines: io.StringIO, name: str) -> None:
    log.info("settings read", extra={name: "hunter2", "nested": {"deep": [{name: "hunter2"}]}})

    assert "hunter2" not in lines.getvalue()
    assert only(lines)[name] == "***"


@pytest.mark.parametrize("text", ["postgresql://burnline:hunter2@db/x", "sent Authorization: Bearer hunter2 to x"])
def test_a_secret_inside_a_text_is_hidden(lines: io.StringIO, text: str) -> None:
    try:
        raise OSError(text)
    except OSError:
        log.exception(text, extra={"detail": text, "many": [text]})

    assert "hunter2" not in lines.getvalue()


def test_hostile_text_can_forge_no_line_and_move_no_cursor(lines: io.StringIO) -> None:
    log.info("alert received", extra={"label": 'x\n{"event": "forged"}\x1b[2J\x9b2J\u2028'})

    (line,) = lines.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()


def test_a_field_cannot_pose_as_the_event_or_its_time(lines: io.StringIO) -> None:
    log.info("real", extra={"event": "forged", "at": "never", "level": "debug"})

    line = only(lines)
    assert (line["event"], line["level"]) == ("real", "info")
    assert line["at"] != "never"


def test_numbers_of_tokens_are_no_secret(lines: io.StringIO) -> None:
    log.info("answer scored", extra={"tokens": 812, "input_tokens": 100})

    assert only(lines)["tokens"] == 812


def test_a_long_value_is_cut(lines: io.StringIO) -> None:
    log.info("body refused", extra={"body": "x" * 1_000_000})

    assert len(lines.getvalue()) < 3000
    assert only(lines)["body"].endswith("(1000000 characters)")


def test_what_json_does_not_know_is_written_as_text(lines: io.StringIO) -> None:
    log.info("odd", extra={"thing": {1, 2}, "kind": ValueError, "bytes": b"\xff"})

    assert only(lines)["thing"] == [1, 2]


def test_a_trouble_is_new_when_it_begins_when_its_cause_changes_and_when_it_is_over() -> None:
    causes = Causes()

    told = [causes.is_new("mail", cause) for cause in ("", "down", "down", "refused", "", "", "refused")]

    assert told == [False, True, False, True, True, False, True]
    assert causes.is_new("pager", "refused")


def test_without_an_endpoint_nothing_is_switched_on() -> None:
    handlers = logging.getLogger(LOGGER).handlers[:]

    telemetry = setup_telemetry(Settings())
    with span("run step", run=7):
        pass
    telemetry.shutdown()

    assert logging.getLogger(LOGGER).handlers == handlers


def test_without_an_endpoint_opentelemetry_is_not_even_imported() -> None:
    program = (
        "import sys; from burnline.telemetry import setup_telemetry, span\n"
        "class Off: otlp_endpoint = ''\n"
        "setup_telemetry(Off())\n"
        "with span('x'): pass\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )

    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"


@pytest.mark.parametrize("endpoint", ["collector:4318", "127.0.0.1:4318", "ftp://x", "http://"])
def test_an_endpoint_that_is_no_url_is_refused(endpoint: str) -> None:
    with pytest.raises(SpecError, match=r"BURNLINE_OTLP_ENDPOINT: .* is no http\(s\) URL; http://127\.0\.0\.1:4318"):
        setup_telemetry(Settings(endpoint))


def test_spans_arrive_nested_with_their_attributes(receiver: Receiver) -> None:
    telemetry = setup_telemetry(Settings(receiver.url + "/"))

    with span("run", run=7, service="card-fraud", token="hunter2", params={"a": 1}, owner=None), span("run step", n=0):
        pass
    telemetry.shutdown()

    inner, outer = receiver.spans
    assert (outer.name, inner.name) == ("run", "run step")
    assert inner.parent_span_id == outer.span_id
    assert plain(outer.attributes) == {"run": 7, "service": "card-fraud", "token": "***", "params": '{"a": 1}'}
    assert receiver.resources[0]["service.name"] == "burnline"


def test_a_block_that_raises_is_a_span_with_an_error(receiver: Receiver) -> None:
    telemetry = setup_telemetry(Settings(receiver.url))

    with pytest.raises(ValueError, match="no"), span("run step"):
        raise ValueError("no")
    telemetry.shutdown()

    (failed,) = receiver.spans
    assert failed.status.code == failed.status.STATUS_CODE_ERROR


def test_logs_arrive_with_severity_fields_and_the_trace_they_belong_to(receiver: Receiver) -> None:
    telemetry = setup_telemetry(Settings(receiver.url))

    with span("run step"):
        log.warning("step failed", extra={"step": "rollback", "password": "hunter2"})
    telemetry.shutdown()

    (record,) = receiver.logs
    warn = 13
    assert (record.body.string_value, record.severity_number, record.severity_text) == ("step failed", warn, "WARNING")
    assert plain(record.attributes) == {"logger": "burnline.test", "step": "rollback", "password": "***"}
    assert record.trace_id == receiver.spans[0].trace_id


def test_after_the_shutdown_nothing_more_is_sent(receiver: Receiver) -> None:
    telemetry = setup_telemetry(Settings(receiver.url))
    telemetry.shutdown()

    with span("late"):
        log.warning("late")

    assert (receiver.spans, receiver.logs) == ([], [])


def test_a_collector_that_is_away_holds_up_nobody() -> None:
    telemetry = setup_telemetry(Settings(f"http://127.0.0.1:{free_port()}"))
    started = monotonic()

    with span("run step"):
        log.warning("step failed")
    telemetry.shutdown()

    longest = 15.0
    assert monotonic() - started < longest
