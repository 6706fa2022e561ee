"""Bodies of OTLP, as exporters write them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

NANO = 10**9
_ids = count(1)
START = 1_767_614_400 * NANO  # 2026-01-05 12:00 UTC


def attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Attributes in JSON."""
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return [{"key": key, "value": {kinds[type(value)]: value}} for key, value in values.items()]


def resource(service: str, **more: Any) -> dict[str, Any]:
    """A resource in JSON."""
    return {"attributes": attributes({"service.name": service, **more})}


def span_body(service: str, made: Sequence[Mapping[str, Any]], *, seconds: float = 0.1) -> str:
    """Spans in JSON, no two with one id; each takes `seconds` unless it says otherwise."""
    base = {"startTimeUnixNano": str(START), "endTimeUnixNano": str(START + int(seconds * NANO)), "name": "GET /"}
    ids = [{"traceId": f"{n:032x}", "spanId": f"{n:016x}"} for n in (next(_ids) for _ in made)]
    both = [{**base, **ident, **span} for ident, span in zip(ids, made, strict=True)]
    return json.dumps({"resourceSpans": [{"resource": resource(service), "scopeSpans": [{"spans": both}]}]})


def log_body(service: str, records: Sequence[Mapping[str, Any]]) -> str:
    """Log records in JSON."""
    return json.dumps({"resourceLogs": [{"resource": resource(service), "scopeLogs": [{"logRecords": list(records)}]}]})


def spans(service: str, number: int, *, failed: int = 0) -> bytes:
    """Server spans in protobuf, of 100 ms each, the first `failed` of them with an error."""
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add()
    part.resource.attributes.add(key="service.name").value.string_value = service
    scope = part.scope_spans.add()
    for n in range(number):
        ident = next(_ids)
        span = scope.spans.add(name="GET /", kind=2, start_time_unix_nano=START, end_time_unix_nano=START + NANO // 10)
        span.trace_id, span.span_id = ident.to_bytes(16, "big"), ident.to_bytes(8, "big")
        span.status.code = 2 if n < failed else 0
    return bytes(request.SerializeToString())


def metric_body(service: str, *metrics: Mapping[str, Any], **more: Any) -> str:
    """Metrics in JSON; `more` are attributes of the resource, with _ for the dots."""
    who = resource(service, **{key.replace("_", "."): value for key, value in more.items()})
    return json.dumps({"resourceMetrics": [{"resource": who, "scopeMetrics": [{"metrics": list(metrics)}]}]})


def total(name: str, *points: Mapping[str, Any], delta: bool = False, monotonic: bool = True, unit: str = "") -> Any:
    """A sum."""
    data = {"dataPoints": points, "aggregationTemporality": 1 if delta else 2, "isMonotonic": monotonic}
    return {"name": name, "unit": unit, "sum": data}


def gauge(name: str, *points: Mapping[str, Any], unit: str = "") -> Any:
    """A gauge."""
    return {"name": name, "unit": unit, "gauge": {"dataPoints": points}}


def histogram(
    name: str, *points: Mapping[str, Any], delta: bool = False, unit: str = "s", exponential: bool = False
) -> Any:
    """A histogram."""
    kind = "exponentialHistogram" if exponential else "histogram"
    return {"name": name, "unit": unit, kind: {"dataPoints": points, "aggregationTemporality": 1 if delta else 2}}


def point(
    value: float | None = None, *, start: float = 0, at: float = 0, labels: Mapping[str, Any] | None = None, **more: Any
) -> Any:
    """A data point; `start` and `at` are seconds after START. A whole number comes as a text, as the mapping says."""
    times = {"startTimeUnixNano": str(START + int(start * NANO)), "timeUnixNano": str(START + int(at * NANO))}
    number = {} if value is None else {"asDouble": value} if isinstance(value, float) else {"asInt": str(value)}
    return {**times, **number, "attributes": attributes(labels or {}), **more}
