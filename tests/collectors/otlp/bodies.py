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
