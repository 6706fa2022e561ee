"""One claimed run while a worker drives it: what its steps may use, and how what they do is kept on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from burnline.errors import InDoubt
from burnline.events import Counts, StepState
from burnline.runbooks.actions.contract import Hook
from burnline.runbooks.beside import beside
from burnline.runbooks.model import Runbook
from burnline.runbooks.params import Scalar
from burnline.spec.service import ServiceSpec
from burnline.store import timeline
from burnline.store.database import Database
from burnline.store.runs import Run, StepRow, finish_step, heartbeat

T = TypeVar("T")
HEARTBEATS_PER_LEASE = 3
LOOK_SECONDS = 0.5  # how soon a worker that waits for a call notices that it shall stop


class Stopping(Exception):
    """This worker was asked to stop while a call is under way: the run is for the next one."""


class SliReader(Protocol):
    """Where a run reads whether the service keeps its promise."""

    def read_sli(self, service: str, slo: str, since: datetime, until: datetime) -> Counts | None:
        """Events of an SLO in a span of time; None when nothing was observed."""
        ...


@dataclass(frozen=True, slots=True)
class Turn:
    """A claimed run.

    Attributes:
        runbook: as the run was started with it, its slots filled with `values`.
        read: events, between two moments, of the SLI on which this run is judged.
        edited: the runbook's file is another one by now.
        max_bad: the bad share that SLI's objective allows.
        clock: the time now; it moves on while a turn runs.
        halted: why this process may change nothing; empty when it may.
        stopping: whether this worker was asked to stop.
    """

    db: Database
    run: Run
    spec: ServiceSpec
    runbook: Runbook
    values: Mapping[str, Scalar]
    hook: Hook | None
    read: Callable[[datetime, datetime], Counts | None]
    max_bad: float
    edited: bool
    clock: Callable[[], datetime]
    lease: timedelta
    halted: Callable[[], str]
    stopping: Callable[[], bool]

    def say(self, type_: str, text: str, **data: Any) -> Callable[[Connection], object]:
        """A piece of work that adds a line to the incident's timeline."""
        at = self.clock()
        about = {"run": self.run.id, "runbook": self.runbook.id, **data}
        return lambda tx: timeline.append(
            tx, incident_id=self.run.incident_id, at=at, source="runbook", type=type_, text=text, data=about
        )

    def end_step(self, row: StepRow, state: StepState, result: Mapping[str, Any]) -> Callable[[Connection], object]:
        """A piece of work that records how an attempt ended."""
        at = self.clock()
        return lambda tx: finish_step(tx, self.run, row, state=state, result=result, now=at)

    def guarded(self, what: str, timeout: timedelta, call: Callable[[], T], *, patience: float = 0.0) -> T:
        """Run `call` beside us, lengthening the lease while it lasts.

        Raises: what `call` raises; InDoubt when it has not come back after `timeout` (it is left behind, on its own
        thread); Fenced when another worker has taken the run; Stopping when this one shall stop and the call has not
        come back within `patience` seconds (it is left behind as well).
        """
        self.db.write(lambda tx: heartbeat(tx, self.run, self.lease))
        future = beside(call, f"run-{self.run.id}")
        left, silent, beat = timeout.total_seconds(), 0.0, self.lease.total_seconds() / HEARTBEATS_PER_LEASE
        while True:
            pause = min(LOOK_SECONDS, beat, left)
            try:
                return future.result(timeout=pause)
            except NotYet:
                if future.done():  # the call itself raised a TimeoutError
                    return future.result()
            if self.stopping():
                if patience <= 0:
                    raise Stopping
                patience -= pause
            left, silent = left - pause, silent + pause
            if left <= 0:
                raise InDoubt(f"{what} has not come back after {timeout.total_seconds():g} s")
            if silent >= beat:
                self.db.write(lambda tx: heartbeat(tx, self.run, self.lease))
                silent = 0.0
