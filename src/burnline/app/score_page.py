"""A scored table as one HTML page that needs nothing else: what drifted, when, and what it looks like now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from burnline.app.console.words import percent, visible
from burnline.app.signal_picture import Histogram, ScoreChart, histogram, score_chart
from burnline.app.signal_views import Judged
from burnline.events import Cell, Verdict
from burnline.store.schema import EPOCH

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = Path(__file__).parent / "console" / "templates"
FEATURES = 50  # drawn, the worst; the others are named
WINDOW = timedelta(seconds=1)  # of a chart: windows of a table have numbers, not times


@dataclass(slots=True)
class _Feature:
    """One feature over all windows; `worst`: the record with its highest score."""

    windows: list[Judged] = field(default_factory=list)
    worst: Mapping[str, Any] = field(default_factory=dict)


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
    """Takes the records of a score as they pass, and draws them at the end."""

    def __init__(self) -> None:
        self._features: dict[str, _Feature] = {}
        self._summary: Mapping[str, Any] = {}

    def watch(self, records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The same records."""
        for record in records:
            if record.get("summary"):
                self._summary = record
            else:
                self._take(record)
            yield record

    def _take(self, record: Mapping[str, Any]) -> None:
        found = self._features.setdefault(record["feature"], _Feature())
        start = EPOCH + record["window"] * WINDOW
        found.windows.append(Judged(start, start + WINDOW, Verdict(record["verdict"]), record["score"]))
        if (record["score"] or 0.0) >= (found.worst.get("score") or 0.0):
            found.worst = record

    def html(self, table: str, reference: str) -> str:
        """The page."""
        worst = sorted(self._features.items(), key=lambda each: -(each[1].worst.get("score") or 0.0))
        drawn = [_drawn(name, found) for name, found in worst[:FEATURES]]
        rest = [name for name, _ in worst[FEATURES:]]
        return (
            _template().render(table=table, reference=reference, summary=self._summary, drawn=drawn, rest=rest) + "\n"
        )


def _drawn(name: str, found: _Feature) -> Drawn:
    worst = found.worst
    one: Mapping[str, Any] = next((each for each in worst.get("contributors", ()) if each["feature"] == name), {})
    cells = [Cell(**cell) for cell in one.get("cells", ())]
    first, last = found.windows[0].start, found.windows[-1].end
    return Drawn(
        name,
        worst.get("score") or 0.0,
        worst.get("window", 0),
        worst.get("reason", ""),
        score_chart(found.windows, first, last, None),
        histogram(cells),
        tuple(one.get("shown", {}).items()),
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["percent"] = percent
    return env.get_template("score.html")
