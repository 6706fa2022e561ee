"""The alias hook: a registry file in which an alias names the version that serves.

    {"aliases": {"champion": "2"}, "versions": {"1": {...}, "2": {...}},
     "history": [{"alias": "champion", "from": "1", "to": "2", "at": "2026-01-05T12:00:00Z", "by": "..."}]}

A change holds an flock on `<file>.lock`, writes a temporary file, fsyncs it and renames it over the registry: a reader
sees the old file or the new one, never a torn one.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from burnline.errors import ActionError, Moved
from burnline.runbooks.actions.contract import PREVIOUS, Plan, short
from burnline.spec.words import choice, shown

LOCK_TIMEOUT_SECONDS = 10.0
LOCK_POLL_SECONDS = 0.02


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
        self._file = Path(os.path.realpath(file))  # one lock and one cooldown, whatever link leads here
        self._alias = alias
        self.target = f"{self._file}#{alias}"

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
        with self._locked():
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
            self._write(content)
            return True

    def verify(self, target: str) -> bool:
        """Whether the alias names `target`."""
        return self.observe() == target

    def _read(self) -> tuple[dict[str, Any], Registry]:
        try:
            content = json.loads(_read_regular(self._file))
            return content, Registry.model_validate(content)
        except FileNotFoundError as error:
            raise ActionError(f"the registry {self._file} does not exist", permanent=True) from error
        except OSError as error:
            raise ActionError(f"the registry {self._file} cannot be read: {error.strerror}", permanent=False) from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ActionError(
                f"the registry {self._file} is wrong at {where}: {first['msg']}", permanent=True
            ) from error
        except (ValueError, RecursionError) as error:
            raise ActionError(f"the registry {self._file} is not JSON: {error}", permanent=True) from error

    def _current(self, registry: Registry) -> str:
        if self._alias not in registry.aliases:
            there = choice(registry.aliases) if registry.aliases else "none"
            raise ActionError(f"{self._file} has no alias {shown(self._alias)}; there are {there}", permanent=True)
        return registry.aliases[self._alias]

    def _known(self, registry: Registry, version: str) -> None:
        if version not in registry.versions:
            there = choice(registry.versions) if registry.versions else "none"
            raise ActionError(f"{self._file} has no version {shown(version)}; there are {there}", permanent=True)

    def _history(self, registry: Registry) -> list[Change]:
        return [change for change in registry.history if change.alias == self._alias]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            lock = os.open(f"{self._file}.lock", os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise ActionError(f"{self._file}.lock cannot be opened: {error.strerror}", permanent=True) from error
        try:
            give_up = time.monotonic() + LOCK_TIMEOUT_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() >= give_up:
                        raise ActionError(f"{self._file}.lock is held by another program", permanent=False) from error
                    time.sleep(LOCK_POLL_SECONDS)
            yield
        finally:
            os.close(lock)

    def _write(self, content: dict[str, Any]) -> None:
        real = self._file
        temporary = real.with_name(f"{real.name}.burnline.tmp")
        try:
            with temporary.open("w", encoding="utf-8") as out:
                json.dump(content, out, indent=2)
                out.flush()
                os.fsync(out.fileno())
            temporary.chmod(real.stat().st_mode & 0o777)
            temporary.replace(real)
            folder = os.open(real.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise ActionError(f"the registry {real} cannot be written: {error.strerror}", permanent=False) from error


def _read_regular(file: Path) -> str:
    """A file's text; opening a pipe or a device could wait for ever. Raises: OSError, ValueError, ActionError."""
    opened = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise ActionError(f"the registry {file} is no regular file", permanent=True)
        with open(opened, encoding="utf-8", closefd=False) as text:
            return text.read()
    finally:
        os.close(opened)


def previous_version(history: Sequence[Change], current: str) -> str | None:
    """The version that served before `current` and was not itself taken back; None when the history cannot tell.

    Going to a version that served before is read as going back, so what was left is never a place to return to: after
    1 -> 2 -> 1 nothing is before 1, and a rollback is never undone by the next one.
    """
    if not history or history[-1].after != current:
        return None  # changed by someone who kept no history
    served: list[str] = [] if history[0].before is None else [history[0].before]
    for change in history:
        if change.after in served:
            del served[served.index(change.after) + 1 :]
        else:
            served.append(change.after)
    return served[-2] if len(served) > 1 else None
