"""Episodes of a span of time, on every database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from burnline.events import AlertEvent
from burnline.store.database import Database
from burnline.store.incidents import episodes_between, start_episode, start_incident

T0 = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_episodes_that_were_open_at_any_time_of_a_span_are_found(any_database: Database) -> None:
    spans = {
        "before": (-3, -2),
        "into": (-1, 1),
        "inside": (1, 2),
        "still": (1.5, None),
        "out": (4, 7),
        "after": (6, 7),
    }
    for name, (began, ended) in spans.items():
        start(any_database, name, began, ended)
    start(any_database, "others", 1, 2, service="search")

    with any_database.read() as tx:
        found = episodes_between(tx, ["shop"], T0, T0 + 5 * HOUR)

    assert [episode.fingerprint for episode in found] == ["into", "inside", "still", "out"]


def start(database: Database, name: str, began: float, ended: float | None, *, service: str = "shop") -> None:
    end = None if ended is None else T0 + ended * HOUR
    alert = AlertEvent("test", name, "firing", {}, {}, T0 + began * HOUR, end)

    def keep(tx: Connection) -> None:
        incident = start_incident(tx, service=f"{service}-{name}", title="", now=T0)
        start_episode(tx, alert, incident_id=incident.id, service=service, now=T0)

    database.write(keep)
