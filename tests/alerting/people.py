"""People who are told by the own dispatcher, on a clock that the test turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from burnline.alerting.dispatch import PeopleDispatch
from burnline.runbooks.notify import Told
from burnline.spec.service import ServiceSpec
from burnline.store.alerts import NEVER, ActiveAlert, drop_alert, keep_alert
from burnline.store.database import Database

Told_ = tuple[str, tuple[tuple[str, str], ...]]


@dataclass
class People:
    """Whoever is told; `deaf`: receivers that cannot be reached now, and whether trying again can help."""

    messages: list[tuple[datetime, str, Mapping[str, Any], str]] = field(default_factory=list)
    deaf: set[str] = field(default_factory=set)

    def send(self, receivers: Sequence[str], body: Mapping[str, Any], /, *, key: str, at: datetime, whom: str) -> Told:
        failed = {each: "down" for each in receivers if each in self.deaf}
        for each in receivers:
            if each not in self.deaf:
                self.messages.append((at, each, body, key))
        return Told(tuple(each for each in receivers if each not in failed), failed, retryable=True)

    def told(self) -> list[Told_]:
        """Who was told and the state of each alert by its label `id`, in order."""
        return [(whom, heard(body)) for _, whom, body, _ in self.messages]


def heard(body: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Each alert of a message by its label `id`, with its state."""
    return tuple(sorted((each["labels"].get("id", "?"), each["status"]) for each in body["alerts"]))


class Stage:
    """Alerts fire and end as told; the dispatcher gets its turns."""

    def __init__(self, db: Database, specs: Sequence[ServiceSpec], start: datetime) -> None:
        self.db, self.specs, self.now, self.people = db, specs, start, People()
        self.restart()

    def restart(self) -> None:
        """Another process takes over."""
        self.dispatch = PeopleDispatch(self.db, self.specs, send=self.people.send)

    def fire(self, labels: Mapping[str, str], **annotations: str) -> None:
        """An alert begins."""
        alert = ActiveAlert(labels["service"], labels["id"], "", True, self.now, NEVER, dict(labels), annotations)
        self.db.write(lambda tx: keep_alert(tx, alert))

    def end(self, labels: Mapping[str, str]) -> None:
        """An alert is over."""
        alert = ActiveAlert(labels["service"], labels["id"], "", True, self.now, NEVER, dict(labels))
        self.db.write(lambda tx: drop_alert(tx, alert))

    def turn(self) -> int:
        """One turn of the dispatcher, now."""
        return self.dispatch.run_once(self.now)

    def wait(self, span: timedelta, every: timedelta | None = None) -> list[Told_]:
        """Turns, every second where the time is short, until it has passed; who was told meanwhile."""
        before, until = len(self.people.messages), self.now + span
        every = every or max(timedelta(seconds=1), span / 30)
        while self.now < until:
            self.now = min(until, self.now + every)
            self.turn()
        return self.people.told()[before:]
