"""SLOs whose events the rules count anew over every window, and composite ones that take such a member."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from burnline.metrics import SERVICE, SLO, SLO_EVENTS_OVER, SLO_EVENTS_WINDOW
from burnline.slo.compiler.sli import labelled
from burnline.slo.compiler.slo import COUNTED, MEMBER, Subject, of_windows
from burnline.slo.promise import Promise
from burnline.slo.promql import Binary, Expr, Select, series
from burnline.spec.selector import Matcher, Selector


def by_cells(promise: Promise) -> bool:
    """Whether the SLO counts drift that is computed from cells."""
    return promise.section is not None and promise.anew and promise.section.celled and not promise.slo.slices


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
