"""OTLP in protobuf: the one place that knows its classes, loaded when the doors are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.internal import api_implementation
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from burnline.collectors.otlp.scan import POINTS, RECORDS, check_messages
from burnline.collectors.otlp.wire import Scalar
from burnline.errors import BurnlineError, PayloadError

SCALARS = frozenset({"string_value", "bool_value", "int_value", "double_value"})


def check_upb() -> None:
    """Raises: BurnlineError where protobuf came without its C library: it would take 300 times as long."""
    found = api_implementation.Type()
    if found != "upb":
        message = f"protobuf decodes by {found!r}, 300 times slower than upb: install its wheel for this platform"
        raise BurnlineError(message)


class Protobuf:
    """`Wire` of application/x-protobuf."""

    name = "protobuf"

    def traces(self, body: bytes) -> Any:
        return _parse(ExportTraceServiceRequest, body, RECORDS)

    def logs(self, body: bytes) -> Any:
        return _parse(ExportLogsServiceRequest, body, RECORDS)

    def metrics(self, body: bytes) -> Any:
        return _parse(ExportMetricsServiceRequest, body, POINTS)

    def scalar(self, value: Any) -> Scalar | None:
        kind = value.WhichOneof("value")
        return getattr(value, kind) if kind in SCALARS else None

    def value(self, value: Any) -> Any:
        kind = value.WhichOneof("value")
        if kind == "array_value":
            return [self.value(each) for each in value.array_value.values]
        if kind == "kvlist_value":
            return {each.key: self.value(each.value) for each in value.kvlist_value.values}
        return self.scalar(value)

    def ident(self, value: Any) -> str:
        return value.hex() if value.strip(b"\0") else ""

    def kind(self, metric: Any) -> str:
        return metric.WhichOneof("data") or ""

    def number(self, point: Any) -> float | None:
        kind = point.WhichOneof("value")
        return float(getattr(point, kind)) if kind else None

    def total(self, point: Any) -> float | None:
        return point.sum if point.HasField("sum") else None


def answer(signal: str, rejected: int, message: str) -> bytes:
    """The response to an export; `message` is empty unless something is to be said."""
    response: Any
    if signal == "traces":
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = rejected
    elif signal == "logs":
        response = ExportLogsServiceResponse()
        response.partial_success.rejected_log_records = rejected
    else:
        response = ExportMetricsServiceResponse()
        response.partial_success.rejected_data_points = rejected
    response.partial_success.error_message = message
    if not rejected and not message:
        response.ClearField("partial_success")
    return bytes(response.SerializeToString())


def status(code: int, message: str) -> bytes:
    """A google.rpc.Status."""
    return bytes(Status(code=code, message=message).SerializeToString())


def _parse(kind: Any, body: bytes, levels: Sequence[set[int]]) -> Any:
    check_messages(body, levels)
    try:
        return kind.FromString(body)
    except (DecodeError, ValueError, RecursionError) as error:
        raise PayloadError(f"the body is no {kind.DESCRIPTOR.name} in protobuf: {error}") from error
