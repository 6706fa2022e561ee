"""From numbers to the words a person reads: state, budget, time to exhaustion, and why an SLO is unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from burnline.events import Burn, Counts, SloState, SloStatus
from burnline.slo.burn import budget_remaining, time_to_exhaustion
from burnline.slo.calendar import period_name
from burnline.slo.derive import bad_share
from burnline.slo.exclusions import Excluded
from burnline.slo.group import Evaluation, Group
from burnline.slo.promise import Promise
from burnline.slo.reading import metric_of
from burnline.spec.collect import ScrapeSpec
from burnline.spec.units import format_duration

LOW_BUDGET = 0.1
SHORTEST_SILENCE = timedelta(seconds=15)
PROMQL_ALONE = "promql is read by Prometheus alone: set BURNLINE_PROMETHEUS_URL, or write another kind of SLI"
ORIGINS = {  # where the series come from that burnline measures itself; another page that fails is not to blame
    "burnline_queue_": "a `queue` in `collect`",
    "burnline_gpu_": "`gpu` in `collect`",
    "burnline_host_": "`host` in `collect`",
    "burnline_job_": "jobs that report to /v1/jobs",
    "burnline_business_": "numbers posted to /v1/business",
    "burnline_labelled_": "labels posted to /v1/labels",
    "burnline_labels_": "labels posted to /v1/labels",
    "burnline_events_": "predictions posted to /v1/predictions",
    "burnline_cost_": "`cost` of the service file, and of what it is divided by",
    "burnline_security_": "events posted to /v1/security or over OTLP",
    "burnline_otlp_": "telemetry sent over OTLP",
    "burnline_genai_": "telemetry sent over OTLP",
}


@dataclass(slots=True)
class Watch:
    """What the engine knows of one SLO's source, for the sentence that says why it is unknown.

    Attributes:
        source: the target, or the signal, that last gave data.
        note: what that source said when it gave none: an error, a detector's reason.
        again: when it is read next, for an SLO that was read once.
        refused: none of the histogram's `bounds` is the latency SLO's threshold.
    """

    source: str = ""
    note: str = ""
    refused: bool = False
    bounds: tuple[float, ...] = ()
    again: str = ""


@dataclass(frozen=True)
class Snapshot:
    """One group as of one moment; statuses are made when somebody asks.

    Attributes:
        causes: by SLO, why it is unknown.
        excluded: by column, the span in which nothing of it counts.
    """

    group: Group
    evaluation: Evaluation
    causes: tuple[str, ...]
    excluded: Mapping[int, Excluded] = field(default_factory=dict)

    @cached_property
    def statuses(self) -> tuple[SloStatus, ...]:
        numbers = _numbers(self)
        return tuple(_status(self, numbers, column) for column in range(len(self.causes)))


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The arrays of an evaluation as lists, by SLO last: to read an array number by number is slow."""

    period: list[list[float]]
    long: list[list[float]]
    short: list[list[float]]
    long_good: list[list[float]]
    short_good: list[list[float]]
    firing: list[list[bool]]
    usable: list[list[bool]]
    first_seen: list[int]
    fastest: int  # the tier with the shortest windows


def _numbers(snapshot: Snapshot) -> _Numbers:
    group, evaluation = snapshot.group, snapshot.evaluation
    good = {length: (1 - bad_share(events)).tolist() for length, events in evaluation.windows.items()}
    return _Numbers(
        period=evaluation.period.tolist(),
        long=evaluation.long.tolist(),
        short=evaluation.short.tolist(),
        long_good=[good[long] for long, _ in group.schedule],
        short_good=[good[short] for _, short in group.schedule],
        firing=evaluation.firing.tolist(),
        usable=group.tiers.usable.tolist(),
        first_seen=evaluation.first_seen.tolist(),
        fastest=min(range(len(group.schedule)), key=lambda row: group.schedule[row]),
    )


def silence(promise: Promise, base: timedelta) -> timedelta:
    """How long an SLO may go without data before it is unknown: three turns of its source, five base intervals."""
    turn = promise.signal_window or scrape_interval(promise, base)
    return max(3 * turn, 5 * base, SHORTEST_SILENCE)


def scrape_interval(promise: Promise, base: timedelta) -> timedelta:
    """The longest interval of the service's scrapes."""
    return max((item.interval for item in promise.spec.collect if isinstance(item, ScrapeSpec)), default=base)


def cause(
    promise: Promise,
    watch: Watch,
    seen: datetime | None,
    *,
    at: datetime,
    after: timedelta,
    first: datetime | None = None,
) -> str:
    """Why the SLO is unknown and what to do about it; empty when it is not.

    `first` is set while nothing can have been counted since burnline started: by then it will have been.
    """
    if promise.sli.promql:
        return PROMQL_ALONE
    if watch.refused:
        return _wrong_bound(promise, watch)
    if seen is not None and at - seen <= after:
        return ""
    note = f" ({watch.note})" if watch.note else ""
    since = "yet" if seen is None else f"since {seen:%Y-%m-%d %H:%M:%S} UTC"
    if promise.sli.signal:
        return f"no finding of signal {promise.sli.signal} {since}{note}: do predictions arrive?"
    metric = metric_of(promise.sli)
    if seen is None and first is not None and not note and not watch.source:
        return f"burnline has just started: what {metric} counts is judged by {first:%H:%M:%S} UTC for the first time"
    if not watch.source and (origin := origin_of(metric)):
        return f"no sample of {metric} {since}{note}: burnline makes it of {origin}"
    if seen is None and watch.source and not note:
        again = f", at {watch.again}" if watch.again else ""
        return f"{metric} was read once, from {watch.source}: counting starts with the next scrape{again}"
    source = f" from {watch.source}" if watch.source and watch.source not in watch.note else ""
    return f"no sample of {metric} {since}{source}{note}: is the service up, and does its page show this metric?"


def origin_of(metric: str) -> str:
    """What burnline makes a series of that is on no page; empty for one that is on a page."""
    return next((origin for prefix, origin in ORIGINS.items() if metric.startswith(prefix)), "")


def told(excluded: Excluded | None) -> str:
    """An exclusion in words: until when, and why."""
    if excluded is None:
        return ""
    same_day = excluded.start.date() == excluded.end.date()
    return f"excluded until {excluded.end:{'%H:%M:%S' if same_day else '%Y-%m-%d %H:%M:%S'}} UTC: {excluded.reason}"


def aged(status: SloStatus, now: datetime, base: timedelta) -> SloStatus:
    """The status as it counts at `now`: one that is five base intervals old, and no less than 15 s, says nothing more.

    So does one of a moment that is still to come: the clock was set back behind it.
    """
    if abs(now - status.at) <= max(5 * base, SHORTEST_SILENCE):
        return status
    return replace(status, state=SloState.UNKNOWN, cause=f"burnline has not evaluated since {status.at:%H:%M:%S}")


def _wrong_bound(promise: Promise, watch: Watch) -> str:
    latency = promise.sli.latency
    below = format_duration(latency.below) if latency else ""
    found = ", ".join(f"{bound:g}" for bound in watch.bounds) or "none"
    return (
        f"{metric_of(promise.sli)} has no bucket bound of {below}, so nothing says which events were faster: "
        f"set `below` to one of its bounds (seconds: {found}), or give the service that bucket"
    )


def _status(snapshot: Snapshot, numbers: _Numbers, column: int) -> SloStatus:
    group, evaluation = snapshot.group, snapshot.evaluation
    promise = group.promises[column]
    bad, total, seen = (counts[column] for counts in numbers.period)
    counts = Counts(min(max(bad, 0.0), total), total)
    observed = seen / evaluation.period_steps
    remaining = budget_remaining(counts.bad, counts.total, promise.slo.objective, observed=observed)
    burns = _burns(snapshot, numbers, column)
    why = snapshot.causes[column]
    return SloStatus(
        service=promise.spec.service,
        slo=promise.slo.name,
        at=evaluation.at,
        state=SloState.UNKNOWN if why else state_of(burns, remaining if total >= promise.slo.min_events else None),
        objective=promise.slo.objective,
        window=promise.window,
        sli=1 - counts.bad / total if total > 0 else None,
        counts=counts,
        budget_remaining=remaining,
        exhausted_in=time_to_exhaustion(
            evaluation.period_steps * group.base, _present_rate(numbers, column), remaining
        ),
        burns=burns,
        cause=why,
        since=_since(group, numbers.first_seen[column]),
        period=period_name(promise.calendar) if promise.calendar else "",
        resets_at=evaluation.resets_at,
        excluded=told(snapshot.excluded.get(column)),
    )


def _since(group: Group, first: int) -> datetime | None:
    began = group.period.began if group.period else group.closed - group.period_steps
    young = first >= 0 and first - 1 > began
    return group.time_of(first - 1) if young else None


def _burns(snapshot: Snapshot, numbers: _Numbers, column: int) -> tuple[Burn, ...]:
    silent = bool(snapshot.causes[column])
    return tuple(
        Burn(
            tier=tier.name,
            severity=tier.severity,
            factor=tier.factor,
            long_window=tier.long,
            short_window=tier.short,
            long_rate=_known(numbers.long[row][column]),
            short_rate=None if silent else _known(numbers.short[row][column]),
            firing=numbers.firing[row][column],
            long_sli=_known(numbers.long_good[row][column]),
            short_sli=_known(numbers.short_good[row][column]),
        )
        for row, tier in enumerate(snapshot.group.promises[column].tiers)
        if numbers.usable[row][column]
    )


def state_of(burns: tuple[Burn, ...], remaining: float | None) -> SloState:
    """The state of an SLO that has data; `remaining` is None while there are too few events to judge the budget by."""
    firing = {burn.severity for burn in burns if burn.firing}
    left = math.inf if remaining is None else remaining
    if "page" in firing or left <= 0:
        return SloState.BREACHED
    return SloState.AT_RISK if firing or left < LOW_BUDGET else SloState.OK


def _present_rate(numbers: _Numbers, column: int) -> float | None:
    """What both windows of the fastest tier agree on: the rate it is judged by."""
    long, short = (_known(rates[numbers.fastest][column]) for rates in (numbers.long, numbers.short))
    return None if long is None or short is None else min(long, short)


def _known(rate: float) -> float | None:
    return None if math.isnan(rate) else rate
