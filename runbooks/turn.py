"""One claimed run while a worker drives it: what its steps may use, and how what they do is kept on record."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from burnline.errors import ActionError, InDoubt
from burnline.events import Counts, StepState
from burnline.runbooks.actions.contract import Hook
from burnline.runbooks.beside import beside
from burnline.runbooks.model import Runbook, Step
from burnline.runbooks.notify import incident_link
from burnline.runbooks.params import Scalar
from burnline.spec.binding import NEED
from burnline.spec.service import ServiceSpec
from burnline.store import timeline
from burnline.store.database import Database
from burnline.store.runs import Run, StepRow, finish_step, get_run, heartbeat

T = TypeVar("T")
UNDO = "undo-"  # before the name of the step that is taken back
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
class Judged:
    """An SLI on which a run is judged: its events between two moments, and the bad share its objective allows."""

    read: Callable[[datetime, datetime], Counts | None]
    max_bad: float


@dataclass(frozen=True, slots=True)
class Around:
    """What of the world around bears on every run of this process.

    Attributes:
        halted: why this process may change nothing; empty when it may.
        dry_run: nothing is changed; what would be is told.
        changes_per_hour: over so many changes of all services together, people are asked.
        services_share: the share of services that may be changed within an hour before people are asked.
        services: how many services there are.
        policy: why a service's error-budget policy wants people asked; empty when it does not.
        url: where people reach burnline; empty: they are sent no links.
    """

    halted: Callable[[], str] = str
    dry_run: bool = False
    changes_per_hour: int = 5
    services_share: float = 0.25
    services: int = 1
    policy: Callable[[str], str] = lambda _service: ""
    url: str = ""


class Beats:
    """When the database last said that the run is ours, on a clock that goes on while the process is stopped."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def heard(self) -> None:
        """It just did."""
        self._at = time.monotonic()

    def silent(self) -> float:
        """Seconds since."""
        return time.monotonic() - self._at


@dataclass(frozen=True, slots=True)
class Turn:
    """A claimed run.

    Attributes:
        runbook: as the run was started with it, its slots filled with `values`.
        hooks: by the name of each step that changes something; only those the service has.
        release: the hook that changes which version serves; None without one.
        sli: the SLI of an SLO by its name; of an empty one, that of the alert.
        edited: the runbook's file is another one by now.
        clock: the time now; it moves on while a turn runs.
        stopping: whether this worker was asked to stop.
        beats: when the run was last known to be this worker's.
    """

    db: Database
    run: Run
    spec: ServiceSpec
    runbook: Runbook
    values: Mapping[str, Scalar]
    hooks: Mapping[str, Hook]
    release: Hook | None
    sli: Callable[[str], Judged]
    edited: bool
    clock: Callable[[], datetime]
    lease: timedelta
    around: Around
    stopping: Callable[[], bool]
    beats: Beats = field(default_factory=Beats)

    def hook(self, step: Step) -> Hook:
        """The hook of a step that changes something. Raises: ActionError when the service has none."""
        if (hook := self.hooks.get(step.name.removeprefix(UNDO))) is not None:
            return hook
        name = step.act.hook if step.act else step.name
        raise ActionError(f"{self.spec.service} has no hook {name} to act with", permanent=True)

    def asks(self) -> bool:
        """Whether people must say yes before this run changes anything, as it is on record now."""
        with self.db.read() as tx:
            fresh = get_run(tx, self.run.id)
        binding = NEED[fresh.approval if fresh else self.run.approval]
        return bool(binding) or any(step.approve and step.approve.people for step in self.runbook.steps)

    def message(self, text: str, **more: Any) -> dict[str, Any]:
        """What a receiver is told."""
        run = self.run
        about: dict[str, Any] = {
            "service": run.service,
            "runbook": run.runbook,
            "run": run.id,
            "incident": run.incident_id,
        }
        drill = {"drill": True} if run.drill else {}
        if self.around.url:
            about["incident_url"] = incident_link(self.around.url, run.incident_id)
        return {**about, **drill, "text": f"DRILL: {text}" if run.drill else text, **more}

    def say(self, type_: str, text: str, **data: Any) -> Callable[[Connection], object]:
        """A piece of work that adds a line to the incident's timeline."""
        at = self.clock()
        about = {"run": self.run.id, "runbook": self.runbook.id, **data}
        return lambda tx: timeline.append(
            tx,
            incident_id=self.run.incident_id,
            at=at,
            source="runbook",
            type=type_,
            text=text,
            data=about,
            drill=self.run.drill,
        )

    def end_step(self, row: StepRow, state: StepState, result: Mapping[str, Any]) -> Callable[[Connection], object]:
        """A piece of work that records how an attempt ended."""
        at = self.clock()
        return lambda tx: finish_step(tx, self.run, row, state=state, result=result, now=at)

    def guarded(
        self, what: str, timeout: timedelta, call: Callable[[], T], *, patience: float = 0.0, changes: bool = False
    ) -> T:
        """Run `call` beside us, lengthening the lease while it lasts.

        One that `changes` something begins only when the run is ours for certain; others when it was a moment ago.

        Raises: what `call` raises; InDoubt when it has not come back after `timeout` (it is left behind, on its own
        thread); Fenced when another worker has taken the run; Stopping when this one shall stop and the call has not
        come back within `patience` seconds (it is left behind as well).
        """
        beat = self.lease.total_seconds() / HEARTBEATS_PER_LEASE
        if changes or self.beats.silent() > beat / 2:
            self._beat()
        future = beside(call, f"run-{self.run.id}")
        left, silent = timeout.total_seconds(), self.beats.silent()
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
                self._beat()
                silent = 0.0

    def _beat(self) -> None:
        """Lengthen the lease. Raises: Fenced."""
        self.db.write(lambda tx: heartbeat(tx, self.run, self.lease))
        self.beats.heard()
