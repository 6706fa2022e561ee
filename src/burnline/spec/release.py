"""How a service is released: its hook, its steps, and the guards under which a release goes on."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from burnline.spec.business import BusinessSpec
from burnline.spec.hooks import HookSpec
from burnline.spec.strict import Strict
from burnline.spec.units import RATIO_PATTERN, Count, Duration, Multiple, Name, Ratio, parse_ratio
from burnline.spec.words import shown

LABEL_PATTERN = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
LARGEST = 1e300
LEAST_EVENTS = {"hard": 20, "sequential": 100, "disagreement": 100}
SLOTS = ("${version}", "${previous}")
Violation = Literal["abort", "review"]


def _parse_bound(value: Any) -> float:
    """`10%` to 0.1; a plain number as it is: gauges have any unit."""
    if isinstance(value, str) and re.fullmatch(RATIO_PATTERN[1:-1], value):
        return parse_ratio(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not -LARGEST <= value <= LARGEST:
        raise ValueError(f"{shown(value)} is not a bound; write a percentage as in 10%, or a number")
    return float(value)


def _check_labels(labels: dict[str, str]) -> dict[str, str]:
    for name, value in labels.items():
        if not re.fullmatch(LABEL_PATTERN[1:-1], name):
            raise ValueError(f"{shown(name)} is no label name")
        if "${" in value and value not in SLOTS:
            raise ValueError(f"{shown(value)} has a slot that is not known; accepted: {' and '.join(SLOTS)}")
    if not labels:
        raise ValueError("needs at least one label, as in {version: '${version}'}")
    return labels


Bound = Annotated[
    float,
    BeforeValidator(_parse_bound, json_schema_input_type=str | float),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": RATIO_PATTERN}, {"type": "number"}]}),
]
# labels that tell a version's series from the others', each exactly this value
Labels = Annotated[
    dict[str, Annotated[str, Field(min_length=1, max_length=200)]],
    AfterValidator(_check_labels),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1}),
]


class GuardSpec(Strict):
    """A condition under which a release goes on.

    Attributes:
        sli: the name of an SLO of this service, whose SLI is read.
        signal: a signal of this service; its score in the new version's events is read, or how many of those it counts
            as bad.
        business: one of `release.business`, or of the service's `business`.
        kind: `hard` stops at a bound, `sequential` compares with the baseline at every look, `compared` limits how much
            worse a signal finds the new version than the others of the same windows, `budget` limits what a release
            may burn, `disagreement` limits how often a shadow answers differently, `end_of_bake` compares the values
            of a gauge once, by their ranks.
        worse: which way a gauge of `end_of_bake` is worse.
        window: over how long a `hard` guard reads.
        min_events: with fewer it decides nothing; left out, what `least_events` says.
        on_violation: `review` asks a person instead of taking the release back.
    """

    sli: Name | None = None
    signal: Name | None = None
    business: Name | None = None
    kind: Literal["hard", "sequential", "compared", "budget", "disagreement", "end_of_bake"]
    above: Bound | None = None
    below: Bound | None = None
    worse_than_baseline: Multiple | None = None
    below_baseline: Multiple | None = None
    worse: Literal["higher", "lower"] | None = None
    window: Duration = Field(default="5m", validate_default=True)
    min_events: Count | None = None
    on_violation: Violation = "abort"

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(each is not None for each in (self.sli, self.signal, self.business)) != 1:
            raise ValueError("needs exactly one of `sli`, `signal` and `business`")
        return self

    @property
    def least_events(self) -> int:
        """How many events it needs: one or two decide nothing unless somebody wrote so."""
        return LEAST_EVENTS.get(self.kind, 0) if self.min_events is None else self.min_events

    @property
    def what(self) -> str:
        """What it reads, for people."""
        return self.sli or self.signal or self.business or ""


class StepSpec(Strict):
    """One step: the share of traffic the new version gets, and how long it is watched there."""

    traffic: Ratio | None = None
    bake: Duration


class ReleaseSpec(Strict):
    """How this service is released and taken back.

    Attributes:
        lineage: what happens to a release whose record is incomplete: it is refused, marked, or neither.
        canary, baseline: labels of the series that belong to the new and to the old version; `${version}` and
            `${previous}` stand for what is released.
        traffic_hook: one of `actions`, set to each step's percentage.
        promote: `person` waits for somebody to say yes after the last step.
        on_no_data: what becomes of a release at the end of a step while a guard has nothing to judge.
        decide_by: a release that is undecided after this is taken back.
        on_mismatch: how loud it is when what serves is not what was released.
    """

    hook: HookSpec
    lineage: Literal["required", "flag", "off"] = "flag"
    strategy: Literal["canary", "blue_green", "shadow"] = "canary"
    canary: Labels | None = None
    baseline: Labels | None = None
    business: dict[Name, BusinessSpec] = Field(default_factory=dict)
    steps: tuple[StepSpec, ...] = ()
    traffic_hook: Name | None = None
    guards: tuple[GuardSpec, ...] = ()
    promote: Literal["auto", "person"] = "auto"
    on_no_data: Literal["wait", "abort", "review"] = "wait"
    decide_by: Duration = Field(default="1d", validate_default=True)
    on_mismatch: Literal["page", "ticket", "off"] = "ticket"

    @property
    def plan(self) -> tuple[StepSpec, ...]:
        """The steps; a release without any is watched for half an hour."""
        return self.steps or (StepSpec(bake=timedelta(minutes=30)),)
