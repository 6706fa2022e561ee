"""A PromQL expression as a user writes it, read by Prometheus' own grammar; `$window` stands for a range."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from burnline.spec.words import shown

WINDOW = "$window"
LONGEST = 10_000  # characters
MOST_NESTED = 500  # brackets and operators, of signs and of words
_NESTING = re.compile(r"[(\[{+*/%^-]|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)
_QUOTED = re.compile(r"""\"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`""")


def parse_expression(value: Any) -> str:
    """The text, when it is a PromQL expression that selects over `[$window]`.

    Raises: ValueError naming the value and what Prometheus would say of it.
    """
    if not isinstance(value, str) or len(value) > LONGEST:
        raise ValueError(f"{shown(value)} is not PromQL; write text, as in sum(rate(x[$window]))")
    if WINDOW not in value:
        raise ValueError(f"{shown(value)} has no [$window]; write it as the range, as in sum(rate(x[$window]))")
    try:
        parse_promql(with_window(value, "1m"))
    except ValueError as error:
        raise ValueError(f"{shown(value)} is not what Prometheus accepts: {error}") from error
    return value.strip()


def parse_promql(text: str) -> Any:
    """The syntax tree of an expression of a length and depth that people write.

    The parser recurses without a limit of its own: thousands of signs or brackets would end the process.
    Raises: ValueError with what is wrong, in the parser's words.
    """
    import promql_parser

    if len(text) > LONGEST or len(_NESTING.findall(_QUOTED.sub("", text))) > MOST_NESTED:
        raise ValueError(f"longer than {LONGEST} characters, or nested deeper than anybody writes")
    try:
        return promql_parser.parse(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def with_window(expression: str, window: str) -> str:
    """The expression over this range, written as PromQL writes durations."""
    return expression.replace(WINDOW, window)


PromqlField = Annotated[
    str,
    BeforeValidator(parse_expression, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "pattern": r"\$window", "examples": ["sum(rate(x[$window]))"]}),
]
