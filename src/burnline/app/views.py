"""What a page or a program is shown: read models made from what the engines and the store say, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from burnline.app.wiring import App
from burnline.events import Burn, Finding, SloState, SloStatus
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration
from burnline.store import releases, signals

WORST_FIRST = (SloState.BREACHED, SloState.UNKNOWN, SloState.AT_RISK, SloState.OK)


@dataclass(frozen=True, slots=True)
class BurnView:
    """One alerting tier, in words."""

    tier: str
    severity: str
    windows: str
    factor: float
    long_rate: float | None
    short_rate: float | None
    firing: bool


@dataclass(frozen=True, slots=True)
class SloView:
    """One SLO now. `sentence` says what the numbers mean for the person who has to act."""

    name: str
    description: str
    state: SloState
    objective: float
    window: str
    sli: float | None
    bad: float
    total: float
    budget_remaining: float | None
    exhausted_in_seconds: float | None
    sentence: str
    burns: tuple[BurnView, ...]


@dataclass(frozen=True, slots=True)
class SignalView:
    """The newest closed window of one signal."""

    name: str
    verdict: str
    score: float | None
    reason: str
    at: datetime
    contributors: tuple[tuple[str, float, str], ...]


@dataclass(frozen=True, slots=True)
class CollectorView:
    """One collector's last turn."""

    name: str
    target: str
    ok: bool
    error: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BurnHistory:
    """Burn rates over one long window, one per moment."""

    window: str
    factor: float
    rate: list[float | None]


@dataclass(frozen=True, slots=True)
class History:
    """One SLO over time; `at` in seconds since 1970."""

    at: list[float]
    budget_remaining: list[float | None]
    sli: list[float | None]
    burns: list[BurnHistory]


@dataclass(frozen=True, slots=True)
class ServiceView:
    """One service now; its state is its worst SLO's."""

    name: str
    owner: str
    description: str
    version: str
    state: SloState
    slos: tuple[SloView, ...]
    signals: tuple[SignalView, ...]
    collectors: tuple[CollectorView, ...]


def fleet(app: App, now: datetime) -> list[ServiceView]:
    """Every service, the worst first."""
    statuses = app.statuses(now)
    with app.db.read() as tx:
        findings = signals.latest_findings(tx)
        versions = {spec.service: releases.serving_version(tx, spec.service) for spec in app.specs}
    views = [_service(app, spec, statuses, findings, versions[spec.service]) for spec in app.specs]
    return sorted(views, key=lambda view: (WORST_FIRST.index(view.state), view.name))


def service(app: App, name: str, now: datetime) -> ServiceView | None:
    """One service by name."""
    return next((view for view in fleet(app, now) if view.name == name), None)


def history(app: App, name: str, slo: str, since: datetime) -> History:
    """One SLO over time from the embedded engine's tiles; KeyError when there is no such SLO."""
    past = app.engine.history(name, slo, since)
    status = next(status for status in app.engine.statuses() if (status.service, status.slo) == (name, slo))
    factors = {burn.long_window: burn.factor for burn in status.burns}
    return History(
        at=past.at.tolist(),
        budget_remaining=_numbers(past.budget_remaining),
        sli=_numbers(past.sli),
        burns=[
            BurnHistory(format_duration(window), factors[window], _numbers(rate))
            for window, rate in past.burn_rate.items()
            if window in factors
        ],
    )


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [None if math.isnan(value) else float(value) for value in values]


def _service(
    app: App, spec: ServiceSpec, statuses: Sequence[SloStatus], findings: Sequence[Finding], version: str
) -> ServiceView:
    by_name = {status.slo: status for status in statuses if status.service == spec.service}
    slos = tuple(_slo(by_name[slo.name], slo.description) for slo in spec.slos if slo.name in by_name)
    return ServiceView(
        name=spec.service,
        owner=spec.owner,
        description=spec.description,
        version=version,
        state=min((slo.state for slo in slos), key=WORST_FIRST.index, default=SloState.UNKNOWN),
        slos=slos,
        signals=tuple(_signal(finding) for finding in findings if finding.service == spec.service),
        collectors=tuple(
            CollectorView(turn.collector, turn.target, turn.ok, turn.error, turn.at)
            for turn in app.latest_turns()
            if turn.service in (spec.service, "")
        ),
    )


def _slo(status: SloStatus, description: str) -> SloView:
    return SloView(
        name=status.slo,
        description=description,
        state=status.state,
        objective=status.objective,
        window=format_duration(status.window),
        sli=status.sli,
        bad=status.counts.bad,
        total=status.counts.total,
        budget_remaining=status.budget_remaining,
        exhausted_in_seconds=status.exhausted_in.total_seconds() if status.exhausted_in else None,
        sentence=_sentence(status),
        burns=tuple(_burn(burn) for burn in status.burns),
    )


def _burn(burn: Burn) -> BurnView:
    windows = f"{format_duration(burn.long_window)} / {format_duration(burn.short_window)}"
    return BurnView(burn.tier, burn.severity, windows, burn.factor, burn.long_rate, burn.short_rate, burn.firing)


def _signal(finding: Finding) -> SignalView:
    contributors = tuple((c.feature, c.score, c.detail) for c in finding.contributors)
    return SignalView(finding.signal, finding.verdict, finding.score, finding.reason, finding.window_end, contributors)


def _sentence(status: SloStatus) -> str:
    if status.state is SloState.UNKNOWN:
        return status.cause or "Nothing is known of this SLO."
    if status.counts.total == 0:
        return "No traffic in the window: the budget is untouched."
    firing = [burn for burn in status.burns if burn.firing]
    if firing and status.exhausted_in is not None:
        return f"At this rate the budget of {format_duration(status.window)} is gone in {_rough(status.exhausted_in)}."
    if status.budget_remaining is not None and status.budget_remaining <= 0:
        return f"The budget of {format_duration(status.window)} is spent."
    return f"{status.counts.bad:,.0f} bad of {status.counts.total:,.0f} events in {format_duration(status.window)}."


def _rough(span: timedelta) -> str:
    seconds = span.total_seconds()
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
