"""Drills that burnline makes by itself, or when it is asked over HTTP, and the tickets that failing ones raise."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from burnline.alerting.webhook import fingerprint, render_webhook
from burnline.app.drills.rehearsal import as_drill, rehearse
from burnline.app.drills.scenarios import SCENARIOS, Harm, scenario
from burnline.errors import DecisionRefused
from burnline.events import AlertEvent
from burnline.metrics import ALERT_DRILL_FAILED, ALERT_DRILL_OVERDUE, OWNER, SCENARIO, SERVICE, SEVERITY
from burnline.runbooks.load import Catalogue
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration
from burnline.store.database import Database
from burnline.store.drills import SIMULATION, Drill, newest_drills, record_drill
from burnline.store.inbox import ALERTS, accept
from burnline.store.incidents import open_episodes

SOURCE = "drills"  # of the alerts
LOOK = timedelta(minutes=1)
TRY_AGAIN = timedelta(hours=1)  # after a drill that could not even be made
LONGEST = timedelta(days=90)  # between two drills, where the service file does not say


@dataclass(frozen=True, slots=True)
class Asked:
    """Drills that somebody asked for."""

    service: str
    scenarios: tuple[str, ...]


class DrillSchedule:
    """Drills one service at a time: those that are asked for, and those that are due.

    A drill is kept when it is over, in one transaction: one that is killed leaves nothing, and is made again.
    """

    def __init__(self, db: Database, specs: Sequence[ServiceSpec], catalogue: Catalogue) -> None:
        self._db = db
        self._specs = {spec.service: spec for spec in specs}
        self._catalogue = catalogue
        self._lock = threading.Lock()
        self._asked: Asked | None = None
        self._looked: datetime | None = None
        self._tried: dict[str, datetime] = {}
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Begin no further scenario."""
        self._stopping.set()

    def ask(self, service: str, scenarios: Sequence[str]) -> Asked:
        """Have a service drilled in the next turn, in each scenario once.

        Raises: BurnlineError for a scenario that there is not, DecisionRefused while another drill is under way.
        """
        names = tuple(dict.fromkeys(scenario(name).name for name in scenarios))
        with self._lock:
            if self._asked is not None:
                raise DecisionRefused(f"{self._asked.service} is being drilled: ask again when that is over")
            self._asked = Asked(service, names)
            return self._asked

    def run_once(self, now: datetime) -> int:
        """Make the drill that is asked for or due, if any, and raise and resolve tickets; returns how many drills."""
        if self._asked is not None:
            try:
                return self._drill(self._specs[self._asked.service], self._asked.scenarios, now)
            finally:
                self._asked = None
                self._tell(now)
        if self._looked is not None and LOOK > now - self._looked >= timedelta(0):
            return 0
        self._looked = now
        try:
            due = self._due(now)
            return self._drill(due, (), now) if due is not None else 0
        finally:
            self._tell(now)

    def _drill(self, spec: ServiceSpec, names: Sequence[str], now: datetime) -> int:
        self._tried[spec.service] = now
        done = []
        for each in rehearse(spec, self._catalogue, names):
            if self._stopping.is_set():
                return 0
            if not each.left_out:
                done.append(as_drill(spec, each, now))
        self._db.write(lambda tx: [record_drill(tx, each) for each in done])
        return len(done)

    def _due(self, now: datetime) -> ServiceSpec | None:
        with self._db.read() as tx:
            last = _last(newest_drills(tx), SIMULATION)
        for spec in self._specs.values():
            every, tried = spec.drill.every, self._tried.get(spec.service)
            if every is None or (tried is not None and now - tried < min(every, TRY_AGAIN)):
                continue
            if spec.service not in last or now - last[spec.service] >= every:
                return spec
        return None

    def _tell(self, now: datetime) -> None:
        """Raise what should fire and does not, and resolve what fires and should not, through the inbox."""
        with self._db.read() as tx:
            events = list(self._changes(tx, now))
        if events:
            self._db.write(lambda tx: [_deliver(tx, event, now) for event in events])

    def _changes(self, tx: Connection, now: datetime) -> Iterator[AlertEvent]:
        wanted = {event.fingerprint: event for event in self._alerts(newest_drills(tx), now)}
        firing = {episode.fingerprint: episode for episode in open_episodes(tx, SOURCE)}
        yield from (event for mark, event in wanted.items() if mark not in firing)
        for mark, episode in firing.items():
            if mark not in wanted:
                yield AlertEvent(SOURCE, mark, "resolved", episode.labels, {}, episode.last_starts_at, now)

    def _alerts(self, newest: Sequence[Drill], now: datetime) -> Iterator[AlertEvent]:
        for each in newest:
            spec = self._specs.get(each.service)
            if spec is not None and not each.passed and _still(spec, each):
                wrong = "; ".join(f"{check['name']}: {check['text']}" for check in each.checks if not check["ok"])
                summary = f"{spec.service}: the drill {each.scenario} failed"
                yield _alert(spec, ALERT_DRILL_FAILED, summary, wrong, each.at, {SCENARIO: each.scenario})
        last = _last(newest)
        for spec in self._specs.values():
            longest = spec.drill.every or LONGEST
            seen = last.get(spec.service)
            if (seen is None and spec.drill.every) or (seen is not None and now - seen > longest):
                summary = f"{spec.service} was not drilled for {format_duration(longest)}"
                said = f"last on {seen:%Y-%m-%d}" if seen else "never"
                yield _alert(spec, ALERT_DRILL_OVERDUE, summary, said, now, {})


def _last(newest: Sequence[Drill], *modes: str) -> dict[str, datetime]:
    """When each service was drilled last."""
    last: dict[str, datetime] = {}
    for each in newest:
        if not modes or each.mode in modes:
            last[each.service] = max(each.at, last.get(each.service, each.at))
    return last


def _still(spec: ServiceSpec, done: Drill) -> bool:
    """Whether what was drilled still applies to the service."""
    if done.scenario not in SCENARIOS:  # a live one, of a runbook
        return any(binding.run == done.scenario for binding in spec.runbooks)
    wanted = not spec.drill.scenarios or done.scenario in spec.drill.scenarios
    return wanted and isinstance(SCENARIOS[done.scenario].harm(spec), Harm)


def _alert(spec: ServiceSpec, name: str, summary: str, said: str, since: datetime, more: dict[str, str]) -> AlertEvent:
    labels = {"alertname": name, SERVICE: spec.service, **more, SEVERITY: "ticket", OWNER: spec.owner}
    annotations = {"summary": summary, "description": said[:4000]}
    return AlertEvent(SOURCE, fingerprint(labels), "firing", labels, annotations, since, None)


def _deliver(tx: Connection, event: AlertEvent, now: datetime) -> int:
    return accept(tx, kind=ALERTS, source=SOURCE, body=render_webhook(event, receiver=SOURCE), now=now)
