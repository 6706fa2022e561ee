"""A structured metric selector: `http_requests_total{status=~"5.."}`, and nothing more of PromQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from burnline.spec.words import shown

_SELECTOR = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\})?\s*", re.DOTALL)
_MATCHER = re.compile(
    r"""\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)\s*(?:,|$)"""
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}
FORM = """write a metric name and label matchers, as in http_requests_total{status=~"5.."}"""


@dataclass(frozen=True)
class Matcher:
    """One label condition; regular expressions match the whole value, an absent label is the empty string."""

    label: str
    op: str  # = != =~ !~
    value: str

    @cached_property
    def _pattern(self) -> Any:
        """Of RE2, as in Prometheus: the same language, and linear in the label value, whoever sends it."""
        import re2

        options = re2.Options()
        options.dot_nl = True
        options.log_errors = False
        return re2.compile(self.value, options)

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
    """Read a selector as PromQL writes it; what Prometheus would refuse is refused here.

    Raises: ValueError naming the value and the accepted form.
    """
    if isinstance(value, Selector):
        return value
    whole = _SELECTOR.fullmatch(value) if isinstance(value, str) else None
    if not whole:
        raise ValueError(f"{shown(value)} is not a selector; {FORM}")
    selector = Selector(whole[1], tuple(_matchers(value, whole[2] or "")))
    _check_promql(selector)
    return selector


def _matchers(value: str, body: str) -> list[Matcher]:
    found: list[Matcher] = []
    body = body.rstrip()
    at = 0
    while at < len(body):
        match = _MATCHER.match(body, at)
        if not match:
            raise ValueError(f"{shown(value)}: cannot read the label matcher at {shown(body[at:])}; {FORM}")
        matcher = Matcher(match[1], match[2], _unquoted(match[3]))
        if matcher.op in ("=~", "!~"):
            _check_pattern(matcher)
        found.append(matcher)
        at = match.end()
    return found


def _unquoted(written: str) -> str:
    if written.startswith("`"):
        return written[1:-1]

    def plain(escape: re.Match[str]) -> str:
        if escape[1] not in _ESCAPES:
            raise ValueError(f"{shown(written)}: {escape[0]} is no escape in PromQL; write \\{escape[0]}")
        return _ESCAPES[escape[1]]

    return re.sub(r"\\(.)", plain, written[1:-1])


def _check_pattern(matcher: Matcher) -> None:
    import re2

    try:
        matcher.matches({})
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise ValueError(f"{shown(matcher.value)} is not a regular expression: {reason}") from error


def _check_promql(selector: Selector) -> None:
    import promql_parser

    try:
        promql_parser.parse(str(selector))
    except ValueError as error:
        raise ValueError(f"{shown(str(selector))} is not what Prometheus accepts: {error}") from error


SelectorField = Annotated[
    Selector,
    BeforeValidator(parse_selector, json_schema_input_type=str),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*[a-zA-Z_:][a-zA-Z0-9_:]*\s*(\{[\s\S]*\})?\s*$",
            "examples": ['http_requests_total{status=~"5.."}'],
        }
    ),
]
