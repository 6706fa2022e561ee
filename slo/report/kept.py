"""What was promised and what was kept, over a period: pure, from events over time and alerts that fired.

No data is never shown as healthy: a verdict needs nine tenths of the period observed, and time that was announced as
maintenance counts neither way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from statistics import fmean
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np

from burnline.slo.burn import burn_rate, error_budget
from burnline.slo.exclusions import Excluded, excluded_between, exclusions_of
from burnline.slo.promise import Promise
from burnline.slo.report.period import HOUR, SHORT, ReportPeriod
from burnline.slo.ring import BAD, SEEN, TOTAL, Array
from burnline.slo.windows import Tier, window_label

LEAST_COVERAGE = 0.9
WORST_HOURS = 3
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


class Verdict(StrEnum):
    """Whether the objective was met in the period."""

    MET = "met"
    MISSED = "missed"
    OPEN = "not over yet"  # the period is not over and budget is left
    NO_TRAFFIC = "no traffic"  # observed, but nothing to count: the budget is untouched
    UNKNOWN = "unknown"  # too little of the period was observed
    NO_DATA = "no data"


class Events(Protocol):
    """Events over time: `slo/history.py` has two."""

    def between(self, since: Array, until: Array) -> Array:
        """Events [plane, point] in (since, until], in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Fired:
    """One alert from its beginning to its end; still firing while `ended` is None."""

    name: str
    slo: str
    severity: str
    tier: str
    began: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    """When an alert's failure began: the start of its first bad tile, known to `grain`."""

    at: datetime
    grain: timedelta


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert that fired.

    Attributes:
        detected_in: from the first bad tile to the alert; None where no bad tile is known any more.
        at_most: the tile is longer than a base interval, so detection took at most that long.
        recovered_in: from the alert to its end; None while it fires.
    """

    tier: str
    severity: str
    began: datetime
    ended: datetime | None
    detected_in: timedelta | None
    at_most: bool
    recovered_in: timedelta | None


@dataclass(frozen=True, slots=True)
class Worst:
    """A bad hour or day: its events, its burn rate, and the share of the period's budget it spent."""

    since: datetime
    until: datetime
    bad: float
    total: float
    burn: float
    spent: float


@dataclass(frozen=True, slots=True)
class Point:
    """The budget left at one moment; None while nothing was observed."""

    at: datetime
    left: float | None


@dataclass(frozen=True, slots=True)
class SeveritySummary:
    """Alerts of one severity: how many, and the means; None without any that has one."""

    severity: str
    count: int
    detected_in: timedelta | None
    recovered_in: timedelta | None


@dataclass(frozen=True, slots=True)
class SloReport:
    """One SLO over the period.

    Attributes:
        sli: good share of the events; None without events.
        budget_spent, budget_left: shares of the period's budget; None when nothing is known.
        observed: time with data, and `coverage` its share of the time that counts.
        excluded: maintenance in the period; `excluded_time` together.
        episodes: burn-rate alerts in order; `silences` those for want of data.
        step: the length of an "hour": shorter in a report on less than six hours.
        trouble: why nothing is known, in words.
    """

    service: str
    slo: str
    description: str
    kind: str
    objective: float
    window: str
    verdict: Verdict
    sli: float | None
    bad: float
    total: float
    budget_spent: float | None
    budget_left: float | None
    observed: timedelta
    coverage: float
    excluded: tuple[Excluded, ...]
    excluded_time: timedelta
    episodes: tuple[Episode, ...]
    silences: tuple[Episode, ...]
    summaries: tuple[SeveritySummary, ...]
    worst_hours: tuple[Worst, ...]
    worst_day: Worst | None
    step: timedelta
    line: tuple[Point, ...]
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """One service; `others`: alerts that belong to none of its SLOs, by name, with how many."""

    service: str
    owner: str
    description: str
    slos: tuple[SloReport, ...]
    others: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All services over one period; `source` says who counted."""

    period: ReportPeriod
    tz: str
    made_at: datetime
    source: str
    services: tuple[ServiceReport, ...]


@dataclass(frozen=True, slots=True)
class _Cells:
    """The period cut into steps: their edges (seconds since 1970) and the events [plane, step] of each."""

    edges: Array
    events: Array


def report_slo(
    promise: Promise,
    period: ReportPeriod,
    events: Events | None,
    fired: Sequence[tuple[Fired, Found | None]] = (),
    *,
    whole: Array | None = None,
    silences: Sequence[Fired] = (),
    tz: str = "UTC",
    trouble: str = "",
) -> SloReport:
    """Report on one SLO; `whole`: events [plane] of the period when they are known better than by `events`."""
    step = HOUR if period.elapsed >= SHORT else MINUTE
    cells = _cells(events, period, step)
    sums = _whole(events, period) if whole is None else whole
    excluded = excluded_between(exclusions_of(promise.spec, promise.slo.name), period.since, period.until)
    left_out = _together(excluded, period)
    bad, total = float(min(max(sums[BAD], 0), sums[TOTAL])), float(sums[TOTAL])
    observed = min(promise.base * float(sums[SEEN]), period.elapsed)
    coverage = _coverage(observed, period.elapsed - left_out)
    spent = _spent(promise, bad, total, observed / period.length)
    episodes = tuple(_episode(each, found, promise.base) for each, found in fired)
    return SloReport(
        service=promise.spec.service,
        slo=promise.slo.name,
        description=promise.slo.description,
        kind=promise.sli.kind,
        objective=promise.slo.objective,
        window=window_label(promise.slo.window),
        verdict=_verdict(promise, bad, total, spent, coverage, over=period.over),
        sli=1 - bad / total if total > 0 else None,
        bad=bad,
        total=total,
        budget_spent=spent if observed else None,
        budget_left=None if not observed or spent is None else 1 - spent,
        observed=observed,
        coverage=coverage,
        excluded=excluded,
        excluded_time=left_out,
        episodes=episodes,
        silences=tuple(_episode(each, None, promise.base) for each in silences),
        summaries=_summaries(episodes),
        worst_hours=_worst_hours(promise, cells, bad, spent),
        worst_day=_worst_day(promise, cells, bad, spent, tz) if period.elapsed > 2 * DAY else None,
        step=step,
        line=_line(cells, bad, spent),
        trouble=trouble,
    )


def first_bad(events: Events, tier: Tier | None, began: datetime, grain: timedelta) -> Found | None:
    """The start of the failure behind an alert: the first bad tile before it that no recovery parts from it.

    A recovery is as long as the tier's short window; what is older than its long window did not fire it.
    """
    long, short = (tier.long, tier.short) if tier else (HOUR, 5 * MINUTE)
    seconds = grain.total_seconds()
    last = -(-began.timestamp() // seconds) * seconds
    count = int(-(-long // grain)) + 1
    ends = last - seconds * np.arange(count, dtype=np.float64)[::-1]
    bad = np.flatnonzero(events.between(ends - seconds, ends)[BAD] > 0)
    if not bad.size:
        return None
    apart = np.flatnonzero(np.diff(bad) > max(1, short // grain) + 1)
    first = bad[apart[-1] + 1] if apart.size else bad[0]
    return Found(datetime.fromtimestamp(float(ends[first] - seconds), UTC), grain)


def _cells(events: Events | None, period: ReportPeriod, step: timedelta) -> _Cells:
    since, until, seconds = period.since.timestamp(), period.until.timestamp(), step.total_seconds()
    edges = np.append(np.arange(since, until, seconds), until)
    found = np.zeros((3, edges.size - 1)) if events is None else events.between(edges[:-1], edges[1:])
    return _Cells(edges, found)


def _whole(events: Events | None, period: ReportPeriod) -> Array:
    if events is None:
        return np.zeros(3)
    since, until = np.array([period.since.timestamp()]), np.array([period.until.timestamp()])
    found: Array = events.between(since, until)[:, 0]
    return found


def _together(spans: Sequence[Excluded], period: ReportPeriod) -> timedelta:
    """How much of the period the spans take; where they overlap, once."""
    total, reached = timedelta(0), period.since
    for span in spans:
        end = min(span.end, period.until)
        total += max(timedelta(0), end - max(span.start, reached))
        reached = max(reached, end)
    return total


def _coverage(observed: timedelta, counting: timedelta) -> float:
    return min(1.0, observed / counting) if counting > timedelta(0) else 0.0


def _spent(promise: Promise, bad: float, total: float, observed: float) -> float | None:
    """As `budget_remaining`: what was not observed has spent nothing, and the period is charged whole."""
    burn = burn_rate(bad, total, promise.slo.objective)
    return 0.0 if burn is None else burn * min(1.0, observed)


def _verdict(
    promise: Promise, bad: float, total: float, spent: float | None, coverage: float, *, over: bool
) -> Verdict:
    if coverage == 0:
        return Verdict.NO_DATA
    if spent is not None and spent > 1 + 1e-9:
        return Verdict.MISSED  # whatever was not observed: the budget of the whole period is gone
    if coverage < LEAST_COVERAGE:
        return Verdict.UNKNOWN
    if not over:
        return Verdict.OPEN
    if total <= 0:
        return Verdict.NO_TRAFFIC
    return Verdict.MISSED if bad / total > error_budget(promise.slo.objective) * (1 + 1e-9) else Verdict.MET


def _episode(fired: Fired, found: Found | None, base: timedelta) -> Episode:
    return Episode(
        tier=fired.tier,
        severity=fired.severity,
        began=fired.began,
        ended=fired.ended,
        detected_in=None if found is None else max(timedelta(0), fired.began - found.at),
        at_most=found is not None and found.grain > base,
        recovered_in=None if fired.ended is None else fired.ended - fired.began,
    )


def _summaries(episodes: Iterable[Episode]) -> tuple[SeveritySummary, ...]:
    by_severity: dict[str, list[Episode]] = {}
    for episode in episodes:
        by_severity.setdefault(episode.severity, []).append(episode)
    return tuple(
        SeveritySummary(
            severity,
            len(found),
            _mean([each.detected_in for each in found]),
            _mean([each.recovered_in for each in found]),
        )
        for severity, found in sorted(by_severity.items())
    )


def _mean(spans: Sequence[timedelta | None]) -> timedelta | None:
    known = [span.total_seconds() for span in spans if span is not None]
    return timedelta(seconds=fmean(known)) if known else None


def _worst_hours(promise: Promise, cells: _Cells, bad: float, spent: float | None) -> tuple[Worst, ...]:
    """The hours that spent most of the budget, as far as they spent it faster than is sustainable."""
    order = np.argsort(-cells.events[BAD], kind="stable")[:WORST_HOURS]
    worst = (_worst(promise, cells, int(first), int(first) + 1, bad=bad, spent=spent) for first in order)
    return tuple(each for each in worst if each.burn > 1)


def _worst_day(promise: Promise, cells: _Cells, bad: float, spent: float | None, tz: str) -> Worst | None:
    zone = ZoneInfo(tz)
    days: dict[object, list[int]] = {}
    for index, start in enumerate(cells.edges[:-1]):
        days.setdefault(datetime.fromtimestamp(float(start), zone).date(), []).append(index)
    inside = max(days.values(), key=lambda inside: cells.events[BAD, inside].sum(), default=[0])
    worst = _worst(promise, cells, inside[0], inside[-1] + 1, bad=bad, spent=spent)
    return worst if worst.burn > 1 else None


def _worst(promise: Promise, cells: _Cells, first: int, last: int, *, bad: float, spent: float | None) -> Worst:
    here, total = (float(cells.events[plane, first:last].sum()) for plane in (BAD, TOTAL))
    burn = burn_rate(min(here, total), total, promise.slo.objective)
    return Worst(
        since=datetime.fromtimestamp(float(cells.edges[first]), UTC),
        until=datetime.fromtimestamp(float(cells.edges[last]), UTC),
        bad=here,
        total=total,
        burn=burn or 0.0,
        spent=(spent or 0.0) * here / bad if bad > 0 else 0.0,
    )


def _line(cells: _Cells, bad: float, spent: float | None) -> tuple[Point, ...]:
    """Budget left after each step: it ends at what is left of the period's."""
    share = np.cumsum(cells.events[BAD]) / bad if bad > 0 else np.zeros(cells.events.shape[1])
    left = 1 - share * (spent or 0.0)
    return tuple(
        Point(datetime.fromtimestamp(float(end), UTC), float(value) if seen > 0 else None)
        for end, value, seen in zip(cells.edges[1:], left, cells.events[SEEN], strict=True)
    )
