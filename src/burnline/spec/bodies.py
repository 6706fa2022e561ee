"""What pydantic found wrong with a body that came by HTTP, in the words that messages about files have too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from burnline.spec.place import Flaw, Place, dotted
from burnline.spec.problems import EXPECTED, message, unknown_key
from burnline.spec.words import choice, shown

MOST_TOLD = 10
TIME = "2026-01-05T12:00:00Z"
_SAID = {
    "bool_parsing": "is {found}; write true or false",
    "float_parsing": "is {found}; write a number",
    "greater_than": "is {found}; write a number above {gt}",
    "greater_than_equal": "is {found}; write a number from {ge} on",
    "int_parsing": "is {found}; write a whole number",
    "int_parsing_size": "is {found}; write a whole number of fewer digits",
    "less_than": "is {found}; write a number below {lt}",
    "less_than_equal": "is {found}; write a number up to {le}",
    "string_unicode": "holds {found}: half of a character (a surrogate)",
    "string_pattern_mismatch": "is {found}; it must match {pattern}",
    "string_too_long": "is longer than {max_length} characters",
    "string_too_short": "is shorter than {min_length}",
    "timezone_aware": f"is {{found}}; write the time zone too, as in {TIME}",
    "too_long": "has more than {max_length}; send them in several bodies",
}


def flaws(errors: Iterable[ErrorDetails], data: Any, model: type[BaseModel] | None = None) -> list[Flaw]:
    """What is wrong with `data`, each place once. `model`: what it should have been, to say which keys it has."""
    found: dict[Place, list[ErrorDetails]] = {}
    for error in errors:
        found.setdefault(_place(error, data), []).append(error)
    # what is wrong inside of one branch of a union tells more than that the other branches do not fit
    inner = [place for place in found if not any(place == other[: len(place)] != other for other in found)]
    return [Flaw(place, _message(found[place], place, model)) for place in inner]


def outside(errors: Iterable[ErrorDetails]) -> list[Flaw]:
    """What is wrong with a query, a header or a path: their values are texts, and their places have one step."""
    return [Flaw(each["loc"][1:], _message([each], each["loc"][1:], None)) for each in errors]


def on_one_line(wrong: Sequence[Flaw]) -> str:
    """Flaws on one line; of many, the first ones."""
    lines = [f"{dotted(flaw.place) or 'the body'}: {flaw.message}" for flaw in wrong[:MOST_TOLD]]
    more = len(wrong) - len(lines)
    return "; ".join([*lines, f"and {more} more"] if more else lines)


def _place(error: ErrorDetails, data: Any) -> Place:
    """Where it stands in the data: pydantic writes the branches of unions, and `[key]`, between the steps."""
    steps = list(_followed(error["loc"], data))
    if error["type"] == "missing":
        steps.extend(error["loc"][-1:])
    return tuple(steps)


def _followed(place: Place, data: Any) -> Iterator[str | int]:
    for step in place:
        inside = step in data if isinstance(data, Mapping) else isinstance(data, list) and step in range(len(data))
        if inside:
            data = data[step]
            yield step


def _message(errors: Sequence[ErrorDetails], place: Place, model: type[BaseModel] | None) -> str:
    first = errors[0]
    wanted = list(dict.fromkeys(EXPECTED[error["type"]].split(";")[0] for error in errors if error["type"] in EXPECTED))
    if len(wanted) > 1:
        return f"is {shown(first['input'])}; write {choice(wanted)}"
    kind = first["type"]
    if kind == "extra_forbidden" and model is not None:
        return unknown_key(model, place)
    if kind.startswith("datetime"):
        return f"is {shown(first['input'])}; write a time like {TIME}"
    if kind in _SAID:
        return _SAID[kind].format(found=shown(first["input"]), **first.get("ctx", {}))
    return message(first)
