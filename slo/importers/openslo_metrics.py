"""OpenSLO's indicators as SLIs: ratioMetric, raw, thresholdMetric; of Prometheus and what speaks its language."""

from __future__ import annotations

import re
from typing import Any

from burnline.slo.importers.document import Item
from burnline.slo.importers.draft import Fields, Notes, number_of, sli_of, text_of
from burnline.slo.importers.openslo_objects import Objects, body_of
from burnline.slo.importers.queries import events_sli, over_window, ratio_sli, selector_of
from burnline.spec.words import choice, shown

SOURCES = ("Prometheus", "Thanos", "Mimir", "Cortex", "VictoriaMetrics")
OPS = {"lt": ("above", ">="), "lte": ("above", ">"), "gt": ("below", "<="), "gte": ("below", "<")}
_RATIO = ("counter", "good", "bad", "total", "raw", "rawType")
_SOURCE = ("metricSourceRef", "type", "spec")
_WINDOW = re.compile(r"\{\{\s*\.window\s*\}\}")  # as Sloth writes it in OpenSLO files


def sli(spec: Fields, objective: Fields, objects: Objects, notes: Notes, slices: dict[str, Any]) -> dict[str, Any]:
    """The SLI of an objective, by its own indicator or that of its SLO, and `slices` where they go with it.

    Raises: Refused for what is not of Prometheus, or cannot be counted.
    """
    ratios = objective.get("ratioMetrics")
    if ratios:
        found = _ratio(Fields(ratios, notes, ("counter", "incremental", "good", "bad", "total")), notes)
        return _sliced(found, slices, objective, notes)
    indicator = _indicator(objective, spec, objects, notes)
    if threshold := indicator.get("thresholdMetric"):
        return _Threshold(objective, objects, notes, slices).body(threshold)
    objective.leave("it says nothing of a ratio", "op", "value")
    ratio = Fields(indicator.need("ratioMetric"), notes, _RATIO)
    raw = ratio.get("raw")
    found = _raw(ratio, raw, objects, notes) if raw else _ratio(ratio, notes, objects)
    return _sliced(found, slices, objective, notes)


def _sliced(found: dict[str, Any], slices: dict[str, Any], objective: Fields, notes: Notes) -> dict[str, Any]:
    if slices.get("target") == "100%":
        notes.refuse(objective.need("timeSliceTarget"), "is 1: one bad event would make a slice bad; write 0.999")
    return {"sli": found, **({"slices": slices} if slices else {})}


def _indicator(objective: Fields, spec: Fields, objects: Objects, notes: Notes) -> Fields:
    accepted = ("description", "thresholdMetric", "ratioMetric")
    for fields in (objective, spec):
        if reference := fields.get("indicatorRef"):
            inner = body_of(objects.named("SLI", reference), notes, accepted)[1]
            return inner or notes.refuse(reference, "names an SLI without a spec")
        if item := fields.get("indicator"):
            if isinstance(item.value, dict) and not item.value.keys() & {"metadata", "spec"}:
                return Fields(item, notes, accepted)  # v1alpha has no object here
            top = Fields(item, notes, ("apiVersion", "kind", "metadata", "spec"))
            return Fields(top.need("spec"), notes, accepted)
    return notes.refuse(spec.item, "has neither indicator nor indicatorRef")


def _ratio(ratio: Fields, notes: Notes, objects: Objects | None = None) -> dict[str, Any]:
    counter = ratio.flag("counter") or ratio.flag("incremental") if objects is None else ratio.flag("counter")
    sides = [side for side in ("good", "bad") if ratio.get(side)]
    if len(sides) != 1:
        notes.refuse(ratio.item, f"needs exactly one of good and bad; found {choice(sides) if sides else 'none'}")
    part, total = ratio.need(sides[0]), ratio.need("total")
    queries = {name: _query(item, objects, notes) for name, item in ((sides[0], part), ("total", total))}

    def convert() -> Any:
        return events_sli(**{name: over_window(text, counter=counter) for name, (_, text) in queries.items()})

    return sli_of(queries[sides[0]][0], notes, convert)


def _raw(ratio: Fields, raw: Item, objects: Objects, notes: Notes) -> dict[str, Any]:
    ratio.leave("`raw` is a ratio already", "counter", "good", "bad", "total")
    kind = ratio.need("rawType")
    if kind.value not in ("success", "failure"):
        notes.refuse(kind, f"is {shown(kind.value)}; accepted: success or failure")
    item, text = _query(raw, objects, notes)
    if "$window" not in text:
        text = f"avg_over_time(({text.strip()})[$window:1m])"
    return sli_of(item, notes, lambda: ratio_sli(text, good=kind.value == "success"))


def _query(source: Item, objects: Objects | None, notes: Notes) -> tuple[Item, str]:
    """The query of a metric source, and where it stands.

    Raises: Refused when it is not of Prometheus.
    """
    if objects is None or (isinstance(source.value, dict) and "source" in source.value):
        alpha = Fields(source, notes, ("source", "queryType", "query"))
        kind = alpha.get("source")
        _check_source(kind or source, text_of(kind, notes) if kind else "", notes)
        return _text(alpha.need("query"), notes)
    outer = Fields(source, notes, ("metricSource",))
    inner = Fields(outer.need("metricSource"), notes, _SOURCE)
    if kind := inner.get("type"):
        _check_source(kind, text_of(kind, notes), notes)
    elif reference := inner.get("metricSourceRef"):
        data = body_of(objects.named("DataSource", reference), notes, ("description", "type", "connectionDetails"))[1]
        _check_source(reference, data.text("type") if data else "", notes)
    spec = Fields(inner.need("spec"), notes, ("query", "promql", "queryType"))
    query = spec.get("promql") or spec.need("query")
    return _text(query, notes)


def _check_source(item: Item, kind: str, notes: Notes) -> None:
    if kind.lower() not in {source.lower() for source in SOURCES}:
        notes.refuse(item, f"is {shown(kind)}, which is not supported; accepted: {choice(SOURCES)}")


def _text(item: Item, notes: Notes) -> tuple[Item, str]:
    text = _WINDOW.sub("$window", text_of(item, notes))
    if "{{" in text:
        notes.refuse(item, f"{shown(text)} holds a template; accepted: {{{{.window}}}}")
    return item, text


class _Threshold:
    def __init__(self, objective: Fields, objects: Objects, notes: Notes, slices: dict[str, Any]) -> None:
        self._objective, self._objects, self._notes, self._slices = objective, objects, notes, slices

    def body(self, threshold: Item) -> dict[str, Any]:
        """A gauge against a bound; anything but a plain gauge is looked at once a minute."""
        op = self._objective.need("op")
        if not isinstance(op.value, str) or op.value not in OPS:
            self._notes.refuse(op, f"is {shown(op.value)}; accepted: {choice(OPS)}")
        value = number_of(self._objective.need("value"), self._notes)
        item, text = _query(threshold, self._objects, self._notes)
        if "$window" in text:
            self._notes.refuse(item, "a value to compare with a bound has a range of its own; write it for $window")
        try:
            selector = selector_of(text)
        except ValueError:
            found = sli_of(item, self._notes, lambda: events_sli(**_beyond(text, OPS[op.value][1], value)))
            one_look = self._slices.get("length") == "1m"  # in a slice, which is bad when that look is
            return _sliced(found, {} if one_look else self._slices, self._objective, self._notes)
        return {"sli": self._gauge(str(selector), op, value, item)}

    def _gauge(self, selector: str, op: Item, value: float, item: Item) -> dict[str, Any]:
        side = OPS[op.value][0]
        if op.value in ("lt", "gt"):
            self._notes.leave(op, f"{op.value}: burnline counts a gauge of exactly {value:g} as good")
        written: dict[str, Any] = {"gauge": selector, side: value}
        if not self._slices:
            self._notes.leave(item, "its samples: burnline counts minutes, bad when any series is beyond the bound")
        elif self._slices["length"] != "1m" or "target" not in self._slices:
            self._notes.leave(item, f"slices of {self._slices['length']}: burnline's are of one minute for a gauge")
        if self._slices.get("target", "100%") != "100%":
            share = 100 - float(self._slices["target"].rstrip("%"))
            written["for"] = f"{round(share, 10):g}%"
        return {"threshold": written}


def _beyond(text: str, op: str, value: float) -> dict[str, str]:
    bad = f"sum_over_time((count(({text.strip()}) {op} {value:g}) or vector(0))[$window:1m])"
    return {"bad": bad, "total": f"sum_over_time(count({text.strip()})[$window:1m])"}
