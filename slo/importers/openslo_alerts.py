"""OpenSLO's alert policies as tiers: conditions of the kind burnrate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from burnline.slo.importers.document import Item
from burnline.slo.importers.draft import Fields, Notes, length_of, name_of, number_of, text_of, tier_items, usable
from burnline.slo.importers.openslo_objects import Objects, body_of
from burnline.slo.importers.openslo_window import Window
from burnline.slo.windows import Tier, own_short
from burnline.spec.slo import Severity
from burnline.spec.words import choice, shown

PAGES = ("page", "critical", "high")
_POLICY = ("description", "alertWhenNoData", "alertWhenResolved", "alertWhenBreaching", "conditions")
_CONDITION = ("kind", "op", "threshold", "lookbackWindow", "alertAfter")


def alerts(spec: Fields, target: float, window: Window, objects: Objects, notes: Notes) -> list[Any] | None:
    """The tiers of an SLO's alert policies; None when it has none.

    Raises: Refused for references to nothing, and conditions of another kind.
    """
    conditions = [found for item in spec.list("alertPolicies") for found in _conditions(item, objects, notes)]
    tiers = [_tier(found, window.length, notes) for found in conditions]
    kept = list(usable(tiers, target, spec.item, notes))
    if not kept:
        return None
    return tier_items(kept, window.length)


def _conditions(item: Item, objects: Objects, notes: Notes) -> Iterator[Item]:
    policy = _resolved(item, "AlertPolicy", "alertPolicyRef", objects, notes)
    metadata, spec = body_of(policy, notes, (*_POLICY, "notificationTargets"))
    metadata.leave("alerts are named by their tier", "displayName", "labels", "annotations")
    if spec is None:
        return
    spec.leave("Alertmanager routes alerts; write `escalation` in the service file", "notificationTargets")
    spec.leave("burnline writes its own annotations", "description")
    if spec.get("alertWhenNoData") and not spec.flag("alertWhenNoData"):
        spec.leave("burnline always says when an SLO has no data", "alertWhenNoData")
    if spec.get("alertWhenResolved") and not spec.flag("alertWhenResolved"):
        spec.leave("Alertmanager says when an alert is over, by `send_resolved`", "alertWhenResolved")
    if not spec.flag("alertWhenBreaching", default=True):
        spec.leave("the policy does not alert when its conditions are met", "conditions")
        return
    for condition in spec.list("conditions"):
        yield _resolved(condition, "AlertCondition", "conditionRef", objects, notes)


def _resolved(item: Item, kind: str, reference: str, objects: Objects, notes: Notes) -> Item:
    """The object written here, or the one that is named."""
    if isinstance(item.value, str):
        return objects.named(kind, item)
    if isinstance(item.value, dict) and reference in item.value:
        return objects.named(kind, Fields(item, notes, (reference,)).need(reference))
    return item


def _tier(item: Item, period: timedelta, notes: Notes) -> Tier:
    metadata, spec = body_of(item, notes, ("description", "severity", "condition"))
    written = metadata.need("name")
    spec = spec or notes.refuse(item, "has no spec")
    metadata.leave("alerts are named by their tier", "displayName", "labels", "annotations")
    spec.leave("burnline writes its own annotations", "description")
    condition = Fields(spec.need("condition"), notes, _CONDITION)
    for name, accepted in (("kind", ("burnrate",)), ("op", ("gt", "gte"))):
        found = condition.get(name)
        if found and found.value not in accepted:
            notes.refuse(found, f"is {shown(found.value)}; accepted: {choice(accepted)}")
    long = length_of(condition.need("lookbackWindow"), notes)
    notes.leave(item, "that it looks back once: a tier asks a short window too, and so ends sooner")
    return Tier(
        name_of(text_of(written, notes), written, notes),
        _severity(spec, notes),
        number_of(condition.need("threshold"), notes),
        long,
        own_short(long, period),
        condition.length("alertAfter") or timedelta(0),
    )


def _severity(spec: Fields, notes: Notes) -> Severity:
    item = spec.get("severity")
    written = text_of(item, notes).lower() if item else "ticket"
    if item and written not in (*PAGES, "ticket", "warning", "low"):
        notes.leave(item, f"{shown(written)}: burnline knows page and ticket; this is a ticket")
    return "page" if written in PAGES else "ticket"
