"""What an SLO means before it is in production: what it allows, what pages after how long, and what cannot work.

Formulas are those of `slo/burn.py`; the numbers of the SRE workbook's tables come out of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from burnline.slo.alerts import no_data_hold
from burnline.slo.burn import budget_spent_at_firing, detection_time, error_budget, reset_time
from burnline.slo.calendar import period_end, period_name, period_start
from burnline.slo.dependencies import dependencies
from burnline.slo.exclusions import Excluded, excluded_between, exclusions_of
from burnline.slo.promise import Promise, promise_of
from burnline.slo.windows import Tier, least_bad_events, left_out_of, tiers_of
from burnline.spec.collect import ScrapeSpec
from burnline.spec.service import ServiceSpec
from burnline.spec.slo import SloSpec
from burnline.spec.units import format_duration

ERROR_RATIOS = (0.01, 0.1, 0.5, 1.0)
AHEAD = timedelta(days=366)
NEXT_EXCLUSIONS = 3
DEFAULT_SCRAPE = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Detection:
    """One tier at one error ratio: when it fires after the start of a failure, and what is spent then.

    Attributes:
        after: None when it never fires.
        spent: the share of the period's budget gone by then; None when it never fires.
    """

    error_ratio: float
    after: timedelta | None
    spent: float | None


@dataclass(frozen=True, slots=True)
class TierExplained:
    """One tier in numbers.

    Attributes:
        spent: the share of the period's budget that is gone when it fires, by its factor.
        resets: from the end of a long full outage to the end of the alert.
    """

    tier: Tier
    threshold: float
    spent: float
    detections: tuple[Detection, ...]
    resets: timedelta


@dataclass(frozen=True, slots=True)
class Explanation:
    """One SLO, explained.

    Attributes:
        window: in words.
        period: its length; `starts` and `ends` of the present one where it follows the calendar.
        outage: how long everything may fail in a period before its budget is gone.
        events_per_second: the traffic reckoned with; None when nobody said.
        events: of a period at that traffic; bad ones `allowed`.
        latency: what evaluation and scrape add to every time to detect, at most.
        no_data_after: how long without data until SloNoData fires.
        anew: its events do not add up: they are counted anew over every window, less what chance explains there.
    """

    service: str
    slo: str
    objective: float
    kind: str
    window: str
    period: timedelta
    starts: datetime | None
    ends: datetime | None
    outage: timedelta
    events_per_second: float | None
    events: float | None
    allowed: float | None
    latency: timedelta
    tiers: tuple[TierExplained, ...]
    no_data_after: timedelta
    exclusions: tuple[Excluded, ...]
    depends_on: tuple[str, ...]
    policy: tuple[str, ...]
    anew: bool
    warnings: tuple[str, ...]


def explain(spec: ServiceSpec, slo: SloSpec, *, now: datetime, traffic: float | None = None) -> Explanation:
    """Explain one SLO; `traffic` in events per second, for SLIs that count events."""
    promise = promise_of(spec, slo)
    per_second = slices_per_second(promise)
    per_second = traffic if per_second is None else per_second
    budget, seconds = error_budget(slo.objective), promise.window.total_seconds()
    events = None if per_second is None else per_second * seconds
    tiers = tuple(_tier(promise, tier, per_second) for tier in tiers_of(slo))
    latency = promise.base + _scrape(spec)
    return Explanation(
        service=spec.service,
        slo=slo.name,
        objective=slo.objective,
        kind=promise.sli.kind,
        window=period_name(promise.calendar) if promise.calendar else format_duration(promise.window),
        period=promise.window,
        starts=period_start(promise.calendar, now) if promise.calendar else None,
        ends=period_end(promise.calendar, now) if promise.calendar else None,
        outage=promise.window * budget,
        events_per_second=per_second,
        events=events,
        allowed=None if events is None else events * budget,
        latency=latency,
        tiers=tiers,
        no_data_after=no_data_hold(spec, slo),
        exclusions=excluded_between(exclusions_of(spec, slo.name), now, now + AHEAD)[:NEXT_EXCLUSIONS],
        depends_on=tuple(f"{service}/{name}" for service, name in dependencies(spec, slo)),
        policy=tuple(f"{step.left * 100:.10g}% left: {step.do.replace('_', ' ')}" for step in spec.budget_policy),
        anew=promise.anew,
        warnings=tuple(_warnings(promise, tiers, per_second, latency)),
    )


def slices_per_second(promise: Promise) -> float | None:
    """What counts time rather than events has a traffic of its own: one event for each slice."""
    sli, slo = promise.sli, promise.slo
    if sli.throughput:
        return 1 / sli.throughput.per.total_seconds()
    if slo.slices:
        return 1 / slo.slices.length.total_seconds()
    sliced = sli.threshold or sli.freshness or (sli.composite and sli.composite.all_of)
    by_ratio = sli.promql is not None and sli.promql.error_ratio is not None
    return 1 / promise.base.total_seconds() if sliced or by_ratio else None


def _scrape(spec: ServiceSpec) -> timedelta:
    return max((item.interval for item in spec.collect if isinstance(item, ScrapeSpec)), default=DEFAULT_SCRAPE)


def _tier(promise: Promise, tier: Tier, traffic: float | None) -> TierExplained:
    slo = promise.slo
    return TierExplained(
        tier,
        threshold=tier.factor * error_budget(slo.objective),
        spent=budget_spent_at_firing(tier.factor, tier.long, promise.window),
        detections=tuple(detection(promise, tier, ratio, traffic) for ratio in ERROR_RATIOS),
        resets=reset_time(slo.objective, 1, tier.factor, promise.reach(tier.short)),
    )


def detection(promise: Promise, tier: Tier, ratio: float, traffic: float | None) -> Detection:
    """At steady traffic, from a long healthy time on: the burn rate, then enough bad events, then `for`."""
    after = detection_time(promise.slo.objective, ratio, tier.factor, promise.reach(tier.long))
    wait = _wait_for_events(promise, tier, ratio, traffic)
    if after is None or wait is None:
        return Detection(ratio, None, None)
    after = max(after, wait) + tier.hold
    spent = ratio / error_budget(promise.slo.objective) * (after / promise.window)
    return Detection(ratio, after, spent)


def _wait_for_events(promise: Promise, tier: Tier, ratio: float, traffic: float | None) -> timedelta | None:
    """How long until the long window holds enough bad events; None when it never holds enough of either."""
    if traffic is None:
        return timedelta(0)
    held = traffic * promise.reach(tier.long).total_seconds()
    bad = least_bad_events(promise.slo, promise.sli)
    if held < _least_events(promise, tier) or held * ratio < bad or traffic == 0:
        return None
    return timedelta(seconds=bad / (traffic * ratio))


def _least_events(promise: Promise, tier: Tier) -> int:
    return promise.slo.min_events if tier.min_events is None else tier.min_events


def _warnings(
    promise: Promise, tiers: tuple[TierExplained, ...], traffic: float | None, latency: timedelta
) -> Iterator[str]:
    for name, why in left_out_of(promise.slo).items():
        yield f"tier {name} is left out: {why}"
    if not tiers:
        yield "no tier is left: nothing alerts on this SLO"
    for each in tiers:
        yield from _too_few(promise, each.tier, traffic)
        if each.tier.short < 4 * _scrape(promise.spec):
            scrape, short = format_duration(_scrape(promise.spec)), format_duration(each.tier.short)
            yield f"tier {each.tier.name}: its short window of {short} holds fewer than four scrapes ({scrape} apart)"
    outage = promise.window * error_budget(promise.slo.objective)
    if outage < latency:
        yield (
            f"a full outage spends the whole budget in {format_duration(_rounded(outage))}, before a scrape and an "
            f"evaluation can see it (up to {format_duration(latency)})"
        )
    if promise.sli.promql:
        yield "promql is read by Prometheus alone: the embedded engine shows this SLO as unknown"


def _too_few(promise: Promise, tier: Tier, traffic: float | None) -> Iterator[str]:
    if traffic is None:
        return
    held, least = traffic * tier.long.total_seconds(), _least_events(promise, tier)
    bad = least_bad_events(promise.slo, promise.sli)
    if held < max(least, bad):
        what = f"min_events {least}" if least > bad else f"min_bad_events {bad:g}"
        long = format_duration(tier.long)
        yield f"tier {tier.name} never fires at this traffic: {long} hold {held:.3g} events, and it asks for {what}"
    elif 0 < held * tier.factor * error_budget(promise.slo.objective) < 1 and bad <= 1:
        yield f"tier {tier.name}: one bad event fires it; {format_duration(tier.long)} hold only {held:.3g} events"


def _rounded(span: timedelta) -> timedelta:
    return timedelta(seconds=float(f"{span.total_seconds():.4g}"))


def parse_traffic(written: str) -> float:
    """`50/s`, `3000/m`, `10/h` or `1e6/d` to events per second.

    Raises: ValueError naming the value and the accepted form.
    """
    count, slash, unit = written.partition("/")
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(unit.strip())
    try:
        per_unit = float(count)
    except ValueError:
        per_unit = math.nan
    if not slash or seconds is None or not 0 <= per_unit < math.inf:
        raise ValueError(f"{written!r} is no traffic; write events per second, minute, hour or day, as in 50/s or 10/h")
    return per_unit / seconds
