"""What is kept of events by id is kept only as long as the service file says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from burnline.collectors.predictions.rules import Rules
from burnline.store.database import Database
from burnline.store.kept_events import DELETED, forget_events
from burnline.store.samples import forget_samples

SLICES = 200  # a turn: a million rows of each service


class EventKeeper:
    """Deletes events that waited long enough for their label, labels that did for their event, and samples."""

    def __init__(self, db: Database, rules: Mapping[str, Rules]) -> None:
        self._db = db
        self._rules = rules

    def run_once(self, now: datetime) -> int:
        """Delete slice after slice, each in its own transaction; returns how many rows went, nearly."""
        return sum(self._forget(service, rules, now) for service, rules in self._rules.items())

    def _forget(self, service: str, rules: Rules, now: datetime) -> int:
        events_before, labels_before = now - rules.events.keep, now - rules.events.label_wait
        gone = 0
        for _ in range(SLICES):
            some = self._db.write(
                lambda tx: max(
                    forget_events(tx, service, events_before=events_before, labels_before=labels_before, now=now),
                    forget_samples(tx, service, before=events_before, now=now),
                )
            )
            gone += some
            if some < DELETED:
                break
        return gone
