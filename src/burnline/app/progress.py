"""How far a long read is, told on stderr now and then."""

from __future__ import annotations

import sys
from collections.abc import Callable

EVERY_SECONDS = 5.0


class Progress:
    """Call it with the rows done; it writes at most every EVERY_SECONDS."""

    def __init__(self, what: str, elapsed: Callable[[], float]) -> None:
        self._what = what
        self._elapsed = elapsed
        self._began = self._told = elapsed()

    def __call__(self, rows: int) -> None:
        now = self._elapsed()
        if now - self._told >= EVERY_SECONDS:
            self._told = now
            sys.stderr.write(f"{self._what}: {rows:,} rows, {rows / (now - self._began):,.0f} a second\n")
