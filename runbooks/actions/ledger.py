"""What a file of flags cannot say by itself: which state was there before, kept in `<file>.history.json` beside it.

A move is written down before it is made and marked done afterwards, both under the file's lock. A worker that dies in
between leaves a move that is not done: the next one with the same key makes it, or finds it made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from burnline.errors import ActionError, Moved
from burnline.runbooks.actions.contract import first_flaw
from burnline.runbooks.actions.locked import LockedFile
from burnline.runbooks.actions.previous import way_back
from burnline.spec.words import shown

MOST_ENTRIES = 500


class Move(BaseModel):
    """One change of one flag."""

    name: str
    before: str = Field(alias="from")
    after: str = Field(alias="to")
    at: AwareDatetime
    key: str
    epoch: int
    done: bool = False


class History(BaseModel):
    """The whole file, oldest first."""

    history: list[Move] = []


class Ledger:
    """The moves of the flag `name` in `file`, as far as burnline made them."""

    def __init__(self, file: LockedFile, name: str) -> None:
        self._switched = file
        self._name = name
        self._file = LockedFile(Path(f"{file.path}.history.json"), "the history")

    def previous(self, current: str) -> str | None:
        """The state before `current` that was not itself taken back; None when burnline did not make it so."""
        moves = self._mine(self._read())
        if not moves or moves[-1].after != current:
            return None
        return way_back(list(_states(moves)))

    def changed_at(self, current: str) -> datetime | None:
        """When `current` came, if burnline made it so."""
        moves = self._mine(self._read())
        return moves[-1].at.astimezone(UTC) if moves and moves[-1].after == current else None

    def move(
        self,
        target: str,
        *,
        before: str | None,
        key: str,
        epoch: int,
        at: datetime,
        current: Callable[[], str],
        write: Callable[[], None],
    ) -> bool:
        """Make the flag `target` with `write` if it is `before` still, under the file's lock; False if it is already.

        Raises: Moved when it is neither, or when this key moved it once before; ActionError.
        """
        with self._switched.locked():
            history, now = self._read(), current()
            mine = [move for move in history.history if move.name == self._name]
            last = mine[-1] if mine else None
            begun = last if last is not None and last.key == key and not last.done else None
            if now != target:
                if before not in (None, now) or (begun is None and any(move.key == key for move in mine)):
                    raise Moved(f"{self._name} was moved to {shown(now)} by another hand")
                if begun is None:
                    begun = self._entry(target, now, key, epoch, at)
                    history.history.append(begun)
                    self._write(history)
                write()
            if begun is not None:
                begun.done = True
                self._write(history)
            return now != target

    def _entry(self, target: str, now: str, key: str, epoch: int, at: datetime) -> Move:
        moment = at.astimezone(UTC)
        return Move.model_validate(
            {"name": self._name, "from": now, "to": target, "at": moment, "key": key, "epoch": epoch}
        )

    def _mine(self, history: History) -> Sequence[Move]:
        """The moves that were made."""
        return [move for move in history.history if move.name == self._name and move.done]

    def _read(self) -> History:
        if not self._file.exists():
            return History()
        try:
            return History.model_validate(self._file.read_json())
        except ValidationError as error:
            raise ActionError(f"{self._file} is wrong at {first_flaw(error)}", permanent=True) from error

    def _write(self, history: History) -> None:
        content: dict[str, Any] = {
            "history": [move.model_dump(mode="json", by_alias=True) for move in history.history[-MOST_ENTRIES:]]
        }
        self._file.write_json(content)


def _states(moves: Sequence[Move]) -> Iterator[str]:
    """What was there in turn: between two moves of ours, what others made of it too."""
    for move in moves:
        yield move.before
        yield move.after
