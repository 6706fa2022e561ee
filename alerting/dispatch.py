"""Without an Alertmanager: people are told of what burnline itself fires, by Alertmanager's own rules.

The decisions are in groups.py. Here is what makes them last: groups are kept in the database before anybody is told and
again afterwards. What was due and not told before a crash is told after it; nothing that was told is told again, unless
the crash came between the telling and its record.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection

from burnline.alerting.audience import GROUP_BY, Audible, hearers
from burnline.alerting.groups import Due, Group, Heard, Member, settle, step
from burnline.alerting.message import group_body, message_key
from burnline.alerting.quiet import Quiet
from burnline.alerting.webhook import ALERTMANAGER, fingerprint
from burnline.metrics import SERVICE
from burnline.runbooks.beside import beside
from burnline.runbooks.notify import GRACE, TIMEOUT, Told, send_to
from burnline.spec.service import ServiceSpec
from burnline.store.alerts import active_alerts
from burnline.store.database import Database
from burnline.store.groups import GroupKey, alert_groups, keep_group
from burnline.store.incidents import open_episodes_of_others

log = logging.getLogger(__name__)

AT_ONCE = 50  # messages under way side by side; more wait for the next turn
KEPT_ALERTS = ("embedded",)  # whose alerts are in the table `alert`; those of others are in their episodes


class Send(Protocol):
    """Tells receivers, and says whom it reached."""

    def __call__(
        self, receivers: Sequence[str], body: Mapping[str, Any], /, *, key: str, at: datetime, whom: str
    ) -> Told: ...


@dataclass(frozen=True, slots=True)
class Message:
    """One receiver to be told of one group."""

    group: GroupKey
    due: Due
    severity: str
    told_at: datetime | None
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one moment changes: groups (None: over), and what is due."""

    before: Mapping[GroupKey, Group]
    after: Mapping[GroupKey, Group | None]
    messages: Sequence[Message]

    @property
    def changed(self) -> dict[GroupKey, Group | None]:
        return {key: group for key, group in self.after.items() if group != self.before.get(key)}


class PeopleDispatch:
    """Tells people of the alerts that burnline fires itself.

    Args:
        send: how; `send_to` of the runbooks unless a test listens.
    """

    def __init__(self, db: Database, specs: Sequence[ServiceSpec], *, send: Send = send_to) -> None:
        self._db = db
        self._specs = sorted(specs, key=lambda spec: spec.service)
        self._quiet = Quiet(specs)
        self._send = send

    def run_once(self, now: datetime) -> int:
        """Tell whoever is to be told now; returns how many messages arrived.

        Raises: StoreError when the database fails; nothing is told that could not be kept first.
        """
        with self._db.read() as tx:
            turn = self._turn(tx, now)
        if turn.changed:
            turn = self._db.write(lambda tx: self._kept(tx, now))
        return self._tell(turn.messages[:AT_ONCE], now)

    def _kept(self, tx: Connection, now: datetime) -> Turn:
        turn = self._turn(tx, now)
        for key, group in turn.changed.items():
            keep_group(tx, key, _encoded(group))
        return turn

    def _turn(self, tx: Connection, now: datetime) -> Turn:
        groups = {key: _decoded(body) for key, body in alert_groups(tx).items()}
        firing = _firing(tx)
        if not groups and not firing:
            return Turn({}, {}, [])
        labels = [each.labels for each in firing]
        in_force = cache(lambda: self._quiet.at(tx, now))  # read only when somebody may be told
        placed = self._placed(firing)
        after: dict[GroupKey, Group | None] = {}
        messages: list[Message] = []
        for key in sorted({*groups, *placed}):
            audible, members = placed.get(key) or (self._audible(groups[key], key), {})
            if audible is None:  # the service file names these people no more
                after[key] = None
                continue
            after[key], due = step(
                groups.get(key), audible, members, now, lambda each: in_force().held_back(each.labels, labels)
            )
            told = groups[key].heard if key in groups else {}
            about = dict(zip(GROUP_BY, json.loads(key[1]), strict=True))
            messages += [
                Message(key, each, audible.severity, told.get(each.receiver, Heard()).at, about) for each in due
            ]
        return Turn(groups, after, messages)

    def _placed(self, firing: Sequence[Member]) -> dict[GroupKey, tuple[Audible, dict[str, Member]]]:
        """Each alert that fires, in the groups of those whom it concerns."""
        placed: dict[GroupKey, tuple[Audible, dict[str, Member]]] = {}
        for member in firing:
            for audible in hearers(self._specs, member.labels):
                key = (audible.name, json.dumps([member.labels.get(name, "") for name in GROUP_BY]))
                placed.setdefault(key, (audible, {}))[1][member.fingerprint] = member
        return placed

    def _audible(self, group: Group, key: GroupKey) -> Audible | None:
        """The people of a group in which nothing fires any more."""
        labels = [each.labels for each in group.members.values()]
        found = (each for one in labels for each in hearers(self._specs, one))
        return next((each for each in found if each.name == key[0]), None)

    def _tell(self, messages: Sequence[Message], now: datetime) -> int:
        sent = {beside(partial(self._send_one, each, now), "tell people"): each for each in messages}
        wait(sent, (TIMEOUT + 2 * GRACE).total_seconds())
        return sum(self._settle(message, future, now) for future, message in sent.items())

    def _send_one(self, message: Message, now: datetime) -> Told:
        audience, key = message.group
        body = group_body(message.due, audience=audience, key=key, labels=message.labels)
        name = message_key(message.due, audience=audience, key=key, told_at=message.told_at)
        return self._send([message.due.receiver], body, key=name, at=now, whom=message.severity)

    def _settle(self, message: Message, future: Future[Told], now: datetime) -> bool:
        reached, why = _outcome(future, message.due.receiver)
        if not reached:
            about = {"receiver": message.due.receiver, "service": message.labels.get(SERVICE, ""), "why": why}
            log.warning("people could not be told", extra=about)
        self._db.write(lambda tx: _settled(tx, message, now, reached=reached))
        return reached


def _outcome(future: Future[Told], receiver: str) -> tuple[bool, str]:
    if not future.done():
        return False, "no answer in time"
    error = future.exception()
    if error is not None:  # nobody foresaw it: the others must be told all the same
        return False, type(error).__name__
    told = future.result()
    return receiver in told.reached, told.failed.get(receiver, "")


def _settled(tx: Connection, message: Message, now: datetime, *, reached: bool) -> None:
    body = alert_groups(tx).get(message.group)
    if body is not None:
        keep_group(tx, message.group, _encoded(settle(_decoded(body), message.due, now, reached=reached)))


def _firing(tx: Connection) -> list[Member]:
    """What fires: burnline's own alerts, and those of its other parts that are open."""
    own = [
        Member(fingerprint(each.labels), each.labels, each.annotations, each.since)
        for each in active_alerts(tx)
        if each.firing
    ]
    others = [
        Member(each.fingerprint, each.labels, each.annotations, each.first_starts_at)
        for each in open_episodes_of_others(tx, (*KEPT_ALERTS, ALERTMANAGER))
    ]
    return [*own, *others]


_GROUP: Callable[[bytes], Group] = msgspec.json.Decoder(Group).decode


def _decoded(body: bytes) -> Group:
    return _GROUP(body)


def _encoded(group: Group | None) -> bytes | None:
    return None if group is None else msgspec.json.encode(group)
