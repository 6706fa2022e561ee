"""Without an Alertmanager: people are told of what burnline itself fires, by Alertmanager's own rules.

The decisions are in groups.py. Here is what makes them last: groups are kept in the database before anybody is told and
again afterwards. What was due and not told before a crash is told after it; nothing that was told is told again, unless
the crash came between the telling and its record.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache, partial
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection

from burnline.alerting.audience import GROUP_BY, Audible, Audiences
from burnline.alerting.groups import EMBEDDED, Due, Group, Heard, Member, settle, step
from burnline.alerting.message import group_body, message_key
from burnline.alerting.quiet import Quiet
from burnline.alerting.told import Delivery, episode_of, note_told
from burnline.alerting.webhook import ALERTMANAGER, fingerprint
from burnline.runbooks.beside import beside
from burnline.runbooks.notify import GRACE, TIMEOUT, Told, incident_link, send_to
from burnline.spec.service import ServiceSpec
from burnline.store.alerts import active_alerts
from burnline.store.database import Database
from burnline.store.groups import GroupKey, alert_groups, keep_groups, what_fires
from burnline.store.incidents import open_episodes_of_others
from burnline.telemetry import Causes

log = logging.getLogger(__name__)

AT_ONCE = 50  # messages under way side by side
LONGEST_TURN = timedelta(seconds=20)  # for telling
GROUPS_AT_ONCE = 500  # in one transaction
KEPT_ALERTS = (EMBEDDED,)  # whose alerts are in the table `alert`; those of others are in their episodes


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
        url: where people reach burnline; empty: they are sent no links to incidents.
    """

    def __init__(self, db: Database, specs: Sequence[ServiceSpec], *, send: Send = send_to, url: str = "") -> None:
        self._db = db
        self._url = url
        self._audiences = Audiences(sorted(specs, key=lambda spec: spec.service))
        self._quiet = Quiet(specs)
        self._send = send
        self._unreached = Causes()
        self._mark: tuple[object, ...] = ()
        self._looked_at = self._next_at = datetime.min.replace(tzinfo=UTC)  # between them nothing changes by itself

    def run_once(self, now: datetime) -> int:
        """Tell whoever is to be told now; returns how many messages arrived.

        Raises: StoreError when the database fails; nothing is told that could not be kept first.
        """
        with self._db.read() as tx:
            mark = what_fires(tx)
            if mark == self._mark and self._looked_at <= now < self._next_at:
                return 0
            turn = self._turn(tx, now)
        self._keep(turn.changed)
        told = self._tell(turn.messages, now)
        following = [group.next_at for group in turn.after.values() if group]
        self._mark, self._looked_at = mark, now
        self._next_at = now if turn.messages else min(following, default=datetime.max.replace(tzinfo=UTC))
        return told

    def _keep(self, groups: Mapping[GroupKey, Group | None]) -> None:
        """Write them, not so many at once that every other writer waits."""
        keys = list(groups)
        for first in range(0, len(keys), GROUPS_AT_ONCE):
            some = {key: _encoded(groups[key]) for key in keys[first : first + GROUPS_AT_ONCE]}
            self._db.write(partial(keep_groups, bodies=some))

    def _turn(self, tx: Connection, now: datetime) -> Turn:
        groups = {key: _decoded(body) for key, body in alert_groups(tx).items()}
        firing = _firing(tx)
        if not groups and not firing:
            return Turn({}, {}, [])
        # read only when somebody may be told
        held_back = cache(lambda: self._quiet.at(tx, now).among([each.labels for each in firing]))
        placed = self._placed(firing)
        after: dict[GroupKey, Group | None] = {}
        messages: list[Message] = []
        for key in sorted({*groups, *placed}):
            audible, members = placed.get(key) or (self._audible(groups[key], key), {})
            if audible is None:  # the service file names these people no more
                after[key] = None
                continue
            after[key], due = step(groups.get(key), audible, members, now, lambda each: held_back()(each.labels))
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
            for audible in self._audiences.of(member.labels):
                key = (audible.name, json.dumps([member.labels.get(name, "") for name in GROUP_BY]))
                placed.setdefault(key, (audible, {}))[1][member.fingerprint] = member
        return placed

    def _audible(self, group: Group, key: GroupKey) -> Audible | None:
        """The people of a group in which nothing fires any more."""
        found = (each for member in group.members.values() for each in self._audiences.of(member.labels))
        return next((each for each in found if each.name == key[0]), None)

    def _tell(self, messages: Sequence[Message], now: datetime) -> int:
        """Tell them, so many at once, as long as there is time; what is left is outstanding at the next turn."""
        began, told = time.monotonic(), 0
        for first in range(0, len(messages), AT_ONCE):
            if time.monotonic() - began > LONGEST_TURN.total_seconds():
                break
            told += self._tell_some(messages[first : first + AT_ONCE], now)
        return told

    def _tell_some(self, messages: Sequence[Message], now: datetime) -> int:
        sent = {beside(partial(self._send_one, each, now), "tell people"): each for each in messages}
        wait(sent, (TIMEOUT + 2 * GRACE).total_seconds())
        outcomes = [_delivery(message, _missed(future, message)) for future, message in sent.items()]
        self._log(outcomes)
        self._db.write(partial(_settle, outcomes=outcomes, now=now))
        return sum(not each.why for each in outcomes)

    def _log(self, outcomes: Sequence[Delivery]) -> None:
        """Who cannot be told, once for each cause; what each of them was not told is on the timelines."""
        for each in outcomes:
            if self._unreached.is_new(each.due.receiver, each.why):
                about = {"receiver": each.due.receiver, "group": each.group[1], "why": each.why}
                log.warning("people could not be told" if each.why else "people are told again", extra=about)

    def _send_one(self, message: Message, now: datetime) -> Told:
        audience, key = message.group
        body = group_body(message.due, audience=audience, key=key, labels=message.labels)
        name = message_key(message.due, audience=audience, key=key, told_at=message.told_at)
        return self._send(
            [message.due.receiver], {**body, **self._link(message.due)}, key=name, at=now, whom=message.severity
        )

    def _link(self, due: Due) -> Mapping[str, str]:
        """The page of the alerts' incident, where people reach burnline and the alerts reached the inbox."""
        if not self._url:
            return {}
        with self._db.read() as tx:
            episode = episode_of(tx, due)
        return {"incident_url": incident_link(self._url, episode.incident_id)} if episode else {}


def _delivery(message: Message, why: str) -> Delivery:
    return Delivery(message.group, message.due, message.severity, message.labels, why)


def _missed(future: Future[Told], message: Message) -> str:
    """Why the message did not arrive; empty when it did."""
    receiver = message.due.receiver
    if not future.done():
        return "no answer in time"
    error = future.exception()
    if error is not None:  # nobody foresaw it: the others must be told all the same
        return type(error).__name__
    told = future.result()
    return "" if receiver in told.reached else told.failed.get(receiver) or "not reached"


def _settle(tx: Connection, outcomes: Sequence[Delivery], now: datetime) -> None:
    kept = alert_groups(tx, {each.group for each in outcomes})
    groups: dict[GroupKey, Group | None] = {key: _decoded(body) for key, body in kept.items()}
    note_told(tx, outcomes, groups, now)
    for each in outcomes:
        group = groups.get(each.group)
        if group is not None:
            groups[each.group] = settle(group, each.due, now, reached=not each.why)
    keep_groups(tx, {key: _encoded(group) for key, group in groups.items()})


def _firing(tx: Connection) -> list[Member]:
    """What fires: burnline's own alerts, and those of its other parts that are open."""
    own = [
        Member(_fingerprint(tuple(each.labels.items())), each.labels, each.annotations, each.since)
        for each in active_alerts(tx)
        if each.firing
    ]
    others = [
        Member(each.fingerprint, each.labels, each.annotations, each.first_starts_at, source=each.source)
        for each in open_episodes_of_others(tx, (*KEPT_ALERTS, ALERTMANAGER))
    ]
    return [*own, *others]


@lru_cache(maxsize=20_000)
def _fingerprint(labels: tuple[tuple[str, str], ...]) -> str:
    """Of the same alerts every second."""
    return fingerprint(dict(labels))


_GROUP: Callable[[bytes], Group] = msgspec.json.Decoder(Group).decode


@lru_cache(maxsize=20_000)
def _decoded(body: bytes) -> Group:
    """Most groups are the same every time."""
    return _GROUP(body)


def _encoded(group: Group | None) -> bytes | None:
    return None if group is None else msgspec.json.encode(group)
