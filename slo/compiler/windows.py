"""What readers of the compiled rules see: SLIs, burn rates, budget, time to exhaustion and state of one SLO.

Ratios are taken last, where there were events, and never summed or averaged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta

from burnline.events import SloState
from burnline.metrics import (
    CELL,
    OWNER,
    SEVERITY,
    SLO_BUDGET_REMAINING,
    SLO_BURN_RATE,
    SLO_CELLS,
    SLO_EVENTS,
    SLO_EVENTS_5M,
    SLO_EVENTS_OVER,
    SLO_EVENTS_WINDOW,
    SLO_EXHAUSTION,
    SLO_INFO,
    SLO_MEMBER_OVER,
    SLO_OBJECTIVE,
    SLO_OBSERVED,
    SLO_SLI,
    SLO_STATE,
    SLO_STATE_LEVEL,
    WINDOW,
)
from burnline.slo.compiler.anew import by_cells, members_over, slices_by_cells
from burnline.slo.compiler.cells import ALL, drift_over, drifted_events
from burnline.slo.compiler.clock import period_seconds
from burnline.slo.compiler.events import SEEN, taken_together
from burnline.slo.compiler.sli import BAD, EVENT, TOTAL, labelled
from burnline.slo.compiler.slo import COUNTED, IDENTITY, Rule, Subject, by_window, of_windows, record, union
from burnline.slo.promql import Aggregate, Binary, Call, Expr, Number
from burnline.slo.status import LOW_BUDGET, SHORTEST_SILENCE
from burnline.slo.windows import window_label
from burnline.spec.units import format_duration

LEVELS = (SloState.OK, SloState.AT_RISK, SloState.BREACHED, SloState.UNKNOWN)
ONE = Number(1)
SILENT_WINDOWS = 3  # of a detector
SILENT_INTERVALS = 5


def rates_in_t1(of: Subject) -> list[Rule]:
    """Events, SLI and burn rate of every window of T1, each in one rule for all windows."""
    lengths = of.windows(in_t1=True)
    return _rates(of, SLO_EVENTS, lengths, of.labels) if lengths else []


def rates_in_t2(of: Subject) -> list[Rule]:
    """The same of the longer windows, a rule for each: promtool takes two of one name and labels for a mistake."""
    lengths = of.windows(in_t1=False)
    own = ((each, {**of.labels, WINDOW: format_duration(each)}) for each in lengths)
    return [rule for each, labels in own for rule in _rates(of, SLO_EVENTS_5M, [each], labels)]


def _rates(of: Subject, source: str, lengths: Sequence[timedelta], labels: Mapping[str, str]) -> list[Rule]:
    shown = [each for each in lengths if format_duration(each) != window_label(of.promise.slo.window)]
    return [
        *(_drifted(of, lengths, labels) if by_cells(of.promise) else _summed(of, source, lengths, labels)),
        *([record(SLO_SLI, Binary("-", ONE, _bad_share(of, shown)), labels)] if shown else []),
        record(SLO_BURN_RATE, _burn(of, lengths), labels),
    ]


def _drifted(of: Subject, lengths: Sequence[timedelta], labels: Mapping[str, str]) -> list[Rule]:
    together = record(SLO_EVENTS_OVER, drifted_events(of, of_windows(lengths)), labels)
    return [*drift_over(of, lengths, labels), together]


def budget(of: Subject) -> list[Rule]:
    """The SLI over the SLO's own window, what is left of its budget and for how long, and what it is."""
    bad, total = (of.series(SLO_EVENTS_WINDOW, **{EVENT: event}) for event in (BAD, TOTAL))
    share = Binary("/", bad, Binary(">", total, Number(0)), ignoring=(EVENT,))
    spent = Binary("*", Binary("/", share, Number(of.budget)), _charge(of))
    own = {**of.labels, WINDOW: window_label(of.promise.slo.window)}
    return [
        record(SLO_SLI, Binary("-", ONE, Call("clamp_max", (share, ONE))), own),
        record(SLO_BUDGET_REMAINING, Binary("-", ONE, spent), of.labels),
        record(SLO_EXHAUSTION, _exhaustion(of), of.labels),
        record(SLO_OBJECTIVE, Call("vector", (Number(of.promise.slo.objective),)), of.labels),
        record(SLO_INFO, Call("vector", (ONE,)), {**of.labels, **_info(of)}),
    ]


def state(of: Subject) -> list[Rule]:
    """The four states; a page that fires or a spent budget is a breach, and no data is unknown."""
    level = of.recorded(SLO_STATE_LEVEL)
    states = [
        labelled(Binary("==", level, Number(number), as_bool=True), "state", name.value)
        for number, name in enumerate(LEVELS)
    ]
    return [record(SLO_STATE_LEVEL, _level(of), of.labels), record(SLO_STATE, union(states), of.labels)]


def nothing_counted(of: Subject, over: timedelta | None = None) -> Expr:
    """One element while there is no data now, or was none `over` the last time; standing still is none of a signal."""
    if over is None:
        absent: Expr = Call("absent", (of.series(SLO_EVENTS, **{EVENT: TOTAL}),))
    else:
        absent = Call("absent_over_time", (of.over(SLO_EVENTS, over, **{EVENT: TOTAL}),))
    if by_cells(of.promise) or slices_by_cells(of.promise):  # verdicts alone are nothing to compute drift from
        cells = of.series(SLO_CELLS, **{CELL: ALL}) if over is None else of.over(SLO_CELLS, over, **{CELL: ALL})
        absent = Binary("or", absent, Call("absent" if over is None else "absent_over_time", (cells,)))
    silence = _detectors_silence(of)
    if silence is None:
        return absent
    # a detector's counters stay on the page when no predictions come
    still = Call("sum_over_time", (of.over(SLO_EVENTS, silence, **{EVENT: TOTAL}),))
    return Binary("or", absent, Binary("==", still, Number(0)))


def _detectors_silence(of: Subject) -> timedelta | None:
    window = of.promise.signal_window
    return None if window is None else max(SILENT_WINDOWS * window, SILENT_INTERVALS * of.interval)


def _summed(of: Subject, source: str, lengths: Sequence[timedelta], labels: Mapping[str, str]) -> list[Rule]:
    sums = by_window({each: Call("sum_over_time", (of.over(source, each, COUNTED),)) for each in lengths})
    if not of.by_member:
        return [record(SLO_EVENTS_OVER, sums, labels)]
    sums = members_over(of, sums, lengths)
    together = taken_together(of, SLO_MEMBER_OVER, of_windows(lengths), by=(*IDENTITY, WINDOW))
    return [record(SLO_MEMBER_OVER, sums, labels), record(SLO_EVENTS_OVER, together, labels)]


def _bad_share(of: Subject, lengths: Sequence[timedelta]) -> Expr:
    bad, total = (of.series(SLO_EVENTS_OVER, of_windows(lengths), **{EVENT: event}) for event in (BAD, TOTAL))
    share = Binary("/", bad, Binary(">", total, Number(0)), ignoring=(EVENT,))
    return Call("clamp_max", (share, ONE))


def _burn(of: Subject, lengths: Sequence[timedelta]) -> Expr:
    """An SLO younger than a window has spent only its share of what the rate says."""
    observed: Expr = of.series(SLO_OBSERVED)
    if of.by_member:
        observed = Aggregate("min", observed, by=IDENTITY)
    shares = {each: _at_most_one(observed, Number(each.total_seconds())) for each in lengths}
    rate = Binary("/", _bad_share(of, lengths), Number(of.budget))
    return Binary("*", rate, by_window(shares), on=(*IDENTITY, WINDOW))


def _charge(of: Subject) -> Expr:
    """How much of the window there is data of."""
    seen = of.series(SLO_EVENTS_WINDOW, **{EVENT: SEEN})
    return Aggregate("max", _at_most_one(seen, _length(of)), by=IDENTITY)


def _length(of: Subject) -> Expr:
    """Seconds of the SLO's window; of a calendar period its local days."""
    calendar = of.promise.calendar
    return period_seconds(calendar, of.now) if calendar else Number(of.promise.window.total_seconds())


def _at_most_one(part: Expr, whole: Expr) -> Expr:
    return Call("clamp_max", (Binary("/", part, whole), ONE))


def _exhaustion(of: Subject) -> Expr:
    """Seconds until the budget is gone at the rate that both windows of the fastest tier agree on."""
    both = of.recorded(SLO_BURN_RATE, of_windows((of.fastest.long, of.fastest.short)))
    short = of.recorded(SLO_BURN_RATE, **{WINDOW: format_duration(of.fastest.short)})
    rate = Binary(">", Aggregate("min", Binary("and", both, short, on=IDENTITY), by=IDENTITY), ONE)
    left = Call("clamp_min", (of.recorded(SLO_BUDGET_REMAINING), Number(0)))
    return Binary("/", Binary("*", left, _length(of)), rate)


def _level(of: Subject) -> Expr:
    firing = {"alertname": "ErrorBudgetBurn", "alertstate": "firing"}
    page, ticket = (of.series("ALERTS", **firing, **{SEVERITY: severity}) for severity in ("page", "ticket"))
    left: Expr = of.recorded(SLO_BUDGET_REMAINING)
    if of.promise.slo.min_events:
        total = of.series(SLO_EVENTS_WINDOW, **{EVENT: TOTAL})
        left = Binary("and", left, Binary(">=", total, Number(of.promise.slo.min_events)), on=IDENTITY)
    spent, low = Binary("<=", left, Number(0)), Binary("<", left, Number(LOW_BUDGET))
    silence = max(3 * of.pace.scrape, SILENT_INTERVALS * of.interval, SHORTEST_SILENCE)
    unknown = nothing_counted(of, silence)
    if of.exclusions:
        unknown = Binary("or", of.excluded, unknown)
    found = [(Call("vector", (Number(0),)), 0), (unknown, 3), (page, 2), (spent, 2), (ticket, 1), (low, 1)]
    return Aggregate("max", union([Binary("+", Binary("*", Number(0), each), Number(level)) for each, level in found]))


def _info(of: Subject) -> dict[str, str]:
    sli = of.promise.sli
    written = sli.model_dump_json() + (of.promise.slo.slices.model_dump_json() if of.promise.slo.slices else "")
    return {
        OWNER: of.promise.spec.owner,
        "kind": sli.kind,
        WINDOW: window_label(of.promise.slo.window),
        "revision": hashlib.sha256(written.encode()).hexdigest()[:8],  # changes with what is counted
    }
