"""slo-generator: `sre.google.com/v2 ServiceLevelObjective` of the Prometheus backend, and its shared config.

Source: google/slo-generator, slo_generator/backends/prometheus.py (methods) and docs/providers/prometheus.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from burnline.slo.importers.document import Item
from burnline.slo.importers.draft import (
    NO_LABELS,
    Fields,
    Notes,
    Options,
    Refused,
    ServiceDraft,
    SloDraft,
    entries_of,
    name_of,
    number_of,
    objective_of,
    percent,
    sli_of,
    text_of,
    tier_items,
    usable,
)
from burnline.slo.importers.queries import Found, good_sli, ratio_sli, selector_of
from burnline.slo.windows import Tier, own_short
from burnline.spec.selector import Matcher, Selector
from burnline.spec.slo import Severity
from burnline.spec.units import format_duration
from burnline.spec.words import choice, shown

VERSION, KIND = "sre.google.com/v2", "ServiceLevelObjective"
METHODS = ("good_bad_ratio", "query_sli", "distribution_cut")
_SERVICE, _FEATURE, _SLO = ("service_name", "service"), ("feature_name", "feature"), ("slo_name",)
_SPEC = ("description", "backend", "method", "exporters", "service_level_indicator", "goal", "error_budget_policy")
_CONFIG = ("default_exporters", "backends", "exporters", "error_budget_policies", "scripts")
_COUNTS = (["increase", "sum"], ["rate", "sum"])
_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


@dataclass(frozen=True, slots=True)
class _Step:
    item: Item
    tier: Tier
    window: timedelta


def read(documents: Sequence[Item], options: Options, notes: Notes) -> list[ServiceDraft]:
    """The services of the SLOs; a shared config among the documents holds their error budget policies."""
    policies: dict[str, list[_Step]] = {}
    found = []
    for document in documents:
        if "error_budget_policies" in document.value or "backends" in document.value:
            policies |= _config(document, notes)
    for document in documents:
        if "error_budget_policies" in document.value or "backends" in document.value:
            continue
        try:
            found.append(_Slo(document, policies, options, notes).service())
        except Refused:
            continue
    return found


def _config(document: Item, notes: Notes) -> dict[str, list[_Step]]:
    try:
        config = Fields(document, notes, _CONFIG)
        config.leave("burnline asks one Prometheus and tells of SLOs itself", *_CONFIG[:3], "scripts")
        policies = config.get("error_budget_policies")
        if policies is None:
            return {}
        return {name: list(_steps(item, notes)) for name, item in entries_of(policies, notes).items()}
    except Refused:
        return {}


def _steps(policy: Item, notes: Notes) -> Iterator[_Step]:
    accepted = ("name", "burn_rate_threshold", "alert", "message_alert", "message_ok", "window")
    for item in Fields(policy, notes, ("steps",)).list("steps"):
        step = Fields(item, notes, accepted)
        step.leave("burnline writes its own annotations", "message_alert", "message_ok")
        seconds = number_of(step.need("window"), notes)
        if not 1 <= seconds <= 366 * 86400 or seconds % 1:
            notes.refuse(step.need("window"), f"is {seconds:g} seconds; write 1 to {366 * 86400}")
        window = timedelta(seconds=seconds)
        severity: Severity = "page" if step.flag("alert") else "ticket"
        written = step.need("name")
        name = name_of(f"burn-{text_of(written, notes)}", written, notes)
        factor = number_of(step.need("burn_rate_threshold"), notes)
        yield _Step(item, Tier(name, severity, factor, window, window), window)


class _Slo:
    def __init__(self, item: Item, policies: dict[str, list[_Step]], options: Options, notes: Notes) -> None:
        self._item, self._policies, self._options, self._notes = item, policies, options, notes
        if old := item.value.get("slo_target"):
            notes.refuse(old, f"is of slo-generator's first format; run `slo-generator migrate`; accepted: {VERSION}")
        top = Fields(item, notes, ("apiVersion", "kind", "metadata", "spec"))
        for name, accepted in (("apiVersion", VERSION), ("kind", KIND)):
            written = top.need(name)
            if written.value != accepted:
                notes.refuse(written, f"is {shown(written.value)}; accepted: {accepted}")
        self._metadata = Fields(top.need("metadata"), notes, ("name", "labels", "annotations"))
        self._spec = Fields(top.need("spec"), notes, (*_SPEC, "frequency"))

    def service(self) -> ServiceDraft:
        named = self._metadata.need("name")
        labels = self._labels()
        feature, slo = labels.get("feature"), labels.get("slo")
        parts = [text_of(part, self._notes) for part in (feature, slo) if part] if slo else []
        name = name_of("-".join(parts) or text_of(named, self._notes), named, self._notes)
        service = labels.get("service")
        written = text_of(service, self._notes) if service else self._options.service or text_of(named, self._notes)
        goal = objective_of(self._spec.need("goal"), self._notes, percent=False)
        self._spec.leave("burnline shows and exposes SLOs itself", "exporters")
        self._spec.leave("burnline evaluates every base interval", "frequency")
        return ServiceDraft(
            self._item,
            name_of(written, service or named, self._notes),
            [SloDraft(self._item, name, self._promise(goal))],
        )

    def _labels(self) -> dict[str, Item]:
        """service, feature and slo by the labels; every other label is listed."""
        labels = self._metadata.get("labels")
        found = entries_of(labels, self._notes) if labels else {}
        known = {"service": _SERVICE, "feature": _FEATURE, "slo": _SLO}
        chosen = {
            part: next(found[name] for name in names if name in found)
            for part, names in known.items()
            if any(name in found for name in names)
        }
        for label in found.values():
            if all(label is not one for one in chosen.values()):
                self._notes.leave(label, NO_LABELS)
        self._metadata.leave(NO_LABELS, "annotations")
        return chosen

    def _promise(self, goal: float) -> dict[str, Any]:
        steps = self._steps()
        window = max((step.window for step in steps), default=self._options.window)
        body: dict[str, Any] = {"objective": percent(goal), "window": format_duration(window)}
        if description := self._spec.text("description"):
            body["description"] = description
        body["sli"] = self._sli()
        if steps and (tiers := self._tiers(steps, goal, window)):
            body |= {"tiers": tiers, "min_bad_events": 0}
        return body

    def _steps(self) -> list[_Step]:
        written = self._spec.get("error_budget_policy")
        name = text_of(written, self._notes) if written else "default"
        if name in self._policies:
            return self._policies[name]
        if written and self._policies:
            self._notes.refuse(written, f"{shown(name)} is no policy; accepted: {choice(self._policies)}")
        why = f"give the config with the policy {shown(name)} too; these are burnline's own tiers over the window given"
        self._notes.leave(written or self._spec.item, why)
        return []

    def _tiers(self, steps: list[_Step], goal: float, window: timedelta) -> list[Any] | None:
        tiers: list[Tier] = []
        for step in steps:
            short = own_short(step.tier.long, window)
            tier = Tier(step.tier.name, step.tier.severity, step.tier.factor, step.tier.long, short)
            self._notes.leave(step.item, "that it looks back once: a tier asks a short window too, and so ends sooner")
            tiers += usable([tier], goal, step.item, self._notes)
        return tier_items(tiers, window)

    def _sli(self) -> dict[str, Any]:
        backend = self._spec.need("backend")
        kind = text_of(backend, self._notes).partition("/")[0]
        if kind != "prometheus":
            self._notes.refuse(backend, f"is {shown(backend.value)}, which is not supported; accepted: prometheus")
        method = self._spec.need("method")
        if method.value not in METHODS:
            self._notes.refuse(method, f"is {shown(method.value)}; accepted: {choice(METHODS)}")
        item = self._spec.need("service_level_indicator")
        if method.value == "good_bad_ratio":
            return self._good_bad(Fields(item, self._notes, ("filter_good", "filter_bad", "filter_valid", "operators")))
        if method.value == "query_sli":
            return self._query(Fields(item, self._notes, ("expression",)).need("expression"))
        return self._cut(Fields(item, self._notes, ("expression", "threshold_bucket")))

    def _good_bad(self, indicator: Fields) -> dict[str, Any]:
        operators = indicator.get("operators")
        if operators:
            written = [item.value for item in indicator.list("operators")]
            if written not in _COUNTS:
                self._notes.refuse(operators, "is no sum of counts; accepted: [increase, sum] or [rate, sum]")
        good = self._selector(indicator.need("filter_good"))
        if bad := indicator.get("filter_bad"):
            indicator.leave("`filter_bad` stands beside it, and is used first", "filter_valid")
            others = self._selector(bad)
            total = f"sum(increase({good}[$window])) + sum(increase({others}[$window]))"
            return {"promql": {"bad": f"sum(increase({others}[$window]))", "total": total}}
        return good_sli(good, self._selector(indicator.need("filter_valid")))

    def _selector(self, item: Item) -> Selector:
        try:
            return selector_of(self._text(item).removesuffix("[window]"))
        except ValueError as error:
            self._notes.refuse(item, str(error))

    def _query(self, item: Item) -> dict[str, Any]:
        text = self._text(item).replace("[window", "[$window")

        def convert() -> Found:
            return ratio_sli(text, good=True)

        return sli_of(item, self._notes, convert)

    def _cut(self, indicator: Fields) -> dict[str, Any]:
        item = indicator.need("expression")
        bucket = self._selector(item)
        bound = text_of(indicator.need("threshold_bucket"), self._notes)
        if not bucket.metric.endswith("_bucket"):
            self._notes.refuse(item, f"names {shown(bucket.metric)}; write the buckets of a histogram, as in x_bucket")
        good = Selector(bucket.metric, (*bucket.matchers, Matcher("le", "=", bound)))
        return good_sli(good, Selector(f"{bucket.metric.removesuffix('_bucket')}_count", bucket.matchers))

    def _text(self, item: Item) -> str:
        text = text_of(item, self._notes).strip()
        if found := _VARIABLE.search(text):
            self._notes.refuse(item, f"holds {found[0]}, a variable of the environment; write its value")
        if "$window" in text:
            self._notes.refuse(item, "holds $window, which slo-generator does not replace; write [window]")
        return text
