"""A backtest as one page: inline SVG and CSS, no script, nothing loaded from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from html import escape

import numpy as np

from burnline.slo.backtest.points import Span, excluded_spans, thinned
from burnline.slo.backtest.replay import Replay
from burnline.slo.backtest.result import Backtest, Episode, Incident
from burnline.slo.backtest.text import facts
from burnline.slo.ring import Array
from burnline.spec.units import format_duration

WIDTH, BURN_HEIGHT, BUDGET_HEIGHT, LEFT = 1000, 240, 120, 56
POINTS = 1000
TIER_COLORS = ("#6a1b9a", "#1565c0", "#00838f", "#558b2f", "#ad1457", "#4e342e")
STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --paper: #fff; --soft: #6b6b6b; --line: #d5d5d5; }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --paper: #161616; --soft: #a5a5a5; --line: #3a3a3a; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
       max-width: 1040px; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
table { border-collapse: collapse; margin: .8rem 0; } td, th { text-align: left; padding: .15rem 1rem .15rem 0;
       vertical-align: top; } th { color: var(--soft); font-weight: 600; }
svg { width: 100%; height: auto; display: block; margin-top: .6rem; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
.axis { stroke: var(--line); } .fires { stroke: var(--ink); stroke-dasharray: 5 4; }
.page { fill: #c62828; fill-opacity: .35; } .ticket { fill: #ef6c00; fill-opacity: .25; }
.incident { fill: #1565c0; fill-opacity: .18; } .excluded { fill: #757575; fill-opacity: .3; }
.key i { display: inline-block; width: .9rem; height: .9rem; border-radius: 2px; margin: 0 .3rem -2px .9rem; }
p.key { color: var(--soft); font-size: .9rem; }
"""


def render_page(found: Sequence[tuple[Replay, Backtest]], incidents: Sequence[Incident] = ()) -> str:
    """The page; every name on it is escaped."""
    body = "\n".join(part for replay, result in found for part in _slo(replay, result, incidents))
    title = escape(f"Backtest of {found[0][1].service}") if found else "Backtest"
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>\n{body}\n</body></html>\n"
    )


def _slo(replay: Replay, result: Backtest, incidents: Sequence[Incident]) -> Iterator[str]:
    yield f"<h2>{escape(result.slo)}</h2>"
    rows = (f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts(result))
    yield f"<table>{''.join(rows)}</table>"
    yield _burn_chart(replay, result, incidents)
    yield _budget_chart(replay, result, incidents)
    yield _key(replay, incidents)
    yield _episodes(result)


def _key(replay: Replay, incidents: Sequence[Incident]) -> str:
    tiers = "".join(
        f"<i style='background:{_color(number)}'></i>{escape(each.tier.name)} over {format_duration(each.tier.long)}"
        for number, each in enumerate(replay.tiers)
    )
    bands = [("#c62828", "page"), ("#ef6c00", "ticket")]
    bands += [("#1565c0", "incident")] if incidents else []
    bands += [("#757575", "excluded")] if replay.excluded.any() else []
    shown = "".join(f"<i style='background:{color}'></i>{name}" for color, name in bands)
    return f"<p class='key'>{tiers}{shown}</p>"


def _episodes(result: Backtest) -> str:
    rows = "".join(_row(each) for each in sorted((*result.pages, *result.tickets), key=lambda each: each.start))
    if not rows:
        return "<p>Nothing would have fired.</p>"
    return f"<table><tr><th>fires</th><th>from</th><th>for</th><th>tiers</th><th>worst rate</th></tr>{rows}</table>"


def _row(each: Episode) -> str:
    lasted = "to the end" if each.end is None else format_duration(each.end - each.start)
    cells = (
        each.severity,
        f"{each.start:%Y-%m-%d %H:%M:%S} UTC",
        lasted,
        ", ".join(each.tiers),
        f"{each.worst_rate:.3g}x",
    )
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _burn_chart(replay: Replay, result: Backtest, incidents: Sequence[Incident]) -> str:
    lines, highest = [], 2.0
    for each in replay.tiers:
        at, rate = thinned(replay.at, each.long / each.tier.factor, POINTS)
        lines.append((at, rate))
        highest = max(highest, float(np.nanmax(rate, initial=0.0)))
    scale = np.log1p(highest)
    drawn = "".join(
        _line(replay, at, 1 - np.log1p(rate) / scale, BURN_HEIGHT, _color(number))
        for number, (at, rate) in enumerate(lines)
    )
    fires = BURN_HEIGHT * (1 - np.log1p(1.0) / scale)
    ticks = [(0.0, "0"), (1.0, "fires"), *((value, f"{value:g}x") for value in (10.0, 100.0) if value < highest)]
    marks = "".join(
        f"<text x='{LEFT - 6}' y='{down + 4:.1f}' text-anchor='end'>{name}</text>"
        for value, name in ticks
        for down in [BURN_HEIGHT * (1 - np.log1p(value) / scale)]
    )
    rule = f"<line class='fires' x1='{LEFT}' x2='{WIDTH}' y1='{fires:.1f}' y2='{fires:.1f}'/>"
    label = "Burn rates as multiples of what fires"
    return _chart(BURN_HEIGHT, _bands(replay, result, incidents, BURN_HEIGHT) + rule + drawn + marks, replay, label)


def _budget_chart(replay: Replay, result: Backtest, incidents: Sequence[Incident]) -> str:
    at, left = thinned(replay.at, replay.remaining, POINTS, lowest=True)
    lowest = max(min(-0.1, float(np.nanmin(left, initial=0.0))), -2.0)
    share = (1 - left.clip(lowest, 1)) / (1 - lowest)
    zero = BUDGET_HEIGHT / (1 - lowest)
    marks = (
        f"<line class='fires' x1='{LEFT}' x2='{WIDTH}' y1='{zero:.1f}' y2='{zero:.1f}'/>"
        f"<text x='{LEFT - 6}' y='{zero + 4:.1f}' text-anchor='end'>0%</text>"
        f"<text x='{LEFT - 6}' y='10' text-anchor='end'>100%</text>"
    )
    drawn = _line(replay, at, share, BUDGET_HEIGHT, "#2e7d32")
    label = "Error budget left"
    return _chart(BUDGET_HEIGHT, _bands(replay, result, incidents, BUDGET_HEIGHT) + marks + drawn, replay, label)


def _chart(height: int, inside: str, replay: Replay, label: str) -> str:
    ticks = "".join(
        f"<text x='{_x(replay, at):.1f}' y='{height + 14}' text-anchor='middle'>{name}</text>"
        for at, name in _moments(replay)
    )
    frame = f"<line class='axis' x1='{LEFT}' x2='{WIDTH}' y1='{height}' y2='{height}'/>"
    return (
        f"<svg viewBox='0 0 {WIDTH} {height + 20}' role='img' aria-label='{escape(label)}'>"
        f"<title>{escape(label)}</title>{inside}{frame}{ticks}</svg>"
    )


def _moments(replay: Replay) -> Iterator[tuple[float, str]]:
    span = float(replay.at[-1] - replay.at[0]) or 1.0
    form = "%m-%d" if span > timedelta(days=3).total_seconds() else "%m-%d %H:%M"
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        at = float(replay.at[0]) + share * span
        yield at, f"{datetime.fromtimestamp(at, UTC):{form}}"


def _bands(replay: Replay, result: Backtest, incidents: Sequence[Incident], height: int) -> str:
    spans: list[tuple[str, Span]] = [("excluded", span) for span in excluded_spans(replay)]
    spans += [("incident", (each.start, each.end)) for each in incidents]
    spans += [(each.severity, (each.start, each.end or result.until)) for each in (*result.tickets, *result.pages)]
    return "".join(
        f"<rect class='{kind}' x='{start:.1f}' y='0' width='{max(end - start, 1):.1f}' height='{height}'/>"
        for kind, (since, until) in spans
        for start, end in [(_x(replay, since.timestamp()), _x(replay, until.timestamp()))]
    )


def _line(replay: Replay, at: Array, share: Array, height: int, color: str) -> str:
    """A path that is broken where nothing is known; `share` is 0 at the top."""
    path, pen = [], "M"
    for moment, down in zip(at.tolist(), share.tolist(), strict=True):
        if down != down:
            pen = "M"
            continue
        path.append(f"{pen}{_x(replay, moment):.1f} {height * down:.1f}")
        pen = "L"
    return f"<path d='{' '.join(path)}' fill='none' stroke='{color}' stroke-width='1.4'/>"


def _x(replay: Replay, at: float) -> float:
    first, last = float(replay.at[0]), float(replay.at[-1])
    share = (at - first) / ((last - first) or 1.0)
    return LEFT + (WIDTH - LEFT) * min(max(share, 0.0), 1.0)


def _color(number: int) -> str:
    return TIER_COLORS[number % len(TIER_COLORS)]
