"""A report as one HTML page that needs nothing else: style and charts inside, no script, nothing loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from burnline.app import report_words as say
from burnline.app.standalone import template
from burnline.slo.report.kept import Point, Report, SloReport

WIDTH, HEIGHT, MARK = 720.0, 96.0, 8.0  # of a chart; the marks of alerts stand below it
POINTS = 360
LOWEST = -1.0  # of the budget; what is overspent further is written, not drawn
NARROWEST = 2.0


@dataclass(frozen=True, slots=True)
class Band:
    """A span of time in a chart; `kind` is its class, `told` what it says when pointed at."""

    x: float
    width: float
    kind: str
    told: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """The budget left over the period: `lines` as SVG points, interrupted where nothing was observed."""

    width: float
    height: float
    mark: float
    zero: float
    lines: tuple[str, ...]
    bands: tuple[Band, ...]
    marks: tuple[Band, ...]


def to_html(report: Report) -> str:
    """The whole report as a page."""
    charts = {(slo.service, slo.slo): chart(report, slo) for each in report.services for slo in each.slos}
    return template("report.html").render(report=report, charts=charts, say=say) + "\n"


def chart(report: Report, slo: SloReport) -> Chart | None:
    """The chart of one SLO; None when there is nothing to draw."""
    if not any(point.left is not None for point in slo.line):
        return None
    scale = _Scale(report.period.since, report.period.ends)
    floor = max(LOWEST, min(0.0, *(point.left for point in slo.line if point.left is not None)))
    top = 1.0
    height = HEIGHT / (top - floor)

    def y(left: float) -> float:
        return (top - max(floor, left)) * height

    points = _thinned(slo.line)
    lines = tuple(
        " ".join(f"{scale.x(point.at):.1f},{y(point.left):.1f}" for point in run if point.left is not None)
        for known, run in groupby(points, key=lambda point: point.left is not None)
        if known
    )
    dark = [Band(*scale.band(span.start, span.end), "excluded", span.reason) for span in slo.excluded]
    return Chart(WIDTH, HEIGHT, MARK, y(0.0), lines, (*_gaps(slo, scale), *dark), tuple(_marks(slo, scale, report.tz)))


@dataclass(frozen=True, slots=True)
class _Scale:
    since: datetime
    until: datetime

    def x(self, at: datetime) -> float:
        return min(1.0, max(0.0, (at - self.since) / (self.until - self.since))) * WIDTH

    def band(self, start: datetime, end: datetime) -> tuple[float, float]:
        x = self.x(start)
        return min(x, WIDTH - NARROWEST), max(NARROWEST, self.x(end) - x)


def _thinned(line: Sequence[Point]) -> Iterable[Point]:
    """At most so many points; a stretch without data stays one."""
    step = -(-len(line) // POINTS)
    for first in range(0, len(line), step):
        some = line[first : first + step]
        known = [point for point in some if point.left is not None]
        yield known[-1] if known else some[-1]


def _gaps(slo: SloReport, scale: _Scale) -> Iterator[Band]:
    """Where nothing was observed."""
    for known, run in groupby(slo.line, key=lambda point: point.left is not None):
        if not known:
            inside = list(run)
            start, end = inside[0].at - slo.step, inside[-1].at
            if end - start > timedelta(0):
                yield Band(*scale.band(start, end), "gap", "no data")


def _marks(slo: SloReport, scale: _Scale, tz: str) -> Iterator[Band]:
    for each in sorted(slo.episodes, key=lambda each: each.severity == "page"):  # pages above all
        kind = each.severity if each.severity in ("page", "ticket") else "other"
        told = f"{each.tier}: {say.moment(each.began, tz)}, {say.lasted(each)}"
        yield Band(*scale.band(each.began, each.ended or scale.until), kind, told)
