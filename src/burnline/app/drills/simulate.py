"""A drill in simulation: the real engine, dispatch, inbox and executor, around a service that is not there.

Time is an argument, so that minutes of the service pass in milliseconds. Nothing outside is reached: hooks and
receivers are stand-ins, and the database is a temporary file.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory, gettempdir

from burnline.alerting.audience import GROUP_WAIT
from burnline.alerting.dispatch import PeopleDispatch
from burnline.alerting.embedded import EmbeddedDispatch
from burnline.alerting.inbox import AlertWorker
from burnline.app.drills.scenarios import Harm, Scenario
from burnline.app.drills.standin import NEW, OLD, Change, Message, Outbox, StandIn, simulated
from burnline.app.drills.traffic import Service, Traffic, traffic_of
from burnline.collectors.versions import VersionWatch
from burnline.detectors.build import windows
from burnline.errors import DecisionRefused
from burnline.events import Collection, Counts, Finding, RunState, Sample, Verdict
from burnline.runbooks.actions.contract import Hook
from burnline.runbooks.approvals import APPROVE, decide
from burnline.runbooks.executor import Executor
from burnline.runbooks.load import Catalogue
from burnline.runbooks.turn import Around
from burnline.slo.engine import EmbeddedEngine
from burnline.slo.policy import APPROVAL, policy_of
from burnline.slo.promise import promises_of
from burnline.slo.recount import Span
from burnline.slo.windows import base_interval, period_length
from burnline.spec.collect import ScrapeSpec
from burnline.spec.service import RELEASE, ServiceSpec
from burnline.store import approvals, incidents, runs, signals
from burnline.store.approvals import Approval
from burnline.store.database import Database, open_database
from burnline.store.incidents import Episode
from burnline.store.runs import Run, StepRow
from burnline.store.schema import EPOCH

PER_SECOND = 1000.0  # events that a detector counts
BEGIN = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)  # a Monday noon: everybody is at work
LONG_AGO = timedelta(days=30)
DEFAULT_SCRAPE = timedelta(seconds=15)
SECOND = timedelta(seconds=1)
PERSON = "drill person"
LONGEST = timedelta(hours=12)  # after the fault's alert
MOST_RUNS = 100
FOLDER = "burnline-drill-"
RAM = Path("/dev/shm")  # noqa: S108 - memory, where there is one; names are made by tempfile


@dataclass(frozen=True, slots=True)
class RunSeen:
    """A run of the drill with everything it did; `asked` is its last question to people."""

    run: Run
    steps: tuple[StepRow, ...]
    asked: Approval | None


@dataclass(frozen=True, slots=True)
class Played:
    """What happened.

    Attributes:
        fault_at, ended_at: when the fault began, and when the drill was over.
        lived: how much time of the service passed.
        mended_at: when a change ended the fault; None while it lasts.
    """

    fault_at: datetime
    ended_at: datetime
    lived: timedelta
    mended_at: datetime | None
    episodes: tuple[Episode, ...]
    runs: tuple[RunSeen, ...]
    changes: tuple[Change, ...]
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Play:
    """How a drill is played.

    Attributes:
        helps: a change of the right kind ends the fault; without, it stays whatever is done.
        approve_after: how long people take to say yes.
        seed: decides the moment of the fault between two scrapes.
        patience: after the fault, how long to wait for a run to begin.
    """

    scenario: Scenario
    harm: Harm
    patience: timedelta
    helps: bool = True
    approve_after: timedelta = timedelta(minutes=2)
    seed: int = 0


def play(spec: ServiceSpec, catalogue: Catalogue, how: Play) -> Played:
    """Play a drill from a healthy service to the end of every run."""
    down = frozenset(spec.escalation.page[:1] if how.scenario.deaf else ())
    with quiet(), Outbox(down) as outbox, scratch() as db:
        return _World(db, simulated(spec, outbox), catalogue, how, outbox).play()


@contextmanager
def quiet() -> Iterator[None]:
    """What this thread logs meanwhile is no news of any service, and goes nowhere."""
    mine = threading.get_ident()

    def is_news(record: logging.LogRecord) -> bool:
        return record.thread != mine

    handlers = [*logging.getLogger().handlers, *logging.getLogger("burnline").handlers]
    handlers += [logging.lastResort] if logging.lastResort else []
    for handler in handlers:
        handler.addFilter(is_news)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(is_news)


@contextmanager
def scratch() -> Iterator[Database]:
    """A database that is gone after the block; those that killed processes left behind go as well."""
    place = scratch_place()
    for left in place.glob(f"{FOLDER}*"):
        if not _lives(left.name.removeprefix(FOLDER).partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=f"{FOLDER}{os.getpid()}-", dir=place) as folder:
        file = Path(folder) / "drill.db"
        file.write_bytes(_empty())
        db = open_database(f"sqlite:///{file}")
        try:
            yield db
        finally:
            db.close()


def scratch_place() -> Path:
    """Where databases of drills are: in memory, where there is such a place."""
    return RAM if os.access(RAM, os.W_OK) else Path(gettempdir())


@cache
def _empty() -> bytes:
    """A database without anything in it: to make one takes longer than many a drill."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "empty.db"
        open_database(f"sqlite:///{file}").close()
        return file.read_bytes()


def _lives(pid: str) -> bool:
    with suppress(ProcessLookupError, ValueError, OverflowError):
        with suppress(PermissionError):
            os.kill(int(pid), 0)
        return True
    return False


class _World:
    """The service, burnline's own parts, and the time."""

    def __init__(self, db: Database, spec: ServiceSpec, catalogue: Catalogue, how: Play, outbox: Outbox) -> None:
        self.db, self.spec, self.how, self.outbox = db, spec, how, outbox
        self.base = min((base_interval(period_length(slo.window)) for slo in spec.slos), default=DEFAULT_SCRAPE)
        self.scrape = scrape_interval(spec)
        self.step = min(self.base, self.scrape)
        self.signals = windows(spec.signals)
        self.fault_at = self._fault_at()
        self.mended_at: datetime | None = None
        self.broken = False
        self.changes: list[Change] = []
        self.traffic: Traffic = traffic_of(spec, how.harm.shares, lag=how.harm.lag)
        self.service = Service(self.traffic, BEGIN)
        self.engine = EmbeddedEngine(db, [spec], recount=self)
        self.versions = VersionWatch(db, [spec])
        self.dispatch = EmbeddedDispatch(db, [spec])
        self.people = PeopleDispatch(db, [spec])
        self.alerts = AlertWorker(db, [spec], catalogue)
        around = Around(policy=self._policy)
        self.executor = Executor(
            db, [spec], catalogue, self.engine, owner="drill", around=around, elapsed=lambda: 0.0, hooks=self._hook
        )
        self.fired: dict[int, datetime] = {}  # when each episode began

    def recounts(self, _service: str, signal: str) -> bool:
        """Whether a detector's bad events do not add up; with `count` this is what counts them anew."""
        return any(each.anew and each.sli.signal == signal for each in promises_of(self.spec))

    def count(
        self,
        _service: str,
        signal: str,
        since: datetime,
        until: datetime,
        without: Sequence[Span] = (),
    ) -> Counts | None:
        """What a detector finds in any time: the part of it in which the fault lasted is bad."""
        parts = [(max(since, BEGIN), until), *((max(a, since, BEGIN), min(b, until)) for a, b in without)]
        whole, *left_out = (max(0.0, (end - start).total_seconds()) for start, end in parts)
        harmed = [self._harmed(signal, start, end) for start, end in parts]
        total = PER_SECOND * (whole - sum(left_out))
        return Counts(PER_SECOND * (harmed[0] - sum(harmed[1:])), total) if total > 0 else None

    def play(self) -> Played:
        """Let time pass until everything that follows from the fault is over."""
        now = scraped = evaluated = BEGIN
        self._collect(now)
        while not self._over(now):
            now += self.step
            if not self.broken and self.fault_at <= now:
                self.broken = True
                self.service.break_down(self.fault_at)
            if now - scraped >= self.scrape:
                scraped = now
                self._collect(now)
            if now - evaluated >= self.base:
                evaluated = now
                self._evaluate(now)
            if self.fired:
                self.people.run_once(now)
                self._act(now, now + self.step)
        return self._played(now)

    def _fault_at(self) -> datetime:
        """After long enough to be known as healthy, and at no round moment."""
        warm = max(10 * self.scrape, 5 * self.base, *(2 * window for window in self.signals.values()), SECOND)
        return BEGIN + warm + Random(self.how.seed).random() * self.base  # noqa: S311 - no secret

    def _policy(self, _service: str) -> str:
        policy = policy_of(self.spec, self.engine.statuses())
        return "; ".join(policy.because) if any(step.do == APPROVAL for step in policy.steps) else ""

    def _hook(self, spec: ServiceSpec, name: str = RELEASE, *, item: str = "", drill: bool = False) -> Hook:
        named = spec.hook(name)
        blamed = self.how.scenario.released or name != RELEASE  # what is no release is changed all the time
        since = self.fault_at if blamed else BEGIN - LONG_AGO
        hook = StandIn(named.kind if named else "stand-in", name, item, self.changes, since=since)
        hook.made = self._changed
        return hook

    def _changed(self, change: Change) -> None:
        self.changes.append(change)
        if self.how.helps and self.mended_at is None and self.how.scenario.mends(self.spec, change.hook):
            self.mended_at = change.at
            self.service.mend(change.at)

    def _collect(self, now: datetime) -> None:
        page = (*self.service.page(now), *self._version(now))
        collection = Collection(self.spec.service, "scrape", "drill", now, 0.0, ok=True, samples=page)
        self.engine.observe(collection)
        self.versions.observe([collection])

    def _version(self, now: datetime) -> Iterator[Sample]:
        source = self.spec.model.version if self.spec.model else None
        if source is not None and self.how.scenario.released:
            back = any(change.hook == RELEASE for change in self.changes)
            yield Sample(source.metric, {source.label: OLD if back or now < self.fault_at else NEW}, 1.0)

    def _evaluate(self, now: datetime) -> None:
        for signal, window in self.signals.items():
            end = now - (now - EPOCH) % window
            if now - end < self.base and end - window >= BEGIN:
                self._judge(signal, end - window, end)
        self.engine.run_once(now)
        if self.dispatch.run_once(now, self.engine.statuses()):
            self.alerts.run_once(now)
            self._note(now)

    def _judge(self, signal: str, start: datetime, end: datetime) -> None:
        """What a detector finds in a window: the part of it in which the fault lasted is bad."""
        share = self._harmed(signal, start, end) / (end - start).total_seconds()
        total = PER_SECOND * (end - start).total_seconds()
        threshold = getattr(getattr(self.spec.signals, signal), "threshold", 0.0)
        verdict = Verdict.ALARM if share > threshold else Verdict.OK
        finding = Finding(
            self.spec.service, signal, start, end, verdict, 1 - share, Counts(share * total, total), "simulated"
        )
        self.db.write(lambda tx: signals.record_finding(tx, finding))

    def _harmed(self, signal: str, start: datetime, end: datetime) -> float:
        """Seconds of this time in which the fault lasted."""
        if signal not in self.how.harm.signals or not self.broken:
            return 0.0
        return max(0.0, (min(end, self.mended_at or end) - max(start, self.fault_at)).total_seconds())

    def _note(self, now: datetime) -> None:
        """Which alerts fire."""
        with self.db.read() as tx:
            begun = incidents.episodes_between(tx, [self.spec.service], EPOCH, now)
        self.fired.update({each.id: each.opened_at for each in begun})

    def _act(self, now: datetime, until: datetime) -> None:
        """Drive the runs that are due in [now, until), second by second where something is due."""
        while (due := self._due(now)) is not None and due < until:
            now = max(now, due)
            self.executor.run_once(now)
            self._say_yes(now)
            now += min(SECOND, self.step)

    def _due(self, now: datetime) -> datetime | None:
        """When something is to be done next; None when nothing waits."""
        with self.db.read() as tx:
            waiting = [run for run in runs.runs(tx, MOST_RUNS) if run.state is not RunState.FINISHED]
            asked = approvals.pending_approvals(tx) if waiting else []
        times = [run.wake_at or now for run in waiting]
        return min([*times, *(each.requested_at + self.how.approve_after for each, _ in asked)], default=None)

    def _say_yes(self, now: datetime) -> None:
        with self.db.read() as tx:
            waiting = approvals.pending_approvals(tx)
        for asked, run in waiting:
            if asked.requested_at + self.how.approve_after > now:
                continue
            names = list(run.approvers) or [f"{PERSON} {n + 1}" for n in range(asked.required)]
            for name in names[: asked.required]:
                with suppress(DecisionRefused):
                    decide(
                        self.db,
                        asked.id,
                        actor=name,
                        decision=APPROVE,
                        plan_hash=asked.plan_hash,
                        reason="drill",
                        now=now,
                    )

    def _over(self, now: datetime) -> bool:
        """Whether nothing more will follow."""
        since = now - self.fault_at
        fired = [at for at in self.fired.values() if at >= self.fault_at]
        if not fired:
            return since > self.how.patience
        if now - fired[0] <= GROUP_WAIT + 2 * self.step:  # people are told after that time, a run may be quicker
            return False
        with self.db.read() as tx:
            made = runs.runs(tx, MOST_RUNS)
        if made:
            return all(run.state is RunState.FINISHED for run in made) or since > LONGEST
        return since > self.how.patience

    def _played(self, now: datetime) -> Played:
        with self.db.read() as tx:
            fired = incidents.episodes_between(tx, [self.spec.service], EPOCH, now)
            made = runs.runs(tx, MOST_RUNS)[::-1]
            seen = [
                RunSeen(each, tuple(runs.steps(tx, each.id)), approvals.last_approval(tx, each.id)) for each in made
            ]
        return Played(
            self.fault_at,
            now,
            now - BEGIN,
            self.mended_at,
            tuple(each for each in fired if each.opened_at >= self.fault_at),
            tuple(seen),
            tuple(self.changes),
            tuple(self.outbox.messages),
        )


def scrape_interval(spec: ServiceSpec) -> timedelta:
    """The longest interval of the service's scrapes."""
    return max((item.interval for item in spec.collect if isinstance(item, ScrapeSpec)), default=DEFAULT_SCRAPE)
