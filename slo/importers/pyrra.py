"""Pyrra: `pyrra.dev/v1alpha1 ServiceLevelObjective`, one SLO each.

Source: pyrra-dev/pyrra, kubernetes/api/v1alpha1 (fields) and slo/rules.go (windows, factors, queries).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from burnline.slo.importers.document import Item
from burnline.slo.importers.draft import (
    Fields,
    Notes,
    Options,
    Refused,
    ServiceDraft,
    SloDraft,
    length_of,
    name_of,
    objective_of,
    percent,
    quietest,
    text_of,
    tier_items,
    usable,
)
from burnline.slo.importers.queries import good_sli, selector_and_offset, selector_of
from burnline.slo.windows import Tier
from burnline.spec.selector import Selector
from burnline.spec.slo import Severity
from burnline.spec.units import format_duration
from burnline.spec.words import choice, shown

VERSION, KIND = "pyrra.dev/v1alpha1", "ServiceLevelObjective"
KINDS = ("ratio", "latency", "latencyNative", "bool_gauge")
PERIOD = timedelta(days=28)  # to which the windows below belong
MINUTE = timedelta(minutes=1)
_NO_OBJECTS = "burnline is not run by Kubernetes objects"
_GROUPING = "it makes one SLO for each value of these labels; burnline counts all of them together"


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    severity: Severity
    factor: float
    long: timedelta
    short: timedelta
    hold: timedelta


_ROWS = (
    _Row("page-fast", "page", 14, timedelta(hours=1), timedelta(minutes=5), timedelta(minutes=2)),
    _Row("page-slow", "page", 7, timedelta(hours=6), timedelta(minutes=30), timedelta(minutes=15)),
    _Row("ticket-fast", "ticket", 2, timedelta(days=1), timedelta(hours=2), timedelta(hours=1)),
    _Row("ticket-slow", "ticket", 1, timedelta(days=4), timedelta(hours=6), timedelta(hours=3)),
)


def read(documents: Sequence[Item], options: Options, notes: Notes) -> list[ServiceDraft]:
    """One SLO a document, of the service that `options` names, or that their file is called."""
    found = []
    for document in documents:
        try:
            found += [_service(item, options, notes) for item in _objects(document, notes)]
        except Refused:
            continue
    return found


def tiers(window: timedelta) -> tuple[Tier, ...]:
    """Pyrra's four alerts over this window: lengths by window / 28d to whole minutes, factors as they are."""
    return tuple(
        Tier(row.name, row.severity, row.factor, long, short, hold)
        for row in _ROWS
        for long, short, hold in [[_scaled(length, window) for length in (row.long, row.short, row.hold)]]
    )


def _scaled(length: timedelta, window: timedelta) -> timedelta:
    """Half a minute counts as one, as Go rounds."""
    return (window * (length / PERIOD) + MINUTE / 2) // MINUTE * MINUTE


def _objects(document: Item, notes: Notes) -> list[Item]:
    """The SLOs of a document, which may be a Kubernetes list of them."""
    kind = document.value.get("kind")
    if kind and kind.value in ("List", f"{KIND}List"):
        return Fields(document, notes, ("apiVersion", "kind", "metadata", "items")).list("items")
    return [document]


def _service(item: Item, options: Options, notes: Notes) -> ServiceDraft:
    top = Fields(item, notes, ("apiVersion", "kind", "metadata", "spec", "status"))
    for name, accepted in (("apiVersion", VERSION), ("kind", KIND)):
        written = top.need(name)
        if written.value != accepted:
            notes.refuse(written, f"is {shown(written.value)}; accepted: {accepted}")
    name = name_of(options.service or Path(item.file).stem, item, notes)
    return ServiceDraft(item, name, [_slo(top, item, notes)])


def _slo(top: Fields, item: Item, notes: Notes) -> SloDraft:
    accepted = ("name", "namespace", "labels", "annotations", "generation", "resourceVersion", "uid")
    metadata = Fields(top.need("metadata"), notes, (*accepted, "creationTimestamp", "managedFields"))
    written = metadata.need("name")
    metadata.leave(_NO_OBJECTS, *accepted[1:], "creationTimestamp", "managedFields")
    top.leave(_NO_OBJECTS, "status")
    fields = ("description", "target", "window", "indicator", "alerting", "partial_response_strategy")
    spec = Fields(top.need("spec"), notes, fields)
    spec.leave("it is of Thanos' own rules", "partial_response_strategy")
    objective = objective_of(spec.need("target"), notes, percent=True)
    window = length_of(spec.need("window"), notes)
    body: dict[str, Any] = {"objective": percent(objective), "window": format_duration(window)}
    if description := spec.text("description"):
        body["description"] = description
    body["sli"] = _sli(spec.need("indicator"), notes)
    if (items := _tiers(spec, objective, window, notes)) is not None:
        body["tiers"] = items
    return SloDraft(item, name_of(text_of(written, notes), written, notes), {**body, "min_bad_events": 0})


def _tiers(spec: Fields, objective: float, window: timedelta, notes: Notes) -> list[Any] | None:
    alerting = spec.inner("alerting", ("disabled", "burnrates", "absent", "name", "absentName", "burnRateType"))
    silent = False
    if alerting:
        alerting.leave("burnline's alerts have names of their own", "name", "absentName")
        if alerting.text("burnRateType") not in ("", "static"):
            alerting.leave("its thresholds follow the traffic; these tiers are Pyrra's static ones", "burnRateType")
        silent = alerting.flag("disabled") or not alerting.flag("burnrates", default=True)
        if not alerting.flag("absent", default=True):
            alerting.leave("burnline always says when an SLO has no data", "absent")
    kept = [] if silent else list(usable(tiers(window), objective, spec.item, notes))
    if not kept:
        notes.leave(alerting.item if alerting else spec.item, "that nothing alerts: burnline keeps one")
        return quietest(window, objective) or None
    return tier_items(kept, window)


def _sli(item: Item, notes: Notes) -> dict[str, Any]:
    indicator = Fields(item, notes, KINDS)
    kinds = [kind for kind in KINDS if indicator.get(kind)]
    if len(kinds) != 1:
        notes.refuse(item, f"needs exactly one of {choice(KINDS)}; found {choice(kinds) if kinds else 'none'}")
    if native := indicator.get("latencyNative"):
        notes.refuse(native, "reads a native histogram, which burnline does not; write `latency` of a classic one")
    if ratio := indicator.inner("ratio", ("errors", "total", "grouping")):
        ratio.leave(_GROUPING, "grouping")
        errors, total = _metric(ratio, "errors"), _metric(ratio, "total")
        return _late("bad", errors, total) or {"ratio": {"bad": str(errors.selector), "total": str(total.selector)}}
    if latency := indicator.inner("latency", ("success", "total", "grouping")):
        latency.leave(_GROUPING, "grouping")
        success, total = _metric(latency, "success"), _metric(latency, "total")
        if all(matcher.label != "le" for matcher in success.selector.matchers):
            notes.refuse(latency.need("success"), 'chooses no bucket; write one, as in {le="0.5"}')
        return _late("good", success, total) or good_sli(success.selector, total.selector)
    gauge = Fields(indicator.need("bool_gauge"), notes, ("metric", "grouping"))
    gauge.leave(_GROUPING, "grouping")
    selector = _selector(gauge.need("metric"), notes)
    # every sample is an event, good when it is 1 (slo/rules.go, BoolGauge)
    good, samples = (f"sum({function}({selector}[$window]))" for function in ("sum_over_time", "count_over_time"))
    return {"promql": {"good": good, "total": samples}}


@dataclass(frozen=True, slots=True)
class _Metric:
    selector: Selector
    offset: timedelta


def _metric(indicator: Fields, name: str) -> _Metric:
    query = Fields(indicator.need(name), indicator.notes, ("metric",)).need("metric")
    try:
        return _Metric(*selector_and_offset(text_of(query, indicator.notes)))
    except ValueError as error:
        indicator.notes.refuse(query, str(error))


def _late(side: str, part: _Metric, total: _Metric) -> dict[str, Any] | None:
    """Metrics that look back by an `offset`, which only PromQL can say."""
    if not part.offset and not total.offset:
        return None
    return {"promql": {side: _rate(part), "total": _rate(total)}}


def _rate(metric: _Metric) -> str:
    offset = f" offset {format_duration(metric.offset)}" if metric.offset else ""
    return f"sum(rate({metric.selector}[$window]{offset}))"


def _selector(item: Item, notes: Notes) -> Selector:
    try:
        return selector_of(text_of(item, notes))
    except ValueError as error:
        notes.refuse(item, str(error))
