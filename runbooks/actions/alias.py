"""The alias hook: a registry file in which an alias names the version that serves.

{"aliases": {"champion": "2"}, "versions": {"1": {...}, "2": {...}},
 "history": [{"alias": "champion", "from": "1", "to": "2", "at": "2026-01-05T12:00:00Z", "by": "..."}]}
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from burnline.errors import ActionError, Moved
from burnline.runbooks.actions.contract import PREVIOUS, Plan, first_flaw, short
from burnline.runbooks.actions.locked import LockedFile
from burnline.runbooks.actions.previous import way_back
from burnline.spec.words import choice, shown


class Change(BaseModel):
    """One line of the history; `key` is there when a runbook made the change."""

    alias: str
    before: str | None = Field(alias="from")
    after: str = Field(alias="to")
    at: AwareDatetime
    key: str | None = None


class Registry(BaseModel):
    """The parts of the file the hook reads; others are kept as they are."""

    aliases: dict[str, str]
    versions: dict[str, Any]
    history: list[Change] = []


class AliasHook:
    """Moves an alias back. Idempotent: a change is written with its key and never made twice."""

    kind = "alias"
    idempotent = True

    def __init__(self, file: Path, alias: str) -> None:
        self._file = LockedFile(file, "the registry")
        self._alias = alias
        self.target = f"{self._file.path}#{alias}"

    def observe(self) -> str:
        """The version the alias names."""
        return self._current(self._read()[1])

    def changed_at(self) -> datetime | None:
        """When the alias was last moved, by the registry's own history."""
        history = self._history(self._read()[1])
        return history[-1].at.astimezone(UTC) if history else None

    def plan(self, target: str) -> Plan:
        """Where the alias would go. Raises: ActionError when no earlier version is known, or `target` is none."""
        registry = self._read()[1]
        current = self._current(registry)
        to = previous_version(self._history(registry), current) if target == PREVIOUS else target
        if to is None:
            raise ActionError(
                f"{self.target}: the history knows no version that served before {shown(current)}", permanent=True
            )
        self._known(registry, to)
        return Plan(self.kind, self.target, current, to)

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        """Point the alias at `target` if it still names `before`; compared and changed under one lock."""
        with self._file.locked():
            content, registry = self._read()
            self._known(registry, target)
            current = self._current(registry)
            if current == target:
                return False
            if before not in (None, current) or any(change.key == idempotency_key for change in registry.history):
                raise Moved(f"{short(self.target)} was moved to {shown(current)} by another hand")
            change = {
                "alias": self._alias,
                "from": current,
                "to": target,
                "at": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "by": "burnline",
                "key": idempotency_key,
                "epoch": epoch,
            }
            content["aliases"][self._alias] = target
            content.setdefault("history", []).append(change)
            self._file.write_json(content)
            return True

    def verify(self, target: str) -> bool:
        """Whether the alias names `target`."""
        return self.observe() == target

    def _read(self) -> tuple[dict[str, Any], Registry]:
        content = self._file.read_json()
        try:
            return content, Registry.model_validate(content)
        except ValidationError as error:
            raise ActionError(f"{self._file} is wrong at {first_flaw(error)}", permanent=True) from error

    def _current(self, registry: Registry) -> str:
        if self._alias not in registry.aliases:
            there = choice(registry.aliases) if registry.aliases else "none"
            raise ActionError(f"{self._file.path} has no alias {shown(self._alias)}; there are {there}", permanent=True)
        return registry.aliases[self._alias]

    def _known(self, registry: Registry, version: str) -> None:
        if version not in registry.versions:
            there = choice(registry.versions) if registry.versions else "none"
            raise ActionError(f"{self._file.path} has no version {shown(version)}; there are {there}", permanent=True)

    def _history(self, registry: Registry) -> list[Change]:
        return [change for change in registry.history if change.alias == self._alias]


def previous_version(history: Sequence[Change], current: str) -> str | None:
    """The version that served before `current` and was not itself taken back; None when the history cannot tell."""
    if not history or history[-1].after != current:
        return None  # changed by someone who kept no history
    first = [] if history[0].before is None else [history[0].before]
    return way_back([*first, *(change.after for change in history)])
