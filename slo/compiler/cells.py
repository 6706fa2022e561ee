"""Drift in the compiled rules: computed anew over every window, from how often each cell of each feature was counted.

Drift of the answers alone, and from the training data, are the same of other cells, under the name of their signal.

The share of a window's events that differ from the reference beyond chance does not add up over minutes, counts do:
cells are counted each interval (T0), summed over five, hours and days as events are, and compared with the reference
last, for every window. In-process it is the same: detectors/drift.py has the formula, detectors/burn/history.py the
tiles.

With shares p of the window's n events and r of the reference, a feature's total variation is sum max(0, p - r), which
needs no cell that nothing fell into; of it chance explains sqrt(a / n + b), for the a and b that the detector exposes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from burnline.metrics import (
    CELL,
    FEATURE,
    FEATURE_CELLS,
    FEATURE_CHANCE,
    FEATURE_REFERENCE,
    OF,
    REFERENCE,
    SERVICE,
    SIGNAL,
    SLO_CELLS,
    SLO_CELLS_1D,
    SLO_CELLS_1H,
    SLO_CELLS_5M,
    SLO_CELLS_CALENDAR,
    SLO_CELLS_DAY,
    SLO_CELLS_HOUR,
    SLO_EVENTS_WINDOW,
    SLO_FEATURE_DRIFT,
    SLO_FEATURE_EVENTS,
    WINDOW,
)
from burnline.slo.compiler.anew import enough, worst_feature
from burnline.slo.compiler.clock import calendar_key
from burnline.slo.compiler.events import CALENDAR_KEPT, HOUR_KEPT, SEEN, ended, hour, in_window, running_sum
from burnline.slo.compiler.sli import EVENT, grown, named
from burnline.slo.compiler.slo import HOUR, IDENTITY, Rule, Subject, by_window, just_now, record
from burnline.slo.promql import Aggregate, Binary, Call, Expr, Number, Select, series
from burnline.slo.windows import window_label
from burnline.spec.selector import Matcher
from burnline.spec.units import format_duration

ALL = "all"  # the cell of a feature's events together
BY_FEATURE = (FEATURE, REFERENCE)
BY_CELL = (FEATURE, CELL, REFERENCE)
DAY_HOURS = 24
# A window is made of tiles of five intervals, of hours and of days from so many intervals on: its edge is a tile.
FROM_FIVES, FROM_HOURS, FROM_DAYS = 2 * HOUR, DAY_HOURS * HOUR, 14 * DAY_HOURS * HOUR
FORGET_REFERENCE = 25 * HOUR  # intervals after which one that is compared with no more is dropped: its sums are 0
ZERO = Number(0)


def cells_each_interval(of: Subject) -> list[Rule]:
    """T0: what each cell grew by, on all replicas together, and the feature as a whole."""
    counter = series(FEATURE_CELLS, **_own(of))
    whole = Aggregate("sum", just_now(_cells(of, SLO_CELLS).selector, of.interval), by=BY_FEATURE)
    return [
        record(SLO_CELLS, of.unless_excluded(grown(counter, of.pace, BY_CELL)), of.labels),
        record(SLO_CELLS, whole, {**of.labels, CELL: ALL}),  # rules of one name need labels of their own
    ]


def cells_each_fifth(of: Subject) -> list[Rule]:
    """Cells of five intervals, of hours and of days, or of the calendar period so far."""
    fives = Call("sum_over_time", (of.over(SLO_CELLS, of.t2_interval),))
    day = hour(of, DAY_HOURS)
    rules = [
        record(SLO_CELLS_5M, fives, of.labels),
        record(SLO_CELLS_1H, ended(of, SLO_CELLS_HOUR, HOUR_KEPT * of.interval, hour(of)), of.labels),
        record(SLO_CELLS_HOUR, _running(of, SLO_CELLS_HOUR, HOUR_KEPT, hour(of)), of.labels),
    ]
    if of.promise.calendar:
        key = calendar_key(of.promise.calendar, of.now)
        return [*rules, record(SLO_CELLS_CALENDAR, _running(of, SLO_CELLS_CALENDAR, CALENDAR_KEPT, key), of.labels)]
    return [
        *rules,
        record(SLO_CELLS_1D, ended(of, SLO_CELLS_DAY, HOUR_KEPT * of.interval, day), of.labels),
        record(SLO_CELLS_DAY, _running(of, SLO_CELLS_DAY, HOUR_KEPT, day), of.labels),
    ]


def drift_over(of: Subject, lengths: Sequence[timedelta], labels: Mapping[str, str]) -> list[Rule]:
    """Events and drift of every feature over these windows, each in one rule for all."""
    counted = by_window({each: _known(of, _summed(of, each, whole=True)) for each in lengths})
    drifted = by_window({each: _drift(of, format_duration(each), _summed(of, each)) for each in lengths})
    return [record(SLO_FEATURE_EVENTS, counted, labels), record(SLO_FEATURE_DRIFT, drifted, labels)]


def drift_in_slices(of: Subject, length: timedelta) -> list[Rule]:
    """T0: the same of the last slice of time, when one ends."""
    return [*cells_each_interval(of), *drift_over(of, [length], of.labels)]


def drift_in_window(of: Subject) -> list[Rule]:
    """The same over the SLO's own window, where no tier's is as long, and its events."""
    window = window_label(of.promise.slo.window)
    labels = {**of.labels, WINDOW: window}
    whole, cells = (_in_period(of, whole=whole) for whole in (True, False))
    by_feature = [
        record(SLO_FEATURE_EVENTS, _known(of, whole), labels),
        record(SLO_FEATURE_DRIFT, _drift(of, window, cells), labels),
    ]
    recorded = window in map(format_duration, of.windows(in_t1=False))
    seen = in_window(of, Matcher(EVENT, "=", SEEN))
    found = Binary("or", drifted_events(of, Matcher(WINDOW, "=", window), by=IDENTITY), seen)
    return [*([] if recorded else by_feature), record(SLO_EVENTS_WINDOW, found, of.labels)]


def drifted_events(of: Subject, *windows: Matcher, by: tuple[str, ...] = (*IDENTITY, WINDOW)) -> Expr:
    """Bad and total events of windows: the worst feature's share of all; none where there are too few to tell."""
    share, total = worst_feature(of, *windows, by=by)
    return named(Binary("*", share, total), Binary("and", total, share))


def _own(of: Subject) -> dict[str, str]:
    return {SERVICE: of.service, SIGNAL: of.promise.sli.signal or ""}


def _cells(of: Subject, metric: str, *, whole: bool = False) -> Select:
    return of.series(metric, Matcher(CELL, "=" if whole else "!=", ALL))


def _running(of: Subject, metric: str, kept: int, key: Expr) -> Expr:
    lately = of.over(SLO_CELLS_5M, FORGET_REFERENCE * of.interval, Matcher(CELL, "=", ALL))
    living = Call("last_over_time", (lately,))
    return running_sum(of, metric, kept * of.interval, key, SLO_CELLS_5M, living=living)


def _summed(of: Subject, length: timedelta, *, whole: bool = False) -> Expr:
    """Cells over a window, no shorter than the detector's own: over less nothing can be said."""
    window = of.promise.reach(length)
    intervals = window / of.interval
    if intervals < FROM_FIVES or of.promise.slo.slices:  # a slice ends with the interval, tiles are recorded later
        return _tiles(of, SLO_CELLS, window, whole=whole)
    if intervals < FROM_HOURS:
        return _tiles(of, SLO_CELLS_5M, window, whole=whole)
    if intervals < FROM_DAYS or of.promise.calendar:
        return _with_present(of, SLO_CELLS_1H, SLO_CELLS_HOUR, window, whole=whole)
    return _with_present(of, SLO_CELLS_1D, SLO_CELLS_DAY, window, whole=whole)


def _in_period(of: Subject, *, whole: bool) -> Expr:
    if of.promise.calendar:
        return _sums(of, SLO_CELLS_CALENDAR, whole=whole)
    return _summed(of, of.promise.window, whole=whole)


def _tiles(of: Subject, metric: str, window: timedelta, *, whole: bool) -> Expr:
    return Call("sum_over_time", (of.over(metric, window, Matcher(CELL, "=" if whole else "!=", ALL)),))


def _with_present(of: Subject, tiles: str, present: str, window: timedelta, *, whole: bool) -> Expr:
    before, now = _tiles(of, tiles, window, whole=whole), _sums(of, present, whole=whole)
    return Binary("or", Binary("+", before, now), now)  # a cell that is not counted now is compared with nothing


def _sums(of: Subject, metric: str, *, whole: bool) -> Expr:
    """A running sum, without its key."""
    cell = Matcher(CELL, "=", ALL) if whole else Matcher(CELL, "!~", f"|{ALL}")
    return of.series(metric, cell)


def _known(of: Subject, events: Expr) -> Expr:
    """Of the reference that is compared with now alone."""
    return Binary("and", events, _chance(of, "events"), on=BY_FEATURE)


def _drift(of: Subject, window: str, cells: Expr) -> Expr:
    """By feature, the share of the events that would have to change cell, beyond chance."""
    events = of.series(SLO_FEATURE_EVENTS, **{WINDOW: window})
    shares = Binary("/", cells, enough(of, events), on=BY_FEATURE, group_left=True)
    more = Call("clamp_min", (Binary("-", shares, _reference(of), on=BY_CELL), ZERO))
    variation = Aggregate("sum", more, by=BY_FEATURE)
    of_events = Binary("/", _chance(of, "events"), events, on=BY_FEATURE)
    by_chance = Call("sqrt", (Binary("+", of_events, _chance(of, REFERENCE), on=BY_FEATURE),))
    return Call("clamp_min", (Binary("-", variation, by_chance, on=BY_FEATURE), ZERO))


def _reference(of: Subject) -> Expr:
    return Aggregate("max", Select(series(FEATURE_REFERENCE, **_own(of))), by=BY_CELL)


def _chance(of: Subject, what: str) -> Expr:
    return Aggregate("max", Select(series(FEATURE_CHANCE, **_own(of), **{OF: what})), by=BY_FEATURE)
