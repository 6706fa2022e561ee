"""Which windows alert on an SLO: the SRE workbook's four tiers, and how they scale to other periods.

Source: The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts" (table 5-8).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from burnline.spec.sli import SliSpec
from burnline.spec.slo import CalendarWindow, Severity, SloSpec, TierSpec
from burnline.spec.units import format_duration

CALENDAR_DAYS = {"day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}
WORKBOOK_PERIOD = timedelta(days=30)
SHORTEST_FIXED_PERIOD = timedelta(days=7)  # the workbook's windows do not fit into less
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Tier:
    """One alerting rule: fires when the burn rate is over `factor` in both windows, for `hold`.

    Attributes:
        name: page-fast, page-slow, ticket-fast, ticket-slow, or the team's own.
        min_events: it does not fire on fewer events in its long window; None: what the SLO says.
    """

    name: str
    severity: Severity
    factor: float
    long: timedelta
    short: timedelta
    hold: timedelta = timedelta(0)
    min_events: int | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    severity: Severity
    budget_share: Fraction  # of the period's budget, spent when the tier fires
    long: timedelta
    short: timedelta

    @property
    def factor(self) -> float:
        return _factor(self.budget_share, WORKBOOK_PERIOD, self.long)


_WORKBOOK = (
    _Row("page-fast", "page", Fraction(2, 100), timedelta(hours=1), timedelta(minutes=5)),
    _Row("page-slow", "page", Fraction(5, 100), timedelta(hours=6), timedelta(minutes=30)),
    _Row("ticket-fast", "ticket", Fraction(10, 100), timedelta(days=1), timedelta(hours=2)),
    _Row("ticket-slow", "ticket", Fraction(10, 100), timedelta(days=3), timedelta(hours=6)),
)


def period_length(window: timedelta | CalendarWindow) -> timedelta:
    """The nominal length of an SLO's period, from which its tiers follow: 30 d for a calendar month.

    >>> period_length(CalendarWindow(calendar="quarter"))
    datetime.timedelta(days=90)
    """
    return window if isinstance(window, timedelta) else timedelta(days=CALENDAR_DAYS[window.calendar])


def window_label(window: timedelta | CalendarWindow) -> str:
    """The SLO's own window in the label `window` of a series.

    >>> window_label(timedelta(days=30)), window_label(CalendarWindow(calendar="month", tz="Europe/Berlin"))
    ('30d', 'month')
    """
    return format_duration(window) if isinstance(window, timedelta) else window.calendar


def least_bad_events(slo: SloSpec, sli: SliSpec) -> float:
    """How many bad events in its long window a tier needs; `sli` is another SLO's for `same_as`.

    None where each slice of time counts by its own ratio: bad slices come in fractions there, and one failure among
    many events is no whole bad slice.
    """
    by_ratio = slo.slices is not None and slo.slices.target is None
    return 0 if by_ratio or (sli.promql and sli.promql.error_ratio) else slo.min_bad_events


def tiers_of(slo: SloSpec) -> tuple[Tier, ...]:
    """The tiers that alert on this SLO: its own or the workbook's, without those that make no sense."""
    return tuple(tier for tier in all_tiers_of(slo) if not why_left_out(tier, slo.objective))


def left_out_of(slo: SloSpec) -> dict[str, str]:
    """Tier name to the reason why `tiers_of` leaves it out."""
    reasons = {tier.name: why_left_out(tier, slo.objective) for tier in all_tiers_of(slo)}
    return {name: reason for name, reason in reasons.items() if reason}


def all_tiers_of(slo: SloSpec) -> tuple[Tier, ...]:
    """The tiers this SLO asks for, those that `tiers_of` leaves out included, in the order written."""
    period = period_length(slo.window)
    workbook = {tier.name: tier for tier in all_tiers(period)}
    if slo.tiers is None:
        return tuple(workbook.values())
    return tuple(workbook[item] if isinstance(item, str) else _own(item, period) for item in slo.tiers)


def _own(written: TierSpec, period: timedelta) -> Tier:
    factor = written.factor if written.factor is not None else (written.budget or 0) * (period / written.long)
    return Tier(
        written.name,
        written.severity,
        round(factor, 12),
        written.long,
        written.short if written.short is not None else own_short(written.long, period),
        written.hold,
        written.min_events,
    )


def own_short(long: timedelta, period: timedelta) -> timedelta:
    """A twelfth of the long window, in whole base intervals."""
    base = base_interval(period)
    return max(1, round(long / 12 / base)) * base


def tiers(window: timedelta, objective: float) -> tuple[Tier, ...]:
    """The workbook's tiers that make sense for this period and objective, fastest first; see `left_out` for the others.

    Seven days and more keep the workbook's windows, with factor = budget share x period / long window. Shorter periods
    (demos, tests) keep its factors, with its windows scaled by period / 30d to whole base intervals.

    >>> [(tier.name, tier.factor) for tier in tiers(timedelta(days=28), 0.999)]
    [('page-fast', 13.44), ('page-slow', 5.6), ('ticket-fast', 2.8)]
    """
    return tuple(tier for tier in all_tiers(window) if not why_left_out(tier, objective))


def left_out(window: timedelta, objective: float) -> dict[str, str]:
    """Tier name to the reason why `tiers` leaves it out."""
    reasons = {tier.name: why_left_out(tier, objective) for tier in all_tiers(window)}
    return {name: reason for name, reason in reasons.items() if reason}


def all_tiers(window: timedelta) -> tuple[Tier, ...]:
    """The four tiers of a period, those that `tiers` leaves out included."""
    if window >= SHORTEST_FIXED_PERIOD:
        return tuple(
            Tier(row.name, row.severity, _factor(row.budget_share, window, row.long), row.long, row.short)
            for row in _WORKBOOK
        )
    return tuple(
        Tier(row.name, row.severity, row.factor, _scaled(row.long, window), _scaled(row.short, window))
        for row in _WORKBOOK
    )


def base_interval(window: timedelta) -> timedelta:
    """How often an SLO of this period is evaluated: a minute, or a fifth of the scaled 5m window, in whole seconds.

    >>> base_interval(timedelta(days=30)), base_interval(timedelta(hours=12))
    (datetime.timedelta(seconds=60), datetime.timedelta(seconds=1))
    """
    if window >= SHORTEST_FIXED_PERIOD:
        return MINUTE
    return max(1, window // (WORKBOOK_PERIOD // MINUTE) // SECOND) * SECOND


def _factor(budget_share: Fraction, period: timedelta, long: timedelta) -> float:
    return float(budget_share * Fraction(period // timedelta.resolution, long // timedelta.resolution))


def _scaled(length: timedelta, window: timedelta) -> timedelta:
    base = base_interval(window)
    return max(1, round(window * (length / WORKBOOK_PERIOD) / base)) * base


def why_left_out(tier: Tier, objective: float) -> str:
    """Why this tier makes no sense for the objective; empty when it does."""
    if tier.factor < 1:
        return f"factor {tier.factor:.4g} is below 1: it would fire while the objective is being met"
    if tier.factor * (1 - objective) >= 1:
        return (
            f"can never fire: burning at {tier.factor:.4g} times {format_duration(tier.long)} long "
            f"needs more than {tier.factor * (1 - objective):.0%} of the events to be bad"
        )
    return ""
