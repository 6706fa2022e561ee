"""Everything wrong with one service at one time is one incident."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from burnline.alerting.inbox import AlertWorker
from burnline.store import timeline
from burnline.store.database import Database
from burnline.store.releases import record_release
from tests.alerting.bodies import BURN, alert
from tests.alerting.scene import (
    DRIFT,
    MINUTE,
    all_incidents,
    finish_runs,
    happened,
    post,
    runs,
)


def test_a_second_alert_joins_the_incident_and_the_run_at_work(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    post(database, now, alert(now))
    post(database, now, alert(now, labels=DRIFT, fingerprint="f" * 16))

    worker.run_once(now)

    assert len(all_incidents(database)) == 1
    assert len(runs(database)) == 1
    assert happened(database) == ["incident_opened", "episode_opened", "run_requested", "episode_opened", "run_joined"]


def test_an_incident_is_named_after_its_first_most_severe_alert(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    for n, severity in enumerate(("", "ticket", "page", "ticket", "page")):
        labels = {**BURN, "severity": severity}
        annotations = {"summary": f"alert {n}, {severity}"}
        post(database, now, alert(now, labels=labels, annotations=annotations, fingerprint=f"{n:016x}"))

    worker.run_once(now)

    (incident,) = all_incidents(database)
    assert (incident.title, incident.severity) == ("alert 2, page", "page")
    with database.read() as tx:
        renamed = [entry.text for entry in timeline.entries(tx, 1) if entry.type == "incident_retitled"]
    assert renamed == [
        "now a ticket: alert 1, ticket (was: alert 0, )",
        "now a page: alert 2, page (was: alert 1, ticket)",
    ]


def test_an_alert_that_was_over_before_it_was_heard_of_renames_no_incident(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    post(database, now, alert(now, labels=DRIFT, annotations={"summary": "drift"}, fingerprint="f" * 16))
    post(database, now, alert(now, now + MINUTE))

    worker.run_once(now + MINUTE)

    (incident,) = all_incidents(database)
    assert incident.title == "drift"


def test_a_page_that_comes_back_names_the_incident_it_joins(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    post(database, now, alert(now, now + MINUTE))
    worker.run_once(now + MINUTE)
    post(database, now, alert(now + 2 * MINUTE, labels=DRIFT, annotations={"summary": "drift"}, fingerprint="f" * 16))
    post(database, now, alert(now + 3 * MINUTE))

    worker.run_once(now + 3 * MINUTE)

    assert [incident.title for incident in all_incidents(database)] == ["card-fraud answers with errors"] * 2
    assert happened(database, 2)[-2:] == ["incident_retitled", "episode_reopened"]


def test_a_second_alert_starts_the_runbook_anew_once_the_first_run_has_ended(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    post(database, now, alert(now))
    worker.run_once(now)
    finish_runs(database)
    post(database, now, alert(now, labels=DRIFT, fingerprint="f" * 16))

    worker.run_once(now)

    assert len(runs(database)) == 2


def test_an_incident_stays_open_while_a_run_is(database: Database, worker: AlertWorker, now: datetime) -> None:
    post(database, now, alert(now))
    post(database, now, alert(now, now + MINUTE))

    worker.run_once(now + MINUTE)
    assert [incident.state for incident in all_incidents(database)] == ["open"]
    finish_runs(database)
    worker.run_once(now + 2 * MINUTE)

    assert [incident.state for incident in all_incidents(database)] == ["closed"]


def test_an_incident_stays_open_while_one_of_its_alerts_fires(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    post(database, now, alert(now), alert(now, labels=DRIFT, fingerprint="f" * 16))
    post(database, now, alert(now, now + MINUTE))
    worker.run_once(now + MINUTE)
    finish_runs(database)

    worker.run_once(now + 2 * MINUTE)

    assert [incident.state for incident in all_incidents(database)] == ["open"]


def test_releases_before_the_incident_are_on_its_timeline(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    for version, ago in (("1", 300), ("2", 200), ("3", 4)):
        release = partial(
            record_release, service="card-fraud", version=version, now=now - ago * MINUTE, source="scrape"
        )
        database.write(release)
    post(database, now, alert(now))

    worker.run_once(now)

    with database.read() as tx:
        (seen,) = [entry for entry in timeline.entries(tx, 1) if entry.type == "release_seen"]
    assert seen.text == "version 3 took over from 2, 4m before the incident"
    assert seen.at == now - 4 * MINUTE


def test_the_record_of_an_incident_is_a_chain_that_holds(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    post(database, now, alert(now))
    post(database, now, alert(now, now + MINUTE))

    worker.run_once(now + MINUTE)

    with database.read() as tx:
        assert timeline.first_broken(timeline.entries(tx, 1)) is None
