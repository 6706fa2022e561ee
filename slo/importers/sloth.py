"""Sloth: `prometheus/v1`, and the Kubernetes objects PrometheusServiceLevel and AlertWindows.

Source: slok/sloth, pkg/prometheus/api/v1, pkg/kubernetes/api/sloth/v1 and pkg/prometheus/alertwindows/v1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
    length_of,
    name_of,
    number_of,
    objective_of,
    owner_of,
    percent,
    quietest,
    sli_of,
    text_of,
    tier_items,
    usable,
)
from burnline.slo.importers.queries import events_sli, ratio_sli
from burnline.slo.windows import Tier, all_tiers
from burnline.spec.slo import Severity
from burnline.spec.units import format_duration
from burnline.spec.words import choice, shown

GROUP = "sloth.slok.dev/v1"
_WINDOW = re.compile(r"\{\{\s*\.window\s*\}\}")  # of Go's templates, before it is PromQL
_NO_PLUGINS = "plugins are programs of Sloth; one that changes its rules counts otherwise than what is written here"


@dataclass(frozen=True, slots=True)
class _Spelling:
    """The same fields in the plain file and in the Kubernetes object."""

    error_query: str = "error_query"
    total_query: str = "total_query"
    error_ratio_query: str = "error_ratio_query"
    page_alert: str = "page_alert"
    ticket_alert: str = "ticket_alert"
    service_plugins: str = "slo_plugins"


_FILE = _Spelling()
_OBJECT = _Spelling("errorQuery", "totalQuery", "errorRatioQuery", "pageAlert", "ticketAlert", "sloPlugins")


def read(documents: Sequence[Item], options: Options, notes: Notes) -> list[ServiceDraft]:
    """The services of these documents; AlertWindows among them say how the SLOs alert."""
    windows = list(_windows(documents, notes))
    if len(windows) > 1:
        notes.problems.append(windows[1][0].problem("is the second AlertWindows; Sloth too takes one for a run"))
    found = []
    for document in documents:
        try:
            if draft := _document(document, options, windows[0][1:] if windows else None, notes):
                found.append(draft)
        except Refused:
            continue
    return found


def _kind(document: Item) -> tuple[Any, Any]:
    version, kind = (document.value.get(name) for name in ("apiVersion", "kind"))
    return (version.value if version else None, kind.value if kind else None)


def _windows(documents: Sequence[Item], notes: Notes) -> Iterator[tuple[Item, timedelta, tuple[Tier, ...]]]:
    for document in documents:
        if _kind(document) == (GROUP, "AlertWindows"):
            try:
                yield (document, *_alert_windows(document, notes))
            except Refused:
                continue


def _document(
    document: Item, options: Options, windows: tuple[timedelta, tuple[Tier, ...]] | None, notes: Notes
) -> ServiceDraft | None:
    period, tiers = windows or (options.window, all_tiers(options.window))
    kind = _kind(document)
    if kind == (GROUP, "AlertWindows"):
        return None
    if kind == (GROUP, "PrometheusServiceLevel"):
        top = Fields(document, notes, ("apiVersion", "kind", "metadata", "spec", "status"))
        top.leave("burnline is not run by Kubernetes objects", "metadata", "status")
        spec = Fields(top.need("spec"), notes, ("service", "labels", "sloPlugins", "slos"))
        return _Reader(spec, _OBJECT, period, tiers, notes).service()
    if kind != (None, None):
        notes.refuse(document, f"is {shown(kind[0])} {shown(kind[1])}; accepted: {GROUP} PrometheusServiceLevel")
    top = Fields(document, notes, ("version", "service", "labels", "slo_plugins", "slos"))
    version = top.need("version")
    if version.value != "prometheus/v1":
        notes.refuse(version, f"is {shown(version.value)}; accepted: prometheus/v1")
    return _Reader(top, _FILE, period, tiers, notes).service()


class _Reader:
    def __init__(
        self, spec: Fields, spelling: _Spelling, period: timedelta, tiers: tuple[Tier, ...], notes: Notes
    ) -> None:
        self._spec, self._as, self._period, self._tiers, self._notes = spec, spelling, period, tiers, notes

    def service(self) -> ServiceDraft:
        written = self._spec.need("service")
        name = name_of(text_of(written, self._notes), written, self._notes)
        owner = owner_of(self._spec.get("labels"), self._notes)
        self._spec.leave(_NO_PLUGINS, self._as.service_plugins)
        slos = [slo for item in self._spec.list("slos") for slo in self._slo(item)]
        if not slos and not self._notes.problems:
            self._notes.refuse(self._spec.item, "holds no SLO in `slos`")
        return ServiceDraft(self._spec.item, name, slos, owner)

    def _slo(self, item: Item) -> Iterator[SloDraft]:
        try:
            yield self._read_slo(item)
        except Refused:
            return

    def _read_slo(self, item: Item) -> SloDraft:
        accepted = ("name", "objective", "description", "labels", "sli", "alerting", "plugins", "interval")
        slo = Fields(item, self._notes, accepted)
        written = slo.need("name")
        name = name_of(text_of(written, self._notes), written, self._notes)
        objective = objective_of(slo.need("objective"), self._notes, percent=True)
        slo.leave(NO_LABELS, "labels")
        slo.leave(_NO_PLUGINS, "plugins")
        sli = self._sli(slo.need("sli"))
        body: dict[str, Any] = {"objective": percent(objective), "window": format_duration(self._period)}
        slo.leave("burnline evaluates at intervals of its own", "interval")
        if description := slo.text("description"):
            body["description"] = description
        body["sli"] = sli
        if (tiers := self._alerting(slo, objective)) is not None:
            body["tiers"] = tiers
        return SloDraft(item, name, {**body, "min_bad_events": 0})

    def _sli(self, item: Item) -> dict[str, Any]:
        sli = Fields(item, self._notes, ("events", "raw", "plugin"))
        kinds = [kind for kind in ("events", "raw", "plugin") if sli.get(kind)]
        if len(kinds) != 1:
            self._notes.refuse(item, f"needs exactly one of events and raw; found {choice(kinds) if kinds else 'none'}")
        if plugin := sli.get("plugin"):
            named = plugin.value.get("id") if isinstance(plugin.value, dict) else None
            name = f" {shown(named.value)}" if named else ""
            self._notes.refuse(plugin, f"is the SLI plugin{name}, which is not supported; write `events`")
        if events := sli.inner("events", (self._as.error_query, self._as.total_query)):
            bad, total = (events.need(name) for name in (self._as.error_query, self._as.total_query))
            queries = {"bad": self._query(bad), "total": self._query(total)}
            return sli_of(bad, self._notes, lambda: events_sli(**queries))
        raw = Fields(sli.need("raw"), self._notes, (self._as.error_ratio_query,)).need(self._as.error_ratio_query)
        query = self._query(raw)
        return sli_of(raw, self._notes, lambda: ratio_sli(query, good=False))

    def _query(self, item: Item) -> str:
        query = text_of(item, self._notes)
        if "$window" in query:
            self._notes.refuse(item, "holds $window, which Sloth does not replace; write {{.window}}")
        replaced = _WINDOW.sub("$window", query)
        if "{{" in replaced:
            self._notes.refuse(item, f"{shown(query)} holds a template; accepted: {{{{.window}}}}")
        if replaced == query:
            self._notes.refuse(item, f"{shown(query)} has no {{{{.window}}}}; write it as the range")
        return replaced

    def _alerting(self, slo: Fields, objective: float) -> list[Any] | None:
        accepted = ("name", "labels", "annotations", self._as.page_alert, self._as.ticket_alert)
        alerting = slo.inner("alerting", accepted)
        tiers = list(self._tiers)
        if alerting:
            alerting.leave("burnline's alerts are named ErrorBudgetBurn", "name")
            alerting.leave(NO_LABELS, "labels")
            alerting.leave("burnline writes its own annotations", "annotations")
            for severity, name in (("page", self._as.page_alert), ("ticket", self._as.ticket_alert)):
                tiers = self._alert(alerting, name, severity, tiers)
        kept = list(usable(tiers, objective, slo.item, self._notes))
        if not kept:
            self._notes.leave(alerting.item if alerting else slo.item, "that nothing alerts: burnline keeps one")
            return quietest(self._period, objective) or None
        return tier_items(kept, self._period)

    def _alert(self, alerting: Fields, name: str, severity: str, tiers: list[Tier]) -> list[Tier]:
        alert = alerting.inner(name, ("disable", "labels", "annotations", "for"))
        if alert is None:
            return tiers
        alert.leave(NO_LABELS, "labels")
        alert.leave("burnline writes its own annotations", "annotations")
        if alert.flag("disable"):
            return [tier for tier in tiers if tier.severity != severity]
        hold = alert.length("for")
        return [replace(tier, hold=hold) if hold and tier.severity == severity else tier for tier in tiers]


def _alert_windows(document: Item, notes: Notes) -> tuple[timedelta, tuple[Tier, ...]]:
    top = Fields(document, notes, ("apiVersion", "kind", "spec"))
    spec = Fields(top.need("spec"), notes, ("sloPeriod", "page", "ticket"))
    period = length_of(spec.need("sloPeriod"), notes)
    tiers = []
    for severity in ("page", "ticket"):
        both = Fields(spec.need(severity), notes, ("quick", "slow"))
        tiers += [_window(both, severity, speed, period, notes) for speed in ("quick", "slow")]
    return period, tuple(tiers)


def _window(both: Fields, severity: Any, speed: str, period: timedelta, notes: Notes) -> Tier:
    accepted = ("errorBudgetPercent", "shortWindow", "longWindow")
    window = Fields(both.need(speed), notes, accepted)
    share = number_of(window.need("errorBudgetPercent"), notes) / 100
    short, long = (length_of(window.need(name), notes) for name in ("shortWindow", "longWindow"))
    kind: Severity = severity
    name = f"{severity}-{'fast' if speed == 'quick' else 'slow'}"
    return Tier(name, kind, round(share * (period / long), 12), long, short)
