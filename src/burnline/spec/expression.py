"""A PromQL expression as a user writes it, read by Prometheus' own grammar; `$window` stands for a range."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from burnline.spec.words import shown

WINDOW = "$window"
_LONGEST = 10_000


def parse_expression(value: Any) -> str:
    """The text, when it is a PromQL expression that selects over `[$window]`.

    Raises: ValueError naming the value and what Prometheus would say of it.
    """
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise ValueError(f"{shown(value)} is not PromQL; write text, as in sum(rate(x[$window]))")
    if WINDOW not in value:
        raise ValueError(f"{shown(value)} has no [$window]; write it as the range, as in sum(rate(x[$window]))")
    import promql_parser

    try:
        promql_parser.parse(with_window(value, "1m"))
    except ValueError as error:
        raise ValueError(f"{shown(value)} is not what Prometheus accepts: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{shown(value)} is nested too deep") from error
    return value.strip()


def with_window(expression: str, window: str) -> str:
    """The expression over this range, written as PromQL writes durations."""
    return expression.replace(WINDOW, window)


PromqlField = Annotated[
    str,
    BeforeValidator(parse_expression, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "pattern": r"\$window", "examples": ["sum(rate(x[$window]))"]}),
]
