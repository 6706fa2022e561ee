"""Data points of OTLP metrics as readings under Prometheus' names, not yet compared with what came before."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from burnline.collectors.otlp import genai_metrics
from burnline.collectors.otlp.bounds import classic_bounds, classic_counts
from burnline.collectors.otlp.labels import MOST_HISTOGRAMS, LabelSets, most_of
from burnline.collectors.otlp.names import label_name, metric_name
from burnline.collectors.otlp.sheet import Services, Sheet
from burnline.collectors.otlp.tally import NANOSECOND, in_buckets, le, mark_of
from burnline.collectors.otlp.wire import NO_RECORDED_VALUE, Group, Refused, Wire, check_count, groups, scalars, text
from burnline.exposition.exemplars import Exemplar, Series, series_of
from burnline.spec.service import ServiceSpec
from burnline.store.streams import Gauge

DELTA, CUMULATIVE = 1, 2
OWN = "burnline_"  # names that only burnline itself may give
MOST_BOUNDS = 200
MOST_BUCKETS = 5_000  # of an exponential histogram
LATEST = 2**63 - 1  # nanoseconds since 1970, in 2262: what databases hold
MOST_QUANTILES = 50
MOST_EXEMPLARS = 50  # of one point that are looked at, the last ones
SCALES = range(-10, 21)
RESERVED = frozenset({"le", "quantile", "instance", "service"})
INSTANCE = ("service.instance.id", "k8s.pod.name", "host.name")  # the first that a resource has


@dataclass(frozen=True, slots=True)
class Reading:
    """One data point that adds up over processes: a counter or a histogram.

    Attributes:
        labels: of its series, which the processes of the service share.
        process, stream: whose it is, and which of its series; hashes.
        delta: it tells what was new since `start`; otherwise all since `start`.
        exemplars: of its observations, those whose trace is known.
        start, at: nanoseconds since 1970 by the sender's clock; `start` may be 0: unknown.
        counts: one number for a counter (no bounds), else one for each bucket.
        total: a histogram's sum of values.
    """

    service: str
    name: str
    labels: Mapping[str, str]
    process: str
    stream: str
    delta: bool
    start: int
    at: int
    counts: tuple[float, ...]
    bounds: tuple[float, ...] | None = None
    total: float | None = None
    genai: genai_metrics.Meaning | None = None
    exemplars: tuple[Exemplar, ...] = ()

    def marked(self) -> Iterator[tuple[Series, Exemplar]]:
        """Its exemplars, one for each of its series at most."""
        if self.bounds is not None:
            yield from in_buckets(self.name, self.labels, self.exemplars, self.bounds)
        elif self.exemplars and self.name.endswith("_total"):  # no others may have any
            yield series_of(self.name, self.labels), max(self.exemplars, key=lambda each: each.at)


@dataclass(frozen=True, slots=True)
class _Context:
    """What all points of one metric share."""

    wire: Wire
    spec: ServiceSpec
    sets: LabelSets
    metric: Any
    unit: str
    process: str
    scope: str
    instance: str
    meaning: genai_metrics.Meaning | None

    def name(self, *, monotonic: bool = False, gauge: bool = False) -> str:
        made = metric_name(self.metric.name or "", self.unit, monotonic=monotonic, gauge=gauge)
        if not made or made.startswith(OWN):
            raise Refused("name", f"{text(self.metric.name or '')!r} is no name of a metric that can be taken")
        return made


def read(wire: Wire, request: Any, services: Services, sets: LabelSets) -> tuple[Sheet, list[Reading], list[Gauge]]:
    """The readings and gauges of a request, and who they are accepted from.

    Raises: PayloadTooLarge for more points than one body may hold.
    """
    sheet = Sheet()
    readings: list[Reading] = []
    gauges: list[Gauge] = []
    seen = 0
    for spec, group in _owned(sheet, services, wire, request):
        for metric in group.records:
            context = _context(wire, spec, sets, group, metric)
            points = _points(wire, metric)
            seen += len(points)
            check_count(seen)
            for point in points:
                try:
                    found = list(_read(context, point))
                except (Refused, ValueError, OverflowError, TypeError) as error:
                    sheet.refuse(error if isinstance(error, Refused) else Refused("malformed", f"a point: {error}"))
                    continue
                sheet.accepted[spec.service] += 1
                readings += [each for each in found if isinstance(each, Reading)]
                gauges += [each for each in found if isinstance(each, Gauge)]
    return sheet, readings, gauges


def _owned(sheet: Sheet, services: Services, wire: Wire, request: Any) -> Iterator[tuple[ServiceSpec, Group]]:
    """The groups whose service is known; of the others each data point is refused."""
    for group in groups(wire, request.resource_metrics, "scope_metrics", "metrics"):
        try:
            spec = services.owner(group)
        except Refused as error:
            if count := sum(len(_points(wire, metric)) for metric in group.records):
                sheet.refuse(error, count)
        else:
            yield spec, group


def _points(wire: Wire, metric: Any) -> Sequence[Any]:
    kind = wire.kind(metric)
    return (getattr(metric, kind).data_points or ()) if kind else ()


def _context(wire: Wire, spec: ServiceSpec, sets: LabelSets, group: Group, metric: Any) -> _Context:
    process = hash_of(sorted((key, text(value)) for key, value in group.resource.items()))
    instance = next((text(group.resource[name]) for name in INSTANCE if name in group.resource), "")
    meaning = genai_metrics.MEANINGS.get(metric.name or "") if spec.telemetry.genai == "metrics" else None
    return _Context(wire, spec, sets, metric, metric.unit or "", process, group.scope, instance, meaning)


def _read(context: _Context, point: Any) -> Iterator[Reading | Gauge]:
    """What one point says. Raises: Refused."""
    kind = context.wire.kind(context.metric)
    if kind == "gauge":
        yield _gauge(context, point, context.name(gauge=True))
    elif kind == "sum":
        yield _sum(context, point)
    elif (point.flags or 0) & NO_RECORDED_VALUE:
        return  # what it was stays counted; of a counter nothing has to go
    elif kind == "histogram":
        yield _histogram(context, point)
    elif kind == "exponential_histogram":
        yield _exponential(context, point)
    elif kind == "summary":
        yield from _summary(context, point)


def _gauge(context: _Context, point: Any, name: str, *, add: bool = False) -> Gauge:
    labels = _labels(context, point)
    if context.instance:
        labels["instance"] = context.instance
    context.sets.check(context.spec.service, name, labels)
    if (point.flags or 0) & NO_RECORDED_VALUE:
        return Gauge(context.spec.service, name, labels, None)
    value = context.wire.number(point)
    return Gauge(context.spec.service, name, labels, _finite(name, value), add=add)


def _sum(context: _Context, point: Any) -> Reading | Gauge:
    data = context.metric.sum
    delta = _is_delta(context, data)
    if not data.is_monotonic:
        return _gauge(context, point, context.name(), add=delta)
    name = context.meaning.name if context.meaning else context.name(monotonic=True)
    value = 0.0 if (point.flags or 0) & NO_RECORDED_VALUE else _count(name, context.wire.number(point))
    return _reading(context, point, name, delta=delta, counts=(value,))


def _histogram(context: _Context, point: Any) -> Reading:
    name = context.meaning.name if context.meaning else context.name()
    bounds = tuple(float(each) for each in point.explicit_bounds or ())
    counts = tuple(_count(name, each) for each in point.bucket_counts or ()) or (_count(name, point.count or 0),)
    rising = all(low < high for low, high in pairwise(bounds))
    if len(counts) != len(bounds) + 1 or not rising or not all(map(math.isfinite, bounds)):
        raise Refused("malformed", f"{name}: {len(counts)} buckets do not fit bounds {list(map(le, bounds[:20]))}")
    if len(bounds) > MOST_BOUNDS:
        raise Refused("bounds", f"{name} has {len(bounds)} bounds; the most are {MOST_BOUNDS}")
    return _spread(context, point, name, counts, bounds, _is_delta(context, context.metric.histogram))


def _exponential(context: _Context, point: Any) -> Reading:
    name = context.meaning.name if context.meaning else context.name()
    positive, negative = point.positive, point.negative
    found = list((positive.bucket_counts or ()) if positive else ())
    lower = list((negative.bucket_counts or ()) if negative else ())
    if len(found) + len(lower) > MOST_BUCKETS or (point.scale or 0) not in SCALES:
        raise Refused("malformed", f"{name}: too many buckets, or a scale outside -10 to 20")
    offset = (positive.offset or 0) if positive else 0
    bounds = classic_bounds(context.unit)
    counts = classic_counts(
        ((offset + index, _count(name, count)) for index, count in enumerate(found)),
        scale=point.scale or 0,
        below=_count(name, point.zero_count or 0) + sum(_count(name, each) for each in lower),
        bounds=bounds,
    )
    delta = _is_delta(context, context.metric.exponential_histogram)
    return _spread(context, point, name, tuple(counts), bounds, delta)


def _spread(
    context: _Context, point: Any, name: str, counts: tuple[float, ...], bounds: tuple[float, ...], delta: bool
) -> Reading:
    total = context.wire.total(point)
    if total is not None and not math.isfinite(total):
        total = None
    return _reading(context, point, name, delta=delta, counts=counts, bounds=bounds, total=total)


def _summary(context: _Context, point: Any) -> Iterator[Reading | Gauge]:
    name = context.name()
    count = _count(name, point.count or 0)
    yield _reading(context, point, f"{name}_count", delta=False, counts=(count,))
    total = float(point.sum or 0)
    if math.isfinite(total) and total >= 0:
        yield _reading(context, point, f"{name}_sum", delta=False, counts=(total,))
    labels = _labels(context, point)
    if context.instance:
        labels["instance"] = context.instance
    for each in (point.quantile_values or ())[:MOST_QUANTILES]:
        value = float(each.value or 0)
        if math.isfinite(value):  # without events a quantile is NaN
            one = {**labels, "quantile": le(each.quantile or 0)}
            context.sets.check(context.spec.service, name, one)
            yield Gauge(context.spec.service, name, one, value)


def _reading(
    context: _Context,
    point: Any,
    name: str,
    *,
    delta: bool,
    counts: tuple[float, ...],
    bounds: tuple[float, ...] | None = None,
    total: float | None = None,
) -> Reading:
    labels: Mapping[str, str] = _labels(context, point)
    service = context.spec.service
    if context.meaning:
        labels = context.meaning.labels(scalars(context.wire, point.attributes))
        name = context.meaning.counter(scalars(context.wire, point.attributes)) or name
        labels = context.sets.fold(service, name, labels, most=MOST_HISTOGRAMS)
    else:
        context.sets.check(service, name, labels, most=most_of(bounds))
    start, at = int(point.start_time_unix_nano or 0), int(point.time_unix_nano or 0)
    if not 0 <= min(start, at) <= max(start, at) <= LATEST:
        raise Refused("time", f"{name} has a time that no clock shows; the latest is {LATEST} nanoseconds")
    attributes = sorted(labels.items())
    failed = context.meaning is not None and context.meaning.failed(scalars(context.wire, point.attributes))
    begun = 0 if delta else start
    identity = (context.process, context.scope, context.metric.name, name, attributes, failed, begun, bounds)
    return Reading(
        service=service,
        name=name,
        labels=labels,
        process=context.process,
        stream=hash_of(identity),
        delta=delta,
        start=start,
        at=at,
        counts=(total or 0.0,) if context.meaning and context.meaning.of_sums and bounds is not None else counts,
        bounds=None if context.meaning and context.meaning.of_sums else bounds,
        total=total,
        genai=context.meaning.failing(failed) if context.meaning else None,
        exemplars=tuple(_exemplars(context.wire, point)),
    )


def _exemplars(wire: Wire, point: Any) -> Iterator[Exemplar]:
    """Those with a trace; one that cannot be read is no reason to refuse the point. Attributes may hold any text."""
    for each in (getattr(point, "exemplars", None) or ())[-MOST_EXEMPLARS:]:
        try:
            value, at = wire.number(each), int(each.time_unix_nano or 0) * NANOSECOND
        except (ValueError, OverflowError):
            continue
        mark = mark_of(wire.ident(each.trace_id), wire.ident(each.span_id), at)
        if mark and at and value is not None and math.isfinite(value):
            yield Exemplar(mark.trace_id, mark.span_id, value, mark.at)


def _labels(context: _Context, point: Any) -> dict[str, str]:
    """A point's attributes as labels; two that would have one name are joined, as Prometheus does."""
    found: dict[str, str] = {}
    for key, value in sorted(scalars(context.wire, point.attributes).items()):
        name = label_name(key)
        if name in RESERVED:
            name = f"exported_{name}"
        if name:
            found[name] = f"{found[name]};{text(value)}" if name in found else text(value)
    return found


def _is_delta(context: _Context, data: Any) -> bool:
    temporality = data.aggregation_temporality or 0
    if temporality not in (DELTA, CUMULATIVE):
        raise Refused("malformed", f"{text(context.metric.name or '')} is neither cumulative nor delta")
    return bool(temporality == DELTA)


def _finite(name: str, value: float | None) -> float:
    if value is None or not math.isfinite(value):
        raise Refused("malformed", f"{name} has the value {value}, which no series can have")
    return value


def _count(name: str, value: float | str | None) -> float:
    found = float(value) if value is not None else math.nan
    if not 0 <= found < math.inf:
        raise Refused("malformed", f"{name} has the value {value}, which no counter can have")
    return found


def hash_of(value: Iterable[Any] | str) -> str:
    """A short name for a long identity."""
    return hashlib.blake2b(repr(value).encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()
