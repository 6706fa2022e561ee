"""Runbooks as pages and programs are shown them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from burnline.runbooks.load import Catalogue, Recipe
from burnline.runbooks.markdown import SECTIONS
from burnline.runbooks.sentences import described_steps
from burnline.spec.service import ServiceSpec


@dataclass(frozen=True, slots=True)
class RunbookLine:
    """A runbook in one line; `services` start it by an alert."""

    id: str
    description: str
    risk: str
    owner: str
    ships: bool
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunbookView:
    """A runbook for a person who was just woken: prose first, then what burnline does by itself."""

    id: str
    version: int
    description: str
    risk: str
    owner: str
    digest: str
    alerts: tuple[str, ...]
    services: tuple[str, ...]
    prose: Mapping[str, str]
    steps: tuple[str, ...]
    params: Mapping[str, Mapping[str, Any]]


def runbook_lines(catalogue: Catalogue, specs: Sequence[ServiceSpec]) -> list[RunbookLine]:
    """Every runbook, in order of its id."""
    return [
        RunbookLine(
            each.runbook.id,
            each.runbook.description,
            each.runbook.risk,
            each.runbook.owner or "",
            each.ships,
            _services(each, specs),
        )
        for each in catalogue.all()
    ]


def runbook_view(catalogue: Catalogue, specs: Sequence[ServiceSpec], runbook_id: str) -> RunbookView | None:
    """One runbook whole; None when there is none of that id."""
    if (found := catalogue.get(runbook_id)) is None:
        return None
    book = found.runbook
    return RunbookView(
        book.id,
        book.version,
        book.description,
        book.risk,
        book.owner or "",
        found.digest,
        book.alerts,
        _services(found, specs),
        {section: getattr(book.prose, section) for section in SECTIONS},
        tuple(described_steps(found)),
        {name: param.model_dump(mode="json", exclude_defaults=True) for name, param in book.params.items()},
    )


def _services(recipe: Recipe, specs: Sequence[ServiceSpec]) -> tuple[str, ...]:
    return tuple(spec.service for spec in specs if any(one.run == recipe.runbook.id for one in spec.runbooks))
