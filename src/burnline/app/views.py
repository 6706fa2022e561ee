"""What a page or a program is shown: read models made from what the engines and the store say, and nothing else."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from burnline.app.signal_views import WINDOWS, silent_since
from burnline.app.slo_views import ExclusionView, SloView, exclusion_views, hues, judged, slo_view
from burnline.app.wiring import App
from burnline.detectors.build import windows
from burnline.events import Collection, Finding, SloState, SloStatus, Verdict
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
class SignalView:
    """The newest closed window of one signal; before the first, that one, with the verdict no_data.

    Attributes:
        stands: it is in alarm, or was in the newest window that had data, if that is among the last `WINDOWS`.
        silent_since: the end of that window where the last `SILENT` ones and more have no data; where none of the last
            `WINDOWS` had any, the start of the first of these. None otherwise.
    """

    name: str
    verdict: str
    score: float | None
    reason: str
    at: datetime
    contributors: tuple[tuple[str, float, str], ...]
    stands: bool = False
    silent_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class CollectorView:
    """One collector's last turn.

    Attributes:
        nothing: there was nothing to read on this machine, which is no failure.
        notes: what could not be read although the turn succeeded, and what would show it.
    """

    name: str
    target: str
    ok: bool
    error: str
    at: datetime
    nothing: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BurnHistory:
    """Burn rates over one tier's long window, one per moment; the tier fires over `factor`."""

    tier: str
    window: str
    factor: float
    rate: list[float | None]
    hue: str


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
        told: versions that its newest events name, or the last there were, where nothing has said yet which one serves.
        partly: how many of its SLOs are unknown while others are not, in words; empty otherwise.
        at: of the newest evaluation; None before the first.
        late: that was too long ago, so nothing here can be relied on.
        policy: None where the service has no error-budget policy.
        exclusions: of which each is now, or the next.
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
    policy: PolicyView | None
    exclusions: tuple[ExclusionView, ...]
    partly: str
    told: tuple[str, ...] = ()


def fleet(app: App, now: datetime) -> list[ServiceView]:
    """Every service, the worst first."""
    seen = _look(app, now)
    views = [_service(spec, seen) for spec in app.specs]
    return sorted(views, key=lambda view: (WORST_FIRST.index(view.state), view.name))


def service(app: App, spec: ServiceSpec, now: datetime) -> ServiceView:
    """One service."""
    return _service(spec, _look(app, now))


def policy(app: App, spec: ServiceSpec, now: datetime) -> PolicyView:
    """The error-budget policy of a service now."""
    return _policy(spec, app.statuses(now))


def _policy(spec: ServiceSpec, statuses: Iterable[SloStatus]) -> PolicyView:
    found = policy_of(spec, statuses)
    return PolicyView(found.releases, tuple(step.do for step in found.steps), found.because)


def recent(slo: SloSpec) -> timedelta:
    """How much of the past a chart of this SLO shows at first: a sixtieth of its window, 12 h of 30 d."""
    return max(period_length(slo.window) / 60, SHORTEST_HISTORY)


def history(app: App, name: str, slo: SloSpec, since: datetime) -> History:
    """One SLO over time from the embedded engine's tiles: burnline's own count, also where Prometheus decides."""
    past = app.engine.history(name, slo.name, since)
    tiers = tiers_of(slo)
    colored = zip(tiers, hues((tier.name, tier.severity) for tier in tiers), strict=True)
    return History(
        at=past.at.tolist(),
        budget_remaining=_numbers(past.budget_remaining),
        sli=_numbers(past.sli),
        known=past.known.tolist(),
        burns=[
            BurnHistory(tier.name, format_duration(tier.long), tier.factor, _numbers(past.burn_rate[tier.long]), hue)
            for tier, hue in colored
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
    told: Mapping[str, Sequence[str]]
    silent: Mapping[tuple[str, str], tuple[Verdict, datetime | None]]  # by service and signal, as of `_last_said`


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
        told = {
            name: _told(tx, max(findings[name], key=lambda each: each.window_start))
            for name, version in versions.items()
            if not version and findings.get(name)
        }
        silent = {
            (each.service, each.signal): _last_said(tx, each)
            for found in findings.values()
            for each in found
            if each.verdict is Verdict.NO_DATA
        }
    return _Seen(now, statuses, findings, turns, versions, told, silent)


def _told(tx: Connection, newest: Finding) -> list[str]:
    """The versions that a service's events name, or named last, as far back as the signal's own page looks."""
    window = newest.window_end - newest.window_start
    return signals.versions_told(tx, newest.service, newest.window_start, newest.window_end - WINDOWS * window)


def _last_said(tx: Connection, newest: Finding) -> tuple[Verdict, datetime | None]:
    """The verdict of the newest window with data, and since when it is silent; None while that is not for long.

    As far back as the signal's own page looks: a service that was given up is not searched for what it once was.
    """
    key, window = (newest.service, newest.signal), newest.window_end - newest.window_start
    since = newest.window_end - WINDOWS * window
    last, until = signals.last_known(tx, *key, since) or (Verdict.NO_DATA, signals.first_start(tx, *key, since))
    return last, silent_since(until, newest.window_end, window)


def _service(spec: ServiceSpec, seen: _Seen) -> ServiceView:
    statuses = seen.statuses.get(spec.service, {})
    shown = {name: judged(status) for name, status in statuses.items()}
    slos = tuple(slo_view(spec, slo, shown, seen.now) for slo in spec.slos)
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
            CollectorView(turn.collector, turn.target, turn.ok, turn.error, turn.at, turn.nothing, turn.notes)
            for turn in turns
        ),
        policy=_policy(spec, statuses.values()) if spec.budget_policy else None,
        exclusions=exclusion_views(spec, seen.now),
        partly=_partly(slos),
        told=tuple(seen.told.get(spec.service, ())),
    )


def _partly(slos: Sequence[SloView]) -> str:
    unknown = sum(slo.state is SloState.UNKNOWN for slo in slos)
    if unknown in (0, len(slos)):
        return ""
    return f"{unknown} of {len(slos)} SLOs {'is' if unknown == 1 else 'are'} unknown: no data is not health."


def _patience(spec: ServiceSpec) -> timedelta:
    """How old an evaluation may be: five turns of the slowest SLO, at least half a minute."""
    turns = [5 * base_interval(period_length(slo.window)) for slo in spec.slos]
    return max(turns, default=SHORTEST_PATIENCE) + SHORTEST_PATIENCE


def _signal(finding: Finding, seen: _Seen) -> SignalView:
    last, until = seen.silent.get((finding.service, finding.signal), (finding.verdict, None))
    return SignalView(
        finding.signal,
        finding.verdict,
        finding.score,
        finding.reason,
        finding.window_end,
        tuple((c.feature, c.score, c.detail) for c in finding.contributors),
        last is Verdict.ALARM,
        until,
    )


def _signals(spec: ServiceSpec, seen: _Seen) -> tuple[SignalView, ...]:
    judged = {finding.signal: _signal(finding, seen) for finding in seen.findings.get(spec.service, ())}
    waiting = {name: _awaited(spec, name, window, seen.now) for name, window in windows(spec.signals).items()}
    return tuple(view for _, view in sorted({**waiting, **judged}.items()))


def _awaited(spec: ServiceSpec, name: str, window: timedelta, now: datetime) -> SignalView:
    ends = now - (now - EPOCH) % window + window
    needs = spec.signals.sections()[name].min_events
    reason = f"no data yet: the first window ends {ends:%H:%M:%S} UTC; it needs {needs:,} events"
    return SignalView(name, Verdict.NO_DATA, None, reason, ends, ())
