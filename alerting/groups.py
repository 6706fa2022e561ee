"""When which people are told of which alerts: Alertmanager's groups, as a pure function of what fires and the time.

The rules are those of Alertmanager's dispatch/dispatch.go and notify/notify.go (0.25): a new group waits `group_wait`,
is then looked at every `group_interval`, and a receiver is told when there is an alert it has not heard of, when one it
heard of has ended, or when nothing was said for `repeat_interval`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from burnline.alerting.audience import GROUP_INTERVAL, REPEAT_INTERVAL, Audible
from burnline.spec.escalation import HoursSpec

FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=1), timedelta(minutes=1)
DEFAULT_REPEAT = REPEAT_INTERVAL
EMBEDDED = "embedded"  # the source of what the embedded engine fires


@dataclass(frozen=True, slots=True)
class Member:
    """One alert of a group; `ended_at` is None while it fires. `source`: of its episode."""

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    started_at: datetime
    ended_at: datetime | None = None
    source: str = EMBEDDED


@dataclass(frozen=True, slots=True)
class Heard:
    """What one receiver was last told of a group, by fingerprint; and when to try again what it could not be told.

    Attributes:
        at: None before the first time.
        retry_at: None when nothing is outstanding.
    """

    at: datetime | None = None
    firing: frozenset[str] = frozenset()
    resolved: frozenset[str] = frozenset()
    attempts: int = 0
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts that one set of people hears of together. `flushed`: it was looked at once, so that its wait is over."""

    look_at: datetime
    flushed: bool = False
    members: Mapping[str, Member] = field(default_factory=dict)
    heard: Mapping[str, Heard] = field(default_factory=dict)

    @property
    def next_at(self) -> datetime:
        """When time alone changes something."""
        return min([self.look_at, *(each.retry_at for each in self.heard.values() if each.retry_at)])


@dataclass(frozen=True, slots=True)
class Due:
    """What one receiver is to be told now."""

    receiver: str
    alerts: tuple[Member, ...]

    @property
    def firing(self) -> frozenset[str]:
        return frozenset(each.fingerprint for each in self.alerts if each.ended_at is None)

    @property
    def resolved(self) -> frozenset[str]:
        return frozenset(each.fingerprint for each in self.alerts if each.ended_at is not None)


def step(
    group: Group | None,
    audible: Audible,
    firing: Mapping[str, Member],
    now: datetime,
    quiet: Callable[[Member], bool],
) -> tuple[Group | None, list[Due]]:
    """The group after this moment, None when it is over, and what is due.

    Args:
        firing: the alerts of this group that fire now, by fingerprint.
        quiet: whether an alert is silenced or inhibited now.
    """
    if group is None and not firing:
        return None, []
    group = _joined(group or Group(look_at=now + audible.group_wait), firing, now)
    longest = max(audible.group_wait, GROUP_INTERVAL)  # further off only when the clock was set back
    group = replace(group, look_at=min(group.look_at, now + longest))
    if not group.flushed and firing:  # what began long ago has waited enough
        waited = min(each.started_at for each in firing.values()) + audible.group_wait
        group = replace(group, look_at=min(group.look_at, max(now, waited)))
    flush = now >= group.look_at
    if flush:
        group = replace(group, flushed=True, look_at=now + GROUP_INTERVAL)
    asked = [each for each in audible.receivers if flush or _retries(group, each, now)]
    if not asked:
        return group, []
    loud = tuple(each for each in group.members.values() if not quiet(each)) if in_hours(audible.hours, now) else ()
    possible = (Due(each, loud) for each in asked)
    due = [each for each in possible if _needs(group.heard.get(each.receiver, Heard()), each, now)]
    heard = _outstanding(group, due, now, looked=flush, audible=audible)
    if flush:
        wanted = {fingerprint for each in due for fingerprint in each.resolved}
        members = {name: each for name, each in group.members.items() if each.ended_at is None or name in wanted}
        group = replace(group, members=members)
    group = replace(group, heard=heard)
    return (group if group.members else None), due


def settle(group: Group, due: Due, now: datetime, *, reached: bool) -> Group | None:
    """The group after a receiver was told, or could not be; None when nothing is left to tell anybody."""
    before = group.heard.get(due.receiver, Heard())
    if reached:
        after = Heard(now, due.firing, due.resolved)
    else:
        pause = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(before.attempts, 6))
        after = replace(before, attempts=before.attempts + 1, retry_at=now + pause)
    heard = {**group.heard, due.receiver: after}
    unheard = {name for each in heard.values() for name in each.firing - each.resolved}
    waits = any(each.retry_at is not None for each in heard.values())
    members = {name: each for name, each in group.members.items() if each.ended_at is None or waits or name in unheard}
    return replace(group, heard=heard, members=members) if members else None


def in_hours(hours: HoursSpec | None, now: datetime) -> bool:
    """Whether people are told now; the end of their hours is not one of them."""
    if hours is None:
        return True
    local = now.astimezone(ZoneInfo(hours.tz))
    begin, end = hours.minutes
    day = any(first <= local.weekday() <= last for first, last in hours.ranges())
    return day and begin <= local.hour * 60 + local.minute < end


def _joined(group: Group, firing: Mapping[str, Member], now: datetime) -> Group:
    """With what began since, and the end of what fires no more."""
    known = {name: each if each.ended_at else replace(each, ended_at=now) for name, each in group.members.items()}
    return replace(group, members={**known, **firing})


def _needs(heard: Heard, due: Due, now: datetime) -> bool:
    if heard.at is None:
        return bool(due.firing)
    if not due.firing <= heard.firing:
        return True
    if not due.firing:
        return bool(heard.firing) and bool(due.alerts)
    return not due.resolved <= heard.resolved or now - heard.at > DEFAULT_REPEAT


def _retries(group: Group, receiver: str, now: datetime) -> bool:
    at = group.heard.get(receiver, Heard()).retry_at
    return at is not None and now >= at


def _outstanding(group: Group, due: list[Due], now: datetime, *, looked: bool, audible: Audible) -> dict[str, Heard]:
    """Each receiver's memory; what is due now is outstanding until it is settled, so that a crash forgets nothing."""
    names = {each.receiver for each in due}
    heard = {}
    for receiver in audible.receivers:
        before = group.heard.get(receiver, Heard())
        if receiver in names:
            heard[receiver] = replace(before, retry_at=now)
        elif looked or _retries(group, receiver, now):  # there is nothing to tell any more
            heard[receiver] = replace(before, retry_at=None, attempts=0)
        else:
            heard[receiver] = before
    return heard
