"""Runbooks on disk: those that ship with burnline, and a team's own beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from burnline.errors import Problem, SpecError
from burnline.runbooks.model import SLOTTED, ParamName, Runbook, fill
from burnline.runbooks.params import SLOT, Param
from burnline.spec.document import read_document
from burnline.spec.place import Flaw, Place
from burnline.spec.problems import validate
from burnline.spec.words import choice

LIBRARY = Path(__file__).parent / "library"
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A runbook, and what a run keeps of it: its canonical JSON with the slots still open, and its SHA-256."""

    runbook: Runbook
    body: str
    digest: str
    file: str

    @property
    def ships(self) -> bool:
        """Whether it came with burnline."""
        return Path(self.file).parent == LIBRARY


class Catalogue:
    """Runbooks by id."""

    def __init__(self, recipes: Mapping[str, Recipe]) -> None:
        self._recipes = dict(recipes)

    def get(self, runbook_id: str, /) -> Recipe | None:
        """The runbook of that id, or None."""
        return self._recipes.get(runbook_id)

    def all(self) -> tuple[Recipe, ...]:
        """Every runbook, in order of its id."""
        return tuple(self._recipes[runbook_id] for runbook_id in sorted(self._recipes))


class _Declared(BaseModel):
    """Only the parameters: they are needed to fill the slots before the rest can be checked."""

    params: dict[ParamName, Param] = Field(default_factory=dict)


def load_catalogue(folder: Path | None) -> Catalogue:
    """The library, and the *.yaml files of a team's folder; a team's runbook replaces the library's of the same id.

    Raises: SpecError with every problem of every file.
    """
    problems: list[Problem] = []
    library = _load_library()
    own = _load_folder(folder, problems) if folder is not None else {}
    if problems:
        raise SpecError(problems)
    return Catalogue({**library, **own})


@cache
def _load_library() -> dict[str, Recipe]:
    """What ships with burnline, read once: that takes a quarter of a second. Raises: SpecError."""
    problems: list[Problem] = []
    library = _load_folder(LIBRARY, problems)
    if problems:
        raise SpecError(problems)
    return library


def load_runbook(path: Path) -> Recipe:
    """One runbook file, checked with every slot filled by its parameter's default or example.

    Raises: SpecError with every problem of the file, in line order.
    """
    document = read_document(path)
    declared = validate(_Declared, document).params
    if stray := [(place, name) for place, name in _slots(document.data) if name not in declared]:
        known = f"there are {choice(declared)}" if declared else "none is declared"
        raise document.error([Flaw(place, f"${{{name}}} names no parameter; {known}") for place, name in stray])
    samples = {name: param.sample for name, param in declared.items()}
    runbook = validate(Runbook, replace(document, data=fill(document.data, samples)))
    body = json.dumps(document.data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Recipe(runbook, body, hashlib.sha256(body.encode()).hexdigest(), document.file)


def _load_folder(folder: Path, problems: list[Problem]) -> dict[str, Recipe]:
    recipes: dict[str, Recipe] = {}
    for path in _files(folder, problems):
        try:
            recipe = load_runbook(path)
        except SpecError as error:
            problems += error.problems
            continue
        if (other := recipes.get(recipe.runbook.id)) is not None:
            problems.append(Problem(str(path), 0, "id", f"{recipe.runbook.id!r} is used twice; first in {other.file}"))
        recipes[recipe.runbook.id] = recipe
    return recipes


def _files(folder: Path, problems: list[Problem]) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES and not file.name.startswith("."))
    except OSError as error:
        problems.append(Problem(str(folder), 0, "", f"cannot be read: {error.strerror}"))
        return []


def _slots(data: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Every `${name}` in the parts that are filled."""
    for part in SLOTTED:
        yield from _slots_in(data.get(part), (part,))


def _slots_in(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _slots_in(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _slots_in(item, (*place, index))
    elif isinstance(value, str):
        yield from ((place, slot[1]) for slot in SLOT.finditer(value))
