"""What a page or a program is shown: read models made from what the engines and the store say, and nothing else."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from burnline.app.wiring import App
from burnline.detectors.build import windows
from burnline.events import Burn, Collection, Counts, Finding, SloState, SloStatus, Verdict
from burnline.slo.policy import Releases, policy_of
from burnline.slo.windows import base_interval, period_length, tiers_of
from burnline.spec.service import ServiceSpec
from burnline.spec.slo import SloSpec
from burnline.spec.units import format_duration
from burnline.store import releases, signals
from burnline.store.schema import EPOCH

SHORTEST_HISTORY = timedelta(minutes=5)
SHORTEST_PATIENCE = timedelta(seconds=30)
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
    """The newest closed window of one signal; before the first, that one, with the verdict no_data."""

    name: str
    verdict: str
    score: float | None
    reason: str
    at: datetime
    contributors: tuple[tuple[str, float, str], ...]


@dataclass(frozen=True, slots=True)
class CollectorView:
    """One collector's last turn; `nothing`: there was nothing to read on this machine, which is no failure."""

    name: str
    target: str
    ok: bool
    error: str
    at: datetime
    nothing: bool


@dataclass(frozen=True, slots=True)
class BurnHistory:
    """Burn rates over one tier's long window, one per moment; the tier fires over `factor`."""

    tier: str
    window: str
    factor: float
    rate: list[float | None]


@dataclass(frozen=True, slots=True)
class History:
    """One SLO over time; `at` in seconds since 1970, `known`: the SLO was not unknown then."""

    at: list[float]
    budget_remaining: list[float | None]
    sli: list[float | None]
    known: list[bool]
    burns: list[BurnHistory]


@dataclass(frozen=True, slots=True)
class ReleaseView:
    """One change of the serving version."""

    version: str
    previous: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PolicyView:
    """The error-budget policy of one service now.

    Attributes:
        releases: `allowed`, `approval` (a person must say yes) or `frozen`.
        steps: those in force.
        because: why, for people.
    """

    releases: Releases
    steps: tuple[str, ...]
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServiceView:
    """One service now; its state and sentence are its worst SLO's.

    Attributes:
        at: of the newest evaluation; None before the first.
        late: that was too long ago, so nothing here can be relied on.
    """

    name: str
    owner: str
    description: str
    version: str
    state: SloState
    sentence: str
    at: datetime | None
    late: bool
    slos: tuple[SloView, ...]
    signals: tuple[SignalView, ...]
    collectors: tuple[CollectorView, ...]


def fleet(app: App, now: datetime) -> list[ServiceView]:
    """Every service, the worst first."""
    seen = _look(app, now)
    views = [_service(spec, seen) for spec in app.specs]
    return sorted(views, key=lambda view: (WORST_FIRST.index(view.state), view.name))


def service(app: App, name: str, now: datetime) -> ServiceView | None:
    """One service by name."""
    spec = app.spec(name)
    return _service(spec, _look(app, now)) if spec else None


def policy(app: App, name: str, now: datetime) -> PolicyView | None:
    """The error-budget policy of a service now, or None when there is no such service."""
    spec = app.spec(name)
    if spec is None:
        return None
    found = policy_of(spec, app.statuses(now))
    return PolicyView(found.releases, tuple(step.do for step in found.steps), found.because)


def recent(slo: SloSpec) -> timedelta:
    """How much of the past a chart of this SLO shows at first: a sixtieth of its window, 12 h of 30 d."""
    return max(period_length(slo.window) / 60, SHORTEST_HISTORY)


def history(app: App, name: str, slo: SloSpec, since: datetime) -> History:
    """One SLO over time from the embedded engine's tiles: burnline's own count, also where Prometheus decides."""
    past = app.engine.history(name, slo.name, since)
    return History(
        at=past.at.tolist(),
        budget_remaining=_numbers(past.budget_remaining),
        sli=_numbers(past.sli),
        known=past.known.tolist(),
        burns=[
            BurnHistory(tier.name, format_duration(tier.long), tier.factor, _numbers(past.burn_rate[tier.long]))
            for tier in tiers_of(slo)
        ],
    )


def releases_since(app: App, name: str, since: datetime) -> tuple[ReleaseView, ...]:
    """Changes of a service's version, oldest first."""
    with app.db.read() as tx:
        seen = releases.recent_releases(tx, name, since)
    return tuple(ReleaseView(change.version, change.previous, change.seen_at) for change in seen)


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What engines, collectors and store say at one moment, by service."""

    now: datetime
    statuses: Mapping[str, Mapping[str, SloStatus]]
    findings: Mapping[str, Sequence[Finding]]
    turns: Mapping[str, Sequence[Collection]]
    versions: Mapping[str, str]


def _look(app: App, now: datetime) -> _Seen:
    statuses: dict[str, dict[str, SloStatus]] = defaultdict(dict)
    for status in app.statuses(now):
        statuses[status.service][status.slo] = status
    turns: dict[str, list[Collection]] = defaultdict(list)
    for turn in app.latest_turns():
        turns[turn.service].append(turn)
    findings: dict[str, list[Finding]] = defaultdict(list)
    with app.db.read() as tx:
        for finding in signals.latest_findings(tx):
            findings[finding.service].append(finding)
        versions = {spec.service: releases.serving_version(tx, spec.service) for spec in app.specs}
    return _Seen(now, statuses, findings, turns, versions)


def _service(spec: ServiceSpec, seen: _Seen) -> ServiceView:
    statuses = seen.statuses.get(spec.service, {})
    slos = tuple(_slo(statuses.get(slo.name) or _not_evaluated(spec, slo, seen.now), slo) for slo in spec.slos)
    at = max((status.at for status in statuses.values()), default=None)
    worst = min(slos, key=lambda slo: WORST_FIRST.index(slo.state), default=None)
    turns = (*seen.turns.get("", ()), *seen.turns.get(spec.service, ()))  # without a service: this host's own
    return ServiceView(
        name=spec.service,
        owner=spec.owner,
        description=spec.description,
        version=seen.versions[spec.service],
        state=worst.state if worst else SloState.UNKNOWN,
        sentence=f"{worst.name}: {worst.sentence}" if worst else "Nothing is promised: add slos to its service file.",
        at=at,
        late=at is not None and seen.now - at > _patience(spec),
        slos=slos,
        signals=_signals(spec, seen),
        collectors=tuple(
            CollectorView(turn.collector, turn.target, turn.ok, turn.error, turn.at, turn.nothing) for turn in turns
        ),
    )


def _patience(spec: ServiceSpec) -> timedelta:
    """How old an evaluation may be: five turns of the slowest SLO, at least half a minute."""
    turns = [5 * base_interval(period_length(slo.window)) for slo in spec.slos]
    return max(turns, default=SHORTEST_PATIENCE) + SHORTEST_PATIENCE


def _not_evaluated(spec: ServiceSpec, slo: SloSpec, now: datetime) -> SloStatus:
    return SloStatus(
        service=spec.service,
        slo=slo.name,
        at=now,
        state=SloState.UNKNOWN,
        objective=slo.objective,
        window=period_length(slo.window),
        sli=None,
        counts=Counts(0, 0),
        budget_remaining=None,
        exhausted_in=None,
        burns=(),
        cause="not evaluated yet: the first turn follows the first scrape. Does the process run its workers?",
    )


def _slo(status: SloStatus, slo: SloSpec) -> SloView:
    return SloView(
        name=status.slo,
        description=slo.description,
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


def _signals(spec: ServiceSpec, seen: _Seen) -> tuple[SignalView, ...]:
    judged = {finding.signal: _signal(finding) for finding in seen.findings.get(spec.service, ())}
    waiting = {name: _awaited(spec, name, window, seen.now) for name, window in windows(spec.signals).items()}
    return tuple(view for _, view in sorted({**waiting, **judged}.items()))


def _awaited(spec: ServiceSpec, name: str, window: timedelta, now: datetime) -> SignalView:
    ends = now - (now - EPOCH) % window + window
    needs = getattr(spec.signals, name).min_events
    reason = f"no data yet: the first window ends {ends:%H:%M:%S} UTC; it needs {needs:,} events"
    return SignalView(name, Verdict.NO_DATA, None, reason, ends, ())


def _sentence(status: SloStatus) -> str:
    window = format_duration(status.window)
    if status.state is SloState.UNKNOWN:
        return _capital(status.cause) or "Nothing is known of this SLO."
    if status.counts.total == 0:
        return "No traffic in the window: the budget is untouched."
    return (
        f"{status.counts.bad:,.0f} bad of {status.counts.total:,.0f} events {_since(status)}{_outlook(status, window)}."
    )


def _since(status: SloStatus) -> str:
    if status.since is None:
        return f"in {format_duration(status.window)}"
    today = status.since.date() == status.at.date()
    return f"since {status.since:{'%H:%M' if today else '%Y-%m-%d %H:%M'}} UTC"


def _outlook(status: SloStatus, window: str) -> str:
    left = status.budget_remaining
    if left is not None and left <= 0:
        return f"; the budget of {window} is spent"
    if any(burn.firing for burn in status.burns) and status.exhausted_in is not None:
        return f"; at this rate the budget of {window} is gone in {_rough(status.exhausted_in)}"
    if status.state is SloState.AT_RISK and left is not None:
        return f"; {left:.1%} of the budget is left"
    if status.sli is not None and status.sli < status.objective:  # while budget is left: not all of it was watched
        return f"; the window of {window} is young: most of its budget is unspent"
    return ""


def _capital(sentence: str) -> str:
    plain = sentence.partition(" ")[0].isalpha()  # http_requests_total keeps its name
    return sentence[:1].upper() + sentence[1:] if plain else sentence


def _rough(span: timedelta) -> str:
    seconds = span.total_seconds()
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
