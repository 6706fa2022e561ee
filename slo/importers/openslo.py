"""OpenSLO: `openslo/v1` and `openslo/v1alpha` objects, in any number of documents and files, inline or by reference.

Source: OpenSLO/OpenSLO, README.md of v1 and of v1alpha.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    name_of,
    number_of,
    objective_of,
    owner_of,
    percent,
    text_of,
)
from burnline.slo.importers.openslo_alerts import alerts
from burnline.slo.importers.openslo_metrics import sli
from burnline.slo.importers.openslo_objects import Objects, body_of
from burnline.slo.importers.openslo_window import Window, slice_length, window_of
from burnline.spec.units import format_duration
from burnline.spec.words import choice, shown

METHODS = ("Occurrences", "Timeslices", "RatioTimeslices")
_OBJECTIVE = ("displayName", "op", "value", "target", "targetPercent", "timeSliceTarget", "timeSliceWindow")
_BOTH = ("description", "service", "indicator", "budgetingMethod", "objectives", "alertPolicies")
_SLO = {"openslo/v1": (*_BOTH, "indicatorRef", "timeWindow"), "openslo/v1alpha": (*_BOTH, "timeWindows")}


def read(documents: Sequence[Item], options: Options, notes: Notes) -> list[ServiceDraft]:
    """The services of these objects' SLOs."""
    objects = Objects(documents, notes)
    found = []
    for item in objects.of("SLO"):
        try:
            found.append(_Slo(item, objects, options, notes).service())
        except Refused:
            continue
    _services(objects, found, notes)
    objects.leave_the_rest()
    return found


def _services(objects: Objects, drafts: list[ServiceDraft], notes: Notes) -> None:
    """What Service objects say of their services."""
    for item in objects.of("Service"):
        try:
            metadata, spec = body_of(item, notes, ("description",))
            written = metadata.need("name")
            name = name_of(text_of(written, notes), written, notes)
            metadata.leave("a service has one name", "displayName")
            owner, description = owner_of(metadata.get("labels"), notes), spec.text("description") if spec else ""
        except Refused:
            continue
        mine = [draft for draft in drafts if draft.service == name]
        for draft in mine:
            draft.owner, draft.description = owner, description
        if not mine:
            notes.leave(item, "no SLO here is of this service")


class _Slo:
    def __init__(self, item: Item, objects: Objects, options: Options, notes: Notes) -> None:
        self._item, self._objects, self._options, self._notes = item, objects, options, notes
        version = item.value["apiVersion"].value
        self._alpha = version == "openslo/v1alpha"
        self._metadata, spec = body_of(item, notes, _SLO[version])
        self._spec = spec or notes.refuse(item, "has no spec")

    def service(self) -> ServiceDraft:
        written = self._spec.get("service") or self._spec.need("service")
        service = name_of(text_of(written, self._notes), written, self._notes)
        objectives = self._spec.list("objectives") or self._notes.refuse(self._spec.item, "has no objectives")
        slos = []
        for index, objective in enumerate(objectives):
            slos.append(self._objective(objective, index, several=len(objectives) > 1))
        return ServiceDraft(self._item, service, slos)

    def _objective(self, item: Item, index: int, *, several: bool) -> SloDraft:
        extra = ("ratioMetrics",) if self._alpha else ("indicator", "indicatorRef", "compositeWeight")
        objective = Fields(item, self._notes, (*_OBJECTIVE, *extra))
        window = window_of(self._spec, self._notes, self._options, alpha=self._alpha)
        target = self._target(objective)
        draft = SloDraft(item if several else self._item, self._name(objective, index, several=several), {})
        draft.body = {"objective": percent(target), "window": window.written}
        if description := self._description(objective, several=several):
            draft.body["description"] = description
        objective.leave("write a `composite` SLO with `weighted` of these", "compositeWeight")
        slices = self._slices(objective)
        draft.body |= sli(self._spec, objective, self._objects, self._notes, slices)
        self._alerts(draft, target, window)
        return draft

    def _name(self, objective: Fields, index: int, *, several: bool) -> str:
        written = self._metadata.need("name")
        name = text_of(written, self._notes)
        if several:
            name += f"-{objective.text('displayName') or index + 1}"
        return name_of(name, written, self._notes)

    def _description(self, objective: Fields, *, several: bool) -> str:
        titles = [objective.text("displayName")] if several else []
        if not self._spec.text("description"):
            titles.insert(0, self._metadata.text("displayName"))
        else:
            self._metadata.leave("an SLO has a name and a description", "displayName")
        if not several:
            objective.leave("an SLO has a name and a description", "displayName")
        self._metadata.leave(NO_LABELS, "labels", "annotations")
        return ": ".join(text for text in (*titles, self._spec.text("description").strip()) if text)

    def _target(self, objective: Fields) -> float:
        whole = objective.get("targetPercent")
        if whole is None:
            return objective_of(objective.need("target"), self._notes, percent=False)
        if objective.get("target"):
            self._notes.refuse(whole, "stands beside `target`; keep one of them")
        return objective_of(whole, self._notes, percent=True)

    def _slices(self, objective: Fields) -> dict[str, Any]:
        written = self._spec.get("budgetingMethod")
        method = text_of(written, self._notes) if written else METHODS[0]
        if written and method not in METHODS:
            self._notes.refuse(written, f"is {shown(method)}; accepted: {choice(METHODS)}")
        if method == "Occurrences":
            objective.leave("the budgeting method is Occurrences", "timeSliceTarget", "timeSliceWindow")
            return {}
        slices = {"length": format_duration(slice_length(objective, self._notes))}
        if method == "RatioTimeslices":
            objective.leave("the budgeting method is RatioTimeslices", "timeSliceTarget")
            return slices
        return {**slices, "target": percent(self._share(objective))}

    def _share(self, objective: Fields) -> float:
        item = objective.need("timeSliceTarget")
        if number_of(item, self._notes) == 1:
            return 1  # of a gauge: no look may be beyond its bound
        return objective_of(item, self._notes, percent=False)

    def _alerts(self, draft: SloDraft, target: float, window: Window) -> None:
        tiers = alerts(self._spec, target, window, self._objects, self._notes)
        if tiers is None:
            draft.comments.append("No alert policy came over: these alerts are burnline's own.")
            return
        draft.body |= {"tiers": tiers, "min_bad_events": 0}
