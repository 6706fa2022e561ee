"""Sections of `signals` about what goes into the model: how much, how strange, and whether training agrees."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from burnline.spec.section import HOUR, Limited
from burnline.spec.units import Count, Duration, PositiveCount, Ratio, Text
from burnline.spec.words import choice

STRANGE = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)  # shares of the reference's strangest rows that it can tell


class VolumeSpec(Limited):
    """Do as many events come as at this hour of other weeks? `least` and `most` per window hold from the first one."""

    min_events: PositiveCount = 100
    threshold: Ratio = 0.3
    least: Count | None = None
    most: PositiveCount | None = None


class OutliersSpec(Limited):
    """Are more events stranger than all but `expected` of the reference's than `threshold` allows?"""

    net: ClassVar[bool] = True

    expected: Ratio = 0.01
    threshold: Ratio = 0.02

    @field_validator("expected")
    @classmethod
    def _is_known(cls, value: float) -> float:
        if value not in STRANGE:
            known = choice(f"{share:g}" for share in STRANGE)
            raise ValueError(f"{value:g} is not one of the shares that a reference keeps: {known}")
        return value


class SkewSpec(Limited):
    """Has training the same features of the same events? Compared for a `sample` of the events that have an id."""

    net: ClassVar[bool] = True

    window: Duration = HOUR
    min_events: PositiveCount = 100
    threshold: Ratio = 0.001
    sample: Ratio = 0.01
    tolerance: Ratio = 1e-5
    tolerances: Annotated[dict[Text, Ratio], Field(max_length=10_000)] = Field(default_factory=dict)


class TrainingSkewSpec(Limited):
    """Does what is served look like what was trained on, from the first event? `reference`: the training data's."""

    additive: ClassVar[bool] = False
    celled: ClassVar[bool] = True

    reference: Text | None = None
    window: Duration = HOUR
