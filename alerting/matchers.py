"""Alertmanager's matchers: a label and what its value must, or must not, be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from burnline.errors import PayloadError

OPERATORS = {"=": (False, True), "!=": (False, False), "=~": (True, True), "!~": (True, False)}
NAMES = {flags: operator for operator, flags in OPERATORS.items()}
REGEX_MEMORY = 1 << 20  # bytes one pattern may take: a larger one is refused, never slow


@dataclass(frozen=True, slots=True)
class Matcher:
    """`name=value` and its kin. A label that is not there has the value "". A pattern must match all of the value.

    Unlike in Prometheus' selectors (spec/selector.py), `.` matches no line break.
    """

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a label set satisfies it."""
        value = labels.get(self.name, "")
        same = compiled(self.value).fullmatch(value) is not None if self.is_regex else value == self.value
        return bool(same) is self.is_equal

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{NAMES[self.is_regex, self.is_equal]}"{escaped}"'


@lru_cache(maxsize=2048)
def compiled(pattern: str) -> Any:
    """The pattern, by RE2: no pattern and no label value can take more than linear time.

    Raises: PayloadError when it is none.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = REGEX_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise PayloadError(f"{pattern[:60]!r} is no regular expression (RE2): {reason}") from error


def parse_matcher(text: str) -> Matcher:
    """`name=value`, `name!=value`, `name=~pattern` or `name!~pattern`, as on a command line.

    Raises: PayloadError naming the text and the accepted forms.
    """
    for at, letter in enumerate(text):
        operator = next((each for each in ("!=", "!~", "=~", "=") if text.startswith(each, at)), "")
        if operator and at:
            is_regex, is_equal = OPERATORS[operator]
            value = text[at + len(operator) :]
            quoted = len(value) > 1 and value.startswith('"') and value.endswith('"')
            return Matcher(text[:at].strip(), value[1:-1] if quoted else value, is_regex, is_equal)
        if operator or letter in "\"'":
            break
    raise PayloadError(f"{text[:60]!r} is no matcher; write name=value, name!=value, name=~pattern or name!~pattern")


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether a label set satisfies every matcher."""
    return all(each.matches(labels) for each in matchers)
