"""The words and numbers of a report, the same in every form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from burnline.app.console import words
from burnline.slo.report.kept import Episode, Report, SloReport, Verdict, Worst

NOTHING = words.NOTHING
MOST = "at most "


def percent(value: float | None) -> str:
    """A share to as many digits as tell 99.9 % from 99.95 %."""
    return words.percent(value, 3 if value is not None and 0.99 < value < 1 else 1)


def objective(value: float) -> str:
    """The objective as it was written.

    >>> objective(0.9999)
    '99.99%'
    """
    return f"{value * 100:.10g}%"


def count(value: float) -> str:
    """Events, whole where they are."""
    return f"{value:,.0f}" if value == round(value) or value >= 100 else f"{value:,.1f}"


def duration(value: timedelta | None) -> str:
    return NOTHING if value is None else words.span(value)


def moment(at: datetime, tz: str) -> str:
    """Day and minute in the report's time zone."""
    return f"{at.astimezone(ZoneInfo(tz)):%Y-%m-%d %H:%M}"


def title(report: Report) -> str:
    period = report.period
    named = f"the last {period.name}" if period.window is None else period.name
    return f"SLO report for {named}"


def span_of(report: Report) -> str:
    """From when to when, whose time, who counted, and whether it is over."""
    period, tz = report.period, report.tz
    told = f"{moment(period.since, tz)} to {moment(period.until, tz)} ({tz})"
    if not period.over:
        told += f", not over before {moment(period.ends, tz)}"
    return f"{told}. Made {report.made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC from {report.source}."


def verdict(slo: SloReport) -> str:
    """One sentence for a person."""
    match slo.verdict:
        case Verdict.NO_DATA:
            return slo.trouble or "Nothing was observed in this period."
        case Verdict.UNKNOWN:
            return f"Only {percent(slo.coverage)} of the time was observed: too little to say whether it was met."
        case Verdict.NO_TRAFFIC:
            return "There was nothing to count; the budget is untouched."
        case Verdict.OPEN:
            return f"The period is not over; {percent(slo.budget_left)} of its budget is left."
        case Verdict.MISSED | Verdict.MET:
            was = "was met" if slo.verdict is Verdict.MET else "was missed"
            return f"The objective of {objective(slo.objective)} {was}."


def events(slo: SloReport) -> str:
    return f"{count(slo.bad)} bad of {count(slo.total)}"


def budget(slo: SloReport) -> str:
    """Spent and left; what was overspent is said so."""
    if slo.budget_left is None or slo.budget_spent is None:
        return "nothing is known"
    if slo.verdict is Verdict.UNKNOWN:
        return f"{percent(slo.budget_spent)} spent in the time observed"
    if slo.budget_left < 0:
        return f"{percent(slo.budget_spent)} spent, {percent(-slo.budget_left)} more than there was"
    return f"{percent(slo.budget_spent)} spent, {percent(slo.budget_left)} left"


def left(slo: SloReport) -> str:
    """Budget left as one number; of a period hardly observed nobody knows it."""
    value = None if slo.verdict is Verdict.UNKNOWN else slo.budget_left
    return NOTHING if value is None else (words.MINUS if value < -0.0005 else "") + percent(abs(value))


def observed(slo: SloReport) -> str:
    """How long there was data, and how long nothing counted."""
    return words.span(slo.observed) + (f"; {words.span(slo.excluded_time)} excluded" if slo.excluded_time else "")


def plural(number: int, severity: str) -> str:
    """`2 pages`; a severity that is not ours stands as it is."""
    return f"{severity}s" if number != 1 and severity in ("page", "ticket") else severity


def detected(episode: Episode) -> str:
    return (MOST if episode.at_most else "") + duration(episode.detected_in)


def lasted(episode: Episode) -> str:
    return "still fires" if episode.ended is None else duration(episode.recovered_in)


def worst(each: Worst, tz: str) -> str:
    """When, and how bad."""
    until = each.until.astimezone(ZoneInfo(tz))
    same_day = each.since.astimezone(ZoneInfo(tz)).date() == until.date()
    end = f"{until:%H:%M}" if same_day else moment(each.until, tz)
    return (
        f"{moment(each.since, tz)} to {end}: {count(each.bad)} bad of {count(each.total)}, "
        f"{words.rate(each.burn)} the sustainable rate, {percent(each.spent)} of the budget"
    )
