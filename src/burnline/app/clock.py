"""Time that never goes back: what every turn and every door is given."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

log = logging.getLogger(__name__)

TOLERATED = timedelta(seconds=1)  # what time daemons do in small steps is not worth a jump, nor a word


class SteadyClock:
    """The wall clock of the start, carried on by the monotonic clock.

    A wall clock that runs ahead (suspend, a step forward) is followed at once. One that was set back is not: burnline
    would stand still until it catches up, and the states it shows would be old. It is told once, as an error.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._lock = threading.Lock()
        self._anchor = wall() - steady()
        self._told = False

    def __call__(self) -> datetime:
        with self._lock:
            ahead = timedelta(seconds=self._wall() - self._anchor - self._steady())
            if ahead > TOLERATED:
                self._anchor += ahead.total_seconds()
            if -ahead > TOLERATED and not self._told:
                log.error(
                    "clock stepped back; going on at the steady pace until it catches up",
                    extra={"seconds": round(-ahead.total_seconds(), 1)},
                )
            self._told = -ahead > TOLERATED
            return datetime.fromtimestamp(self._anchor + self._steady(), UTC)
