"""`cost` in the service file: what the machines cost, and what that is divided by."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, PlainSerializer, Tag, WithJsonSchema

from burnline.spec.selector import SelectorField
from burnline.spec.strict import Strict
from burnline.spec.units import Name, PositiveNumber, Ratio
from burnline.spec.words import shown

REQUEST = "request"
PRICE_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,6})? [A-Z]{3}$"


class Price(BaseModel):
    """An amount of a currency (ISO 4217)."""

    model_config = ConfigDict(frozen=True)

    amount: float
    currency: str


def parse_price(value: Any) -> Price:
    """`2.49 USD` to a Price.

    Raises: ValueError naming the value and the accepted form.
    """
    if isinstance(value, Price):
        return value
    if not isinstance(value, str) or not re.fullmatch(PRICE_PATTERN[1:-1], value) or float(value[:-4]) == 0:
        raise ValueError(f"{shown(value)} is not a price; write an amount and a currency, as in 2.49 USD")
    return Price(amount=float(value[:-4]), currency=value[-3:])


PriceField = Annotated[
    Price,
    BeforeValidator(parse_price, json_schema_input_type=str),
    PlainSerializer(lambda price: f"{price.amount:.10g} {price.currency}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": PRICE_PATTERN, "examples": ["2.49 USD"]}),
]


class GaugeUnit(Strict):
    """A unit of which there are so many now, such as active users: the cost of an hour is divided by it."""

    gauge: SelectorField


def _unit_tag(value: Any) -> str:
    return "<gauge>" if isinstance(value, dict | GaugeUnit) else "<counter>"


Unit = Annotated[
    Annotated[SelectorField, Tag("<counter>")] | Annotated[GaugeUnit, Tag("<gauge>")], Discriminator(_unit_tag)
]


def _units(value: Any) -> Any:
    if value == REQUEST:
        return {}
    if not isinstance(value, dict) or not value:
        example = "{token: 'vllm:generation_tokens_total'}"
        raise ValueError(f"{shown(value)} names no units; write {REQUEST}, or units and their series, as in {example}")
    return value


Units = Annotated[
    dict[Name, Unit], BeforeValidator(_units, json_schema_input_type=Literal["request"] | dict[Name, Unit])
]


class CostSpec(Strict):
    """What an hour of a GPU costs.

    Attributes:
        gpus: how many serve; left out, those that `collect` tells of (`gpu`, or an exporter's page).
        idle_below: a GPU that is used less than this is idle.
        per: what the cost is divided by: counters (or gauges) by the name of their unit; empty (`request`): the `total`
            of the first SLO of kind ratio.
        cache_hits: a counter of answers that cost nothing; each saves what a unit of the first of `per` costs.
    """

    gpu_hour: PriceField
    gpus: PositiveNumber | None = None
    idle_below: Ratio = 0.05
    per: Units = Field(default_factory=dict)
    cache_hits: SelectorField | None = None
