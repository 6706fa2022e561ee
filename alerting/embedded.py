"""Without a Prometheus: the embedded engine's alerts, delivered into the same inbox as Alertmanager webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from burnline.alerting.declared import Declared, Key, Pair, declare
from burnline.alerting.groups import EMBEDDED
from burnline.alerting.quiet import Quiet, QuietNow
from burnline.alerting.webhook import fingerprint, render_webhook
from burnline.events import AlertEvent, Finding, SloState, SloStatus, Verdict
from burnline.metrics import ALERT_NO_DATA, ALERT_POLICY, ALERT_SIGNAL, ALERT_VERSION, SERVICE, SEVERITY, SLO
from burnline.slo.alerts import dependency_annotation
from burnline.slo.policy import Policy, policy_of
from burnline.spec.service import ServiceSpec
from burnline.store.alerts import NEVER, ActiveAlert, active_alerts, drop_alert, keep_alert
from burnline.store.database import Database
from burnline.store.inbox import ALERTS, accept
from burnline.store.releases import serving_version
from burnline.store.rollouts import expected_versions
from burnline.store.signals import latest_findings

REPEAT_INTERVAL = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Reading:
    """Whether an alert's condition is met now (None: not known), and what its source says of it."""

    holds: bool | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one alert in one turn: `after` is None when it is over; `event` is what is delivered."""

    before: ActiveAlert | None
    after: ActiveAlert | None
    event: AlertEvent | None


class EmbeddedDispatch:
    """Delivers firing and resolved alerts; what it delivered is remembered in the same transaction.

    Args:
        all_specs: also what `specs` leaves to Prometheus: it says what keeps which alert quiet.
        url: where people reach burnline, for links from alerts to runbooks; empty: they have none.
    """

    def __init__(
        self,
        db: Database,
        specs: Sequence[ServiceSpec],
        *,
        all_specs: Sequence[ServiceSpec] | None = None,
        repeat_interval: timedelta = REPEAT_INTERVAL,
        url: str = "",
    ) -> None:
        self._db = db
        self._specs = specs
        self._declared = {alert.key: alert for spec in specs for alert in declare(spec, url)}
        self._repeat_interval = repeat_interval
        self._quiet = Quiet(all_specs or specs)

    def run_once(self, now: datetime, statuses: Sequence[SloStatus]) -> int:
        """Deliver what has changed since the last turn, and repeat what still fires; returns the deliveries."""
        by_slo = {(status.service, status.slo): status for status in statuses}
        with self._db.read() as tx:
            if not self._decide(tx, now, by_slo):
                return 0
        return self._db.write(lambda tx: _apply(tx, self._decide(tx, now, by_slo), now))

    def _decide(self, tx: Connection, now: datetime, statuses: Mapping[tuple[str, str], SloStatus]) -> list[Change]:
        findings = {(finding.service, finding.signal): finding for finding in latest_findings(tx)}
        policies = {spec.service: policy_of(spec, statuses.values()) for spec in self._specs if spec.budget_policy}

        def read(alert: Declared) -> Reading:
            if alert.labels["alertname"] == ALERT_POLICY:
                return _read_policy(alert, policies[alert.labels[SERVICE]])
            if alert.labels["alertname"] == ALERT_VERSION:
                return _read_version(tx, alert.labels[SERVICE])
            return _read(alert, statuses, findings)

        readings = {key: read(alert) for key, alert in self._declared.items()}
        active = {alert.key: alert for alert in active_alerts(tx)}
        quiet = self._quiet.at(tx, now)
        return decide(self._declared, readings, active, now, repeat_interval=self._repeat_interval, quiet=quiet)


def decide(
    declared: Mapping[Key, Declared],
    readings: Mapping[Key, Reading],
    active: Mapping[Key, ActiveAlert],
    now: datetime,
    *,
    repeat_interval: timedelta,
    quiet: QuietNow,
) -> list[Change]:
    """What changes now.

    A condition of which nothing is known changes nothing: what fires goes on firing. An active alert that is declared
    no longer (its SLO left the spec) is over.
    """
    after = {key: _next(alert, readings[key].holds, active.get(key), now) for key, alert in declared.items()}
    held_back = quiet.among([alert.labels for alert in after.values() if alert and alert.firing])
    paging = {
        (alert.service, alert.labels[SLO])
        for alert in after.values()
        if alert and alert.firing and SLO in alert.labels and alert.labels.get(SEVERITY) == "page"
    }
    changes = [_ended(alert, now) for key, alert in active.items() if after.get(key) is None]
    for key, alert in after.items():
        if alert is None:
            continue
        known = declared[key]
        begun = alert.firing and not (key in active and active[key].firing)
        silent = not alert.firing or now - alert.sent_at < repeat_interval or held_back(alert.labels)
        said = _annotations(known, readings[key], paging) if begun or not silent else alert.annotations
        event = None if silent else _event(alert, said, None)
        sent = replace(alert, annotations=said, sent_at=alert.sent_at if silent else now)
        if sent != active.get(key):
            changes.append(Change(active.get(key), sent, event))
    return changes


def _read(
    alert: Declared, statuses: Mapping[tuple[str, str], SloStatus], findings: Mapping[tuple[str, str], Finding]
) -> Reading:
    about = (alert.labels[SERVICE], alert.subject)
    if alert.labels["alertname"] == ALERT_SIGNAL:
        finding = findings.get(about)
        if finding is None or finding.verdict is Verdict.NO_DATA:
            return Reading()
        return Reading(finding.verdict is Verdict.ALARM, finding.reason)
    status = statuses.get(about)
    if status is None:
        return Reading()
    if alert.labels["alertname"] == ALERT_NO_DATA:
        # what nobody wants to count is not missing: silence is told when it lasts after the maintenance
        return Reading(status.state is SloState.UNKNOWN and not status.excluded, status.cause)
    return Reading(_burns(status, alert.tier))


def _read_policy(alert: Declared, policy: Policy) -> Reading:
    """A step ends when every budget is known and none is so low: one that became unknown has not recovered."""
    step = next((step for step in policy.steps if step.do == alert.subject), None)
    if step is not None:
        return Reading(holds=True, said="; ".join(step.because))
    return Reading(None if policy.unknown else False)


def _read_version(tx: Connection, service: str) -> Reading:
    """Whether what was seen to serve is what was released; not known while either is not."""
    serves, released = serving_version(tx, service), expected_versions(tx, service)
    if not serves or not released:
        return Reading()
    should = " or ".join(sorted(released))
    return Reading(
        serves not in released, f"version {serves} serves; by the registry of releases it should be {should}"
    )


def _burns(status: SloStatus, tier: str) -> bool | None:
    """Whether the tier fires; it has stopped only when data says so: a window that is below, or an idle service."""
    burn = next((burn for burn in status.burns if burn.tier == tier), None)
    if burn is None:
        return None
    if burn.firing:
        return True
    below = any(rate is not None and rate < burn.factor for rate in (burn.long_rate, burn.short_rate))
    idle = burn.long_rate is None  # while it is observed, a long window without events has forgotten the outage
    return False if (below or idle) and status.state is not SloState.UNKNOWN else None


def _next(alert: Declared, holds: bool | None, active: ActiveAlert | None, now: datetime) -> ActiveAlert | None:
    if holds is None:
        return active
    if not holds:
        return None
    if active is None:
        service, name, tier = alert.key
        active = ActiveAlert(service, name, tier, firing=False, since=now, sent_at=NEVER, labels=alert.labels)
    if active.firing or now - active.since < alert.hold:
        return active
    return replace(active, firing=True, since=now)


def _annotations(alert: Declared, reading: Reading, paging: Set[Pair]) -> dict[str, str]:
    said = {**alert.annotations, **({"description": reading.said} if reading.said else {})}
    also = [f"{service}/{slo}" for service, slo in alert.depends_on if (service, slo) in paging]
    return {**said, **dependency_annotation(also)} if also else said


def _ended(alert: ActiveAlert, now: datetime) -> Change:
    told = alert.firing and alert.sent_at != NEVER
    return Change(alert, None, _event(alert, {}, now) if told else None)


def _event(alert: ActiveAlert, annotations: Mapping[str, str], ends_at: datetime | None) -> AlertEvent:
    return AlertEvent(
        source=EMBEDDED,
        fingerprint=fingerprint(alert.labels),
        status="firing" if ends_at is None else "resolved",
        labels=alert.labels,
        annotations=annotations,
        starts_at=alert.since,
        ends_at=ends_at,
    )


def _apply(tx: Connection, changes: Sequence[Change], now: datetime) -> int:
    for change in changes:
        if change.after is not None:
            keep_alert(tx, change.after)
        elif change.before is not None:
            drop_alert(tx, change.before)
        if change.event is not None:
            body = render_webhook(change.event, receiver=EMBEDDED)
            accept(tx, kind=ALERTS, source=EMBEDDED, body=body, now=now)
    return sum(change.event is not None for change in changes)
