"""The kinds of SLI: what counts as an event, and what makes it bad."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from burnline.spec.selector import SelectorField
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, Name, Ratio


class RatioSli(Strict):
    """Bad (or good) events of all events, both counters."""

    bad: SelectorField | None = None
    good: SelectorField | None = None
    total: SelectorField

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.bad is None) == (self.good is None):
            raise ValueError("needs exactly one of `bad` and `good` beside `total`")
        return self


class LatencySli(Strict):
    """Events slower than `below` are bad, by a classic histogram; `below` must be one of its bucket bounds.

    `histogram` names the metric without `_bucket`.
    """

    histogram: SelectorField
    below: Duration


class ThresholdSli(Strict):
    """Time slices: a moment is bad when the gauge (worst of its series) is above `above` or below `below`."""

    gauge: SelectorField
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.above is None and self.below is None:
            raise ValueError("needs `above` (bad when the gauge is over it), `below`, or both")
        return self


class SignalSli(Strict):
    """Good and total events as a detector of this service counts them."""

    signal: Name


class SliSpec(Strict):
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

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = sorted(self.model_fields_set)
        if len(kinds) != 1:
            accepted = ", ".join(type(self).model_fields)
            raise ValueError(f"needs exactly one kind ({accepted}); found {', '.join(kinds) or 'none'}")
        return self

    @property
    def kind(self) -> str:
        return next(iter(self.model_fields_set))


class CalendarWindow(Strict):
    """A window that starts with the month (week, ...) of a time zone."""

    calendar: Literal["day", "week", "month", "quarter", "year"]
    tz: str = "UTC"


class SloSpec(Strict):
    """A promise: `objective` of the events over `window` are good.

    Attributes:
        min_events: no tier fires on fewer events in its long window (low traffic: one failure must not page).
    """

    name: Name
    objective: Annotated[Ratio, Field(gt=0, lt=1)]
    window: Duration | CalendarWindow
    sli: SliSpec
    min_events: Annotated[int, Field(ge=0)] = 0
    description: str = ""
