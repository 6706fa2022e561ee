"""Claims the runs that are due and drives them: no run is lost, and none has two workers at a time."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from burnline.errors import ActionError, BurnlineError, Fenced
from burnline.events import Counts, Outcome
from burnline.metrics import SIGNAL, Instruments
from burnline.runbooks.actions.build import build_hook
from burnline.runbooks.actions.contract import Hook
from burnline.runbooks.drive import drive
from burnline.runbooks.kinds import Act
from burnline.runbooks.load import Catalogue
from burnline.runbooks.match import verified_slo
from burnline.runbooks.model import Step, bind
from burnline.runbooks.notify import tell
from burnline.runbooks.params import Param, resolve
from burnline.runbooks.sli import read_findings
from burnline.runbooks.turn import Around, Judged, SliReader, Stopping, Turn
from burnline.spec.service import RELEASE, ServiceSpec
from burnline.store import runs, timeline
from burnline.store.database import Database
from burnline.store.runs import Run
from burnline.telemetry import Causes, span

__all__ = ["Executor", "SliReader"]
log = logging.getLogger(__name__)

MAX_RUNS_PER_TURN = 16


class HookBuilder(Protocol):
    """From a hook's name in a service file to the hook."""

    def __call__(self, spec: ServiceSpec, name: str = RELEASE, *, item: str = "", drill: bool = False) -> Hook: ...


class Executor:
    """One worker. Several, in one process or in many, share a database.

    Args:
        catalogue: runbooks as they are on disk; a run keeps the one it was started with.
        owner: names this worker; unique among those that run.
        lease: how long a run stays this worker's when nothing is heard of it.
        around: what of the world around bears on every run.
        elapsed: seconds on a clock that only moves forward; times within a turn are `now` plus what has passed.
    """

    def __init__(
        self,
        db: Database,
        specs: Sequence[ServiceSpec],
        catalogue: Catalogue,
        sli: SliReader,
        *,
        owner: str,
        lease: timedelta = timedelta(seconds=30),
        instruments: Instruments | None = None,
        around: Around | None = None,
        elapsed: Callable[[], float] = time.monotonic,
        hooks: HookBuilder = build_hook,
    ) -> None:
        self._db = db
        self._specs = {spec.service: spec for spec in specs}
        self._catalogue = catalogue
        self._sli = sli
        self._owner = owner
        self._lease = lease
        self._instruments = instruments
        self._around = around or Around(services=len(specs))
        self._elapsed = elapsed
        self._hooks = hooks
        self._unreadable = Causes()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Take up nothing more, and hand back at once what waits for a hook: its next worker looks what it did."""
        self._stopping.set()

    def run_once(self, now: datetime) -> int:
        """Drive what is due until it waits or ends; returns how many runs were taken up."""
        start = self._elapsed()

        def clock() -> datetime:
            return now + timedelta(seconds=self._elapsed() - start)

        for taken in range(MAX_RUNS_PER_TURN):
            if self._stopping.is_set():
                return taken
            claimed = self._db.write(lambda tx: runs.claim_run(tx, owner=self._owner, lease=self._lease, now=clock()))
            if claimed is None:
                return taken
            self._take(claimed, clock)
        return MAX_RUNS_PER_TURN

    def _take(self, run: Run, clock: Callable[[], datetime]) -> None:
        about = {"run": run.id, "epoch": run.epoch, "runbook": run.runbook}
        log.info("run claimed", extra=about)
        try:
            with span("run", service=run.service, **about):
                outcome = self._drive(run, clock)
        except Fenced:
            log.info("run taken over by another worker", extra=about)
        except Exception:  # the loop must live: the lease runs out, and the next claim counts an attempt
            log.exception("run broke off", extra=about)
        else:
            log.info("run parked" if outcome is None else "run ended", extra={**about, "outcome": outcome})
            if outcome is not None and self._instruments is not None:
                self._instruments.runs.labels(run.service, run.runbook, outcome).inc()

    def _drive(self, run: Run, clock: Callable[[], datetime]) -> Outcome | None:
        try:
            turn = self._turn(run, clock)
        except (ValueError, ActionError) as error:
            return self._give_up(run, str(error), clock())
        try:
            return drive(turn)
        except Stopping:
            return self._db.write(lambda tx: runs.park(tx, run, clock()))

    def _turn(self, run: Run, clock: Callable[[], datetime]) -> Turn:
        """Raises: ValueError, ActionError when the run cannot be driven as it stands."""
        if (spec := self._specs.get(run.service)) is None:
            raise ValueError(f"there is no service {run.service!r} any more")
        declared = {name: Param.model_validate(param) for name, param in json.loads(run.body).get("params", {}).items()}
        values = resolve(declared, run.params, run.labels)
        runbook = bind(run.body, values)
        return Turn(
            db=self._db,
            run=run,
            spec=spec,
            runbook=runbook,
            values=values,
            hooks={step.name: hook for step, act in runbook.changes if (hook := self._hook(spec, run, step, act))},
            release=self._release(spec, run),
            sli=lambda name: self._judged(run, spec, name),
            edited=(recipe := self._catalogue.get(run.runbook)) is not None and recipe.digest != run.digest,
            clock=clock,
            lease=self._lease,
            around=self._around,
            stopping=self._stopping.is_set,
        )

    def _hook(self, spec: ServiceSpec, run: Run, step: Step, act: Act) -> Hook | None:
        """The hook of a step that changes something; None where the service has none and the step has a condition."""
        if step.when is not None and spec.hook(act.hook, drill=run.drill) is None:
            return None
        return self._hooks(spec, act.hook, item=act.item, drill=run.drill)

    def _release(self, spec: ServiceSpec, run: Run) -> Hook | None:
        if spec.hook(RELEASE, drill=run.drill) is None:
            return None
        return self._hooks(spec, RELEASE, item="", drill=run.drill)

    def _judged(self, run: Run, spec: ServiceSpec, name: str) -> Judged:
        """The SLI of the SLO `name`, or of the one that the alert is about; without any, the alert's own signal."""
        slo = spec.slo(name or verified_slo(spec, run.labels) or "")
        signal = run.labels.get(SIGNAL, "")
        of = (run.service, slo.name if slo is not None else name or signal)

        def read(since: datetime, until: datetime) -> Counts | None:
            try:
                if slo is not None:
                    read = self._sli.read_sli(run.service, slo.name, since, until)
                else:
                    read = None if name else read_findings(self._db, run.service, signal, since, until)
            except BurnlineError as error:  # what cannot be read is no data, and no data is never success
                if self._unreadable.is_new(of, str(error)):
                    log.warning("sli unreadable", extra={"run": run.id, "slo": of[1], "error": str(error)})
                return None
            self._unreadable.is_new(of, "")
            return read

        return Judged(read, 0.0 if slo is None else 1 - slo.objective)

    def _give_up(self, run: Run, why: str, now: datetime) -> Outcome:
        """End a run that cannot even be begun (a label that does not fit, a service that is gone), then tell of it.

        In this order: a run that is over cannot be taken up, and told of, again and again.
        """
        text = f"runbook {run.runbook} cannot run: {why}"

        def say(tx: Connection, type_: str, words: str) -> None:
            about = {"run": run.id, "outcome": Outcome.FAILED}
            timeline.append(
                tx,
                incident_id=run.incident_id,
                at=now,
                source="runbook",
                type=type_,
                text=words,
                data=about,
                drill=run.drill,
            )

        def end(tx: Connection) -> None:
            runs.finish_run(tx, run, Outcome.FAILED, now)
            say(tx, "run_finished", text)

        self._db.write(end)
        told = "nobody was told: no service file says whom"
        if (spec := self._specs.get(run.service)) is not None:
            told = str(tell(spec, "page", {"run": run.id, "text": text}, key=f"{run.id}:refused", at=now))
        self._db.write(lambda tx: say(tx, "run_told", told))
        return Outcome.FAILED
