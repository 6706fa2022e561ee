"""SLOs whose events the rules count anew over every window, and composite ones that take such a member."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from burnline.metrics import SERVICE, SLO, SLO_EVENTS_OVER, SLO_EVENTS_WINDOW, SLO_FEATURE_DRIFT, SLO_FEATURE_EVENTS
from burnline.slo.compiler.sli import labelled
from burnline.slo.compiler.slo import COUNTED, INTERVALS_IN_T1, MEMBER, Subject, of_windows
from burnline.slo.promise import Promise
from burnline.slo.promql import Aggregate, Binary, Expr, Number, Select, series
from burnline.spec.selector import Matcher, Selector


def by_cells(promise: Promise) -> bool:
    """Whether every window of the SLO is computed from cells."""
    return _celled(promise) and not promise.slo.slices


def slices_by_cells(promise: Promise) -> bool:
    """Whether its slices of time are: those that are no longer than what each interval is summed over."""
    slices = promise.slo.slices
    return bool(slices and _celled(promise) and promise.reach(slices.length) <= INTERVALS_IN_T1 * promise.base)


def worst_feature(of: Subject, *windows: Matcher, by: tuple[str, ...]) -> tuple[Expr, Expr]:
    """The worst feature's share of windows' events that drifted, and how many there are; none of too few."""
    total = Aggregate("max", enough(of, of.series(SLO_FEATURE_EVENTS, *windows)), by=by)
    worst = Aggregate("max", of.series(SLO_FEATURE_DRIFT, *windows), by=by)
    return worst, total


def enough(of: Subject, events: Expr) -> Expr:
    """Events, where they are as many as the detector needs."""
    least = of.promise.section.min_events if of.promise.section else 0
    return Binary(">=", events, Number(least))


def _celled(promise: Promise) -> bool:
    return promise.section is not None and promise.anew and promise.section.celled


def members_over(of: Subject, added_up: Expr, lengths: Sequence[timedelta]) -> Expr:
    """A composite's events by member over these windows: of those by cells, as they are counted themselves."""
    found = added_up
    for member in filter(by_cells, of.promise.members):
        shared = [length for length in lengths if any(length in pair for pair in member.schedule)]
        if shared:
            found = Binary("or", _as_member(of, member, SLO_EVENTS_OVER, of_windows(shared)), found)
    return found


def members_in_window(of: Subject, added_up: Expr) -> Expr:
    """Likewise in the SLO's own window, where a member has the same."""
    found = added_up
    for member in filter(by_cells, of.promise.members):
        if member.slo.window == of.promise.slo.window:
            found = Binary("or", _as_member(of, member, SLO_EVENTS_WINDOW, COUNTED), found)
    return found


def _as_member(of: Subject, member: Promise, metric: str, *only: Matcher) -> Expr:
    own = series(metric, **{SERVICE: of.service, SLO: member.slo.name})
    events = Select(Selector(metric, (*own.matchers, *only)))
    return labelled(labelled(events, MEMBER, member.slo.name), SLO, of.name)
