"""`signals` in the service file: which detectors run, and how."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from burnline.spec.quality import OutliersSpec, SkewSpec, TrainingSkewSpec, VolumeSpec
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, PositiveCount, Ratio

# Signals that say of a window how much of it is bad, not of which events: those of two windows do not add up.
OF_WHOLE_WINDOWS = ("drift",)


class DriftSpec(Strict):
    """Does live data still look like the reference? `threshold`: share of events that would have to change."""

    window: Duration = Field(default="10m", validate_default=True)
    min_events: PositiveCount = 500
    threshold: Ratio = 0.05


class ConfidenceSpec(Strict):
    """Is the model as sure of itself as it was on the reference?"""

    window: Duration = Field(default="10m", validate_default=True)
    min_events: PositiveCount = 500
    threshold: Ratio = 0.05


class DataSpec(Strict):
    """Are the inputs whole, known and fresh? `schema: strict` makes wrong types, ranges and unknown features bad."""

    window: Duration = Field(default="10m", validate_default=True)
    min_events: PositiveCount = 100
    max_null: Ratio = 0.01
    max_new: Ratio = 0.01
    max_age: Duration | None = None
    max_stale: Ratio = 0.01
    schema_: Annotated[Literal["strict", "off"], Field(alias="schema")] = "strict"


class SignalsSpec(Strict):
    """Which detectors run. An empty mapping takes the defaults."""

    drift: DriftSpec | None = None
    confidence: ConfidenceSpec | None = None
    data: DataSpec | None = None
    volume: VolumeSpec | None = None
    skew: SkewSpec | None = None
    training_skew: TrainingSkewSpec | None = None
    outliers: OutliersSpec | None = None
    hallucination: dict[str, Any] | None = None
