"""Drills, and tickets about them, have an incident of their own: that of the service never has one of them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from burnline.alerting.inbox import AlertWorker
from burnline.alerting.inhibition import HeldBack, Inhibition, rules
from burnline.alerting.recorder import MAX_UNKNOWN, close_quiet_incidents
from burnline.store import incidents, timeline
from burnline.store.database import Database
from burnline.store.runs import runs as newest_runs
from tests.alerting.bodies import BURN, alert
from tests.alerting.card_fraud import episodes
from tests.alerting.scene import MINUTE, SPEC, all_incidents, finish_runs, post, runs

DRILL = {**BURN, "drill": "true", "drill_id": "1a2b"}
FAILED = {"alertname": "DrillFailed", "service": "card-fraud", "scenario": "errors", "severity": "ticket"}
OVERDUE = {"alertname": "DrillOverdue", "service": "card-fraud", "severity": "ticket"}
OTHER = "f" * 16


@pytest.mark.parametrize("labels", [DRILL, FAILED, OVERDUE])
def test_a_page_after_a_drill_opens_the_incident_of_the_service(
    database: Database, worker: AlertWorker, now: datetime, labels: dict[str, str]
) -> None:
    post(database, now, alert(now, labels=labels, fingerprint=OTHER))
    worker.run_once(now)
    post(database, now + MINUTE, alert(now + MINUTE))

    worker.run_once(now + MINUTE)

    drill, real = all_incidents(database)
    assert (drill.service, drill.about, drill.drill) == ("card-fraud/drill", "card-fraud", True)
    assert (real.service, real.drill, real.opened_at) == ("card-fraud", False, now + MINUTE)
    assert [each.incident_id for each in episodes(database)] == [drill.id, real.id]


def test_a_drill_during_an_incident_adds_nothing_to_it(database: Database, worker: AlertWorker, now: datetime) -> None:
    post(database, now, alert(now))
    worker.run_once(now)
    post(database, now + MINUTE, alert(now + MINUTE, labels=DRILL, fingerprint=OTHER))

    worker.run_once(now + MINUTE)

    assert runs(database) == [("bad-release", 1, 1, "queued"), ("bad-release", 2, 2, "queued")]
    with database.read() as tx:
        assert all(entry.at == now for entry in timeline.entries(tx, 1))
        drilled, real = newest_runs(tx, 2)
    assert (drilled.service, drilled.drill, real.drill) == ("card-fraud", True, False)


def test_each_line_of_a_drill_says_that_it_is_one(database: Database, worker: AlertWorker, now: datetime) -> None:
    post(database, now, alert(now, labels=DRILL), alert(now, labels=FAILED, fingerprint=OTHER))
    worker.run_once(now)
    post(
        database,
        now,
        *(alert(now, now + MINUTE, labels=e.labels, fingerprint=e.fingerprint) for e in episodes(database)),
    )
    worker.run_once(now + MINUTE)
    finish_runs(database)

    database.write(lambda tx: close_quiet_incidents(tx, now + MINUTE))

    with database.read() as tx:
        record = timeline.entries(tx, 1)
    assert record[-1].type == "incident_closed"
    assert all(entry.text.startswith("DRILL: ") and entry.data["drill"] is True for entry in record)
    assert timeline.first_broken(record) is None


def test_a_drill_that_fires_again_goes_back_to_the_incident_of_drills(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    for ends_at in (None, now + MINUTE):
        post(database, now, alert(now, ends_at, labels=FAILED, fingerprint=OTHER))
        worker.run_once(now + MINUTE)
    database.write(lambda tx: close_quiet_incidents(tx, now + MINUTE))
    post(database, now, alert(now))
    post(database, now + 2 * MINUTE, alert(now + 2 * MINUTE, labels=FAILED, fingerprint=OTHER))

    worker.run_once(now + 2 * MINUTE)

    drill, real = all_incidents(database)
    assert (drill.drill, drill.state, real.state) == (True, "open", "open")
    assert [each.incident_id for each in episodes(database)] == [drill.id, real.id]


def test_a_storm_of_drills_of_invented_services_hides_no_service(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    strangers = [
        alert(now, labels={**DRILL, "service": f"x{n}"}, fingerprint=f"{n:016x}") for n in range(MAX_UNKNOWN + 20)
    ]
    post(database, now, *strangers, alert(now, labels=DRILL), alert(now, labels=BURN, fingerprint=OTHER))

    worker.run_once(now)

    with database.read() as tx:
        names = {each.service for each in incidents.list_incidents(tx, limit=1000)}
        assert incidents.count_open(tx, but_not=["card-fraud"]) == len(names) - 2 == MAX_UNKNOWN + 1
        assert incidents.count_open(tx, drills=False) == 2
    assert {"card-fraud", "card-fraud/drill", "__other__"} < names


def test_a_drill_holds_no_alert_back_that_is_real() -> None:
    ticket = {**BURN, "severity": "ticket"}
    by = Inhibition(rules([SPEC]))

    held_back = HeldBack(by, [DRILL, {"alertname": "ServiceDown", "service": "card-fraud", "drill": "true"}])

    assert not held_back(ticket)
    assert HeldBack(by, [BURN])(ticket)


def test_an_incident_of_a_service_counts_the_alerts_of_no_drill(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    post(database, now, alert(now, labels=DRILL))

    worker.run_once(now)

    with database.read() as tx:
        seen = incidents.episodes_between(tx, ["card-fraud"], now - timedelta(days=1), now + MINUTE)
        drilled = incidents.episodes_between(tx, ["card-fraud/drill"], now - timedelta(days=1), now + MINUTE)
    assert seen == []
    assert [each.labels["drill"] for each in drilled] == ["true"]
