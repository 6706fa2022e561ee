"""Every alert that a service file makes possible, as the embedded engine delivers it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from burnline.metrics import (
    ALERT_NO_DATA,
    ALERT_SIGNAL,
    ALERT_VERSION,
    OWNER,
    SERVICE,
    SEVERITY,
    SIGNAL,
    SLO,
    STEP,
)
from burnline.runbooks.match import runbook_link
from burnline.slo.alerts import burn_annotations, burn_labels, no_data_hold, policy_annotations, policy_labels
from burnline.slo.dependencies import dependencies
from burnline.slo.windows import tiers_of
from burnline.spec.service import ServiceSpec
from burnline.spec.slo import SloSpec

Key = tuple[str, str, str]
Pair = tuple[str, str]  # service, SLO
ROLLOUT = timedelta(minutes=5)  # replicas change one after the other


@dataclass(frozen=True, slots=True)
class Declared:
    """An alert that a spec makes possible.

    Attributes:
        hold: how long its condition must last before it fires.
        depends_on: SLOs whose paging explains this one.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    tier: str = ""
    hold: timedelta = timedelta(0)
    depends_on: tuple[Pair, ...] = ()

    @property
    def key(self) -> Key:
        return self.labels[SERVICE], f"{self.labels['alertname']}:{self.subject}", self.tier

    @property
    def subject(self) -> str:
        return self.labels.get(SLO) or self.labels.get(SIGNAL) or self.labels.get(STEP, "")


def declare(spec: ServiceSpec, url: str = "") -> Iterable[Declared]:
    """Every alert the embedded engine can fire for a service, with links to runbooks below burnline's `url`."""
    for alert in _declare(spec):
        link = runbook_link(spec, alert.labels, url)
        yield replace(alert, annotations={**alert.annotations, **link}) if link else alert


def _declare(spec: ServiceSpec) -> Iterable[Declared]:
    for slo in spec.slos:
        yield from _of_slo(spec, slo)
    for signal in spec.signals.sections():
        labels = _labels(spec, ALERT_SIGNAL, SIGNAL, signal)
        yield Declared(labels, {"summary": f"{spec.service}: the {signal} detector raises an alarm"})
    for step in spec.budget_policy:
        yield Declared(policy_labels(spec, step.do), policy_annotations(spec, step))
    if spec.release and spec.release.on_mismatch != "off" and spec.model and spec.model.version:
        labels = {"alertname": ALERT_VERSION, SERVICE: spec.service, OWNER: spec.owner}
        labels[SEVERITY] = spec.release.on_mismatch
        yield Declared(labels, {"summary": f"{spec.service}: what serves is not what was released"}, hold=ROLLOUT)


def _of_slo(spec: ServiceSpec, slo: SloSpec) -> Iterable[Declared]:
    for tier in tiers_of(slo):
        labels, annotations = burn_labels(spec, slo.name, tier), burn_annotations(spec, slo.name, tier)
        yield Declared(labels, annotations, tier.name, depends_on=dependencies(spec, slo))
    yield Declared(
        _labels(spec, ALERT_NO_DATA, SLO, slo.name),
        {"summary": f"{spec.service} {slo.name} has no data: nobody knows whether the objective is met"},
        hold=no_data_hold(spec, slo),
    )


def _labels(spec: ServiceSpec, name: str, kind: str, subject: str) -> dict[str, str]:
    return {"alertname": name, SERVICE: spec.service, kind: subject, SEVERITY: "ticket", OWNER: spec.owner}
