"""The embedded engine's alerts: what fires (or is about to) since when, and when that was last delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from burnline.store.schema import EPOCH, alert

NEVER = EPOCH  # of `sent_at`


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert that is firing, or pending while `firing` is false; one that is neither has no row.

    Attributes:
        since: when it began to fire, or to be pending.
        sent_at: when it was last delivered as firing; NEVER before the first time.
        labels: its identity, fixed when it began.
        annotations: what was said of it when it began to fire, or when it was last delivered.
    """

    service: str
    name: str
    tier: str
    firing: bool
    since: datetime
    sent_at: datetime
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.service, self.name, self.tier


def active_alerts(tx: Connection) -> list[ActiveAlert]:
    """Every alert that fires or is pending."""
    rows = tx.execute(select(alert).order_by(alert.c.service, alert.c.name, alert.c.tier))
    return [ActiveAlert(*row) for row in rows]


def keep_alert(tx: Connection, active: ActiveAlert) -> None:
    """Insert the alert, or write over what is known of it."""
    values = {
        "firing": active.firing,
        "since": active.since,
        "sent_at": active.sent_at,
        "labels": dict(active.labels),
        "annotations": dict(active.annotations),
    }
    if not tx.execute(update(alert).where(_is(active)).values(values)).rowcount:
        key = {"service": active.service, "name": active.name, "tier": active.tier}
        tx.execute(insert(alert).values({**key, **values}))


def drop_alert(tx: Connection, active: ActiveAlert) -> None:
    """The alert is over."""
    tx.execute(delete(alert).where(_is(active)))


def _is(active: ActiveAlert) -> ColumnElement[bool]:
    return (alert.c.service == active.service) & (alert.c.name == active.name) & (alert.c.tier == active.tier)
