"""What alerts would have done: episodes, budget, precision and recall against labelled incidents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from burnline.events import SloState
from burnline.slo.backtest.replay import Flags, Replay, TierReplay, time_in_states


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert from its firing to its end; `end` is None when it was still out at the end of the history.

    Attributes:
        tiers: those that fired in it, fastest first.
        worst_rate: the highest burn rate over the long window of its fastest tier.
    """

    severity: str
    tiers: tuple[str, ...]
    start: datetime
    end: datetime | None
    worst_rate: float


@dataclass(frozen=True, slots=True)
class Incident:
    """A time in which the service was known to be bad."""

    start: datetime
    end: datetime
    name: str = ""


@dataclass(frozen=True, slots=True)
class Caught:
    """One incident and the first page that overlaps it; `after` from its start, never negative."""

    incident: Incident
    episode: Episode | None
    after: timedelta | None


@dataclass(frozen=True, slots=True)
class Judged:
    """Pages against labelled incidents.

    Attributes:
        precision: the share of the pages that overlap an incident; None without pages.
        recall: the share of the incidents that a page overlaps; None without incidents.
        false_pages: pages outside every incident.
    """

    precision: float | None
    recall: float | None
    caught: tuple[Caught, ...]
    false_pages: tuple[Episode, ...]


@dataclass(frozen=True, slots=True)
class Backtest:
    """What one SLO's alerts would have done between two moments.

    Attributes:
        budget_left: at the end; `budget_low` at its lowest; None without events.
        pages_per_week: noise, in numbers.
        coverage: the share of the time with data.
    """

    service: str
    slo: str
    since: datetime
    until: datetime
    bad: float
    total: float
    budget_left: float | None
    budget_low: float | None
    pages: tuple[Episode, ...]
    tickets: tuple[Episode, ...]
    pages_per_week: float
    states: Mapping[SloState, timedelta]
    coverage: float
    judged: Judged | None = None


def summarise(found: Replay, incidents: Sequence[Incident] | None = None) -> Backtest:
    """Episodes and budget of one replayed SLO, judged against incidents where there are any."""
    since, until = _moment(found.at[0]) - found.base, _moment(found.at[-1])
    pages, tickets = episodes(found, "page"), episodes(found, "ticket")
    known = found.remaining[~np.isnan(found.remaining)]
    states = time_in_states(found)
    return Backtest(
        service=found.promise.spec.service,
        slo=found.promise.slo.name,
        since=since,
        until=until,
        bad=float(found.bad.sum()),
        total=float(found.total.sum()),
        budget_left=float(known[-1]) if known.size else None,
        budget_low=float(known.min()) if known.size else None,
        pages=pages,
        tickets=tickets,
        pages_per_week=len(pages) / ((until - since) / timedelta(weeks=1)),
        states=states,
        coverage=1 - states[SloState.UNKNOWN] / (until - since),
        judged=None if incidents is None else judge(pages, incidents, until),
    )


def episodes(found: Replay, severity: str) -> tuple[Episode, ...]:
    """The times in which any tier of this severity was out, merged, in order."""
    tiers = [each for each in found.tiers if each.tier.severity == severity]
    if not tiers:
        return ()
    out = np.any([each.alert for each in tiers], axis=0)
    return tuple(_episode(found, severity, tiers, start, end) for start, end in _runs(out))


def judge(pages: Sequence[Episode], incidents: Sequence[Incident], until: datetime) -> Judged:
    """Which incidents were paged for, and which pages were for nothing."""
    caught = tuple(_caught(incident, pages, until) for incident in incidents)
    false = tuple(page for page in pages if not any(_overlap(page, each, until) for each in incidents))
    return Judged(
        precision=1 - len(false) / len(pages) if pages else None,
        recall=sum(each.episode is not None for each in caught) / len(caught) if caught else None,
        caught=caught,
        false_pages=false,
    )


def _caught(incident: Incident, pages: Sequence[Episode], until: datetime) -> Caught:
    page = next((page for page in pages if _overlap(page, incident, until)), None)
    after = None if page is None else max(page.start - incident.start, timedelta(0))
    return Caught(incident, page, after)


def _overlap(page: Episode, incident: Incident, until: datetime) -> bool:
    return page.start < incident.end and (page.end or until) > incident.start


def _episode(found: Replay, severity: str, tiers: Sequence[TierReplay], start: int, end: int) -> Episode:
    fired = [each for each in tiers if each.alert[start:end].any()]
    over = end >= len(found.at)
    return Episode(
        severity,
        tuple(each.tier.name for each in sorted(fired, key=lambda each: -each.tier.factor)),
        _moment(found.at[start]),
        None if over else _moment(found.at[end]),
        _worst(fired, start, end),
    )


def _worst(fired: Iterable[TierReplay], start: int, end: int) -> float:
    fastest = max(fired, key=lambda each: each.tier.factor)
    return float(np.nanmax(fastest.long[start:end], initial=0.0))


def _runs(flags: Flags) -> list[tuple[int, int]]:
    """Half-open (start, end) of every run of true."""
    edges = np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(float(at), UTC)
