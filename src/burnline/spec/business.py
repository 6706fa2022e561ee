"""`business` in the service file: numbers the business watches, exposed by the service or posted to burnline."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from burnline.spec.selector import SelectorField
from burnline.spec.sli import RatioSli
from burnline.spec.strict import OneOf, Strict
from burnline.spec.words import choice

KINDS = ("ratio", "gauge", "counter", "posted")


class BusinessSpec(OneOf):
    """What a release must not harm and no SLO promises: a share of events, or a gauge such as a judged quality."""

    ratio: RatioSli | None = None
    gauge: SelectorField | None = None


class NumberSpec(Strict):
    """One number, by exactly one of four ways.

    Attributes:
        ratio: a share of counted events, as in an SLI.
        gauge: a series whose value is the number.
        counter: a series that grows; its rate is the number.
        posted: the team posts it to `/v1/business`: amounts that add up (`counter`), or values (`gauge`).
        unit: what it is counted in, for people: EUR, orders.
        about: one sentence for whoever sees it first.
    """

    ratio: RatioSli | None = None
    gauge: SelectorField | None = None
    counter: SelectorField | None = None
    posted: Literal["counter", "gauge"] | None = None
    unit: str = ""
    about: str = ""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        found = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(found) != 1:
            raise ValueError(f"needs exactly one of {choice(KINDS)}; found {', '.join(found) or 'none'}")
        return self

    @property
    def judged_as(self) -> str:
        """What it is to a guard of a release: ratio, gauge or counter."""
        return self.posted or next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def grows(self) -> bool:
        """Whether its rate, not its value, is what people look at."""
        return self.judged_as == "counter"
