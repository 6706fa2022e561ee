"""Runs collectors side by side: one that fails or hangs costs its own samples and nobody else's."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Thread
from time import monotonic

from burnline.collectors.contract import Closeable, Collector
from burnline.errors import CollectorError, NoData
from burnline.events import Collection, Sample
from burnline.metrics import Instruments

log = logging.getLogger(__name__)

# A timer that ticks once an interval comes a few milliseconds early or late: without slack every other turn is lost.
EARLY = 0.1


class Runner:
    """Gives every collector its turns.

    Each turn runs on a daemon thread of its own until `deadline`. A collector that hangs is failed at the deadline,
    not started again while it hangs, and what it gives in the end is dropped.
    """

    def __init__(
        self, collectors: Iterable[Collector], *, deadline: timedelta, instruments: Instruments | None = None
    ) -> None:
        self._slots = [_Slot(collector) for collector in collectors]
        self._deadline = deadline
        self._instruments = instruments

    def run_once(self, now: datetime) -> list[Collection]:
        """Run every collector whose interval has passed; one Collection each, in the order they were given.

        NoData is `ok` with no samples. A collector that still hangs gives a failed Collection each interval.
        """
        ends = monotonic() + self._deadline.total_seconds()
        due = [slot for slot in self._slots if slot.is_due(now)]
        for slot in due:
            slot.start(now)
        done = [slot.finish(now, ends) for slot in due]
        for collection in done:
            if not collection.ok:
                self._count_failure(collection)
        return done

    def latest(self) -> list[Collection]:
        """Per collector its newest turn and, where that failed, the last that did not (without its old samples)."""
        return [turn for slot in self._slots for turn in (slot.last_success, slot.newest) if turn is not None]

    def close(self) -> None:
        """Close the collectors that hold something open; one that fails to close does not stop the others."""
        for slot in self._slots:
            if isinstance(slot.collector, Closeable):
                try:
                    slot.collector.close()
                except Exception:
                    log.exception("collector did not close", extra={"collector": slot.collector.name})

    def _count_failure(self, failed: Collection) -> None:
        where = {"service": failed.service, "collector": failed.collector, "target": failed.target}
        log.warning("collector failed", extra={**where, "error": failed.error})
        if self._instruments:
            self._instruments.scrape_errors.labels(failed.service, failed.collector).inc()


class _Slot:
    """One collector and its turn in progress."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self.newest: Collection | None = None
        self.last_success: Collection | None = None
        self._turn_at: datetime | None = None
        self._thread: Thread | None = None
        self._started_at: datetime | None = None
        self._started = 0.0
        self._answer: Future[tuple[Sample, ...]] = Future()

    def is_due(self, now: datetime) -> bool:
        """A clock set back makes it due as well: waiting for the old time could take for ever."""
        if self._turn_at is None or now < self._turn_at:
            return True
        return now - self._turn_at >= self.collector.interval * (1 - EARLY)

    def start(self, now: datetime) -> None:
        self._turn_at = now
        if self._hangs():
            return
        self._started_at, self._started = now, monotonic()
        self._answer = Future()
        name = f"collect-{self.collector.name}"
        self._thread = Thread(target=self._collect, args=(now, self._answer), name=name, daemon=True)
        self._thread.start()

    def finish(self, now: datetime, ends: float) -> Collection:
        if self._started_at != now:
            turn = self._turn(now, error=f"no answer since {self._started_at:%H:%M:%S}; not started again meanwhile")
        else:
            turn = self._wait(now, ends)
        if turn.ok:
            self.last_success = replace(turn, samples=())
        self.newest = turn
        return turn

    def _hangs(self) -> bool:
        return self._thread is not None and self._thread.is_alive() and not self._answer.done()

    def _wait(self, now: datetime, ends: float) -> Collection:
        try:
            samples = self._answer.result(timeout=max(0.0, ends - monotonic()))
        except TimeoutError:
            return self._turn(now, error=f"no answer in {monotonic() - self._started:.1f} s")
        except NoData:
            return self._turn(now, samples=())
        except CollectorError as error:
            return self._turn(now, error=str(error) or type(error).__name__)
        except Exception as error:  # whatever one collector raises, the others go on
            log.warning("collector raised", extra={"collector": self.collector.name}, exc_info=error)
            return self._turn(now, error=f"{type(error).__name__}: {error}")
        return self._turn(now, samples=samples)

    def _turn(self, now: datetime, *, samples: tuple[Sample, ...] | None = None, error: str = "") -> Collection:
        return Collection(
            service=self.collector.service,
            collector=self.collector.name,
            target=self.collector.target,
            at=now,
            duration_seconds=monotonic() - self._started,
            ok=samples is not None,
            samples=samples or (),
            error=error,
        )

    def _collect(self, now: datetime, answer: Future[tuple[Sample, ...]]) -> None:
        try:
            answer.set_result(tuple(self.collector.collect(now)))
        except Exception as error:  # noqa: BLE001 - handed to the one who waits
            answer.set_exception(error)
