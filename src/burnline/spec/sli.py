"""The kinds of SLI: what counts as an event, and what makes it bad."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Discriminator, Tag, WithJsonSchema, model_validator

from burnline.spec.selector import Selector, SelectorField
from burnline.spec.strict import OneOf, Strict
from burnline.spec.units import RATIO_PATTERN, Count, Duration, Name, Number, Ratio


class RatioSli(Strict):
    """Bad (or good) events of all events, both counters."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["bad"]}, {"required": ["good"]}]})

    bad: SelectorField | None = None
    good: SelectorField | None = None
    total: SelectorField

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.bad is None) == (self.good is None):
            raise ValueError("needs exactly one of `bad` and `good` beside `total`")
        return self


def _check_histogram(selector: Selector) -> Selector:
    if selector.metric.endswith("_bucket"):
        raise ValueError(f"names the buckets; write the histogram itself: {selector.metric.removesuffix('_bucket')}")
    if any(matcher.label == "le" for matcher in selector.matchers):
        raise ValueError("chooses a bucket by `le`; leave that to `below`")
    return selector


class LatencySli(Strict):
    """Events slower than `below` are bad, by a classic histogram; `below` must be one of its bucket bounds.

    `histogram` names the metric without `_bucket`.
    """

    histogram: Annotated[SelectorField, AfterValidator(_check_histogram)]
    below: Duration


class ThresholdSli(Strict):
    """Time slices: a moment is bad when the gauge (worst of its series) is above `above` or below `below`."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["above"]}, {"required": ["below"]}]})

    gauge: SelectorField
    above: Number | None = None
    below: Number | None = None

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.above is None and self.below is None:
            raise ValueError("needs `above` (bad when the gauge is over it), `below`, or both")
        if self.above is not None and self.below is not None and self.below >= self.above:
            raise ValueError(f"leaves no good value: bad above {self.above:g} and bad below {self.below:g}")
        return self


class SliSpec(OneOf):
    """Exactly one kind, by its key."""

    ratio: RatioSli | None = None
    latency: LatencySli | None = None
    threshold: ThresholdSli | None = None
    signal: Name | None = None
    same_as: Name | None = None
    freshness: dict[str, object] | None = None
    throughput: dict[str, object] | None = None
    composite: dict[str, object] | None = None
    promql: dict[str, object] | None = None


class CalendarWindow(Strict):
    """A window that starts with the month (week, ...) of a time zone."""

    calendar: Literal["day", "week", "month", "quarter", "year"]
    tz: str = "UTC"


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


class SloSpec(Strict):
    """A promise: `objective` of the events over `window` are good.

    Attributes:
        min_events: no tier fires on fewer events in its long window (low traffic: one failure must not page).
    """

    name: Name
    objective: Objective
    window: Window
    sli: SliSpec
    min_events: Count = 0
    description: str = ""
