"""A structured metric selector: `http_requests_total{status=~"5.."}`, and nothing more of PromQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_SELECTOR = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\})?\s*", re.DOTALL)
_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(,|$)')
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
FORM = """write a metric name and label matchers, as in http_requests_total{status=~"5.."}"""


@dataclass(frozen=True)
class Matcher:
    """One label condition; regular expressions match the whole value, an absent label is the empty string."""

    label: str
    op: str  # = != =~ !~
    value: str

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.value)

    def matches(self, labels: Mapping[str, str]) -> bool:
        found = labels.get(self.label, "")
        equal = found == self.value if self.op in ("=", "!=") else bool(self._pattern.fullmatch(found))
        return equal if self.op in ("=", "=~") else not equal

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.op}"{escaped}"'


@dataclass(frozen=True)
class Selector:
    """A metric and its label matchers, in the order written."""

    metric: str
    matchers: tuple[Matcher, ...] = ()

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        return name == self.metric and all(matcher.matches(labels) for matcher in self.matchers)

    def __str__(self) -> str:
        if not self.matchers:
            return self.metric
        return f"{self.metric}{{{','.join(str(matcher) for matcher in self.matchers)}}}"


def parse_selector(value: Any) -> Selector:
    """Read a selector as PromQL writes it.

    Raises: ValueError naming the value and the accepted form.
    """
    if isinstance(value, Selector):
        return value
    whole = _SELECTOR.fullmatch(str(value))
    if not whole:
        raise ValueError(f"{value!r} is not a selector; {FORM}")
    return Selector(whole[1], tuple(_matchers(value, whole[2] or "")))


def _matchers(value: Any, body: str) -> list[Matcher]:
    found: list[Matcher] = []
    at = 0
    while at < len(body.rstrip()):
        match = _MATCHER.match(body, at)
        if not match:
            raise ValueError(f"{value!r}: cannot read the label matcher at {body[at:]!r}; {FORM}")
        matcher = Matcher(match[1], match[2], re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), match[3]))
        if matcher.op in ("=~", "!~"):
            _check_pattern(value, matcher.value)
        found.append(matcher)
        at = match.end()
    return found


def _check_pattern(value: Any, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{value!r}: {pattern!r} is not a regular expression: {error}") from error


SelectorField = Annotated[
    Selector,
    BeforeValidator(parse_selector, json_schema_input_type=str),
    PlainSerializer(str, return_type=str),
]
