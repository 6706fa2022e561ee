"""Which runbooks an alert starts, by the bindings of our own service file."""

from __future__ import annotations

from collections.abc import Mapping

from burnline.metrics import (
    ALERT_BURN,
    ALERT_DRILL_FAILED,
    ALERT_DRILL_OVERDUE,
    ALERT_SIGNAL,
    SERVICE,
    SEVERITY,
    SIGNAL,
    SLO,
)
from burnline.spec.binding import RunbookBinding, Trigger
from burnline.spec.service import ServiceSpec

DRILL = "drill"  # the label of an alert that rehearses


def bindings_for(spec: ServiceSpec, labels: Mapping[str, str]) -> tuple[RunbookBinding, ...]:
    """The bindings of `spec` that an alert with these labels starts, at most one for each runbook.

    Labels only select: an alert of another service, SLO or name starts nothing.
    """
    if labels.get(SERVICE) != spec.service:
        return ()
    chosen: dict[str, RunbookBinding] = {}
    for binding in spec.runbooks:
        if _starts(binding.on, labels):
            chosen.setdefault(binding.run, binding)
    return tuple(chosen.values())


def runbook_link(spec: ServiceSpec, labels: Mapping[str, str], url: str) -> dict[str, str]:
    """The annotation with which an alert points to the page of its first runbook, below burnline's `url`.

    Empty where the alert starts none, or nobody knows where people reach burnline.
    """
    chosen = bindings_for(spec, labels) if url else ()
    return {"runbook_url": f"{url.rstrip('/')}/runbooks/{chosen[0].run}"} if chosen else {}


def is_drill(labels: Mapping[str, str]) -> bool:
    """Whether an alert rehearses: what it starts reaches only what the service file names for drills."""
    return labels.get(DRILL) == "true"


def about_drills(labels: Mapping[str, str]) -> bool:
    """Whether an alert rehearses, or says how drills go: nothing is wrong with the service."""
    return is_drill(labels) or labels.get("alertname") in (ALERT_DRILL_FAILED, ALERT_DRILL_OVERDUE)


def verified_slo(spec: ServiceSpec, labels: Mapping[str, str]) -> str | None:
    """The SLO on which a run proves that it helped: the one that burns, or one that counts the alarming signal."""
    if (slo := spec.slo(labels.get(SLO, ""))) is not None:
        return slo.name
    signal = labels.get(SIGNAL)
    return next((slo.name for slo in spec.slos if signal and slo.sli.signal == signal), None)


def _starts(trigger: Trigger, labels: Mapping[str, str]) -> bool:
    if trigger.slo is not None:
        about = labels.get("alertname") == ALERT_BURN and labels.get(SLO) == trigger.slo
    elif trigger.alert is not None:
        about = all(labels.get(name) == value for name, value in {"alertname": trigger.alert, **trigger.labels}.items())
    else:
        about = labels.get("alertname") == ALERT_SIGNAL and labels.get(SIGNAL) == trigger.signal
    return about and trigger.severity in (None, labels.get(SEVERITY))
