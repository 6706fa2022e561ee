"""OTLP: records per second and core, from the body to the commit, beside protobuf's own reader of JSON.

    python benchmarks/otlp.py

Spans have 14 attributes and an event, log records 24 attributes, data points 3; 1,000 to a body. CPU time of this
process, all its threads, the best of several rounds. The peer, `json_format.Parse`, only reads: nothing is counted.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from burnline.collectors.otlp.door import OtlpDoor, Signal
from burnline.collectors.otlp.json_body import Json
from burnline.collectors.otlp.protobuf import Protobuf
from burnline.collectors.otlp.wire import Wire
from burnline.spec.service import ServiceSpec
from burnline.store.database import open_database

RECORDS, ROUNDS = 1000, 7
NANO = 10**9
SPEC = ServiceSpec.model_validate({"apiVersion": "burnline/v1", "service": "bench", "owner": "bench"})
REQUESTS: dict[Signal, Any] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
_numbers = count(1)


def attributes(number: int, **more: str) -> list[dict[str, Any]]:
    """So many attributes, and those named."""
    plain = [{"key": f"http.some.attribute.{n}", "value": {"stringValue": f"value-{n}" * 3}} for n in range(number)]
    return plain + [{"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in more.items()]


def span(number: int, now: int) -> dict[str, Any]:
    """One server span of generative AI."""
    return {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": "POST /v1/chat",
        "kind": 2,
        "startTimeUnixNano": str(now - NANO // 5),
        "endTimeUnixNano": str(now),
        "attributes": attributes(11, gen_ai__system="vllm", gen_ai__request__model="m", gen_ai__operation__name="chat"),
        "events": [{"name": "done", "timeUnixNano": str(now), "attributes": attributes(3)}],
        "status": {"code": 2 if number % 50 == 0 else 0},
    }


def body(signal: Signal) -> str:
    """A body that was never sent before."""
    now, resource = time.time_ns(), {"attributes": attributes(5, service__name="bench")}
    numbers = [next(_numbers) for _ in range(RECORDS)]
    if signal == "traces":
        records = [span(n, now) for n in numbers]
        return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": records}]}]})
    if signal == "logs":
        records = [{"timeUnixNano": str(now + n), "severityNumber": 9, "attributes": attributes(24)} for n in numbers]
        return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]})
    times = {"startTimeUnixNano": str(now - NANO), "timeUnixNano": str(now)}
    points = [{"asInt": str(n), **times, "attributes": attributes(2, n=str(n % RECORDS))} for n in numbers]
    data = {"name": "jobs", "sum": {"dataPoints": points, "isMonotonic": True, "aggregationTemporality": 2}}
    return json.dumps({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [data]}]}]})


def parse(kind: Any, sent: bytes) -> object:
    """The peer."""
    return json_format.Parse(sent, kind())


def per_second(work: Callable[[bytes], object], bodies: list[bytes]) -> float:
    """Records per second of CPU, of the fastest body."""
    fastest = 1e9
    for each in bodies:
        start = time.process_time()
        work(each)
        fastest = min(fastest, time.process_time() - start)
    return RECORDS / fastest


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        db = open_database(f"sqlite:///{folder}/b.db")
        door = OtlpDoor(db, (SPEC,))

        def take(signal: Signal, wire: Wire) -> Callable[[bytes], object]:
            return lambda sent: door.accept(signal, wire, sent, datetime.now(UTC))

        print("records per second and core; protobuf, JSON, json_format.Parse alone")
        for signal, kind in REQUESTS.items():
            written = [body(signal).encode() for _ in range(ROUNDS)]
            packed = [json_format.Parse(body(signal), kind()).SerializeToString() for _ in range(ROUNDS)]
            protobuf = per_second(take(signal, Protobuf()), packed)
            plain = per_second(take(signal, Json()), written)
            peer = per_second(partial(parse, kind), written[:2])
            sizes = f"{len(packed[0]) / RECORDS:.0f} and {len(written[0]) / RECORDS:.0f} bytes a record"
            print(f"{signal:8} {protobuf:10,.0f} {plain:10,.0f} {peer:10,.0f}   JSON {plain / peer:.0f} x   {sizes}")
        db.close()


if __name__ == "__main__":
    main()
