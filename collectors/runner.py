"""Runs collectors side by side: one that fails or hangs costs its own samples and nobody else's."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Thread
from time import monotonic

from burnline.collectors.budget import Budget
from burnline.collectors.contract import Closeable, Collector, Profiled
from burnline.collectors.reasons import TIMEOUT, reason_of
from burnline.errors import CollectorError, NoData, NotAsked
from burnline.events import Collection, Sample
from burnline.metrics.measured import MOST_SERIES

log = logging.getLogger(__name__)

# A timer that ticks once an interval comes a few milliseconds early or late: without slack every other turn is lost.
EARLY = 0.1


PATIENCE = timedelta(seconds=0.5)  # what a turn waits for the quick ones, so that they are read in the same turn


class Runner:
    """Gives every collector its turns.

    Each attempt runs on a daemon thread of its own until `deadline`, and is handed over in the turn after it ended: a
    slow one delays no other. A collector that hangs is failed at the deadline, not started again while it hangs, and
    what it gives in the end is dropped.
    """

    def __init__(self, collectors: Iterable[Collector], *, deadline: timedelta, most_series: int = MOST_SERIES) -> None:
        self._slots = [_Slot(collector, deadline.total_seconds(), Budget(most_series)) for collector in collectors]
        self._patience = min(deadline, PATIENCE).total_seconds()

    def run_once(self, now: datetime) -> list[Collection]:
        """Start every collector whose interval has passed; a Collection of each that ended, in the order given.

        NoData is `ok` with no samples. A collector that still hangs gives a failed Collection each interval.
        """
        ended = [slot.take(now) for slot in self._slots]
        started = [slot.start(now) for slot in self._slots]
        ends = monotonic() + self._patience
        for attempt in started:
            if attempt is not None:
                attempt.join(max(0.0, ends - monotonic()))
        quick = [slot.take(now) if attempt else None for slot, attempt in zip(self._slots, started, strict=True)]
        pairs = zip(ended, quick, strict=True)
        return [collection for pair in pairs for collection in pair if collection is not None]

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

    def __init__(self, collector: Collector, now: datetime, budget: Budget) -> None:
        super().__init__(name=f"collect-{collector.name}", daemon=True)
        self.at = now
        self.samples: tuple[Sample, ...] = ()
        self.error: Exception | None = CollectorError("ended without an answer")
        self.started = self.ended = monotonic()
        self._collector, self._budget = collector, budget
        self.start()

    def run(self) -> None:
        try:
            given = self._collector.collect(self.at)
            # a page of others has a limit of its own, and what an SLO counts on it is not to be folded
            self.samples = self._budget.fit(given) if self._collector.measured else tuple(given)
            self.error = None
        except Exception as error:  # noqa: BLE001 - whatever one collector raises, the others go on
            self.error = error
        self.ended = monotonic()


class _Slot:
    """One collector and its attempt in progress."""

    def __init__(self, collector: Collector, deadline: float, budget: Budget) -> None:
        self.collector, self._budget = collector, budget
        self._deadline = deadline
        self._turn_at: datetime | None = None
        self._attempt: _Attempt | None = None
        self._failed_at: datetime | None = None  # the attempt in progress was last failed then
        self._ok = True

    def start(self, now: datetime) -> _Attempt | None:
        """A new attempt, if it is due and none is in progress."""
        if self._attempt is not None or not self._is_due(self._turn_at, now):
            return None
        self._turn_at, self._failed_at = now, None
        self._attempt = _Attempt(self.collector, now, self._budget)
        return self._attempt

    def take(self, now: datetime) -> Collection | None:
        """The attempt that ended; or a failure for one past the deadline, once an interval."""
        attempt = self._attempt
        if attempt is None:
            return None
        if not attempt.is_alive():
            self._attempt = None
            return None if self._failed_at else self._end(attempt)
        spent = monotonic() - attempt.started
        if spent < self._deadline or not self._is_due(self._failed_at, now):
            return None
        self._failed_at = now
        return self._collection(now, spent, (), f"no answer since {attempt.at:%H:%M:%S}", TIMEOUT)

    def _is_due(self, last: datetime | None, now: datetime) -> bool:
        """A clock set back makes it due as well: waiting for the old time could take for ever."""
        if last is None or now < last:
            return True
        return now - last >= self.collector.interval * (1 - EARLY)

    def _end(self, attempt: _Attempt) -> Collection:
        error = "" if isinstance(attempt.error, NoData) else self._reason(attempt.error)
        samples = () if error else attempt.samples
        reason = reason_of(attempt.error) if error and attempt.error else ""
        turn = self._collection(attempt.at, attempt.ended - attempt.started, samples, error, reason)
        nothing, unasked = isinstance(attempt.error, NoData), isinstance(attempt.error, NotAsked)
        if not nothing:
            return turn
        why = tuple(dict.fromkeys((str(attempt.error), *turn.notes)))
        return replace(turn, nothing=True, unasked=unasked, notes=why if str(attempt.error) else turn.notes)

    def _collection(
        self,
        at: datetime,
        seconds: float,
        samples: tuple[Sample, ...],
        error: str,
        reason: str = "",
    ) -> Collection:
        turn = Collection(
            service=self.collector.service,
            collector=self.collector.name,
            target=self.collector.target,
            at=at,
            duration_seconds=seconds,
            ok=not error,
            samples=samples,
            error=error,
            measured=self.collector.measured,
            made=self.collector.made if isinstance(self.collector, Profiled) else frozenset(),
            notes=tuple(self.collector.notes) if isinstance(self.collector, Profiled) and not error else (),
            reason=reason,
            beyond_budget={} if error else self._budget.beyond,
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
