"""Compares what Alertmanagers and Prometheus say fires with what was received, and delivers the difference.

An alert that fires and ends while the receiver is down is never sent by Alertmanager, and one that it forgot in a
restart is never resolved. What is found goes into the same inbox as a webhook, under the same identity; nothing is
delivered of which burnline knows, so a second turn changes nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from burnline.alerting.checks import Problems
from burnline.alerting.inbox import BATCH, AlertWorker
from burnline.alerting.look import (
    SLACK,
    Look,
    Memory,
    again,
    came_and_went,
    covered,
    gone,
    heard_of,
    only_firing,
    unheard,
)
from burnline.alerting.places import Places
from burnline.alerting.relabel import Labels, Relabelling
from burnline.alerting.webhook import ALERTMANAGER, body_of, render_alert
from burnline.events import AlertEvent
from burnline.spec.units import format_duration
from burnline.store.database import Database
from burnline.store.inbox import ALERTS, accept
from burnline.store.incidents import Episode, episodes_since, heartbeats, open_episodes
from burnline.store.reconciled import last_reconciled, note_reconciled

log = logging.getLogger(__name__)

INTERVAL = timedelta(minutes=1)
PATIENCE = timedelta(seconds=30)  # between two looks that count as two
ON_ITS_WAY = timedelta(seconds=15)  # a webhook needs less
WINDOW = timedelta(minutes=10)
LONGEST_WINDOW = timedelta(hours=6)  # Prometheus refuses questions that touch more than 50 million samples
WATCHDOG_SILENCE = timedelta(minutes=5)
REPEAT_PROBLEMS = timedelta(hours=1)
MOST_BYTES = 4 * 1024 * 1024  # in one inbox row
ALERT_PATH = "burnline"  # the place of a problem that is no single place's
FIRING, PAST, RESOLVED = KINDS = ("firing", "past", "resolved")


class Reconciler:
    """Looks once a minute, and at once when alerts were cut off a webhook.

    Args:
        worker: works off the inbox before a decision: what came by itself must be known.

    Attributes:
        found: deliveries made, by kind: `firing`, `past` (came and went unheard), `resolved`.
    """

    def __init__(self, db: Database, worker: AlertWorker, places: Places) -> None:
        self._db, self._worker, self.places = db, worker, places
        self.found = Counter(dict.fromkeys(KINDS, 0))
        self._memory = Memory()
        self._truncated = worker.truncated
        self._began: datetime | None = None
        self._next: datetime | None = None
        self._silence: Problems = {}
        self._told: dict[tuple[str, str], datetime] = {}

    def close(self) -> None:
        """Close the connections."""
        self.places.close()

    def run_once(self, now: datetime) -> int:
        """Look, if it is time to; returns how many alerts were delivered.

        Raises: StoreError when the database fails.
        """
        cut = self._worker.truncated != self._truncated
        if not cut and self._next is not None and now < self._next:
            return 0
        self._truncated, self._next, self._began = self._worker.truncated, now + INTERVAL, self._began or now
        look = self.places.look(now)
        self._worker.run_once(now)
        self._memory.note_held(look, now, LONGEST_WINDOW)
        found = self._decide(look, now, on_its_way=timedelta(0) if cut else ON_ITS_WAY)
        past = self._past(look, now)
        self._check_watchdog(now)
        self._tell_problems(now)
        answered = set(look.answered)
        if self.places.prometheus and past is not None:
            answered.add(self.places.prometheus.place)
        return self._deliver({**found, PAST: past or []}, answered, now)

    def problems(self) -> dict[str, Problems]:
        """What is wrong with each place, as of the last look; under `burnline`, with the path as a whole."""
        every = {name: place.problems for name, place in self.places.found.items()} | {ALERT_PATH: self._silence}
        return {name: problems for name, problems in every.items() if problems}

    def _decide(self, look: Look, now: datetime, *, on_its_way: timedelta) -> dict[str, list[AlertEvent]]:
        with self._db.read() as tx:
            episodes = open_episodes(tx, ALERTMANAGER)
            opened = {episode.fingerprint for episode in episodes}
            listed = [each for mark, each in look.listed.items() if each.active and mark not in opened]
            known = _known(tx, {each.event.fingerprint: each.event.starts_at for each in listed})
        firing = unheard(listed, known, now - on_its_way)
        firing += self._unlisted(look, only_firing(look, opened, self._memory, now, PATIENCE), now)
        return {FIRING: firing, RESOLVED: gone(look, episodes, self._memory, now, INTERVAL)}

    def _unlisted(self, look: Look, alerts: Mapping[str, Labels], now: datetime) -> Iterator[AlertEvent]:
        """Those that Prometheus alone has, from when it began to fire them."""
        if not alerts or look.sent is None:
            return
        spans = self.places.spans(look.sent, _names(alerts), WINDOW) or {}
        starts = {mark: spans[mark].first if mark in spans else now for mark in alerts}
        with self._db.read() as tx:
            known = _known(tx, starts)
        for mark, labels in alerts.items():
            if event := again(heard_of(mark, labels, starts[mark]), now, known[mark]):
                yield event

    def _past(self, look: Look, now: datetime) -> list[AlertEvent] | None:
        """Alerts that came and went without an episode; None when Prometheus cannot tell, or there is none."""
        if self.places.prometheus is None or look.sent is None:
            return None
        with self._db.read() as tx:
            last = last_reconciled(tx).get(self.places.prometheus.place)
        for window in dict.fromkeys((_window(last, now), WINDOW)):  # it may refuse a question about so long a time
            past = self._past_of(look, look.sent, window, now)
            if past is not None:
                return past
        return None

    def _past_of(self, look: Look, sent: Relabelling, window: timedelta, now: datetime) -> list[AlertEvent] | None:
        fired = self.places.fired(sent, window)
        if fired is None:
            return None
        candidates = came_and_went(look, fired, self._memory)
        with self._db.read() as tx:
            known = _known(tx, dict.fromkeys(candidates, now - window - SLACK))
        if window <= WINDOW:  # one that came twice in so short a time is one
            candidates = {mark: labels for mark, labels in candidates.items() if not known[mark]}
        if not candidates:
            return []
        spans = self.places.spans(sent, _names(candidates), window)
        if spans is None:
            return None
        return [
            heard_of(mark, labels, span.first, span.last)
            for mark, labels in candidates.items()
            if (span := spans.get(mark)) and span.last < now - SLACK and not covered(known[mark], span.first, span.last)
        ]

    def _deliver(self, found: Mapping[str, Sequence[AlertEvent]], answered: set[str], now: datetime) -> int:
        alerts = [event for events in found.values() for event in events]
        # a clock that was set back would move an end before the beginning that it ends
        at = max([now, *(event.ends_at for event in alerts if event.ends_at)])

        def keep(tx: Connection) -> None:
            for body in _bodies(alerts):
                accept(tx, kind=ALERTS, source=ALERTMANAGER, body=body, now=at)
            note_reconciled(tx, answered, now)

        self._db.write(keep)
        for kind, events in found.items():
            self.found[kind] += len(events)
            if events:
                names = sorted({event.labels.get("alertname", "") for event in events})[:10]
                log.warning("found by reconciliation", extra={"kind": kind, "count": len(events), "alerts": names})
        return len(alerts)

    def _check_watchdog(self, now: datetime) -> None:
        with self._db.read() as tx:
            seen = [beat.seen_at for beat in heartbeats(tx) if beat.source == ALERTMANAGER]
        since = max([*seen, self._began or now])
        self._silence = {}
        if now - since > WATCHDOG_SILENCE:
            silent = f"no Watchdog alert for {format_duration(timedelta(minutes=(now - since) // INTERVAL))}"
            self._silence = {
                "no_watchdog": f"{silent}: perhaps no alert comes through; have the rule that always fires"
            }

    def _tell_problems(self, now: datetime) -> None:
        """Each in the log when it is new, and every hour."""
        current = {(name, kind): text for name, found in self.problems().items() for kind, text in found.items()}
        self._told = {key: at for key, at in self._told.items() if key in current}
        for (name, kind), text in current.items():
            if (name, kind) in self._told and now - self._told[name, kind] < REPEAT_PROBLEMS:
                continue
            self._told[name, kind] = now
            log.warning("alert path problem", extra={"place": name, "problem": kind, "text": text})


def _known(tx: Connection, since: Mapping[str, datetime]) -> dict[str, list[Episode]]:
    """Of each alert, the episodes that are open, or ended at or after the time that stands with it."""
    return {mark: episodes_since(tx, ALERTMANAGER, mark, at) for mark, at in since.items()}


def _names(alerts: Mapping[str, Labels]) -> list[str]:
    return sorted({labels.get("alertname", "") for labels in alerts.values()})


def _window(last: datetime | None, now: datetime) -> timedelta:
    """How far back to look: to the last time that nothing was amiss, and a little further; in whole minutes."""
    away = WINDOW if last is None else min(LONGEST_WINDOW, now - last + 2 * SLACK)
    return max(WINDOW, -(-away // INTERVAL) * INTERVAL)


def _bodies(alerts: Iterable[AlertEvent]) -> Iterator[bytes]:
    """Webhooks of at most BATCH alerts and about MOST_BYTES."""
    part: list[bytes] = []
    size = 0
    for alert in map(render_alert, alerts):
        if part and (len(part) == BATCH or size + len(alert) > MOST_BYTES):
            yield body_of(part)
            part, size = [], 0
        part.append(alert)
        size += len(alert)
    if part:
        yield body_of(part)
