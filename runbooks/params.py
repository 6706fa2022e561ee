"""Parameters of a runbook: typed, bounded values put once into `${name}` slots. No templates, no evaluation."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from burnline.spec.strict import Strict
from burnline.spec.units import parse_duration
from burnline.spec.words import choice, shown

Scalar = str | int | float | bool
SLOT = re.compile(r"\$\{([a-z][a-z0-9_]*)\}")
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


class Param(Strict):
    """One declared parameter.

    Attributes:
        default: taken when neither the binding nor the alert gives a value; without one the parameter is required.
        example: a value that fits, for checking the runbook; needed when there is no default.
        label: the alert label the value may come from. Labels are hostile: a string from one needs a pattern or enum.
        min, max: bounds of a number or duration.
    """

    type: Literal["string", "integer", "number", "boolean", "duration"]
    description: str = ""
    default: Scalar | None = None
    example: Scalar | None = None
    label: str | None = None
    pattern: str | None = None
    enum: tuple[Scalar, ...] = ()
    max_length: int = Field(default=200, ge=1, le=4096)
    min: Scalar | None = None
    max: Scalar | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.label and self.type == "string" and not (self.pattern or self.enum):
            raise ValueError("a string taken from an alert label needs a `pattern` or an `enum`")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"`pattern` is not a regular expression: {error}") from error
        if self.default is None and self.example is None:
            raise ValueError("needs a `default`, or an `example` when a value must be given")
        for name in ("min", "max"):
            if (bound := getattr(self, name)) is not None:
                self._typed(bound)
        for name in ("default", "example"):
            if (value := getattr(self, name)) is not None:
                self.fit(value)
        return self

    @property
    def sample(self) -> Scalar:
        """A value that fits."""
        value = self.default if self.default is not None else self.example
        assert value is not None  # noqa: S101 - the validator above
        return value

    def fit(self, value: Scalar) -> Scalar:
        """The value when it fits. Raises: ValueError naming the value and what would be accepted."""
        measure = self._typed(value)
        if self.enum and value not in self.enum:
            raise ValueError(f"{shown(value)} is not one of {choice(str(each) for each in self.enum)}")
        if isinstance(value, str):
            self._fit_text(value)
        if self.min is not None and measure < self._typed(self.min):
            raise ValueError(f"{shown(value)} is under the least allowed, {self.min}")
        if self.max is not None and measure > self._typed(self.max):
            raise ValueError(f"{shown(value)} is over the most allowed, {self.max}")
        return value

    def from_label(self, text: str) -> Scalar:
        """A label's text as this type. Raises: ValueError when it does not fit."""
        if len(text) > self.max_length:
            raise ValueError(f"{shown(text)} is longer than {self.max_length} characters")
        if self.type == "integer" and _INTEGER.fullmatch(text):
            return self.fit(int(text))
        if self.type == "number" and _NUMBER.fullmatch(text):
            return self.fit(float(text))
        if self.type == "boolean" and text in ("true", "false"):
            return self.fit(text == "true")
        return self.fit(text)

    def _fit_text(self, value: str) -> None:
        if len(value) > self.max_length:
            raise ValueError(f"{shown(value)} is longer than {self.max_length} characters")
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise ValueError(f"{shown(value)} does not match {self.pattern}")

    def _typed(self, value: Scalar) -> Any:
        """What bounds are compared on. Raises: ValueError when the value has another type."""
        if self.type == "duration" and isinstance(value, str):
            return parse_duration(value)
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        right = {
            "string": isinstance(value, str),
            "boolean": isinstance(value, bool),
            "number": number,
            "integer": number and isinstance(value, int),
        }
        if not right.get(self.type, False):
            raise ValueError(
                f"{shown(value)} is not a {self.type}" + (", as in 30s" if self.type == "duration" else "")
            )
        return value


def resolve(declared: Mapping[str, Param], given: Mapping[str, Scalar], labels: Mapping[str, str]) -> dict[str, Scalar]:
    """Every parameter's value: from the binding, else from its label, else its default.

    Raises: ValueError naming the parameter and why its value is refused; nothing is ever cut to fit.
    """
    if unknown := sorted(set(given) - set(declared)):
        raise ValueError(f"{unknown[0]}: no such parameter; there are {choice(declared) if declared else 'none'}")
    return {name: _value(name, param, given, labels) for name, param in declared.items()}


def _value(name: str, param: Param, given: Mapping[str, Scalar], labels: Mapping[str, str]) -> Scalar:
    try:
        if name in given:
            return param.fit(given[name])
        if param.label is not None and param.label in labels:
            return param.from_label(labels[param.label])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if param.default is None:
        raise ValueError(f"{name}: a {param.type} must be given")
    return param.default


def substitute(value: Any, values: Mapping[str, Scalar]) -> Any:
    """Put values into the `${name}` slots of plain JSON, in one pass: what is put in is never read again.

    A slot that is the whole string keeps the value's type; keys are left alone.

    >>> substitute({"window": "${w}", "text": "after ${w}"}, {"w": 5})
    {'window': 5, 'text': 'after 5'}

    Raises: ValueError naming a slot that no parameter fills.
    """
    if isinstance(value, dict):
        return {key: substitute(item, values) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [substitute(item, values) for item in value]
    if not isinstance(value, str):
        return value
    if whole := SLOT.fullmatch(value):
        return _filled(whole, values)
    return SLOT.sub(lambda slot: str(_filled(slot, values)), value)


def _filled(slot: re.Match[str], values: Mapping[str, Scalar]) -> Scalar:
    if slot[1] not in values:
        raise ValueError(f"{slot[0]} names no parameter; there are {choice(values) if values else 'none'}")
    return values[slot[1]]
