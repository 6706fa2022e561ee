"""Spans that were counted: a bounded window, so that a span which comes twice is counted once."""

from __future__ import annotations

from collections.abc import Iterable

WINDOW = 100_000  # spans that are remembered at least, and twice as many at most: some 15 MB


class Seen:
    """Marks of spans in this process's memory, the older half forgotten at a time. May be used by several threads."""

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self._young: set[int] = set()
        self._old: set[int] = set()

    def __contains__(self, mark: int) -> bool:
        return mark in self._young or mark in self._old

    def remember(self, marks: Iterable[int]) -> None:
        """Take the marks of a body that was kept."""
        self._young.update(marks)
        if len(self._young) >= self._window:
            self._old, self._young = self._young, set()
