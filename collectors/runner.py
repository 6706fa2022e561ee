"""Runs collectors side by side: one that fails or hangs costs its own samples and nobody else's."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from threading import Thread
from time import monotonic

from burnline.collectors.contract import Closeable, Collector
from burnline.errors import CollectorError, NoData
from burnline.events import Collection, Sample

log = logging.getLogger(__name__)

# A timer that ticks once an interval comes a few milliseconds early or late: without slack every other turn is lost.
EARLY = 0.1


class Runner:
    """Gives every collector its turns.

    Each turn runs on a daemon thread of its own until `deadline`. A collector that hangs is failed at the deadline,
    not started again while it hangs, and what it gives in the end is dropped.
    """

    def __init__(self, collectors: Iterable[Collector], *, deadline: timedelta) -> None:
        self._slots = [_Slot(collector) for collector in collectors]
        self._deadline = deadline

    def run_once(self, now: datetime) -> list[Collection]:
        """Run every collector whose interval has passed; one Collection each, in the order they were given.

        NoData is `ok` with no samples. A collector that still hangs gives a failed Collection each interval.
        """
        ends = monotonic() + self._deadline.total_seconds()
        due = [slot for slot in self._slots if slot.is_due(now)]
        attempts = [slot.start(now) for slot in due]
        return [slot.finish(attempt, now, ends) for slot, attempt in zip(due, attempts, strict=True)]

    def close(self) -> None:
        """Close the collectors that hold something open; one that fails to close does not stop the others."""
        for slot in self._slots:
            if isinstance(slot.collector, Closeable):
                try:
                    slot.collector.close()
                except Exception:
                    log.exception("collector did not close", extra={"collector": slot.collector.name})


class _Attempt(Thread):
    """One call of one collector, on a daemon thread: it may never return."""

    def __init__(self, collector: Collector, now: datetime) -> None:
        super().__init__(name=f"collect-{collector.name}", daemon=True)
        self.at = now
        self.samples: tuple[Sample, ...] = ()
        self.error: Exception | None = CollectorError("ended without an answer")
        self.started = self.ended = monotonic()
        self._collector = collector
        self.start()

    def run(self) -> None:
        try:
            self.samples, self.error = tuple(self._collector.collect(self.at)), None
        except Exception as error:  # noqa: BLE001 - whatever one collector raises, the others go on
            self.error = error
        self.ended = monotonic()


class _Slot:
    """One collector and its attempt in progress."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self._turn_at: datetime | None = None
        self._attempt: _Attempt | None = None
        self._ok = True

    def is_due(self, now: datetime) -> bool:
        """A clock set back makes it due as well: waiting for the old time could take for ever."""
        if self._turn_at is None or now < self._turn_at:
            return True
        return now - self._turn_at >= self.collector.interval * (1 - EARLY)

    def start(self, now: datetime) -> _Attempt:
        """A new attempt, or the one that still hangs."""
        self._turn_at = now
        if self._attempt is None or not self._attempt.is_alive():
            self._attempt = _Attempt(self.collector, now)
        return self._attempt

    def finish(self, attempt: _Attempt, now: datetime, ends: float) -> Collection:
        if attempt.at == now:
            attempt.join(max(0.0, ends - monotonic()))
        hangs = attempt.is_alive() or attempt.at != now
        if hangs:
            error = f"no answer since {attempt.at:%H:%M:%S}"
        else:
            error = "" if isinstance(attempt.error, NoData) else self._reason(attempt.error)
        turn = Collection(
            service=self.collector.service,
            collector=self.collector.name,
            target=self.collector.target,
            at=now,
            duration_seconds=(monotonic() if hangs else attempt.ended) - attempt.started,
            ok=not error,
            samples=() if error else attempt.samples,
            error=error,
        )
        self._note_change(turn)
        return turn

    def _reason(self, error: Exception | None) -> str:
        if error is None:
            return ""
        if isinstance(error, CollectorError):
            return str(error) or type(error).__name__
        if self._ok:
            log.warning("collector raised", extra={"collector": self.collector.name}, exc_info=error)
        return f"{type(error).__name__}: {error}"

    def _note_change(self, turn: Collection) -> None:
        if turn.ok != self._ok:
            where = {"service": turn.service, "collector": turn.collector, "target": turn.target}
            log.warning(
                "collector well again" if turn.ok else "collector failing", extra={**where, "error": turn.error}
            )
        self._ok = turn.ok
