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

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from burnline.metrics import (
    CELL,
    FEATURE,
    FEATURE_CELLS,
    FEATURE_CHANCE,
    FEATURE_EXPECTED,
    FEATURE_REFERENCE,
    FEATURE_SLOTS,
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
    SLOT,
    WINDOW,
)
from burnline.slo.compiler.anew import enough, worst_feature
from burnline.slo.compiler.clock import calendar_key
from burnline.slo.compiler.events import CALENDAR_KEPT, HOUR_KEPT, SEEN, ended, hour, in_window, running_sum
from burnline.slo.compiler.sli import EVENT, grown, named
from burnline.slo.compiler.slo import HOUR, IDENTITY, Rule, Subject, by_window, just_now, record, union
from burnline.slo.promql import Aggregate, Binary, Call, Expr, Number, Select, Text, series
from burnline.slo.windows import window_label
from burnline.spec.selector import Matcher, Selector
from burnline.spec.units import format_duration

ALL = "all"  # the cell of a feature's events together
EXPECTED, SLOTS = "expected:", "slot:"  # begin the cells of what is to be expected, and of the events of an hour
WHOLE, EACH, OF_EXPECTED, OF_SLOTS = (
    Matcher(CELL, "=", ALL),
    Matcher(CELL, "=~", "[0-9]+"),
    Matcher(CELL, "=~", f"{EXPECTED}.+"),
    Matcher(CELL, "=~", f"{SLOTS}.+"),
)
BY_FEATURE = (FEATURE, REFERENCE)
BY_CELL = (FEATURE, CELL, REFERENCE)
DAY_HOURS = 24
# A window is made of tiles of five intervals, of hours and of days from so many intervals on: its edge is a tile.
FROM_FIVES, FROM_HOURS, FROM_DAYS = 2 * HOUR, DAY_HOURS * HOUR, 14 * DAY_HOURS * HOUR
FORGET_REFERENCE = 25 * HOUR  # intervals after which one that is compared with no more is dropped: its sums are 0
ZERO = Number(0)


def cells_each_interval(of: Subject) -> list[Rule]:
    """T0: what each cell grew by, on all replicas together, and the feature as a whole."""
    whole = Aggregate("sum", just_now(of.series(SLO_CELLS, EACH).selector, of.interval), by=BY_FEATURE)
    return [
        record(SLO_CELLS, of.unless_excluded(_grown(of)), of.labels),
        record(SLO_CELLS, whole, {**of.labels, CELL: ALL}),  # rules of one name need labels of their own
    ]


def _grown(of: Subject) -> Expr:
    """Cells; where the reference differs by hour, also what was to be expected in them, and the events of each hour."""
    cells, expected = (
        grown(series(metric, **_own(of)), of.pace, BY_CELL) for metric in (FEATURE_CELLS, FEATURE_EXPECTED)
    )
    slots = grown(series(FEATURE_SLOTS, **_own(of)), of.pace, (SLOT, REFERENCE))
    by_hour = Aggregate("sum", _renamed(slots, CELL, f"{SLOTS}$1", SLOT, "(.+)"), by=(CELL, REFERENCE))
    return union([cells, _renamed(expected, CELL, f"{EXPECTED}$1", CELL, "(.+)"), by_hour])


def _renamed(of: Expr, label: str, value: str, source: str, pattern: str) -> Expr:
    return Call("label_replace", (of, Text(label), Text(value), Text(source), Text(pattern)))


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
    counted = by_window({each: _known(of, _summed(of, each, WHOLE)) for each in lengths})
    drifted = by_window({each: _drift(of, format_duration(each), partial(_summed, of, each)) for each in lengths})
    return [record(SLO_FEATURE_EVENTS, counted, labels), record(SLO_FEATURE_DRIFT, drifted, labels)]


def drift_in_slices(of: Subject, length: timedelta) -> list[Rule]:
    """T0: the same of the last slice of time, when one ends."""
    return [*cells_each_interval(of), *drift_over(of, [length], of.labels)]


def drift_in_window(of: Subject) -> list[Rule]:
    """The same over the SLO's own window, where no tier's is as long, and its events."""
    window = window_label(of.promise.slo.window)
    labels = {**of.labels, WINDOW: window}
    by_feature = [
        record(SLO_FEATURE_EVENTS, _known(of, _in_period(of, WHOLE)), labels),
        record(SLO_FEATURE_DRIFT, _drift(of, window, partial(_in_period, of)), labels),
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


def _running(of: Subject, metric: str, kept: int, key: Expr) -> Expr:
    lately = of.over(SLO_CELLS_5M, FORGET_REFERENCE * of.interval, Matcher(CELL, "=", ALL))
    living = Call("last_over_time", (lately,))
    return running_sum(of, metric, kept * of.interval, key, SLO_CELLS_5M, living=living)


def _summed(of: Subject, length: timedelta, only: Matcher) -> Expr:
    """Cells over a window, no shorter than the detector's own: over less nothing can be said."""
    window = of.promise.reach(length)
    intervals = window / of.interval
    if intervals < FROM_FIVES or of.promise.slo.slices:  # a slice ends with the interval, tiles are recorded later
        return _tiles(of, SLO_CELLS, window, only)
    if intervals < FROM_HOURS:
        return _tiles(of, SLO_CELLS_5M, window, only)
    if intervals < FROM_DAYS or of.promise.calendar:
        return _with_present(of, SLO_CELLS_1H, SLO_CELLS_HOUR, window, only)
    return _with_present(of, SLO_CELLS_1D, SLO_CELLS_DAY, window, only)


def _in_period(of: Subject, only: Matcher) -> Expr:
    if of.promise.calendar:
        return of.series(SLO_CELLS_CALENDAR, only)
    return _summed(of, of.promise.window, only)


def _tiles(of: Subject, metric: str, window: timedelta, only: Matcher) -> Expr:
    return Call("sum_over_time", (of.over(metric, window, only),))


def _with_present(of: Subject, tiles: str, present: str, window: timedelta, only: Matcher) -> Expr:
    before, now = _tiles(of, tiles, window, only), of.series(present, only)
    return Binary("or", Binary("+", before, now), now)  # a cell that is not counted now is compared with nothing


def _known(of: Subject, events: Expr) -> Expr:
    """Of the reference that is compared with now alone."""
    return Binary("and", events, _chance(of, "events"), on=BY_FEATURE)


def _drift(of: Subject, window: str, summed: Callable[[Matcher], Expr]) -> Expr:
    """By feature, the share of the events that would have to change cell, beyond chance."""
    events = of.series(SLO_FEATURE_EVENTS, **{WINDOW: window})
    slots = summed(OF_SLOTS)
    at_all = Aggregate("sum", slots, by=(REFERENCE,))
    reference = Binary("or", _reference(of), _expected(summed(OF_EXPECTED), at_all))
    shares = Binary("/", summed(EACH), enough(of, events), on=BY_FEATURE, group_left=True)
    more = Call("clamp_min", (Binary("-", shares, reference, on=BY_CELL), ZERO))
    variation = Aggregate("sum", more, by=BY_FEATURE)
    of_events = Binary("/", _chance(of, "events"), events, on=BY_FEATURE)
    of_reference = Binary("or", _chance(of, REFERENCE), _chance_by_hour(of, slots, at_all))
    by_chance = Call("sqrt", (Binary("+", of_events, of_reference, on=BY_FEATURE),))
    return Call("clamp_min", (Binary("-", variation, by_chance, on=BY_FEATURE), ZERO))


def _reference(of: Subject) -> Expr:
    return Aggregate("max", Select(series(FEATURE_REFERENCE, **_own(of))), by=BY_CELL)


def _expected(expected: Expr, events: Expr) -> Expr:
    """The reference's shares at the hours of the events."""
    by_cell = Aggregate("sum", _renamed(expected, CELL, "$1", CELL, f"{EXPECTED}(.+)"), by=BY_CELL)
    return Binary("/", by_cell, events, on=(REFERENCE,), group_left=True)


def _chance(of: Subject, what: str) -> Expr:
    return Aggregate("max", Select(series(FEATURE_CHANCE, **_own(of), **{OF: what})), by=BY_FEATURE)


def _chance_by_hour(of: Subject, slots: Expr, events: Expr) -> Expr:
    """Likewise of the reference: the sum over its hours, each by the square of the share of the events at it."""
    hours = series(FEATURE_CHANCE, **_own(of))
    by_hour = Select(Selector(hours.metric, (*hours.matchers, Matcher(OF, "=~", OF_SLOTS.value))))
    squared = Binary("^", _renamed(slots, OF, "$1", CELL, "(.+)"), Number(2))
    known = Aggregate("max", by_hour, by=(*BY_FEATURE, OF))
    whole = Aggregate("sum", Binary("*", known, squared, on=(OF, REFERENCE), group_left=True), by=BY_FEATURE)
    return Binary("/", whole, Binary("^", events, Number(2)), on=(REFERENCE,), group_left=True)
