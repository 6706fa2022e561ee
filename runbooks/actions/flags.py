"""Flags in files: flagd_file, a flag of an OpenFeature flagd file; flag_file, one word that a serving process polls.

Both are changed by one atomic rename under a lock; what was there before is in `<file>.history.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from burnline.errors import ActionError
from burnline.runbooks.actions.contract import PREVIOUS, Plan, first_flaw
from burnline.runbooks.actions.ledger import Ledger
from burnline.runbooks.actions.locked import LockedFile
from burnline.spec.hooks import FlagdFileHookSpec, FlagFileHookSpec
from burnline.spec.words import choice, shown

STATES: Mapping[str, Literal["on", "off"]] = {"ENABLED": "on", "DISABLED": "off"}


class Flag(BaseModel):
    """The parts of a flagd flag the hook reads; others are kept as they are."""

    state: Literal["ENABLED", "DISABLED"]
    variants: dict[str, Any]
    defaultVariant: str | None = None


class FlagdFileHook:
    """Changes a flag's `defaultVariant`, or its `state`. Idempotent: a change is made once for its key."""

    kind = "flagd_file"
    idempotent = True

    def __init__(self, spec: FlagdFileHookSpec) -> None:
        self._spec = spec
        self._file = LockedFile(Path(spec.file), "the flag file")
        self.target = f"{self._file.path}#{spec.flag}"
        self._ledger = Ledger(self._file, f"{spec.flag}.{spec.field}")

    def observe(self) -> str:
        """The default variant; `on` or `off` for `state`."""
        return self._current(self._read()[1])

    def changed_at(self) -> datetime | None:
        """When burnline made the flag what it is; None when another hand did."""
        return self._ledger.changed_at(self.observe())

    def plan(self, target: str) -> Plan:
        """What would become of the flag. Raises: ActionError when no such variant is there, or nothing was before."""
        _, flag = self._read()
        current = self._current(flag)
        to = self._ledger.previous(current) if target == PREVIOUS else target
        if to is None:
            raise nothing_before(self.target, current)
        self._known(flag, to)
        return Plan(self.kind, self.target, current, to)

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        """Change the flag if it is `before` still; compared and changed under one lock."""

        def write() -> None:
            content, flag = self._read()
            self._known(flag, target)
            written = "ENABLED" if target == "on" else "DISABLED"
            content["flags"][self._spec.flag][self._spec.field] = written if self._spec.field == "state" else target
            self._file.write_json(content)

        self._known(self._read()[1], target)
        return self._ledger.move(
            target, before=before, key=idempotency_key, epoch=epoch, at=at, current=self.observe, write=write
        )

    def verify(self, target: str) -> bool:
        """Whether the file says `target`."""
        return self.observe() == target

    def _read(self) -> tuple[dict[str, Any], Flag]:
        content = self._file.read_json()
        flags = content.get("flags") if isinstance(content, dict) else None
        if not isinstance(flags, dict):
            raise ActionError(f"{self._file} has no `flags`", permanent=True)
        if self._spec.flag not in flags:
            there = choice(flags) if flags else "none"
            raise ActionError(
                f"{self._file.path} has no flag {shown(self._spec.flag)}; there are {there}", permanent=True
            )
        try:
            return content, Flag.model_validate(flags[self._spec.flag])
        except ValidationError as error:
            wrong = f"{self._file} is wrong at flags.{self._spec.flag}.{first_flaw(error)}"
            raise ActionError(wrong, permanent=True) from error

    def _current(self, flag: Flag) -> str:
        if self._spec.field == "state":
            return STATES[flag.state]
        if flag.defaultVariant is None:
            raise ActionError(f"{self.target}: has no defaultVariant: its code decides", permanent=True)
        return flag.defaultVariant

    def _known(self, flag: Flag, state: str) -> None:
        there = tuple(STATES.values()) if self._spec.field == "state" else tuple(flag.variants)
        if state not in there:
            raise unknown_state(self.target, state, there)


class FlagFileHook:
    """Writes one word into a file of its own; no file is the first of `states`. Idempotent, as flagd_file is."""

    kind = "flag_file"
    idempotent = True

    def __init__(self, spec: FlagFileHookSpec) -> None:
        self._spec = spec
        self._file = LockedFile(Path(spec.file), "the flag file")
        self.target = str(self._file.path)
        self._ledger = Ledger(self._file, self._file.path.name)

    def observe(self) -> str:
        """The word in the file."""
        if not self._file.exists():
            return self._spec.states[0]
        written = self._file.read()
        found = written.strip() if self._spec.format == "word" else self._from_json(written)
        self._known(found)
        return found

    def changed_at(self) -> datetime | None:
        """When burnline wrote the word; None when another hand did."""
        return self._ledger.changed_at(self.observe())

    def plan(self, target: str) -> Plan:
        """What would be written. Raises: ActionError when it is none of `states`, or nothing was before."""
        current = self.observe()
        to = self._ledger.previous(current) if target == PREVIOUS else target
        if to is None:
            raise nothing_before(self.target, current)
        self._known(to)
        return Plan(self.kind, self.target, current, to)

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        """Write the word if the file still says `before`; compared and changed under one lock."""
        self._known(target)
        since = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said = {"state": target, "since": since, "by": "burnline", "key": idempotency_key, "epoch": epoch}
        text = f"{target}\n" if self._spec.format == "word" else f"{json.dumps(said)}\n"
        return self._ledger.move(
            target,
            before=before,
            key=idempotency_key,
            epoch=epoch,
            at=at,
            current=self.observe,
            write=lambda: self._file.write(text),
        )

    def verify(self, target: str) -> bool:
        """Whether the file says `target`."""
        return self.observe() == target

    def _from_json(self, written: str) -> str:
        try:
            content = json.loads(written)
        except (ValueError, RecursionError) as error:
            raise ActionError(f"{self._file} is not JSON: {error}", permanent=True) from error
        state = content.get("state") if isinstance(content, dict) else None
        if not isinstance(state, str):
            raise ActionError(f'{self._file} does not say {{"state": "..."}}', permanent=True)
        return state

    def _known(self, state: str) -> None:
        if state not in self._spec.states:
            raise unknown_state(str(self._file), state, self._spec.states)


def nothing_before(target: str, current: str) -> ActionError:
    """Why `previous` cannot be told."""
    wrong = f"{target}: nothing says what was there before {shown(current)}: burnline did not make it so"
    return ActionError(wrong, permanent=True)


def unknown_state(target: str, state: str, accepted: tuple[str, ...]) -> ActionError:
    """Why a state is refused."""
    there = choice(accepted) if accepted else "none"
    return ActionError(f"{target}: {shown(state)} is no state of it; there are {there}", permanent=True)
