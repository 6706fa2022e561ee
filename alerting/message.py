"""What people are told of a group of alerts: Alertmanager's webhook, with a title and a text for those who read it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from burnline.alerting.groups import Due, Member
from burnline.metrics import SERVICE

MAX_LISTED = 20  # alerts in the text; the webhook has them all
NEVER = datetime(1, 1, 1, tzinfo=UTC)  # how Alertmanager writes that an alert has not ended


def group_body(due: Due, *, audience: str, key: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """The body for one receiver; `dedup` is the same for everything that is ever said of this group."""
    common = shared(each.labels for each in due.alerts)
    return {
        "version": "4",
        "groupKey": f"{audience}:{key}",
        "truncatedAlerts": 0,
        "status": "firing" if due.firing else "resolved",
        "receiver": audience,
        "groupLabels": dict(labels),
        "commonLabels": common,
        "commonAnnotations": shared(each.annotations for each in due.alerts),
        "externalURL": "",
        "alerts": [_wire(each) for each in due.alerts],
        "title": _title(due, labels),
        "text": _text(due.alerts),
        "dedup": hashlib.sha256(f"{audience}:{key}".encode()).hexdigest()[:32],
        "service": common.get(SERVICE, ""),
    }


def message_key(due: Due, *, audience: str, key: str, told_at: datetime | None) -> str:
    """The same for every attempt at one message, another for the next message."""
    said = [audience, key, due.receiver, str(told_at), *sorted(due.firing), "/", *sorted(due.resolved)]
    return hashlib.sha256("\0".join(said).encode()).hexdigest()


def shared(texts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """What all of them say alike."""
    first, *others = texts
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}


def _wire(member: Member) -> dict[str, Any]:
    return {
        "status": "firing" if member.ended_at is None else "resolved",
        "labels": dict(member.labels),
        "annotations": dict(member.annotations),
        "startsAt": member.started_at.isoformat(),
        "endsAt": (member.ended_at or NEVER).isoformat(),
        "generatorURL": "",
        "fingerprint": member.fingerprint,
    }


def _title(due: Due, labels: Mapping[str, str]) -> str:
    state = f"FIRING:{len(due.firing)}" if due.firing else "RESOLVED"
    return f"[{state}] {' '.join(value for value in labels.values() if value)}"


def _text(alerts: Sequence[Member]) -> str:
    lines = [line for each in alerts[:MAX_LISTED] for line in _lines(each)]
    more = len(alerts) - MAX_LISTED
    return "\n".join([*lines, f"and {more} more"] if more > 0 else lines)


def _lines(member: Member) -> list[str]:
    ended = "resolved: " if member.ended_at else ""
    about = ", ".join(f"{name} {value}" for name, value in sorted(member.labels.items()))
    said = [f"{ended}{member.annotations.get('summary') or about}"]
    return [*said, *(text for name in ("description", "dependency") if (text := member.annotations.get(name)))]
