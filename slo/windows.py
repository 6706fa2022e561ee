"""Which windows alert on an SLO: the SRE workbook's four tiers, and how they scale to other periods.

Source: The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts" (table 5-8).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Literal

from burnline.spec.units import format_duration

WORKBOOK_PERIOD = timedelta(days=30)
SHORTEST_FIXED_PERIOD = timedelta(days=7)  # the workbook's windows do not fit into less
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Tier:
    """One alerting rule: fires when the burn rate is over `factor` in both windows."""

    name: str  # page-fast, page-slow, ticket-fast, ticket-slow
    severity: Literal["page", "ticket"]
    factor: float
    long: timedelta
    short: timedelta


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    severity: Literal["page", "ticket"]
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


def tiers(window: timedelta, objective: float) -> tuple[Tier, ...]:
    """The tiers that make sense for this period and objective, fastest first; see `left_out` for the others.

    Seven days and more keep the workbook's windows, with factor = budget share x period / long window. Shorter periods
    (demos, tests) keep its factors, with its windows scaled by period / 30d to whole base intervals.

    >>> [(tier.name, tier.factor) for tier in tiers(timedelta(days=28), 0.999)]
    [('page-fast', 13.44), ('page-slow', 5.6), ('ticket-fast', 2.8)]
    """
    return tuple(tier for tier in all_tiers(window) if not _why_left_out(tier, objective))


def left_out(window: timedelta, objective: float) -> dict[str, str]:
    """Tier name to the reason why `tiers` leaves it out."""
    reasons = {tier.name: _why_left_out(tier, objective) for tier in all_tiers(window)}
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


def _why_left_out(tier: Tier, objective: float) -> str:
    if tier.factor < 1:
        return f"factor {tier.factor:.4g} is below 1: it would fire while the objective is being met"
    if tier.factor * (1 - objective) >= 1:
        return (
            f"can never fire: burning at {tier.factor:.4g} times {format_duration(tier.long)} long "
            f"needs more than {tier.factor * (1 - objective):.0%} of the events to be bad"
        )
    return ""
