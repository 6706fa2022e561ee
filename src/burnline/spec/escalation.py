"""Who is told, when, and who next: receivers per severity, office hours, and chains of those told later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from burnline.spec.address import Receiver
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, TimeZone
from burnline.spec.words import shown

Audience = Literal["page", "ticket", "business"]
AUDIENCES: tuple[Audience, ...] = get_args(Audience)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAYS_PATTERN = r"^({0})(-({0}))?(,({0})(-({0}))?)*$".format("|".join(DAYS))
CLOCK_PATTERN = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
SOONEST, LATEST = timedelta(minutes=1), timedelta(days=7)  # of a chain


def parse_days(value: Any) -> str:
    """`mon-fri` or `mon,wed-fri`, as written.

    Raises: ValueError naming the value and the accepted form.
    """
    if not isinstance(value, str) or not re.fullmatch(DAYS_PATTERN[1:-1], value):
        raise ValueError(f"{shown(value)} names no days; write them as in mon-fri or mon,wed-fri")
    if backwards := next((part for part in value.split(",") if _bounds(part)[0] > _bounds(part)[1]), None):
        raise ValueError(f"{shown(backwards)} runs backwards; the week begins with mon and ends with sun")
    return value


def _bounds(part: str) -> tuple[int, int]:
    first, _, last = part.partition("-")
    return DAYS.index(first), DAYS.index(last or first)


def parse_clock(value: Any) -> str:
    """`09:00`, as written.

    Raises: ValueError naming the value and the accepted form.
    """
    if not isinstance(value, str) or not re.fullmatch(CLOCK_PATTERN[1:-1], value):
        raise ValueError(f'{shown(value)} is no time of day; write it in quotes, as in "09:00", up to "24:00"')
    return value


def _check_after(value: timedelta) -> timedelta:
    if not SOONEST <= value <= LATEST:
        raise ValueError("should be from 1m to 7d")
    return value


Clock = Annotated[
    str,
    BeforeValidator(parse_clock),
    WithJsonSchema({"type": "string", "pattern": CLOCK_PATTERN, "examples": ["09:00", "17:30"]}),
]
Days = Annotated[
    str,
    BeforeValidator(parse_days),
    WithJsonSchema({"type": "string", "pattern": DAYS_PATTERN, "examples": ["mon-fri", "mon,wed-fri"]}),
]


class HoursSpec(Strict):
    """When somebody wants to hear: on these days from `from` until just before `to`, by the clocks of `tz`."""

    days: Days = "mon-fri"
    from_: Annotated[Clock, Field(alias="from")]
    to: Clock
    tz: TimeZone = "UTC"

    @model_validator(mode="after")
    def _forwards(self) -> HoursSpec:
        if self.from_ >= self.to:
            raise ValueError(f'needs `from` before `to`; found "{self.from_}" and "{self.to}"')
        return self

    def ranges(self) -> Iterator[tuple[int, int]]:
        """First and last weekday of each part of `days`; Monday is 0."""
        return (_bounds(part) for part in self.days.split(","))

    @property
    def minutes(self) -> tuple[int, int]:
        """`from` and `to` in minutes since midnight."""
        begin, end = (int(text[:2]) * 60 + int(text[3:]) for text in (self.from_, self.to))
        return begin, end


class ChainStep(Strict):
    """Who else is told of a page that still fires `after` its beginning."""

    after: Annotated[Duration, AfterValidator(_check_after)]
    to: Annotated[tuple[Receiver, ...], Field(min_length=1)]


class Escalation(Strict):
    """Receivers per severity, each `kind:address`, as in webhook:https://..., pagerduty:team, slack:#channel.

    Attributes:
        business: told of what the business should know: alerts of severity `business`, and what runbooks tell them.
        chain: who else hears of a page that goes on.
        hours: when the receivers of a severity are told at all.
    """

    page: tuple[Receiver, ...] = ()
    ticket: tuple[Receiver, ...] = ()
    business: tuple[Receiver, ...] = ()
    chain: tuple[ChainStep, ...] = ()
    hours: dict[Audience, HoursSpec] = Field(default_factory=dict)

    def heard(self) -> tuple[Audience, ...]:
        """The severities of which somebody wants to hear."""
        return tuple(each for each in AUDIENCES if getattr(self, each))
