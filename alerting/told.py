"""Who was told of which alerts, as lines on the timeline of their incident."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from burnline.alerting.groups import Due, Group, Heard
from burnline.runbooks.notify import untold
from burnline.store import timeline
from burnline.store.groups import GroupKey
from burnline.store.incidents import Episode, last_episode, of_drills

LOOKED_UP = 5  # alerts of a group, for its incident: they are of one service


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one receiver, and what came of it.

    Attributes:
        about: the labels that the alerts of the group share.
        why: why it did not arrive; empty when it did.
    """

    group: GroupKey
    due: Due
    severity: str
    about: Mapping[str, str]
    why: str


@dataclass(slots=True)
class _Notice:
    """What several receivers are told alike."""

    first: Delivery
    reached: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def note_told(
    tx: Connection, deliveries: Sequence[Delivery], groups: Mapping[GroupKey, Group | None], now: datetime
) -> None:
    """Put on record who was reached, and who was not for the first time: further tries are not noted until one arrives.

    Args:
        groups: as they were before these messages.
    """
    notices: dict[tuple[GroupKey, frozenset[str], frozenset[str]], _Notice] = {}
    for each in deliveries:
        if each.why and _tried(groups.get(each.group), each.due.receiver):
            continue
        notice = notices.setdefault((each.group, each.due.firing, each.due.resolved), _Notice(each))
        if each.why:
            notice.failed[each.due.receiver] = each.why
        else:
            notice.reached.append(each.due.receiver)
    with timeline.in_one_statement(tx):
        for notice in notices.values():
            _say(tx, notice, now)


def _tried(group: Group | None, receiver: str) -> bool:
    return group is not None and group.heard.get(receiver, Heard()).attempts > 0


def _say(tx: Connection, notice: _Notice, now: datetime) -> None:
    episode = episode_of(tx, notice.first.due)
    if episode is None:  # its delivery waits in the inbox, or was set aside
        return
    audience, _ = notice.first.group
    timeline.append(
        tx,
        incident_id=episode.incident_id,
        at=now,
        source="alerting",
        type="people_told",
        text=_text(notice),
        data={
            "audience": audience,
            "severity": notice.first.severity,
            "firing": len(notice.first.due.firing),
            "reached": notice.reached,
            "failed": notice.failed,
        },
        drill=of_drills(episode.service),
    )


def episode_of(tx: Connection, due: Due) -> Episode | None:
    """The newest episode of the alerts, an open one first."""
    newest = sorted(due.alerts, key=lambda each: (each.ended_at is None, each.started_at), reverse=True)
    found = [last_episode(tx, each.source, each.fingerprint) for each in newest[:LOOKED_UP]]
    known = [each for each in found if each is not None]
    return max(known, key=lambda each: (each.ended_at is None, each.id), default=None)


def _text(notice: _Notice) -> str:
    """`page of ErrorBudgetBurn availability: told slack:#oncall`."""
    first = notice.first
    of = " ".join(value for name, value in first.about.items() if value and name != "service")
    count = len(first.due.firing)
    state = " is over" if not count else f" ({count} alerts)" if count > 1 else ""
    told = [f"told {', '.join(notice.reached)}"] if notice.reached else []
    told += [f"{each}; it is tried again" for each in untold(notice.failed)]
    return f"{first.severity} of {of or 'an alert without a name'}{state}: {'; '.join(told)}"
