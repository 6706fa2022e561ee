"""Requests that were answered, as OpenTelemetry's metric `http.server.request.duration` in the JSON of OTLP."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from burnline.client.trace import Trace

# semantic conventions, HTTP metrics: the bounds advised for http.server.request.duration, in seconds
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
NAME = "http.server.request.duration"
# the same: any other method is `_OTHER`, as a caller may write whatever it likes
METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
MOST_SERIES = 500
CUMULATIVE = 2
Kind = tuple[str, str, int]  # method, route, status


@dataclass
class _Series:
    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0
    slowest: tuple[float, int, Trace] | None = None  # since it was last sent: seconds, when, whose


class Tally:
    """Counts from its beginning on. What is sent twice, or not at all, changes nothing: the next sending has it all."""

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._since = time.time_ns()
        self._lock = threading.Lock()
        self._series: dict[Kind, _Series] = {}

    def add(self, kind: Kind, seconds: float, trace: Trace | None) -> None:
        """Count one request. Routes beyond MOST_SERIES are counted without their name."""
        method, route, status = kind
        kind = (method if method in METHODS else "_OTHER", route, status)
        with self._lock:
            if kind not in self._series and len(self._series) >= MOST_SERIES:
                kind = (kind[0], "", status // 100 * 100)
            series = self._series.setdefault(kind, _Series())
            series.counts[bisect_left(BOUNDS, seconds)] += 1
            series.total += seconds
            if trace is not None and (series.slowest is None or seconds > series.slowest[0]):
                series.slowest = (seconds, time.time_ns(), trace)

    def as_otlp(self, service: str, version: str) -> dict[str, Any]:
        """An ExportMetricsServiceRequest of all that was counted."""
        named = {"service.name": service, "service.version": version, "service.instance.id": self._instance}
        with self._lock:
            points = list(self._points(time.time_ns()))
        histogram = {"aggregationTemporality": CUMULATIVE, "dataPoints": points}
        metric = {"name": NAME, "unit": "s", "histogram": histogram}
        scope = {"scope": {"name": "burnline.client"}, "metrics": [metric]}
        resource = {"attributes": [_text(name, value) for name, value in named.items() if value]}
        return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [scope]}]}

    def _points(self, now: int) -> Iterator[dict[str, Any]]:
        for (method, route, status), series in self._series.items():
            about = [_text("http.request.method", method), *([_text("http.route", route)] if route else [])]
            about.append({"key": "http.response.status_code", "value": {"intValue": str(status)}})
            slowest, series.slowest = series.slowest, None
            yield {
                "attributes": about,
                "startTimeUnixNano": str(self._since),
                "timeUnixNano": str(now),
                "count": str(sum(series.counts)),
                "sum": series.total,
                "bucketCounts": [str(count) for count in series.counts],
                "explicitBounds": list(BOUNDS),
                "exemplars": [_exemplar(*slowest)] if slowest else [],
            }


def _exemplar(seconds: float, at: int, trace: Trace) -> dict[str, Any]:
    return {"timeUnixNano": str(at), "asDouble": seconds, "traceId": trace.trace_id, "spanId": trace.span_id}


def _text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}
