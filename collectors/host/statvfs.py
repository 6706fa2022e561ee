"""Asking filesystems in time: the call to one whose server is gone, or whose disk is broken, may never return."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from threading import Thread

PATIENCE_SECONDS = 2.0  # for all that one thread asks, before the one it is at counts as hanging
MOST_HANGING = (
    3  # threads that are given up; with so many nothing is asked any more. All in one turn: under its deadline
)

Statvfs = Callable[[str], os.statvfs_result]
Answer = os.statvfs_result | OSError


class Hanging(OSError):
    """It has not answered yet."""


class Asker:
    """Asks on threads of its own. One that hangs is left behind with its thread, and not asked again until it answered.

    So a turn waits PATIENCE_SECONDS for each filesystem that newly hangs, and not at all for those known to hang.
    """

    def __init__(self, statvfs: Statvfs, *, patience: float = PATIENCE_SECONDS) -> None:
        self._statvfs = statvfs
        self._patience = patience
        self._hanging: dict[str, _Round] = {}

    def ask(self, paths: Sequence[str]) -> Mapping[str, Answer]:
        """What each said; Hanging of those that do not answer. Those there was no thread left for are missing."""
        self._hanging = {path: thread for path, thread in self._hanging.items() if thread.is_alive()}
        left = [path for path in paths if path not in self._hanging]
        answers: dict[str, Answer] = {}
        while left and len(self._hanging) < MOST_HANGING:
            thread = _Round(self._statvfs, left)
            thread.join(self._patience)
            at = thread.leave()
            answers |= thread.answers
            if at < len(left) and left[at] not in answers:
                self._hanging[left[at]] = thread
            left = left[at + 1 :]
        hanging: dict[str, Answer] = {path: Hanging("does not answer") for path in self._hanging if path in paths}
        return answers | hanging


class _Round(Thread):
    """Asks one after the other, until it is left."""

    def __init__(self, statvfs: Statvfs, paths: Sequence[str]) -> None:
        super().__init__(name="statvfs", daemon=True)
        self.answers: dict[str, Answer] = {}
        self._statvfs = statvfs
        self._paths = paths
        self._at = 0
        self._left = False
        self.start()

    def run(self) -> None:
        answers = self.answers
        for index, path in enumerate(self._paths):
            self._at = index
            if self._left:
                return
            try:
                answers[path] = self._statvfs(path)
            except OSError as error:
                answers[path] = error
            except ValueError as error:  # a path with a NUL
                answers[path] = OSError(str(error))
        self._at = len(self._paths)

    def leave(self) -> int:
        """Let it ask no further; the index of what it is at, and what it finds from now on nobody reads."""
        self._left = True
        at, self.answers = self._at, dict(self.answers)
        return at
