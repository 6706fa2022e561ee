"""`events` and `model.schema` in the service file: when an event belongs where, and what its features may be."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from burnline.spec.strict import Strict
from burnline.spec.units import Duration, Text

MOST_SLICES = 8
TYPES = {"number": float, "text": str, "bool": bool}


def _distinct(slices: tuple[str, ...]) -> tuple[str, ...]:
    for place, name in enumerate(slices):
        if name in ("version", "shadow") or "=" in name or "/" in name:
            raise ValueError(
                f"{name!r} cannot name a slice: versions are told apart anyway, and `=` and `/` end a name"
            )
        if name in slices[:place]:
            raise ValueError(f"{name!r} is named twice")
    return slices


class EventsSpec(Strict):
    """Time and ids of prediction events. With `lateness` windows go by event time, without by time of receipt.

    `slices`: features by whose values every signal is also told apart, whether or not the model knows them.
    """

    lateness: Duration | None = None
    future: Duration = Field(default="5m", validate_default=True)
    keep: Duration = Field(default="24h", validate_default=True)
    label_wait: Duration = Field(default="24h", validate_default=True)
    slices: Annotated[tuple[Text, ...], Field(max_length=MOST_SLICES), AfterValidator(_distinct)] = ()


class FeatureSpec(Strict):
    """What the values of one feature may be."""

    type: Literal["number", "text", "bool"]
    nullable: bool = True
    min: float | None = None
    max: float | None = None
    values: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if self.type != "number" and (self.min is not None or self.max is not None):
            raise ValueError(f"min and max are for numbers; this feature is {self.type}")
        if self.type != "text" and self.values:
            raise ValueError(f"values are for text; this feature is {self.type}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self

    def violation(self, value: Any) -> str:
        """What is wrong with a value: `missing`, `type`, `range` or `value`; empty when nothing is."""
        if value is None:
            return "" if self.nullable else "missing"
        if type(value) is not TYPES[self.type]:
            return "type"
        if isinstance(value, float):
            above = self.max is not None and value > self.max
            return "range" if above or (self.min is not None and value < self.min) else ""
        return "value" if self.values and value not in self.values else ""


class SchemaSpec(Strict):
    """The features of a model, declared. `violations`: whether what breaks it is only counted, or refused."""

    features: Annotated[dict[Text, FeatureSpec], Field(min_length=1)]
    violations: Literal["count", "refuse"] = "count"
