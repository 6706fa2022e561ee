"""A backtest in words: the same facts for the terminal, the page and the comparison."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from burnline.slo.backtest.result import Backtest, Caught, Episode
from burnline.spec.units import format_duration


def facts(result: Backtest) -> Iterator[tuple[str, str]]:
    """Name and value of everything that is said of one SLO, in order."""
    since, until = (f"{at:%Y-%m-%d %H:%M}" for at in (result.since, result.until))
    yield "time", f"{since} to {until} UTC, {_percent(result.coverage)} of it with data"
    yield "events", f"{_events(result.bad)} bad of {_events(result.total)}"
    yield "budget left", f"{_percent(result.budget_left)} at the end, {_percent(result.budget_low)} at its lowest"
    yield "pages", f"{_counted(result.pages)}, {result.pages_per_week:.3g} a week"
    yield "tickets", _counted(result.tickets)
    yield "states", ", ".join(f"{state} {_span(spent)}" for state, spent in result.states.items() if spent)
    if result.judged is None:
        return
    judged = result.judged
    yield "precision", f"{_percent(judged.precision)} of the pages were for an incident"
    yield "recall", f"{_percent(judged.recall)} of the incidents were paged for"
    for each in judged.caught:
        yield f"incident {each.incident.name or f'{each.incident.start:%m-%d %H:%M}'}", _caught(each)
    for page in judged.false_pages:
        yield "false page", describe(page)


def describe(episode: Episode) -> str:
    """One episode in a line."""
    lasted = "to the end" if episode.end is None else f"for {_span(episode.end - episode.start)}"
    tiers = ", ".join(episode.tiers)
    return f"{episode.start:%Y-%m-%d %H:%M:%S} UTC {lasted}: {tiers}, at most {episode.worst_rate:.3g}x"


def _caught(each: Caught) -> str:
    if each.episode is None or each.after is None:
        return "missed: nobody would have been paged"
    return f"paged after {_span(each.after)}"


def _counted(episodes: tuple[Episode, ...]) -> str:
    lasted = sum(((each.end - each.start) for each in episodes if each.end), timedelta(0))
    return f"{len(episodes)}" + (f", out for {_span(lasted)} in all" if episodes else "")


def _events(count: float) -> str:
    return f"{count:,.0f}" if count >= 100 or count == int(count) else f"{count:.3g}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.4g}%"


def _span(span: timedelta) -> str:
    return format_duration(timedelta(seconds=round(span.total_seconds())))
