"""The service, the runbook and the inbox that tests of alerts share, and what is on record after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from burnline.alerting.inbox import accept_webhook
from burnline.store import incidents, timeline
from burnline.store.database import Database
from burnline.store.incidents import Incident
from burnline.store.schema import run
from tests.alerting.bodies import webhook
from tests.alerting.card_fraud import service

LIMIT = 16 * 1024 * 1024
MINUTE = timedelta(minutes=1)
DRIFT = {"alertname": "SignalAlarm", "service": "card-fraud", "signal": "drift", "severity": "ticket"}
SPEC = service(
    runbooks=[
        {"on": {"slo": "availability", "severity": "page"}, "run": "bad-release", "approval": "none"},
        {"on": {"signal": "drift"}, "run": "bad-release", "params": {"lookback": "2h"}},
    ]
)


@dataclass(frozen=True)
class Text:
    digest: str = "d" * 64
    body: str = "id: bad-release"


class Catalogue:
    """Runbooks by id, from memory."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def get(self, runbook_id: str, /) -> Text | None:
        return Text() if runbook_id in self._names else None


def post(db: Database, now: datetime, *alerts: Mapping[str, Any], source: str = "am") -> int:
    """Accept these alerts at `now`, or when the last of what they speak of has happened."""
    told = [datetime.fromisoformat(str(one[key])) for one in alerts for key in ("startsAt", "endsAt")]
    return accept_webhook(db, webhook(*alerts), source=source, now=max(now, *told), limit_bytes=LIMIT)


def accept(db: Database, now: datetime, one: Mapping[str, Any]) -> int:
    """Accept it at `now`, whatever the sender's clock says."""
    return accept_webhook(db, webhook(one), source="am", now=now, limit_bytes=LIMIT)


def all_incidents(db: Database) -> list[Incident]:
    """Every incident, oldest first."""
    with db.read() as tx:
        return incidents.list_incidents(tx)[::-1]


def happened(db: Database, incident_id: int = 1) -> list[str]:
    """The kinds of an incident's entries, in order."""
    with db.read() as tx:
        return [entry.type for entry in timeline.entries(tx, incident_id)]


def runs(db: Database) -> list[tuple[str, int, int, str]]:
    """Every run: runbook, episode, incident, state."""
    with db.read() as tx:
        rows = tx.execute(select(run.c.runbook, run.c.episode_id, run.c.incident_id, run.c.state).order_by(run.c.id))
        return [tuple(row) for row in rows]


def finish_runs(db: Database) -> None:
    """As if every run had recovered its service."""
    db.write(lambda tx: tx.execute(update(run).values(state="finished", outcome="recovered")))
