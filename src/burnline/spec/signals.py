"""`signals` in the service file: which detectors run, and how."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from burnline.spec.strict import Strict
from burnline.spec.units import Duration, PositiveCount, Ratio


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
    """Are the inputs whole? `max_null` per feature; `schema: strict` makes wrong types and ranges bad."""

    window: Duration = Field(default="10m", validate_default=True)
    min_events: PositiveCount = 100
    max_null: Ratio = 0.01
    max_age: Duration | None = None
    schema_: Annotated[Literal["strict", "off"], Field(alias="schema")] = "strict"


class SignalsSpec(Strict):
    """Which detectors run. An empty mapping takes the defaults."""

    drift: DriftSpec | None = None
    confidence: ConfidenceSpec | None = None
    data: DataSpec | None = None
    skew: dict[str, Any] | None = None
    outliers: dict[str, Any] | None = None
    hallucination: dict[str, Any] | None = None
