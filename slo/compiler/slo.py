"""One SLO as the rule compiler sees it, and how a rule is written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from burnline.metrics import SERVICE, SLO, SLO_EVENTS, SLO_EXCLUDED, WINDOW
from burnline.slo.burn import error_budget
from burnline.slo.compiler.sli import EVENT, RECORDED, TOTAL, Pace, labelled, pace
from burnline.slo.exclusions import exclusions_of
from burnline.slo.promise import Promise
from burnline.slo.promql import MILLISECOND, Binary, Call, Expr, Number, Select, series, show
from burnline.slo.windows import Tier, tiers_of
from burnline.spec.exclude import ExclusionSpec
from burnline.spec.selector import Matcher, Selector
from burnline.spec.units import format_duration

INTERVALS_IN_T1 = 360  # 6 h of minutes
T2_EVERY = 5  # intervals
HOUR = 60  # intervals
IDENTITY = (SERVICE, SLO)
MEMBER = "member"  # of a composite, as a label
COUNTED = Matcher(EVENT, "=~", "bad|total")
WIDTH = 110

Rule = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """One SLO of one service, with what its rules are derived from.

    Attributes:
        now: the horizon of exclusions and time zones begins here.
        every: base intervals between two evaluations of T2.
    """

    promise: Promise
    now: datetime
    every: int = T2_EVERY

    @property
    def service(self) -> str:
        return self.promise.spec.service

    @property
    def name(self) -> str:
        return self.promise.slo.name

    @property
    def labels(self) -> dict[str, str]:
        return {SERVICE: self.service, SLO: self.name}

    @property
    def budget(self) -> float:
        return error_budget(self.promise.slo.objective)

    @property
    def interval(self) -> timedelta:
        return self.promise.base

    @property
    def t2_interval(self) -> timedelta:
        return self.every * self.interval

    @cached_property
    def pace(self) -> Pace:
        return pace(self.promise.spec, self.interval)

    @cached_property
    def tiers(self) -> tuple[Tier, ...]:
        """Those that alert, in the order written."""
        return tiers_of(self.promise.slo)

    @property
    def fastest(self) -> Tier:
        """The tier whose windows say how long the budget lasts."""
        return min(self.tiers or self.promise.tiers, key=lambda tier: tier.long)

    @property
    def by_member(self) -> bool:
        """Whether its events are kept by member of a composite, until they are taken together."""
        composite = self.promise.sli.composite
        return composite is not None and composite.all_of is None

    @property
    def members(self) -> Mapping[str, float]:
        """Member to weight; empty for what is no composite."""
        composite = self.promise.sli.composite
        return composite.weights if composite else {}

    @cached_property
    def exclusions(self) -> tuple[ExclusionSpec, ...]:
        return exclusions_of(self.promise.spec, self.name)

    def in_t1(self, window: timedelta) -> bool:
        return window <= INTERVALS_IN_T1 * self.interval

    def windows(self, *, in_t1: bool) -> list[timedelta]:
        """The windows of the tiers, shortest first."""
        found = {window for tier in (*self.tiers, self.fastest) for window in (tier.long, tier.short)}
        return sorted(window for window in found if self.in_t1(window) is in_t1)

    def alerting(self, *, in_t1: bool) -> list[Tier]:
        return [tier for tier in self.tiers if self.in_t1(tier.long) is in_t1]

    def series(self, metric: str, *more: Matcher, **labels: str) -> Select:
        own = series(metric, **self.labels, **labels)
        return Select(Selector(metric, (*own.matchers, *more)))

    def over(self, metric: str, length: timedelta, *more: Matcher, **labels: str) -> Select:
        """The last `length` of a series. It ends 1ms short: before 3.0 a range would hold one point too many."""
        return Select(self.series(metric, *more, **labels).selector, over=length - MILLISECOND)

    def recorded(self, metric: str, *more: Matcher, **labels: str) -> Select:
        """A series under a name that burnline exposes as well: the one without a `job` is the rule's own."""
        return self.series(metric, *more, **RECORDED, **labels)

    @property
    def counted(self) -> Expr:
        """There while there is data."""
        return just_now(self.series(SLO_EVENTS, **{EVENT: TOTAL}).selector, self.interval)

    @property
    def excluded(self) -> Expr:
        return Binary("==", self.recorded(SLO_EXCLUDED), Number(1))

    def unless_excluded(self, expr: Expr) -> Expr:
        return Binary("unless", expr, self.excluded, on=()) if self.exclusions else expr


def just_now(selector: Selector, every: timedelta) -> Expr:
    """What this evaluation recorded: not the last one's, which a Prometheus that was down would still see for 5m."""
    return Call("last_over_time", (Select(selector, over=every - MILLISECOND),))


def of_windows(lengths: Sequence[timedelta]) -> Matcher:
    """The matcher of these windows' series."""
    return Matcher(WINDOW, "=~", "|".join(format_duration(length) for length in lengths))


def by_window(exprs: Mapping[timedelta, Expr]) -> Expr:
    """One vector of several, each with its window as a label."""
    return union([labelled(expr, WINDOW, format_duration(length)) for length, expr in exprs.items()])


def union(exprs: Sequence[Expr]) -> Expr:
    """All of them, the first first where labels are the same."""
    found, *others = exprs
    for each in others:
        found = Binary("or", found, each)
    return found


def record(name: str, expr: Expr, labels: Mapping[str, str]) -> Rule:
    """A recording rule."""
    return {"record": name, "expr": show(expr, width=WIDTH), "labels": dict(labels)}


def alert(
    name: str,
    expr: Expr,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    *,
    wait: timedelta = timedelta(0),
    templates: Mapping[str, str] | None = None,
) -> Rule:
    """An alerting rule; labels and annotations come out as they are, `templates` are annotations to be filled in."""
    rule: Rule = {"alert": name, "expr": show(expr, width=WIDTH)}
    if wait:
        rule["for"] = format_duration(wait)
    rule["labels"] = {label: literal(value) for label, value in labels.items()}
    rule["annotations"] = {key: literal(value) for key, value in annotations.items()} | dict(templates or {})
    return rule


def literal(text: str) -> str:
    """`text` for a label or annotation of an alert, which Prometheus reads as a Go template, to come out as it is."""
    return text.replace("{{", '{{"{{"}}')
