"""A scored table as one HTML page that needs nothing else: what drifted, when, and what it looks like now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from burnline.app.signal_picture import Histogram, ScoreChart, histogram, score_chart
from burnline.app.signal_views import Judged
from burnline.app.standalone import template
from burnline.events import Contributor, Verdict
from burnline.store.schema import EPOCH

FEATURES = 50  # drawn, the worst; the others are named
WINDOW = timedelta(seconds=1)  # of a chart: windows of a table have numbers, not times


@dataclass(slots=True)
class _Feature:
    """One feature over all windows; `worst`: the record with its highest score, and `found` what it is made of."""

    windows: list[Judged] = field(default_factory=list)
    worst: Mapping[str, Any] = field(default_factory=dict)
    found: Contributor | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """One feature on the page. `at`: the number of its worst window."""

    name: str
    score: float
    at: int
    detail: str
    chart: ScoreChart
    histogram: Histogram | None
    shown: tuple[tuple[str, float], ...]


class Page:
    """Takes the records of a score as they pass, and draws them at the end. `limit`: the score that is an alarm."""

    def __init__(self) -> None:
        self.limit: float | None = None
        self._features: dict[str, _Feature] = {}

    def take(self, record: Mapping[str, Any], found: Contributor | None) -> None:
        """One window of one feature, and what the detector says of it."""
        of = self._features.setdefault(record["feature"], _Feature())
        start = EPOCH + record["window"] * WINDOW
        of.windows.append(Judged(start, start + WINDOW, Verdict(record["verdict"]), record["score"]))
        if not of.worst or (record["score"] or 0.0) > (of.worst["score"] or 0.0):
            of.worst, of.found = record, found

    def html(self, table: str, reference: str, summary: Mapping[str, Any]) -> str:
        """The page."""
        worst = sorted(self._features.items(), key=lambda each: -(each[1].worst["score"] or 0.0))
        said = {"table": table, "reference": reference, "summary": summary}
        drawn = [_drawn(name, of, self.limit) for name, of in worst[:FEATURES]]
        return template("score.html").render(**said, drawn=drawn, rest=[name for name, _ in worst[FEATURES:]]) + "\n"


def _drawn(name: str, of: _Feature, limit: float | None) -> Drawn:
    worst, found = of.worst, of.found
    return Drawn(
        name,
        worst["score"] or 0.0,
        worst["window"],
        worst["reason"],
        score_chart(of.windows, of.windows[0].start, of.windows[-1].end, limit),
        histogram(found.cells) if found else None,
        tuple(found.shown.items()) if found else (),
    )
