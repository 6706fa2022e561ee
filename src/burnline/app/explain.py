"""`burnline explain`: what service files promise, in words and one table per SLO."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from burnline.app.commands import fetch, show
from burnline.app.console.words import visible
from burnline.app.services import load_checked
from burnline.errors import BurnlineError
from burnline.slo.explain import ERROR_RATIOS, Detection, Explanation, TierExplained, explain, parse_traffic
from burnline.slo.prometheus import PrometheusReader
from burnline.slo.windows import period_length
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration
from burnline.spec.words import choice

Traffic = dict[tuple[str, str], float]


def explain_services(path: Path, name: str, *, traffic: str, server: str, prometheus: str, as_json: bool) -> None:
    """Print what the SLOs mean, or the one called `name`.

    Raises: SpecError for files that cannot be used, BurnlineError for an SLO or a traffic that is none.
    """
    specs = load_checked(path)
    names = [slo.name for spec in specs for slo in spec.slos]
    if name and name not in names:
        raise BurnlineError(f"{path} has no SLO called {name!r}; it has {choice(names) if names else 'none'}")
    now = datetime.now(UTC)
    seen = _traffic(specs, traffic=traffic, server=server, prometheus=prometheus, now=now)
    found = [
        explain(spec, slo, now=now, traffic=seen.get((spec.service, slo.name)))
        for spec in specs
        for slo in spec.slos
        if name in ("", slo.name)
    ]
    if as_json:
        sys.stdout.write(json.dumps([asdict(each) for each in found], indent=2, default=_plain) + "\n")
    for each in () if as_json else found:
        show(Group(*_page(each)))


def _traffic(specs: Sequence[ServiceSpec], *, traffic: str, server: str, prometheus: str, now: datetime) -> Traffic:
    if traffic:
        try:
            given = parse_traffic(traffic)
        except ValueError as error:
            raise BurnlineError(f"--traffic: {error}") from None
        return {(spec.service, slo.name): given for spec in specs for slo in spec.slos}
    if prometheus:
        return _recorded(prometheus, specs, now)
    return _served(server, specs, now) if server else {}


def _served(server: str, specs: Sequence[ServiceSpec], now: datetime) -> Traffic:
    """The average since counting began, at most over the SLO's window."""
    served = {(each["name"], slo["name"]): slo for each in fetch(server, "/v1/services") for slo in each["slos"]}
    found: Traffic = {}
    for spec in specs:
        for slo in spec.slos:
            seen = served.get((spec.service, slo.name))
            if seen and seen["total"] > 0:
                window = period_length(slo.window).total_seconds()
                age = (now - datetime.fromisoformat(seen["since"])).total_seconds() if seen["since"] else window
                found[spec.service, slo.name] = seen["total"] / min(max(age, 1.0), window)
    return found


def _recorded(url: str, specs: Sequence[ServiceSpec], now: datetime) -> Traffic:
    reader = PrometheusReader(url, specs)
    try:
        statuses = reader.statuses(now)
    finally:
        reader.close()
    if reader.refused:
        raise BurnlineError(next(status.cause for status in statuses))
    return {
        (status.service, status.slo): status.counts.total / status.window.total_seconds()
        for status in statuses
        if status.counts.total > 0
    }


def _plain(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else value.isoformat()


def _page(each: Explanation) -> Iterator[RenderableType]:
    yield Text(visible(f"{each.service} {each.slo}"), "bold")
    for sentence in sentences(each):
        yield Padding(Text(visible(sentence)), (0, 0, 0, 2), expand=False)
    if each.tiers:
        yield Padding(_table(each), (1, 0, 1, 2), expand=False)
    for warning in each.warnings:
        yield Padding(Text(visible(f"warning: {warning}"), "yellow"), (0, 0, 0, 2), expand=False)
    yield Text("")


def sentences(each: Explanation) -> Iterator[str]:
    """The SLO in words, a sentence a line."""
    over = f"over {each.window}" if each.ends is None else f"in each {each.window}"
    yield f"{_percent(each.objective)} of its events are good {over} (SLI: {each.kind})."
    yield f"That allows {_span(each.outage)} of full outage in {_span(each.period)}."
    if each.events is None or each.allowed is None or each.events_per_second is None:
        yield "How many events that is, --traffic says (as in --traffic 50/s), or --server, or --prometheus."
    else:
        yield (
            f"At {_rate(each.events_per_second)} that is {_count(each.allowed)} bad events of {_count(each.events)}."
        )
    if each.anew:
        yield (
            "Its bad events do not add up: each window is judged anew by all it holds, less what chance explains of so "
            "many events. The times below are for many."
        )
    if each.starts and each.ends:
        yield f"The present period began at {_moment(each.starts)}; its budget is whole again at {_moment(each.ends)}."
    yield f"Without data for {_span(each.no_data_after)}, SloNoData says so; no data never counts as good."
    for span in each.exclusions:
        yield f"Excluded from {_moment(span.start)} to {_moment(span.end)}: {span.reason}."
    if each.depends_on:
        yield f"While {choice(each.depends_on)} pages, its page says so and its tickets are silent."
    if each.policy:
        yield f"Error-budget policy: {'; '.join(each.policy)}."
    if each.tiers:
        later = f"up to {_span(each.latency)} later, for scrape and evaluation"
        yield f"What fires when a share of the events fails, and after how long ({later}):"


def _table(each: Explanation) -> Table:
    headings = ["tier", "windows", "fires over", *(f"{ratio:.0%} fail" for ratio in ERROR_RATIOS), "ends after"]
    table = Table(*(Column(heading, overflow="fold") for heading in headings), box=None)
    for row in each.tiers:
        table.add_row(*_cells(row))
    return table


def _cells(row: TierExplained) -> list[str]:
    tier = row.tier
    held = f" for {_span(tier.hold)}" if tier.hold else ""
    windows = f"{_span(tier.long)} and {_span(tier.short)}{held}"
    over = f"{_percent(row.threshold)} bad, {tier.factor:.4g}x"
    return [tier.name, windows, over, *map(_detected, row.detections), _span(row.resets)]


def _detected(found: Detection) -> str:
    if found.after is None or found.spent is None:
        return "never"
    return f"{_span(found.after)} ({_percent(found.spent)} spent)"


def _span(span: timedelta) -> str:
    """Seconds to a hundredth under a minute; whole seconds beyond, in the units of every other time."""
    seconds = span.total_seconds()
    if seconds >= 60 or seconds == int(seconds):
        return format_duration(timedelta(seconds=round(seconds)))
    return f"{seconds:.2f}".rstrip("0").rstrip(".") + "s"


def _percent(share: float) -> str:
    return f"{share * 100:.4g}%" if share < 0.99 else f"{share * 100:.10g}%"


def _rate(per_second: float) -> str:
    for unit, seconds in (("second", 1), ("minute", 60), ("hour", 3600)):
        if per_second * seconds >= 1:
            return f"{per_second * seconds:.4g} events per {unit}"
    return f"{per_second * 86400:.4g} events per day"


def _count(events: float) -> str:
    return f"{events:,.0f}" if events >= 10 else f"{events:.3g}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
