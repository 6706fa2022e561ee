"""One SLO as a page or a program is shown it, and the sentence that says what its numbers mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from burnline.events import Burn, Counts, SloState, SloStatus
from burnline.slo.calendar import period_name
from burnline.slo.exclusions import excluded_between
from burnline.slo.promise import members_of, sli_of
from burnline.slo.windows import period_length
from burnline.spec.service import ServiceSpec
from burnline.spec.slo import SloSpec
from burnline.spec.units import format_duration

AHEAD = timedelta(days=31)  # how far exclusions are looked for


@dataclass(frozen=True, slots=True)
class BurnView:
    """One alerting tier, in words; `hue` names its colour, that of one of the workbook's four."""

    tier: str
    severity: str
    windows: str
    factor: float
    long_rate: float | None
    short_rate: float | None
    firing: bool
    hue: str


@dataclass(frozen=True, slots=True)
class MemberView:
    """One SLO that a composite one takes together; `weight` is None where there are no weights."""

    name: str
    state: SloState
    sli: float | None
    weight: float | None


@dataclass(frozen=True, slots=True)
class ExclusionView:
    """Maintenance that is now, or comes next; `slos` is empty when it is for all of the service's."""

    start: datetime
    end: datetime
    reason: str
    slos: tuple[str, ...]
    now: bool


@dataclass(frozen=True, slots=True)
class SloView:
    """One SLO now. `sentence` says what the numbers mean for the person who has to act.

    Attributes:
        window: `30d`, or `month (Europe/Berlin)`.
        resets_at: when that month ends; None for a rolling window.
        since: when counting began, while that is less than a window ago.
        excluded: why nothing counts now, and until when; empty otherwise.
        members: what a composite SLO takes together, as `together` says: weighted, worst_of, all_of.
    """

    name: str
    description: str
    state: SloState
    objective: float
    window: str
    resets_at: datetime | None
    since: datetime | None
    sli: float | None
    bad: float
    total: float
    budget_remaining: float | None
    exhausted_in_seconds: float | None
    sentence: str
    excluded: str
    burns: tuple[BurnView, ...]
    together: str
    members: tuple[MemberView, ...]
    depends_on: tuple[str, ...]


def slo_view(spec: ServiceSpec, slo: SloSpec, statuses: Mapping[str, SloStatus], now: datetime) -> SloView:
    """One SLO of a service, by the statuses of that service's SLOs."""
    status = statuses.get(slo.name) or _not_evaluated(spec, slo, now)
    composite = sli_of(spec, slo).composite
    return SloView(
        name=status.slo,
        description=slo.description,
        state=status.state,
        objective=status.objective,
        window=status.period or format_duration(status.window),
        resets_at=status.resets_at,
        since=status.since,
        sli=status.sli,
        bad=status.counts.bad,
        total=status.counts.total,
        budget_remaining=status.budget_remaining,
        exhausted_in_seconds=status.exhausted_in.total_seconds() if status.exhausted_in else None,
        sentence=sentence(status),
        excluded=status.excluded,
        burns=_burns(status.burns),
        together=composite.kind if composite else "",
        members=_members(spec, slo, statuses),
        depends_on=slo.depends_on,
    )


def judged(status: SloStatus) -> SloStatus:
    """The status as people are shown it: one whose whole window holds no event is unknown, however well it is watched.

    Alerts and the budget policy go by what the engine says: a source that answers is not missing, though it is idle.
    """
    if status.counts.total > 0 or status.state is not SloState.OK:
        return status
    why = status.excluded or f"no event {_since(status)}: its source answers and counts nothing. Does traffic reach it?"
    return replace(status, state=SloState.UNKNOWN, cause=why)


def exclusion_views(spec: ServiceSpec, now: datetime) -> tuple[ExclusionView, ...]:
    """Of each exclusion of a service the one that is now, or else its next within a month."""
    found = []
    for each in spec.exclude:
        span = next(iter(excluded_between((each,), now, now + AHEAD)), None)
        if span is not None:
            found.append(ExclusionView(span.start, span.end, span.reason, each.slos, span.start < now))
    return tuple(sorted(found, key=lambda view: view.start))


def hues(tiers: Iterable[tuple[str, str]]) -> list[str]:
    """A colour for each tier (name, severity): the workbook's have their own, a team's those of the same severity."""
    left = {severity: [f"{severity}-fast", f"{severity}-slow"] for severity in ("page", "ticket")}
    found = []
    for name, severity in tiers:
        of_severity = left[severity]
        hue = name if name in (f"{severity}-fast", f"{severity}-slow") else of_severity[0]
        if hue in of_severity and len(of_severity) > 1:
            of_severity.remove(hue)
        found.append(hue)
    return found


def sentence(status: SloStatus) -> str:
    """What the numbers mean for the person who has to act."""
    window = f"this {status.period}" if status.period else format_duration(status.window)
    if status.state is SloState.UNKNOWN:
        return _capital(status.cause) or "Nothing is known of this SLO."
    return (
        f"{status.counts.bad:,.0f} bad of {status.counts.total:,.0f} events {_since(status)}{_outlook(status, window)}."
    )


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
        period="" if isinstance(slo.window, timedelta) else period_name(slo.window),
    )


def _members(spec: ServiceSpec, slo: SloSpec, statuses: Mapping[str, SloStatus]) -> tuple[MemberView, ...]:
    composite = sli_of(spec, slo).composite
    if composite is None:
        return ()
    found = ((member.name, statuses.get(member.name)) for member in members_of(spec, slo))
    return tuple(
        MemberView(
            name,
            status.state if status else SloState.UNKNOWN,
            status.sli if status else None,
            composite.weights[name] if composite.weighted else None,
        )
        for name, status in found
    )


def _burns(burns: Sequence[Burn]) -> tuple[BurnView, ...]:
    return tuple(
        _burn(burn, hue) for burn, hue in zip(burns, hues((burn.tier, burn.severity) for burn in burns), strict=True)
    )


def _burn(burn: Burn, hue: str) -> BurnView:
    windows = f"{format_duration(burn.long_window)} / {format_duration(burn.short_window)}"
    return BurnView(burn.tier, burn.severity, windows, burn.factor, burn.long_rate, burn.short_rate, burn.firing, hue)


def _since(status: SloStatus) -> str:
    if status.since is None:
        return f"in this {status.period}" if status.period else f"in {format_duration(status.window)}"
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
        return f"; {'' if status.period else 'the window of '}{window} is young: most of its budget is unspent"
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
