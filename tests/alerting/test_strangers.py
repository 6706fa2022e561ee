"""Alerts of services nobody described, and of nobody."""

from __future__ import annotations

from datetime import datetime

import pytest

from burnline.alerting.inbox import AlertWorker
from burnline.alerting.recorder import MAX_UNKNOWN
from burnline.store import incidents
from burnline.store.database import Database
from tests.alerting.bodies import BURN, FINGERPRINT, alert
from tests.alerting.card_fraud import episodes
from tests.alerting.scene import (
    MINUTE,
    SPEC,
    Catalogue,
    all_incidents,
    happened,
    post,
    runs,
)


@pytest.mark.parametrize(
    ("label", "service"),
    [
        ("checkout", "checkout"),
        ("Card Fraud (EU)!", "card-fraud-eu"),
        ("../../etc/passwd", "etc-passwd"),
        ("x" * 500, "x" * 63),
        ("<script>", "script"),
        ("", "unknown"),
        ("東京", "unknown"),
    ],
)
def test_an_alert_of_a_service_nobody_described_has_an_incident_and_no_run(
    database: Database, worker: AlertWorker, now: datetime, label: str, service: str
) -> None:
    post(database, now, alert(now, labels={**BURN, "service": label}))

    worker.run_once(now)

    assert [incident.service for incident in all_incidents(database)] == [service]
    assert runs(database) == []


def test_a_storm_of_invented_services_ends_in_one_incident_and_hides_no_service(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    strangers = [alert(now, labels={"service": f"x{n}"}, fingerprint=f"{n:016x}") for n in range(MAX_UNKNOWN + 20)]
    post(database, now, *strangers, alert(now))

    worker.run_once(now)

    with database.read() as tx:
        first, *rest = incidents.list_incidents(tx, known=["card-fraud"], limit=1000)
        assert incidents.count_open(tx) == len(rest) + 1 == MAX_UNKNOWN + 2
    other = next(incident for incident in rest if incident.service == "__other__")
    assert first.service == "card-fraud"
    assert other.title == "alerts of services without a file, past the first 100 with an open incident"
    assert sum(episode.incident_id == other.id for episode in episodes(database)) == 20


def test_the_incident_of_many_strangers_closes_with_the_last_of_them(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    lives = [
        alert(now, ends_at, labels={"service": f"x{n}"}, fingerprint=f"{n:016x}")
        for ends_at in (None, now + MINUTE)
        for n in range(MAX_UNKNOWN + 2)
    ]
    post(database, now, *lives)

    worker.run_once(now + MINUTE)

    assert {incident.state for incident in all_incidents(database)} == {"closed"}


def test_a_label_that_only_resembles_a_service_starts_no_runbook(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    post(database, now, alert(now, labels={**BURN, "service": "Card Fraud"}))

    worker.run_once(now)

    assert [incident.service for incident in all_incidents(database)] == ["card-fraud"]
    assert runs(database) == []


def test_a_runbook_that_is_missing_is_said_on_the_timeline(database: Database, now: datetime) -> None:
    post(database, now, alert(now))

    AlertWorker(database, [SPEC], Catalogue()).run_once(now)

    assert happened(database) == ["incident_opened", "episode_opened", "runbook_missing"]


def test_a_watchdog_is_a_heartbeat_and_no_incident(database: Database, worker: AlertWorker, now: datetime) -> None:
    for minutes in range(3):
        post(database, now + minutes * MINUTE, alert(now, labels={"alertname": "Watchdog"}))

    worker.run_once(now + 3 * MINUTE)

    assert all_incidents(database) == []
    with database.read() as tx:
        (heartbeat,) = incidents.heartbeats(tx)
    assert (heartbeat.source, heartbeat.fingerprint, heartbeat.seen_at) == ("am", FINGERPRINT, now + 2 * MINUTE)


def test_a_watchdog_that_ends_is_no_heartbeat(database: Database, worker: AlertWorker, now: datetime) -> None:
    post(database, now, alert(now, now + MINUTE, labels={"alertname": "Watchdog"}))

    worker.run_once(now + MINUTE)

    with database.read() as tx:
        assert incidents.heartbeats(tx) == []
