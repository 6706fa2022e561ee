"""The same road on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from burnline.alerting.embedded import EmbeddedDispatch
from burnline.alerting.inbox import AlertWorker, accept_webhook
from burnline.store import incidents
from burnline.store.alerts import active_alerts
from burnline.store.database import Database, open_database
from burnline.store.inbox import ALERTS, depth
from tests.alerting.bodies import alert, webhook
from tests.alerting.card_fraud import Nothing, episodes
from tests.alerting.test_embedded import SPEC, status
from tests.postgres import postgres_server

pytestmark = pytest.mark.integration

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Database]:
    with postgres_server() as url:
        db = open_database(url)
        yield db
        db.close()


def test_alerts_of_both_engines_become_episodes_on_postgresql(postgres: Database, now: datetime) -> None:
    worker, dispatch = AlertWorker(postgres, [SPEC], Nothing()), EmbeddedDispatch(postgres, [SPEC])
    bodies = [
        webhook(alert(now)),
        webhook(alert(now + MINUTE)),
        webhook(alert(now, labels={"alertname": "a\0b", "service": "x"}, fingerprint="d" * 16)),
        webhook(alert(now, labels={"alertname": "Watchdog"}, fingerprint="e" * 16)),
        b"poison",
        webhook(alert(now, now + 2 * MINUTE)),
        webhook(alert(now + 3 * MINUTE)),
    ]

    for body in bodies:
        accept_webhook(postgres, body, source="am", now=now + 3 * MINUTE, limit_bytes=1 << 24)
    dispatch.run_once(now, [status(now, "page-fast")])
    worker.run_once(now)
    dispatch.run_once(now + MINUTE, [status(now)])
    worker.run_once(now + MINUTE)

    with postgres.read() as tx:
        assert depth(tx) == {(ALERTS, "dead"): 1}
        assert [beat.fingerprint for beat in incidents.heartbeats(tx)] == ["e" * 16]
        assert active_alerts(tx) == []
    states = {(episode.service, episode.source): (episode.state, episode.deliveries) for episode in episodes(postgres)}
    assert states == {
        ("card-fraud", "am"): ("open", 4),
        ("card-fraud", "embedded"): ("closed", 2),
        ("x", "am"): ("open", 1),
    }
