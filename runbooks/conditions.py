"""When a step is done: stated as data and decided here, never by an expression."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from burnline.runbooks.params import Scalar
from burnline.spec.strict import Strict
from burnline.spec.units import Name
from burnline.spec.words import choice, shown

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=63)]


class Found(Strict):
    """A value that an earlier step left on record, and what it must be; several bounds must all hold."""

    step: Name
    value: Key
    above: float | None = None
    below: float | None = None
    equals: Scalar | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.above is None and self.below is None and self.equals is None:
            raise ValueError("needs one of `above`, `below` and `equals`")
        return self


class When(Strict):
    """All that is written must hold.

    Attributes:
        params: per parameter the value, or a list of values, that it must have.
        hook: the service has a hook of this name.
        probe: the service has a probe of this name.
        unless: must not hold.
    """

    params: dict[Key, Scalar | tuple[Scalar, ...]] = Field(default_factory=dict)
    hook: Name | None = None
    probe: Name | None = None
    found: tuple[Found, ...] = ()
    unless: When | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions are decided on: the run's values, what the service has, what the steps so far left on record."""

    values: Mapping[str, Scalar]
    hooks: Collection[str]
    probes: Collection[str]
    results: Mapping[str, Mapping[str, Any]]


def hindrance(when: When | None, facts: Facts) -> str:
    """Why the condition does not hold, in words; empty when it does. What is not known does not hold."""
    if when is None:
        return ""
    for name, accepted in when.params.items():
        values = accepted if isinstance(accepted, tuple) else (accepted,)
        if name not in facts.values:
            return f"there is no parameter {name}"
        if not any(_same(facts.values[name], value) for value in values):
            return f"{name} is {shown(facts.values[name])}, not {choice(map(str, values))}"
    if when.hook is not None and when.hook not in facts.hooks:
        return f"the service has no hook {when.hook}"
    if when.probe is not None and when.probe not in facts.probes:
        return f"the service has no probe {when.probe}"
    for found in when.found:
        if why := _missed(found, facts.results.get(found.step, {}).get(found.value)):
            return why
    if when.unless is not None and not hindrance(when.unless, facts):
        return "the case it leaves out is given"
    return ""


def _missed(found: Found, value: Any) -> str:
    what = f"{found.step}.{found.value}"
    if value is None:
        return f"nothing is known of {what}"
    if found.equals is not None and not _same(value, found.equals):
        return f"{what} is {shown(value)}, not {found.equals}"
    if found.above is None and found.below is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{what} is {shown(value)}, which is no number"
    if found.above is not None and not value > found.above:
        return f"{what} is {value:g}, not above {found.above:g}"
    if found.below is not None and not value < found.below:
        return f"{what} is {value:g}, not below {found.below:g}"
    return ""


def _same(value: Any, wanted: Scalar) -> bool:
    """Equal and of one kind: true is not 1."""
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)
