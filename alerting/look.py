"""One look at every place that says what fires, at the same moment, and what follows from it: pure rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from burnline.alerting.alertmanager import Listed
from burnline.alerting.inbox import WATCHDOG
from burnline.alerting.relabel import Labels, Relabelling
from burnline.alerting.webhook import ALERTMANAGER
from burnline.events import AlertEvent
from burnline.store.incidents import OPEN, Episode

SLACK = timedelta(minutes=1)  # between the clocks of Prometheus and Alertmanager, and their evaluations
Known = Mapping[str, Sequence[Episode]]  # by fingerprint, oldest first


@dataclass(frozen=True, slots=True)
class Look:
    """What was listed at one moment; everything is by fingerprint.

    Attributes:
        listed: by any Alertmanager that answered; `active` when burnline is to hear of it.
        answered: the Alertmanagers that did.
        complete: all of them, and each has run long enough to have been told of everything.
        firing: by Prometheus; None when it did not answer.
        sent: how Prometheus changes labels on the way to Alertmanager.
        expected: Prometheus was asked.
    """

    listed: Mapping[str, Listed]
    answered: Set[str] = frozenset()
    complete: bool = False
    firing: Mapping[str, Labels] | None = None
    sent: Relabelling | None = None
    expected: bool = False

    @property
    def held(self) -> Set[str]:
        """What burnline is not to hear of: silenced, inhibited, or not routed to it."""
        return {mark for mark, each in self.listed.items() if not each.active}

    @property
    def absence_counts(self) -> bool:
        """Whether what nobody lists is over."""
        return self.complete and (self.firing is not None or not self.expected)


@dataclass(slots=True)
class Memory:
    """What was so in the looks before, since when: it must be so twice to count."""

    missing: dict[int, datetime] = field(default_factory=dict)  # open episodes that nobody lists
    unlisted: dict[str, datetime] = field(default_factory=dict)  # alerts that only Prometheus has
    held: dict[str, datetime] = field(default_factory=dict)  # when each was last seen held back

    def note_held(self, look: Look, now: datetime, span: timedelta) -> None:
        """Remember for `span` what burnline is not to hear of; what an Alertmanager sends it now is forgotten."""
        kept = {mark: at for mark, at in self.held.items() if now - at < span and mark not in look.listed}
        self.held = kept | dict.fromkeys(look.held, now)


def merge_listings(listings: Iterable[Sequence[Listed]], receiver: str) -> dict[str, Listed]:
    """One list of several Alertmanagers': an alert is active when one routes it to `receiver` and none holds it back.

    Silences and inhibitions reach every Alertmanager of a cluster; who has not heard of one yet sends by itself.
    """
    merged: dict[str, Listed] = {}
    for listed in (each for listing in listings for each in listing):
        known = merged.setdefault(listed.event.fingerprint, listed)
        newer = max(known, listed, key=lambda each: each.updated_at)
        merged[listed.event.fingerprint] = replace(
            newer, active=known.active and listed.active, receivers=known.receivers | listed.receivers
        )
    return {mark: replace(each, active=each.active and receiver in each.receivers) for mark, each in merged.items()}


def unheard(listed: Iterable[Listed], known: Known, before: datetime) -> list[AlertEvent]:
    """Active alerts without an open episode, as they are to be delivered.

    Args:
        known: their episodes that ended at or after their start.
        before: an alert that started later may be on its way.
    """
    told = (
        again(each.event, each.updated_at, known.get(each.event.fingerprint, ()))
        for each in listed
        if each.active and not _is_heartbeat(each.event.labels) and each.event.starts_at <= before
    )
    return [event for event in told if event is not None]


def again(event: AlertEvent, told_at: datetime, episodes: Sequence[Episode]) -> AlertEvent | None:
    """`event` so that it counts, None when it is known or late.

    An alert whose last episode ended after its start is late, unless it was told again after that end: then it fires,
    and its end was a mistake (two Alertmanagers that were restarted, clocks that differ).
    """
    if any(episode.state == OPEN for episode in episodes):
        return None
    ended = max((episode.ended_at for episode in episodes if episode.ended_at), default=None)
    if ended is None or event.starts_at > ended:
        return event
    return replace(event, starts_at=told_at) if told_at > ended else None


def only_firing(look: Look, opened: Set[str], memory: Memory, now: datetime, patience: timedelta) -> dict[str, Labels]:
    """Alerts that Prometheus fires and no Alertmanager has, in two looks `patience` apart.

    `opened`: those with an open episode. What was held back when an Alertmanager last knew it, is so still.
    """
    unlisted = {
        mark: labels
        for mark, labels in (look.firing or {}).items()
        if not _is_heartbeat(labels) and not (mark in look.listed or mark in memory.held or mark in opened)
    }
    memory.unlisted = {mark: memory.unlisted.get(mark, now) for mark in unlisted}
    return {mark: labels for mark, labels in unlisted.items() if now - memory.unlisted[mark] >= patience}


def gone(
    look: Look, episodes: Sequence[Episode], memory: Memory, now: datetime, patience: timedelta
) -> list[AlertEvent]:
    """The ends of open episodes that nobody listed in two looks `patience` apart; an incomplete look ends none.

    What is silenced or inhibited is listed too: it is not over.
    """
    if not look.absence_counts:
        memory.missing = {}
        return []
    absent = [e for e in episodes if e.fingerprint not in look.listed and e.fingerprint not in (look.firing or {})]
    memory.missing = {episode.id: memory.missing.get(episode.id, now) for episode in absent}
    over = [episode for episode in absent if now - memory.missing[episode.id] >= patience]
    return [_end(episode, memory.missing[episode.id]) for episode in over]


def came_and_went(look: Look, fired: Mapping[str, Labels], memory: Memory) -> dict[str, Labels]:
    """What fired lately, does no more, and was not held back while somebody looked."""
    return {
        mark: labels
        for mark, labels in fired.items()
        if not _is_heartbeat(labels) and not (mark in look.listed or mark in (look.firing or {}) or mark in memory.held)
    }


def covered(episodes: Iterable[Episode], first: datetime, last: datetime) -> bool:
    """Whether one of the episodes is of an alert that fired from `first` to `last`."""
    return any(
        episode.first_starts_at - SLACK <= last and (episode.ended_at is None or episode.ended_at + SLACK >= first)
        for episode in episodes
    )


def heard_of(mark: str, labels: Labels, starts_at: datetime, ends_at: datetime | None = None) -> AlertEvent:
    """An alert known from Prometheus alone: it has no annotations there."""
    status = "firing" if ends_at is None else "resolved"
    return AlertEvent(ALERTMANAGER, mark, status, dict(labels), {}, starts_at, ends_at)


def _is_heartbeat(labels: Labels) -> bool:
    return labels.get("alertname") == WATCHDOG


def _end(episode: Episode, at: datetime) -> AlertEvent:
    told = (episode.labels, episode.annotations, episode.last_starts_at, max(at, episode.last_starts_at))
    return AlertEvent(ALERTMANAGER, episode.fingerprint, "resolved", *told)
