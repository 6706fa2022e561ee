"""The events of one SLO in the compiled rules: each interval (T0), each five, and over the SLO's own window.

The window is made of hours. A running sum of the present hour stands beside the hour's start (event="key"), so that
it is known at every evaluation whether the hour is still the same. When it is not, the sum is recorded as that hour's,
once, and begins again. So nothing is counted twice or lost by silence, restarts of Prometheus or a late evaluation.
A calendar period is such a running sum alone, whose key is the period.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from burnline.metrics import (
    REFERENCE,
    SERVICE,
    SLO,
    SLO_EVENTS,
    SLO_EVENTS_1H,
    SLO_EVENTS_5M,
    SLO_EVENTS_CALENDAR,
    SLO_EVENTS_HOUR,
    SLO_EVENTS_WINDOW,
    SLO_EXCLUDED,
    SLO_MEMBER_WINDOW,
    SLO_OBSERVED,
    SLO_SLICE_EVENTS,
)
from burnline.slo.burn import error_budget
from burnline.slo.compiler.anew import members_in_window, slices_by_cells, worst_feature
from burnline.slo.compiler.clock import calendar_key, excluded
from burnline.slo.compiler.sli import BAD, EVENT, TIME, TOTAL, counted, events, labelled, named
from burnline.slo.compiler.slo import (
    COUNTED,
    HOUR,
    IDENTITY,
    MEMBER,
    Rule,
    Subject,
    just_now,
    of_windows,
    record,
    union,
)
from burnline.slo.promql import Aggregate, Binary, Call, Expr, Number, Select, Text, series
from burnline.spec.selector import Matcher, Selector
from burnline.spec.slo import SlicesSpec

SEEN, KEY = "seen", "key"
NOT_KEY = Matcher(EVENT, "!=", KEY)
HOUR_KEPT = 2 * HOUR  # intervals that Prometheus may be down without losing what it knew of the present hour
CALENDAR_KEPT = 24 * HOUR  # likewise of a calendar period
OBSERVED_APART = 10  # intervals
ZERO = Number(0)


def each_interval(of: Subject, first: Sequence[Rule] = ()) -> list[Rule]:
    """T0: is it excluded, what happened, and for how long has it been watched; `first` is what slices are made of."""
    exclusion = record(SLO_EXCLUDED, excluded(of.exclusions, of.now), of.labels)
    return [exclusion, *_slices_first(of), *first, record(SLO_EVENTS, _events(of), of.labels), _observed(of)]


def each_fifth(of: Subject) -> list[Rule]:
    """The events of five intervals, and of each hour or the calendar period so far."""
    kept = [_calendar(of)] if of.promise.calendar else [_ended_hour(of), _present_hour(of)]
    return [record(SLO_EVENTS_5M, _five(of), of.labels), *kept]


def _events(of: Subject) -> Expr:
    sli = of.promise.sli
    if sli.composite:
        return of.unless_excluded(_all_of(of) if sli.composite.all_of else _copied(of))
    if sli.throughput:
        return _throughput(of, sli.throughput.per, sli.throughput.at_least)
    if of.promise.slo.slices:
        return _slices(of, of.promise.slo.slices)
    return of.unless_excluded(events(of.service, sli, of.pace))


def _slices_first(of: Subject) -> list[Rule]:
    """What slices are made of, each interval."""
    sli = of.promise.sli
    if sli.throughput:
        growth = labelled(counted(sli.throughput.counter, of.pace), EVENT, TOTAL)
        return [record(SLO_SLICE_EVENTS, of.unless_excluded(growth), of.labels)]
    if of.promise.slo.slices:
        return [record(SLO_SLICE_EVENTS, of.unless_excluded(events(of.service, sli, of.pace)), of.labels)]
    return []


def _slices(of: Subject, slices: SlicesSpec) -> Expr:
    """A slice when one ends, and until then zeros, which say that it is observed."""
    share, total = _of_cells(of, slices) if slices_by_cells(of.promise) else _of_slice(of, slices)
    share = Call("clamp_max", (share, Number(1)))
    if slices.target is not None:
        share = Binary(">", share, Number(error_budget(slices.target)), as_bool=True)
    ended = Binary("or", labelled(share, EVENT, BAD), Binary(">", total, ZERO, as_bool=True))
    return Binary("or", _at_its_end(of, ended, slices.length), Binary("*", of.series(SLO_SLICE_EVENTS), ZERO))


def _of_slice(of: Subject, slices: SlicesSpec) -> tuple[Expr, Expr]:
    bad, total = (
        Call("sum_over_time", (of.over(SLO_SLICE_EVENTS, slices.length, **{EVENT: event}),)) for event in (BAD, TOTAL)
    )
    return Binary("/", bad, Binary(">", total, ZERO), ignoring=(EVENT,)), total


def _of_cells(of: Subject, slices: SlicesSpec) -> tuple[Expr, Expr]:
    share, total = worst_feature(of, of_windows([slices.length]), by=IDENTITY)
    return share, labelled(Binary("and", total, share), EVENT, TOTAL)


def _throughput(of: Subject, per: timedelta, at_least: float) -> Expr:
    """A slice with too few events, or none, is bad; one that was not watched, or excluded in part, is no slice."""
    total: Expr = Call("sum_over_time", (of.over(SLO_SLICE_EVENTS, per, **{EVENT: TOTAL}),))
    if of.exclusions:
        lately = Select(of.recorded(SLO_EXCLUDED).selector, over=of.over(SLO_SLICE_EVENTS, per).over)
        total = Binary("unless", total, Binary("==", Call("max_over_time", (lately,)), Number(1)), on=())
    bad = Binary("<", total, Number(at_least), as_bool=True)
    slice_ = Binary("or", labelled(bad, EVENT, BAD), Binary(">=", total, ZERO, as_bool=True))
    nothing = Binary("*", of.series(SLO_SLICE_EVENTS), ZERO)
    return union([_at_its_end(of, slice_, per), nothing, labelled(nothing, EVENT, BAD)])


def _at_its_end(of: Subject, slice_: Expr, length: timedelta) -> Expr:
    """At one evaluation per slice: slices follow each other from 1970 on."""
    inside = Call("vector", (Binary("%", TIME, Number(length.total_seconds())),))
    due = Binary("<", inside, Number(of.interval.total_seconds()))
    return of.unless_excluded(Binary("and", slice_, due, on=()))


def _of_members(of: Subject, event: Matcher) -> Expr:
    members = Matcher(SLO, "=~", "|".join(of.members))  # names need no escaping
    return just_now(Selector(SLO_EVENTS, (Matcher(SERVICE, "=", of.service), members, event)), of.interval)


def _of_member(of: Subject, member: str, event: str) -> Expr:
    return just_now(series(SLO_EVENTS, **{SERVICE: of.service, SLO: member, EVENT: event}), of.interval)


def _copied(of: Subject) -> Expr:
    return Call("label_replace", (_of_members(of, COUNTED), Text(MEMBER), Text("$1"), Text(SLO), Text("(.+)")))


def _all_of(of: Subject) -> Expr:
    """One slice per interval with events, bad when any member was worse in it than its own objective."""
    over: list[Expr] = []
    for member in of.promise.members:
        bad, total = (_of_member(of, member.slo.name, event) for event in (BAD, TOTAL))
        share = Binary("/", bad, Binary(">", total, ZERO), ignoring=(EVENT,))
        over.append(Binary(">", share, Number(error_budget(member.slo.objective)), as_bool=True))
    some = Aggregate("max", Binary(">", _of_members(of, Matcher(EVENT, "=", TOTAL)), ZERO, as_bool=True))
    return named(Binary("or", Aggregate("max", union(over)), Binary("*", ZERO, some)), some)


def _observed(of: Subject) -> Rule:
    """One interval more while there is data, and the same while there is none."""
    by = (*IDENTITY, MEMBER) if of.by_member else IDENTITY
    before = Call("last_over_time", (of.over(SLO_OBSERVED, OBSERVED_APART * of.interval),))
    window = SLO_MEMBER_WINDOW if of.by_member else SLO_EVENTS_WINDOW
    known = Aggregate("max", Binary("or", before, of.series(window, **{EVENT: SEEN})), by=by)
    more = Binary("+", Binary("*", of.counted, ZERO), Number(of.interval.total_seconds()))
    return record(SLO_OBSERVED, Aggregate("sum", Binary("or", known, more), by=by), of.labels)


def _five(of: Subject) -> Expr:
    summed = Call("sum_over_time", (of.over(SLO_EVENTS, of.t2_interval, COUNTED),))
    times = Call("count_over_time", (of.over(SLO_EVENTS, of.t2_interval, **{EVENT: TOTAL}),))
    seconds = Binary("*", times, Number(of.interval.total_seconds()))
    return Binary("or", summed, labelled(seconds, EVENT, SEEN))


def _ended_hour(of: Subject) -> Rule:
    return record(SLO_EVENTS_1H, ended(of, SLO_EVENTS_HOUR, HOUR_KEPT * of.interval, hour(of)), of.labels)


def _present_hour(of: Subject) -> Rule:
    running = running_sum(of, SLO_EVENTS_HOUR, HOUR_KEPT * of.interval, hour(of), SLO_EVENTS_5M)
    return record(SLO_EVENTS_HOUR, running, of.labels)


def _calendar(of: Subject) -> Rule:
    window = of.promise.calendar
    if window is None:
        raise ValueError("the window is not of the calendar")
    key = calendar_key(window, of.now)
    running = running_sum(of, SLO_EVENTS_CALENDAR, CALENDAR_KEPT * of.interval, key, SLO_EVENTS_5M)
    return record(SLO_EVENTS_CALENDAR, running, of.labels)


def hour(of: Subject, hours: int = 1) -> Expr:
    """When the present hour began, or the present so many of them; a scalar."""
    return Binary("-", TIME, Binary("%", TIME, Number((hours * HOUR * of.interval).total_seconds())))


def ended(of: Subject, metric: str, over: timedelta, key: Expr) -> Expr:
    """What a running sum held when its key was another one; nothing while it is the same."""
    sums, key_before = _kept(of, metric, over)
    return Binary("and", sums, Binary("!=", key_before, key), on=())


def _kept(of: Subject, metric: str, over: timedelta) -> tuple[Expr, Expr]:
    sums = Call("last_over_time", (of.over(metric, over, NOT_KEY),))
    return sums, Call("last_over_time", (of.over(metric, over, **{EVENT: KEY}),))


def running_sum(
    of: Subject, metric: str, over: timedelta, key: Expr, source: str, *, living: Expr | None = None
) -> Expr:
    """What is summed of `source` since the key changed, this evaluation included, and the key.

    With `living`, only of its references: a sum goes on as 0 for ever otherwise.
    """
    sums, key_before = _kept(of, metric, over)
    same = Call("scalar", (Binary("==", key_before, key, as_bool=True),))
    before: Expr = Binary("*", sums, same)
    if living is not None:
        before = Binary("and", before, living, on=(REFERENCE,))
    new = just_now(of.series(source).selector, of.t2_interval)
    return union([Binary("+", before, new), before, new, labelled(Call("vector", (key,)), EVENT, KEY)])


def in_window(of: Subject, *only: Matcher) -> Expr:
    """Events in the SLO's window."""
    if of.promise.calendar:
        return of.series(SLO_EVENTS_CALENDAR, *(only or (NOT_KEY,)))
    hours = Call("sum_over_time", (of.over(SLO_EVENTS_1H, of.promise.window, *only),))
    present = of.series(SLO_EVENTS_HOUR, *(only or (NOT_KEY,)))
    return union([Binary("+", hours, present), present, hours])


def events_in_window(of: Subject) -> list[Rule]:
    """Events and time with data in the SLO's window; of a composite by member, then taken together."""
    found = in_window(of)
    if not of.by_member:
        return [record(SLO_EVENTS_WINDOW, found, of.labels)]
    found = members_in_window(of, found)
    seen = Aggregate("min", of.series(SLO_MEMBER_WINDOW, **{EVENT: SEEN}), by=IDENTITY)
    together = Binary("or", taken_together(of, SLO_MEMBER_WINDOW), labelled(seen, EVENT, SEEN))
    return [record(SLO_MEMBER_WINDOW, found, of.labels), record(SLO_EVENTS_WINDOW, together, of.labels)]


def taken_together(of: Subject, metric: str, *more: Matcher, by: tuple[str, ...] = IDENTITY) -> Expr:
    """A composite's bad and total events from its members' in `metric`: total is all, bad the error ratio of it."""
    total = Aggregate("sum", of.series(metric, *more, **{EVENT: TOTAL}), by=by)
    shares = {member: _share(of, metric, *more, Matcher(MEMBER, "=", member)) for member in of.members}
    composite = of.promise.sli.composite
    if composite and composite.worst_of:
        ratio: Expr = Aggregate("max", _share(of, metric, *more), by=by)
    else:
        weighted = [Binary("*", share, Number(of.members[member])) for member, share in shares.items()]
        weights = [
            Binary("+", Binary("*", share, ZERO), Number(of.members[member])) for member, share in shares.items()
        ]
        ratio = Binary("/", Aggregate("sum", union(weighted), by=by), Aggregate("sum", union(weights), by=by))
    return named(Binary("or", Binary("*", ratio, total), Binary("*", total, ZERO)), total)


def _share(of: Subject, metric: str, *more: Matcher) -> Expr:
    bad, total = (of.series(metric, *more, **{EVENT: event}) for event in (BAD, TOTAL))
    return Binary("/", bad, Binary(">", total, ZERO), ignoring=(EVENT,))
