"""Parts of a page that may fail or hang: one that does costs its own series, and the page comes in time."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from burnline.errors import CollectorError

log = logging.getLogger(__name__)

T = TypeVar("T")
LONGEST_SECONDS = 9.0  # Prometheus gives up after ten unless told otherwise
SPARE_SECONDS = 0.5  # for the way there and back
SHORTEST_SECONDS = 0.1
SCRAPE_TIMEOUT = "x-prometheus-scrape-timeout-seconds"  # as Prometheus sends it


def seconds_for(scrape_timeout: str) -> float:
    """How long a page may take, by the scraper's header; without one, or with nonsense in it, LONGEST_SECONDS."""
    try:
        given = float(scrape_timeout)
    except ValueError:
        return LONGEST_SECONDS
    if not math.isfinite(given) or given <= 0:
        return LONGEST_SECONDS
    return min(max(given - SPARE_SECONDS, SHORTEST_SECONDS), LONGEST_SECONDS)


class TooSlow(Exception):
    """The part did not end by the deadline."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What a part gave; `given` is None when there is an `error`."""

    name: str
    given: T | None
    error: Exception | None
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it ended well and in time."""
        return self.error is None


class Part(Generic[T]):
    """One thing to read. Each attempt has a daemon thread of its own: it may never return.

    While an attempt hangs no second one is started; whoever asks meanwhile waits for the same one.
    """

    def __init__(self, name: str, read: Callable[[], T]) -> None:
        self.name = name
        self._read = read
        self._lock = threading.Lock()
        self._attempt: _Attempt[T] | None = None
        self._ok = True

    def start(self) -> _Attempt[T]:
        """The attempt under way, or a new one."""
        with self._lock:
            if self._attempt is None or not self._attempt.is_alive():
                self._attempt = _Attempt(self.name, self._read)
            return self._attempt

    def note(self, answer: Answer[T]) -> None:
        """Tell the log of a change."""
        if answer.ok != self._ok:
            about: dict[str, str | float] = {"part": self.name, "seconds": round(answer.seconds, 3)}
            if answer.ok:
                log.warning("part of the exposition well again", extra=about)
            else:
                told = isinstance(answer.error, CollectorError | TooSlow)  # in its own words: a stack adds nothing
                about["error"] = str(answer.error)
                log.warning("part of the exposition failed", exc_info=None if told else answer.error, extra=about)
        self._ok = answer.ok


class _Attempt(threading.Thread, Generic[T]):
    def __init__(self, name: str, read: Callable[[], T]) -> None:
        super().__init__(name=f"page-{name}", daemon=True)
        self._read = read
        self.given: T | None = None
        self.error: Exception | None = None
        self.started = self.ended = monotonic()
        self.start()

    def run(self) -> None:
        try:
            self.given = self._read()
        except Exception as error:  # noqa: BLE001 - whatever one part raises, the others are served
            self.error = error
        self.ended = monotonic()

    def answer(self, until: float) -> Answer[T]:
        self.join(max(0.0, until - monotonic()))
        if self.is_alive():
            spent = monotonic() - self.started
            return Answer(self.name.removeprefix("page-"), None, TooSlow(f"no answer in {spent:.1f} s"), spent)
        return Answer(self.name.removeprefix("page-"), self.given, self.error, self.ended - self.started)


def gather(parts: Sequence[Part[T]], seconds: float) -> list[Answer[T]]:
    """Read all parts side by side; what has not ended after `seconds` is left behind."""
    until = monotonic() + seconds
    attempts = [part.start() for part in parts]
    answers = [attempt.answer(until) for attempt in attempts]
    for part, answer in zip(parts, answers, strict=True):
        part.note(answer)
    return answers
