"""Signals drawn: the score over time, and a feature's reference against its live data. Geometry alone, no colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Protocol

from burnline.events import Cell, Verdict

WIDTH, HEIGHT = 720.0, 96.0
NARROWEST = 1.5
LOWEST_TOP = 0.02  # the scale of scores never ends lower: noise must not look like a mountain
HISTOGRAM = 96.0  # height of the tallest bar
LEAST = 480.0  # width, so that few cells are wide and have room for their names
SLOT = 7.5  # least width of one cell: two bars and a gap
BAR = 0.4  # of a slot
FEW = 8  # cells that all have room for their names
ROOM = 9  # characters below a bar
LABELLED = 3  # cells that gained most are marked,
NOTABLE = 0.02  # when they gained more than that share of the events


class Window(Protocol):
    """One closed window of a signal."""

    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def score(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Span:
    """Windows of one kind in a row: `alarm`, or `gap` where there was no data."""

    x: float
    width: float
    kind: str


@dataclass(frozen=True, slots=True)
class ScoreChart:
    """Scores of closed windows: `lines` as SVG points, interrupted where there was no data; the scale ends at `top`.

    A window between two without data has no line, but is one of the `points`.
    """

    width: float
    height: float
    top: float
    lines: tuple[str, ...]
    spans: tuple[Span, ...]
    limit: float | None
    points: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Bars:
    """One cell: two bars side by side from the ground up, and what to say of them."""

    what: str
    reference: float | None
    live: float
    x: float
    reference_height: float
    live_height: float
    gained: bool
    label: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """Shares of the reference against live ones, cell by cell.

    Attributes:
        tallest: the largest share.
        full: what share a bar of the whole height is: the largest where the cells are all that there is, else 1.
    """

    width: float
    height: float
    bar: float
    tallest: float
    full: float
    cells: tuple[Bars, ...]


def histogram(cells: Sequence[Cell]) -> Histogram | None:
    """Draw the cells of one feature in their order; None where there is nothing to draw.

    Cells that share out all events are drawn as high as there is room. Others, of what is wrong with some, are drawn as
    shares of all: one of 5 % does not look like one of 25 %.
    """
    tallest = max((share for cell in cells for share in (cell.reference or 0.0, cell.live)), default=0.0)
    if not tallest:
        return None
    sums = sum(cell.reference or 0.0 for cell in cells), sum(cell.live for cell in cells)
    full = tallest if any(abs(each - 1) < NOTABLE for each in sums) else 1.0
    height, slot = HISTOGRAM / full, max(SLOT, LEAST / max(len(cells), FEW))
    gains = {place: cell.live - cell.reference for place, cell in enumerate(cells) if cell.reference is not None}
    gained = {place for place in sorted(gains, key=lambda place: -gains[place])[:LABELLED] if gains[place] > NOTABLE}
    drawn = tuple(
        Bars(
            cell.what,
            cell.reference,
            cell.live,
            place * slot,
            (cell.reference or 0.0) * height,
            cell.live * height,
            place in gained,
            _short(cell.what) if len(cells) <= FEW else "",
        )
        for place, cell in enumerate(cells)
    )
    return Histogram(len(cells) * slot, HISTOGRAM, slot * BAR, tallest, full, drawn)


def _short(what: str) -> str:
    """What fits below a bar."""
    return what if len(what) <= ROOM else f"{what[: ROOM - 1]}\N{HORIZONTAL ELLIPSIS}"


def score_chart(windows: Sequence[Window], since: datetime, until: datetime, limit: float | None) -> ScoreChart:
    """Draw the scores of windows between two moments, oldest first; `limit` is the score that is an alarm."""
    scores = [each.score for each in windows if each.score is not None]
    top = min(1.0, 1.25 * max([LOWEST_TOP, limit or 0.0, *scores]))

    def x(at: datetime) -> float:
        return WIDTH * min(1.0, max(0.0, (at - since) / (until - since)))

    def y(score: float) -> float:
        return HEIGHT * (1 - score / top)

    runs = [
        [(x(each.start + (each.end - each.start) / 2), y(each.score)) for each in run if each.score is not None]
        for known, run in groupby(windows, key=lambda each: each.score is not None)
        if known
    ]
    lines = tuple(" ".join(f"{across:.1f},{down:.1f}" for across, down in run) for run in runs if len(run) > 1)
    points = tuple(run[0] for run in runs if len(run) == 1)
    spans = tuple(Span(x(first), max(NARROWEST, x(last) - x(first)), kind) for kind, first, last in _spans(windows))
    return ScoreChart(WIDTH, HEIGHT, top, lines, spans, None if limit is None else y(limit), points)


def alarm_since(windows: Sequence[Window]) -> datetime | None:
    """When the alarm that the last finding is part of began; windows without data do not end it."""
    since = None
    for each in reversed(windows):
        if each.verdict is Verdict.OK:
            break
        if each.verdict is Verdict.ALARM:
            since = each.start
    return since


def _spans(windows: Sequence[Window]) -> Iterable[tuple[str, datetime, datetime]]:
    kinds = {Verdict.ALARM: "alarm", Verdict.NO_DATA: "gap"}
    for verdict, run in groupby(windows, key=lambda each: each.verdict):
        if verdict in kinds:
            inside = list(run)
            yield kinds[verdict], inside[0].start, inside[-1].end
