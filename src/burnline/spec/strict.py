"""The model bases: frozen, an unknown key is an error; and the mapping whose one key names its kind."""

from collections.abc import Callable, Sized
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from burnline.spec.words import choice


class Strict(BaseModel):
    """What a user writes is read strictly and never changed afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


Several = TypeVar("Several", bound=Sized)


def at_least(least: int) -> Callable[[Several], Several]:
    """A validator that asks for so many items, once all of them can be read."""

    def check(found: Several) -> Several:
        if len(found) < least:
            raise ValueError(f"needs at least {least}")
        return found

    return check


class OneOf(Strict):
    """A mapping with exactly one key: the kind."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len(kinds := self._kinds()) != 1:
            found = ", ".join(kinds) or "none"
            raise ValueError(f"needs exactly one kind: {choice(type(self).model_fields)}; found {found}")
        return self

    def _kinds(self) -> list[str]:
        return [kind for kind in type(self).model_fields if getattr(self, kind) is not None]

    @property
    def kind(self) -> str:
        """The one key that was written."""
        return self._kinds()[0]
