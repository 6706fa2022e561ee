"""Burn-rate maths, as in The Site Reliability Workbook, chapter 5, "Alerting on SLOs".

Symbols of the chapter: objective T, error ratio e, burn rate b, alert window W, SLO period P.
"""

from __future__ import annotations

from datetime import timedelta


def error_budget(objective: float) -> float:
    """The share of events that may be bad: 1 - T.

    >>> error_budget(0.999)
    0.001
    """
    return round(1 - objective, 12)  # 1 - 0.999 is 0.0010000000000000009 in binary


def burn_rate(bad: float, total: float, objective: float) -> float | None:
    """How many times faster than sustainable the budget is spent: (bad / total) / (1 - T); None without events.

    A rate of 1 spends exactly the budget over the period (table 5-4).

    >>> burn_rate(bad=1, total=100, objective=0.999)
    10.0
    """
    return bad / total / error_budget(objective) if total > 0 else None


def budget_remaining(bad: float, total: float, objective: float, *, observed: float = 1.0) -> float | None:
    """The unspent share of the period's budget: 1 untouched, 0 spent, negative overspent; None without events.

    `observed` is the share of the period with data. A young SLO is charged as if its traffic went on for the whole
    period: b x W / P for the part W it has seen, so that an outage in the first hour does not spend the month.

    >>> round(budget_remaining(bad=144, total=10_000, objective=0.999, observed=1 / 720), 6)
    0.98
    """
    burn = burn_rate(bad, total, objective)
    return None if burn is None else 1 - burn * min(1.0, observed)


def time_to_exhaustion(period: timedelta, burn: float | None, remaining: float | None = 1.0) -> timedelta | None:
    """How long the remaining budget lasts at this burn rate: P / b for a whole one.

    None when nothing is known, or at b <= 1, where a rolling budget returns as fast as it is spent.

    >>> time_to_exhaustion(timedelta(days=30), 14.4)
    datetime.timedelta(days=2, seconds=7200)
    """
    if burn is None or remaining is None or burn <= 1:
        return None
    return period * max(0.0, remaining) / burn


def detection_time(objective: float, error_ratio: float, factor: float, long: timedelta) -> timedelta | None:
    """From the start of an incident to the alert: ((1 - T) / e) x b x W; None when it never fires.

    >>> detection_time(0.999, 1.0, 14.4, timedelta(hours=1))
    datetime.timedelta(seconds=51, microseconds=840000)
    """
    if error_ratio <= minimum_error_ratio(objective, factor):
        return None
    return long * (minimum_error_ratio(objective, factor) / error_ratio)


def reset_time(objective: float, error_ratio: float, factor: float, window: timedelta) -> timedelta:
    """From the end of a long incident to the end of the alert: W x (1 - b (1 - T) / e).

    `window` is the short window of a multiwindow alert, or the only one of a plain alert.

    >>> reset_time(0.999, 1.0, 14.4, timedelta(minutes=5))
    datetime.timedelta(seconds=295, microseconds=680000)
    """
    return window * max(0.0, 1 - minimum_error_ratio(objective, factor) / error_ratio)


def budget_spent_at_firing(factor: float, long: timedelta, period: timedelta) -> float:
    """The share of the period's budget that is gone when the alert fires: b x W / P (table 5-8).

    >>> round(budget_spent_at_firing(14.4, timedelta(hours=1), timedelta(days=30)), 6)
    0.02
    """
    return factor * (long / period)


def minimum_error_ratio(objective: float, factor: float) -> float:
    """The error ratio over which the alert fires: b (1 - T); at 1 or more it never does.

    >>> minimum_error_ratio(0.90, 14.4) >= 1
    True
    """
    return factor * error_budget(objective)
