"""One signal of one service: what it says now, since when, of which features, versions and slices, and before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from burnline.app import signal_picture
from burnline.app.signal_picture import Histogram, ScoreChart
from burnline.app.wiring import App
from burnline.detectors.build import windows
from burnline.events import Cell, Contributor, Finding, Verdict
from burnline.spec.service import ServiceSpec
from burnline.store import signals
from burnline.store.pages import page_starts

PARTS = 6  # windows: a version or slice that was in none of the last is not shown
WINDOWS = 288  # of history: two days of ten minutes
SILENT = 3  # windows without data are a silence; one or two may have had too few events


@dataclass(frozen=True, slots=True)
class Judged:
    """One closed window."""

    start: datetime
    end: datetime
    verdict: Verdict
    score: float | None


@dataclass(frozen=True, slots=True)
class PartFinding:
    """The newest window of a version (`version=7`), of a slice (`country=DE`), or of a version beside the others."""

    name: str
    verdict: Verdict
    score: float | None
    events: float
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LastAlarm:
    """The last window in alarm: what an alarm is about that windows without data have not ended."""

    start: datetime
    end: datetime
    score: float | None
    reason: str
    bad: float
    total: float
    contributors: tuple[Contributor, ...]


@dataclass(frozen=True, slots=True)
class SignalDetail:
    """One signal as of its newest closed window.

    Attributes:
        score: in [0, 1]; None without data.
        limit: the score over which it is in alarm; None where the detector has no such number.
        since: when the alarm that it is in began.
        silent_since: as in `views.SignalView`.
        at: the end of the window; None before the first.
        contributors: the features that differ most, with their values in the reference and in the window.
        pages: starts of the windows of which a library drew a page, newest first.
        last_alarm: where the newest window has no data while the alarm stands; None otherwise.
        history: closed windows, oldest first, as many as there may be in `WINDOWS` of them.
    """

    service: str
    name: str
    verdict: Verdict
    score: float | None
    limit: float | None
    reason: str
    since: datetime | None
    window_seconds: float
    at: datetime | None
    bad: float
    total: float
    contributors: tuple[Contributor, ...]
    parts: tuple[PartFinding, ...]
    history: tuple[Judged, ...]
    pages: tuple[datetime, ...] = ()
    last_alarm: LastAlarm | None = None
    silent_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Feature:
    """One contributor, drawn."""

    name: str
    score: float
    detail: str
    shown: tuple[tuple[str, float], ...]
    histogram: Histogram | None


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the page draws of a signal; `features` of its newest window, or of the last in alarm where that is shown."""

    chart: ScoreChart
    since: datetime
    features: tuple[Feature, ...]


def signal(app: App, spec: ServiceSpec, name: str, now: datetime) -> SignalDetail | None:
    """One signal of a service now; None when the service does not ask for it."""
    window = windows(spec.signals).get(name)
    if window is None:
        return None
    with app.db.read() as tx:
        found = signals.findings_between(tx, spec.service, name, now - WINDOWS * window, now)
        newest = found[-1] if found else None
        drawn = page_starts(tx, spec.service, name)
        parts = signals.latest_parts(tx, spec.service, name, newest.window_end - PARTS * window) if newest else []
    history = tuple(Judged(each.window_start, each.window_end, each.verdict, each.score) for each in found)
    return SignalDetail(
        spec.service,
        name,
        newest.verdict if newest else Verdict.NO_DATA,
        newest.score if newest else None,
        spec.signals.limit(name),
        newest.reason if newest else "No window has closed yet.",
        signal_picture.alarm_since(history),
        window.total_seconds(),
        newest.window_end if newest else None,
        newest.counts.bad if newest else 0.0,
        newest.counts.total if newest else 0.0,
        newest.contributors if newest else (),
        tuple(_part(each) for each in parts),
        history,
        tuple(drawn),
        _last_alarm(found),
        _silent_since(found, window),
    )


def pictures(detail: SignalDetail, now: datetime) -> Pictures:
    """Draw a signal's history and its features."""
    first = detail.history[0].start if detail.history else now - timedelta(seconds=detail.window_seconds)
    chart = signal_picture.score_chart(detail.history, first, max(now, detail.at or now), detail.limit)
    shown = detail.last_alarm or detail
    return Pictures(chart, first, tuple(_feature(each) for each in shown.contributors))


def silent_since(until: datetime | None, now: datetime, window: timedelta) -> datetime | None:
    """`until`, when data ended, if by now that is SILENT windows ago and more."""
    return until if until is not None and now - until >= SILENT * window else None


def _silent_since(found: Sequence[Finding], window: timedelta) -> datetime | None:
    """Of findings, oldest first."""
    known = [each.window_end for each in found if each.verdict is not Verdict.NO_DATA]
    return silent_since(known[-1] if known else found[0].window_start, found[-1].window_end, window) if found else None


def _last_alarm(found: Sequence[Finding]) -> LastAlarm | None:
    """The window that the alarm was last seen in, when those after it have no data; `found` oldest first."""
    known = [each for each in found if each.verdict is not Verdict.NO_DATA]
    if not known or known[-1] is found[-1] or known[-1].verdict is not Verdict.ALARM:
        return None
    last = known[-1]
    counts = last.counts
    return LastAlarm(
        last.window_start, last.window_end, last.score, last.reason, counts.bad, counts.total, last.contributors
    )


def _part(found: Finding) -> PartFinding:
    return PartFinding(found.part, found.verdict, found.score, found.counts.total, found.reason, found.window_end)


def _feature(one: Contributor) -> Feature:
    cells: Sequence[Cell] = one.cells
    return Feature(one.feature, one.score, one.detail, tuple(one.shown.items()), signal_picture.histogram(cells))
