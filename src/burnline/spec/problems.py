"""What pydantic found wrong with a document, in words: the value found and what would be accepted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from burnline.spec.document import Document
from burnline.spec.place import Flaw, Place
from burnline.spec.words import choice, did_you_mean, shown

Model = TypeVar("Model", bound=BaseModel)
_TAG = re.compile("<[a-z]+>")
EXPECTED = {
    "string_type": "text; put it in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def validate(model: type[Model], document: Document) -> Model:
    """The document as the model.

    Raises: SpecError with every problem of the document, in line order.
    """
    try:
        found = model.model_validate(document.data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise document.error([_flaw(model, detail) for detail in details]) from None
    if document.flaws:
        raise document.error([])
    return found


def _flaw(model: type[BaseModel], detail: ErrorDetails) -> Flaw:
    # a union writes its tag into the location; ours stand in angle brackets so that they can be taken out
    place = tuple(step for step in detail["loc"] if not _is_tag(step))
    if detail["type"] == "extra_forbidden":
        return Flaw(place, unknown_key(model, detail["loc"]))
    return Flaw(place, message(detail))


def _is_tag(step: object) -> bool:
    return isinstance(step, str) and bool(_TAG.fullmatch(step))


def message(detail: ErrorDetails) -> str:
    """What one thing is that is wrong, without its place."""
    kind, found, context = detail["type"], shown(detail["input"]), detail.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(context["error"])
    if kind in EXPECTED:
        return f"is {found}; write {EXPECTED[kind]}"
    if kind in ("literal_error", "enum"):
        accepted = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
        return f"is {found}; accepted: {choice(accepted)}{_hint(detail['input'], accepted)}"
    if kind in ("too_short", "string_too_short"):
        return f"needs at least {context['min_length']}"
    return f"is {found}; {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _hint(word: Any, accepted: list[str]) -> str:
    hint = did_you_mean(word, accepted)
    return f";{hint}" if hint else ""


def unknown_key(model: type[BaseModel], place: Place) -> str:
    """That the last step of the place is no key of what `model` has there, and which are."""
    accepted = sorted(_keys(model, place[:-1]))
    return f"is no key here; accepted: {choice(accepted)}{_hint(place[-1], accepted)}"


def _keys(model: type[BaseModel], place: Place) -> set[str]:
    owners, found = [model], list[Any]()  # `found`: what the field last stepped into may hold
    named = False  # the next key is a name the user chose
    for step in place:
        if _is_tag(step):
            owners = [inner for annotation in found for inner in _branch(annotation, str(step))] or owners
        elif isinstance(step, str) and named:
            named = False
        elif isinstance(step, str):
            fields = [
                info for owner in owners for name, info in owner.model_fields.items() if (info.alias or name) == step
            ]
            named = any(get_origin(info.annotation) is dict for info in fields)
            found = [info.annotation for info in fields]
            owners = [inner for annotation in found for inner in _models(annotation)]
    return {info.alias or name for owner in owners for name, info in owner.model_fields.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _branch(annotation: Any, tag: str) -> Iterator[type[BaseModel]]:
    """The models of a union's branch of that tag."""
    if any(isinstance(extra, Tag) and extra.tag == tag for extra in getattr(annotation, "__metadata__", ())):
        yield from _models(annotation)
    else:
        for inner in get_args(annotation):
            yield from _branch(inner, tag)
