"""OTLP in JSON: protobuf's mapping with ids in hexadecimal and enums as numbers; what is unknown is passed over."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from burnline.collectors.otlp.wire import Scalar
from burnline.errors import PayloadError, PayloadTooLarge

Int = int | str | None  # 64 bits: a text by the mapping, a number from many senders
Real = float | str | None
KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
MAX_OBJECTS = 1_000_000  # three bytes of a body can become a hundred of memory
IDENT = re.compile(r"[0-9a-f]{16}([0-9a-f]{16})?")
UNREAD = msgspec.Raw()  # what is only decoded when somebody asks
T = TypeVar("T")


class Camel(msgspec.Struct, rename="camel"):
    """The base of all: protobuf's field names here, camelCase in the body."""


class AnyValue(Camel):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Int = None
    double_value: Real = None
    array_value: msgspec.Raw = UNREAD
    kvlist_value: msgspec.Raw = UNREAD


class KeyValue(Camel):
    key: str = ""
    value: AnyValue | None = None


Attributes = list[KeyValue] | None


class Values(Camel):
    values: list[AnyValue] | None = None


class Pairs(Camel):
    values: list[KeyValue] | None = None


class Resource(Camel):
    attributes: Attributes = None


class Scope(Camel):
    name: str | None = None


class Status(Camel):
    code: int | None = None


class Event(Camel):
    name: str | None = None
    attributes: Attributes = None


class Span(Camel):
    trace_id: str | None = None
    span_id: str | None = None
    name: str | None = None
    kind: int | None = None
    start_time_unix_nano: Int = None
    end_time_unix_nano: Int = None
    attributes: Attributes = None
    events: list[Event] | None = None
    status: Status | None = None


class ScopeSpans(Camel):
    scope: Scope | None = None
    spans: list[Span] | None = None


class ResourceSpans(Camel):
    resource: Resource | None = None
    scope_spans: list[ScopeSpans] | None = None


class Traces(Camel):
    resource_spans: list[ResourceSpans] | None = None


class LogRecord(Camel):
    event_name: str | None = None
    body: msgspec.Raw = UNREAD
    time_unix_nano: Int = None
    observed_time_unix_nano: Int = None
    trace_id: str | None = None
    span_id: str | None = None
    severity_number: int | None = None
    attributes: Attributes = None


class ScopeLogs(Camel):
    scope: Scope | None = None
    log_records: list[LogRecord] | None = None


class ResourceLogs(Camel):
    resource: Resource | None = None
    scope_logs: list[ScopeLogs] | None = None


class Logs(Camel):
    resource_logs: list[ResourceLogs] | None = None


class Exemplar(Camel):
    time_unix_nano: Int = None
    as_double: Real = None
    as_int: Int = None
    trace_id: str | None = None
    span_id: str | None = None


class Point(Camel):
    attributes: Attributes = None
    start_time_unix_nano: Int = None
    time_unix_nano: Int = None
    flags: int | None = None
    exemplars: list[Exemplar] | None = None


class NumberPoint(Point):
    as_double: Real = None
    as_int: Int = None


class HistogramPoint(Point):
    count: Int = None
    sum: Real = None
    bucket_counts: list[int | str] | None = None
    explicit_bounds: list[float | str] | None = None


class Buckets(Camel):
    offset: int | None = None
    bucket_counts: list[int | str] | None = None


class ExponentialPoint(Point):
    count: Int = None
    sum: Real = None
    scale: int | None = None
    zero_count: Int = None
    positive: Buckets | None = None
    negative: Buckets | None = None


class Quantile(Camel):
    quantile: float | None = None
    value: Real = None


class SummaryPoint(Point):
    count: Int = None
    sum: Real = None
    quantile_values: list[Quantile] | None = None


class Gauge(Camel):
    data_points: list[NumberPoint] | None = None


class Sum(Camel):
    data_points: list[NumberPoint] | None = None
    aggregation_temporality: int | None = None
    is_monotonic: bool | None = None


class Histogram(Camel):
    data_points: list[HistogramPoint] | None = None
    aggregation_temporality: int | None = None


class ExponentialHistogram(Camel):
    data_points: list[ExponentialPoint] | None = None
    aggregation_temporality: int | None = None


class Summary(Camel):
    data_points: list[SummaryPoint] | None = None


class Metric(Camel):
    name: str | None = None
    unit: str | None = None
    gauge: Gauge | None = None
    sum: Sum | None = None
    histogram: Histogram | None = None
    exponential_histogram: ExponentialHistogram | None = None
    summary: Summary | None = None


class ScopeMetrics(Camel):
    scope: Scope | None = None
    metrics: list[Metric] | None = None


class ResourceMetrics(Camel):
    resource: Resource | None = None
    scope_metrics: list[ScopeMetrics] | None = None


class Metrics(Camel):
    resource_metrics: list[ResourceMetrics] | None = None


_value = msgspec.json.Decoder(AnyValue | None)
_values = msgspec.json.Decoder(Values | None)
_pairs = msgspec.json.Decoder(Pairs | None)
_TRACES, _LOGS, _METRICS = (msgspec.json.Decoder(kind) for kind in (Traces, Logs, Metrics))


class Json:
    """`Wire` of application/json."""

    name = "JSON"

    def traces(self, body: bytes) -> Traces:
        return _decode(_TRACES, body)  # type: ignore[return-value] # three decoders, one function

    def logs(self, body: bytes) -> Logs:
        return _decode(_LOGS, body)  # type: ignore[return-value]

    def metrics(self, body: bytes) -> Metrics:
        return _decode(_METRICS, body)  # type: ignore[return-value]

    def scalar(self, value: AnyValue | None) -> Scalar | None:
        if value is None:
            return None
        if value.string_value is not None:
            return value.string_value
        if value.int_value is not None:
            return int(value.int_value)
        if value.double_value is not None:
            return float(value.double_value)
        return value.bool_value

    def value(self, value: AnyValue | msgspec.Raw | None) -> Any:
        if isinstance(value, msgspec.Raw):
            value = _value.decode(value) if value else None
        if value is None:
            return None
        if value.array_value:
            return [self.value(each) for each in (_values.decode(value.array_value) or Values()).values or ()]
        if value.kvlist_value:
            pairs = (_pairs.decode(value.kvlist_value) or Pairs()).values or ()
            return {each.key: self.value(each.value) for each in pairs}
        return self.scalar(value)

    def ident(self, value: str | None) -> str:
        lower = (value or "").lower()
        return lower if IDENT.fullmatch(lower) and lower.strip("0") else ""

    def kind(self, metric: Metric) -> str:
        return next((kind for kind in KINDS if getattr(metric, kind) is not None), "")

    def number(self, point: NumberPoint | Exemplar) -> float | None:
        value = point.as_double if point.as_double is not None else point.as_int
        return None if value is None else float(value)

    def total(self, point: HistogramPoint) -> float | None:
        return None if point.sum is None else float(point.sum)


def answer(signal: str, rejected: int, message: str) -> bytes:
    """The response to an export; `message` is empty unless something is to be said."""
    if not rejected and not message:
        return b"{}"
    field = {"traces": "rejectedSpans", "logs": "rejectedLogRecords"}.get(signal, "rejectedDataPoints")
    return msgspec.json.encode({"partialSuccess": {field: str(rejected), "errorMessage": message}})


def status(code: int, message: str) -> bytes:
    """A google.rpc.Status."""
    return msgspec.json.encode({"code": code, "message": message})


def _decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    if body.count(b"{") > MAX_OBJECTS:
        raise PayloadTooLarge(f"the body holds more than {MAX_OBJECTS:,} objects: send smaller batches")
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise PayloadError(f"the body is no OTLP in JSON: {error}") from error
