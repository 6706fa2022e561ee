"""A service as OpenSLO v1 objects: its SLOs, with their indicators and alert policies inline.

Source: OpenSLO/OpenSLO, README.md of v1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from burnline.metrics import SERVICE, SIGNAL, SIGNAL_BAD_EVENTS, SIGNAL_EVENTS
from burnline.slo.promql import Aggregate, Binary, Call, Select, series, show
from burnline.slo.windows import Tier, tiers_of
from burnline.spec.place import Flaw, Place
from burnline.spec.selector import Matcher, Selector
from burnline.spec.service import ServiceSpec
from burnline.spec.sli import SliSpec
from burnline.spec.slo import CalendarWindow, SloSpec

VERSION = "openslo/v1"
# A duration, and a day on which such a period starts: 2026-01-05 is a Monday.
CALENDAR = {"day": "1d", "week": "1w", "month": "1M", "quarter": "1Q", "year": "1Y"}
_START = {"week": "2026-01-05 00:00:00"}
_UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)), ("s", timedelta(seconds=1)))
_NOT_OF_AN_SLO = ("escalation", "collect", "model", "signals", "exclude", "budget_policy", "release", "runbooks")
_NOT_SAID = ("min_events", "min_bad_events", "depends_on")


@dataclass(frozen=True, slots=True)
class Exported:
    """OpenSLO objects as plain data, and what they do not say of the service file."""

    objects: tuple[dict[str, Any], ...]
    left: tuple[Flaw, ...]


def export(spec: ServiceSpec) -> Exported:
    """The objects of a service: a Service, and an SLO for each that OpenSLO can say."""
    left = [
        Flaw((name,), "not carried over: OpenSLO speaks of SLOs alone")
        for name in _NOT_OF_AN_SLO
        if name in spec.model_fields_set
    ]
    objects = [_object("Service", spec.service, {"description": spec.description}, labels={"owner": spec.owner})]
    for index, slo in enumerate(spec.slos):
        sli = _sli(spec, slo)
        if why := _unsayable(sli):
            left.append(Flaw(("slos", index, "sli"), f"not carried over, with its SLO: OpenSLO cannot say {why}"))
            continue
        objects.append(_slo(spec, slo, sli))
        left += _left(slo, ("slos", index))
    return Exported(tuple(objects), tuple(left))


def _sli(spec: ServiceSpec, slo: SloSpec) -> SliSpec:
    other = spec.slo(slo.sli.same_as) if slo.sli.same_as else None
    return other.sli if other else slo.sli


def _unsayable(sli: SliSpec) -> str:
    if sli.threshold and sli.threshold.above is not None and sli.threshold.below is not None:
        return "a gauge between two bounds"
    if sli.throughput:
        return "how many events a slice of time has"
    return "several SLOs as one" if sli.composite else ""


def _left(slo: SloSpec, place: Place) -> Iterator[Flaw]:
    for name in _NOT_SAID:
        if name in slo.model_fields_set:
            yield Flaw((*place, name), "not carried over: OpenSLO has no place for it")
    if tiers_of(slo):
        at = (*place, "tiers") if slo.tiers else place
        yield Flaw(at, "not carried over: the short windows of its tiers: a condition of OpenSLO looks back once")


def _object(kind: str, name: str, spec: dict[str, Any], *, labels: dict[str, str] | None = None) -> dict[str, Any]:
    metadata = {"name": name, **({"labels": labels} if labels else {})}
    return {"apiVersion": VERSION, "kind": kind, "metadata": metadata, "spec": _written(spec)}


def _written(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in ("", None, [])}


def _slo(spec: ServiceSpec, slo: SloSpec, sli: SliSpec) -> dict[str, Any]:
    indicator, bound = _indicator(spec, sli)
    method, slices = _slices(slo, sli)
    body = {
        "description": slo.description,
        "service": spec.service,
        "indicator": {"metadata": {"name": slo.name}, "spec": indicator},
        "timeWindow": [_window(slo)],
        "budgetingMethod": method,
        "objectives": [{**bound, "target": slo.objective, **slices}],
        "alertPolicies": [_policy(slo.name, tier) for tier in tiers_of(slo)],
    }
    return _object("SLO", slo.name, body)


def _window(slo: SloSpec) -> dict[str, Any]:
    if not isinstance(slo.window, CalendarWindow):
        return {"duration": _length(slo.window), "isRolling": True}
    start = _START.get(slo.window.calendar, "2026-01-01 00:00:00")
    return {
        "duration": CALENDAR[slo.window.calendar],
        "isRolling": False,
        "calendar": {"startTime": start, "timeZone": slo.window.tz},
    }


def _length(length: timedelta) -> str:
    """In one unit, as OpenSLO writes durations."""
    unit, size = next((unit, size) for unit, size in _UNITS if not length % size or unit == "s")
    return f"{length // size}{unit}"


def _slices(slo: SloSpec, sli: SliSpec) -> tuple[str, dict[str, Any]]:
    if sli.threshold or sli.freshness:
        bad = sli.threshold.share if sli.threshold and sli.threshold.share is not None else 0
        return "Timeslices", {"timeSliceTarget": round(1 - bad, 12), "timeSliceWindow": "1m"}
    if slo.slices is None:
        return "Occurrences", {}
    length = {"timeSliceWindow": _length(slo.slices.length)}
    if slo.slices.target is None:
        return "RatioTimeslices", length
    return "Timeslices", {"timeSliceTarget": slo.slices.target, **length}


def _policy(slo: str, tier: Tier) -> dict[str, Any]:
    condition: dict[str, Any] = {
        "kind": "burnrate",
        "op": "gt",
        "threshold": tier.factor,
        "lookbackWindow": _length(tier.long),
    }
    if tier.hold:
        condition["alertAfter"] = _length(tier.hold)
    inner = _inline("AlertCondition", tier.name, {"severity": tier.severity, "condition": condition})
    return _inline("AlertPolicy", f"{slo}-{tier.name}", {"alertWhenBreaching": True, "conditions": [inner]})


def _inline(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


def _indicator(spec: ServiceSpec, sli: SliSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    """The indicator, and what a bound adds to the objective."""
    if sli.ratio:
        side, part = ("bad", sli.ratio.bad) if sli.ratio.bad else ("good", sli.ratio.good)
        return _counters(**{side: part, "total": sli.ratio.total}), {}
    if sli.latency:
        name, matchers = sli.latency.histogram.metric, sli.latency.histogram.matchers
        bound = repr(sli.latency.below.total_seconds()).removesuffix(".0")
        fast = Selector(f"{name}_bucket", (*matchers, Matcher("le", "=", bound)))
        return _counters(good=fast, total=Selector(f"{name}_count", matchers)), {}
    if sli.signal:
        labels = {SERVICE: spec.service, SIGNAL: sli.signal}
        return _counters(bad=series(SIGNAL_BAD_EVENTS, **labels), total=series(SIGNAL_EVENTS, **labels)), {}
    if sli.promql and sli.promql.error_ratio:
        return {"ratioMetric": {"rawType": "failure", "raw": _source(sli.promql.error_ratio)}}, {}
    if sli.promql:
        queries = {name: getattr(sli.promql, name) for name in ("good", "bad", "total")}
        return {"ratioMetric": {name: _source(query) for name, query in queries.items() if query}}, {}
    query, op, value = _bound(sli)
    return {"thresholdMetric": _source(query)}, {"op": op, "value": value}


def _counters(**sides: Selector | None) -> dict[str, Any]:
    found = {name: _source(show(Select(selector))) for name, selector in sides.items() if selector}
    return {"ratioMetric": {"counter": True, **found}}


def _source(query: str) -> dict[str, Any]:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def _bound(sli: SliSpec) -> tuple[str, str, float]:
    if sli.freshness:
        oldest = Aggregate("min", Select(sli.freshness.timestamp))
        return show(Binary("-", Call("time", ()), oldest)), "lte", sli.freshness.max_age.total_seconds()
    threshold = sli.threshold
    if threshold is None:
        raise ValueError(f"an SLI of kind {sli.kind} has no bound")
    gauge = show(Select(threshold.gauge))
    return (gauge, "gte", threshold.below) if threshold.below is not None else (gauge, "lte", threshold.above or 0)
