"""The promise: how much of what an SLI counts is good, over which window, and which tiers alert on it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema, model_validator

from burnline.spec.sli import SliSpec
from burnline.spec.strict import Strict, at_least
from burnline.spec.units import NAME_PATTERN, RATIO_PATTERN, Count, Duration, Name, PositiveNumber, Ratio, TimeZone
from burnline.spec.words import shown

Severity = Literal["page", "ticket"]


class CalendarWindow(Strict):
    """A window that starts with the month (week, ...) of a time zone."""

    calendar: Literal["day", "week", "month", "quarter", "year"]
    tz: TimeZone = "UTC"


def _leaves_a_budget(objective: float) -> float:
    if objective >= 1:
        raise ValueError("100% leaves no error budget, so every bad event would page; promise less, as in 99.9%")
    if objective <= 0:
        raise ValueError("0% promises nothing; write what share of events is good, as in 99.9%")
    return objective


Objective = Annotated[
    Ratio,
    AfterValidator(_leaves_a_budget),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": RATIO_PATTERN, "not": {"enum": ["100%", "0%"]}},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            ],
            "examples": ["99.9%"],
        }
    ),
]


def _window_tag(value: Any) -> str:
    return "<calendar>" if isinstance(value, dict | CalendarWindow) else "<rolling>"


Window = Annotated[
    Annotated[Duration, Tag("<rolling>")] | Annotated[CalendarWindow, Tag("<calendar>")], Discriminator(_window_tag)
]


class SlicesSpec(Strict):
    """Count slices of time instead of events.

    Attributes:
        length: slices follow each other without a gap, from the hour on.
        target: a slice is bad when its share of good events is lower; left out, each slice counts by its own ratio.
    """

    length: Duration
    target: Objective | None = None


class TierSpec(Strict):
    """One alerting rule of the team's own: fires when the burn rate is over `factor` in both windows.

    Attributes:
        factor: the burn rate; `budget` says the same as the share of the period's budget spent when it fires.
        short: left out, a twelfth of `long`.
        hold: how long both must last, `for` in the file.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["factor"]}, {"required": ["budget"]}]})

    name: Name
    severity: Severity
    long: Duration
    short: Duration | None = None
    factor: PositiveNumber | None = None
    budget: Ratio | None = None
    hold: Annotated[Duration, Field(alias="for")] = timedelta(0)
    min_events: Count | None = None

    @model_validator(mode="after")
    def _one_threshold(self) -> Self:
        if (self.factor is None) == (self.budget is None):
            raise ValueError("needs exactly one of `factor` and `budget`")
        return self


TierName = Literal["page-fast", "page-slow", "ticket-fast", "ticket-slow"]


def _tier_tag(value: Any) -> str:
    return "<own>" if isinstance(value, dict | TierSpec) else "<named>"


TierItem = Annotated[Annotated[TierName, Tag("<named>")] | Annotated[TierSpec, Tag("<own>")], Discriminator(_tier_tag)]


def _check_dependency(value: str) -> str:
    service, slash, slo = value.rpartition("/")
    for part in (service, slo) if slash else (slo,):
        if not re.fullmatch(NAME_PATTERN[1:-1], part) or len(part) > 63:
            raise ValueError(f"{shown(value)} names no SLO; write slo, or service/slo of another service")
    return value


Dependency = Annotated[
    str, AfterValidator(_check_dependency), WithJsonSchema({"type": "string", "pattern": "^[a-z0-9_/-]+$"})
]


class SloSpec(Strict):
    """A promise: `objective` of the events over `window` are good.

    Attributes:
        slices: count slices of time instead of events.
        tiers: which tiers alert, by their name or of the team's own; left out, the workbook's four.
        min_events: no tier fires on fewer events in its long window.
        min_bad_events: likewise on fewer bad ones: with 2, one failure never pages, however low the traffic.
        depends_on: SLOs whose burning explains this one's: `slo`, or `service/slo`.
    """

    name: Name
    objective: Objective
    window: Window
    sli: SliSpec
    slices: SlicesSpec | None = None
    tiers: Annotated[tuple[TierItem, ...], AfterValidator(at_least(1))] | None = None
    min_events: Count = 0
    min_bad_events: Count = 2
    depends_on: tuple[Dependency, ...] = ()
    description: str = ""
