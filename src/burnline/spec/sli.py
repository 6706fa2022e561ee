"""The kinds of SLI: what counts as an event, and what makes it bad."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from burnline.spec.expression import PromqlField
from burnline.spec.selector import Selector, SelectorField
from burnline.spec.strict import OneOf, Strict, at_least
from burnline.spec.units import Duration, Name, Number, PositiveNumber, Ratio


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
    """Time slices: a moment is bad when the gauge (worst of its series) is above `above` or below `below`.

    `for` is the share of the looks within a moment that must be beyond the bound; left out, any one look is enough.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["above"]}, {"required": ["below"]}]})

    gauge: SelectorField
    above: Number | None = None
    below: Number | None = None
    share: Annotated[Ratio | None, Field(alias="for")] = None

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.above is None and self.below is None:
            raise ValueError("needs `above` (bad when the gauge is over it), `below`, or both")
        if self.above is not None and self.below is not None and self.below >= self.above:
            raise ValueError(f"leaves no good value: bad above {self.above:g} and bad below {self.below:g}")
        return self


class FreshnessSli(Strict):
    """Time slices: a moment is bad when the oldest `timestamp` (unix seconds) is more than `max_age` ago."""

    timestamp: SelectorField
    max_age: Duration


class ThroughputSli(Strict):
    """Time slices of `per`: bad when the counter grew by fewer than `at_least` events in it."""

    counter: SelectorField
    at_least: PositiveNumber
    per: Duration = Field(default="5m", validate_default=True)


class CompositeSli(OneOf):
    """SLOs of this service taken together: exactly one of the three ways.

    Attributes:
        weighted: the average of the members' SLIs, by their weights.
        worst_of: the SLI of the worst member.
        all_of: time slices; a moment is bad when any member was worse than its own objective in it.
    """

    weighted: Annotated[dict[Name, PositiveNumber], AfterValidator(at_least(2))] | None = None
    worst_of: Annotated[tuple[Name, ...], AfterValidator(at_least(2))] | None = None
    all_of: Annotated[tuple[Name, ...], AfterValidator(at_least(2))] | None = None

    @property
    def weights(self) -> dict[str, float]:
        """Member to weight; 1 each unless written."""
        return dict(self.weighted) if self.weighted else dict.fromkeys(self.worst_of or self.all_of or (), 1.0)


class PromqlSli(Strict):
    """Any PromQL, for the Prometheus engine alone; `$window` stands for the range to count over.

    `total` with one of `bad` and `good` gives events (`sum(rate(x[$window]))`); `error_ratio` alone makes each base
    interval one event, bad by that share.
    """

    bad: PromqlField | None = None
    good: PromqlField | None = None
    total: PromqlField | None = None
    error_ratio: PromqlField | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        written = {name for name in ("bad", "good", "total", "error_ratio") if getattr(self, name) is not None}
        if written not in ({"bad", "total"}, {"good", "total"}, {"error_ratio"}):
            raise ValueError("needs `total` with one of `bad` and `good`, or `error_ratio` alone")
        return self


class SliSpec(OneOf):
    """Exactly one kind, by its key."""

    ratio: RatioSli | None = None
    latency: LatencySli | None = None
    threshold: ThresholdSli | None = None
    signal: Name | None = None
    same_as: Name | None = None
    freshness: FreshnessSli | None = None
    throughput: ThroughputSli | None = None
    composite: CompositeSli | None = None
    promql: PromqlSli | None = None
