"""One alert from its first firing to its end, however it is delivered."""

from __future__ import annotations

from datetime import datetime, timedelta

from burnline.alerting.inbox import AlertWorker
from burnline.store.database import Database
from tests.alerting.bodies import alert
from tests.alerting.card_fraud import episodes
from tests.alerting.scene import (
    DRIFT,
    MINUTE,
    all_incidents,
    finish_runs,
    happened,
    post,
    runs,
)


def test_a_firing_alert_opens_an_episode_an_incident_and_a_run(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    post(database, now, alert(now - MINUTE))

    assert worker.run_once(now) == 1

    (incident,) = all_incidents(database)
    (episode,) = episodes(database)
    assert (incident.service, incident.title, incident.state, incident.opened_at) == (
        "card-fraud",
        "card-fraud answers with errors",
        "open",
        now,
    )
    assert (episode.state, episode.first_starts_at, episode.opened_at) == ("open", now - MINUTE, now)
    assert runs(database) == [("bad-release", episode.id, incident.id, "queued")]
    assert happened(database) == ["incident_opened", "episode_opened", "run_requested"]


def test_working_twice_changes_nothing(database: Database, worker: AlertWorker, now: datetime) -> None:
    post(database, now, alert(now))
    worker.run_once(now)
    before = (episodes(database), runs(database), happened(database))

    assert worker.run_once(now) == 0

    assert (episodes(database), runs(database), happened(database)) == before


def test_a_storm_is_worked_off_in_one_turn(database: Database, worker: AlertWorker, now: datetime) -> None:
    for n in range(350):
        post(database, now, alert(now, fingerprint=f"{n:016x}"))

    assert worker.run_once(now) == 350

    assert len(episodes(database)) == 350
    assert worker.run_once(now) == 0


def test_a_duplicate_is_counted_and_changes_nothing_else(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    for _ in range(100):
        post(database, now, alert(now))

    worker.run_once(now)

    (episode,) = episodes(database)
    assert episode.deliveries == 100
    assert len(runs(database)) == 1
    assert happened(database) == ["incident_opened", "episode_opened", "run_requested"]


def test_a_start_that_moves_is_the_same_episode(database: Database, worker: AlertWorker, now: datetime) -> None:
    """A second Prometheus or a restarted Alertmanager sends another startsAt for the same alert."""
    for seconds in (30, 10, 50):
        post(database, now, alert(now + timedelta(seconds=seconds)))

    worker.run_once(now)

    (episode,) = episodes(database)
    assert episode.first_starts_at == now + timedelta(seconds=10)
    assert episode.last_starts_at == now + timedelta(seconds=50)
    assert len(runs(database)) == 1


def test_the_same_fingerprint_from_another_source_is_another_episode(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    post(database, now, alert(now), source="am-1")
    post(database, now, alert(now), source="am-2")

    worker.run_once(now)

    assert len(episodes(database)) == 2
    assert len(all_incidents(database)) == 1


def test_a_resolved_alert_closes_its_episode(database: Database, worker: AlertWorker, now: datetime) -> None:
    post(database, now, alert(now))
    post(database, now, alert(now, now + MINUTE))

    worker.run_once(now + MINUTE)

    (episode,) = episodes(database)
    assert (episode.state, episode.ended_at) == ("closed", now + MINUTE)


def test_an_alert_heard_of_only_when_it_is_over_is_on_record_and_starts_nothing(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    post(database, now, alert(now, now + MINUTE))

    worker.run_once(now + MINUTE)

    (incident,) = all_incidents(database)
    assert (incident.state, incident.closed_at) == ("closed", now + MINUTE)
    assert happened(database) == ["incident_opened", "episode_closed", "incident_closed"]
    assert runs(database) == []


def test_a_firing_that_comes_after_its_end_is_late(database: Database, worker: AlertWorker, now: datetime) -> None:
    post(database, now, alert(now, now + 2 * MINUTE))
    post(database, now, alert(now))
    post(database, now, alert(now + 2 * MINUTE))

    worker.run_once(now + 3 * MINUTE)

    (episode,) = episodes(database)
    assert episode.state == "closed"
    assert runs(database) == []


def test_firing_again_inside_the_flap_window_continues_the_episode_and_its_incident(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    post(database, now, alert(now))
    post(database, now, alert(now, now + MINUTE))
    worker.run_once(now + MINUTE)
    finish_runs(database)
    worker.run_once(now + 2 * MINUTE)
    post(database, now, alert(now + 5 * MINUTE))

    worker.run_once(now + 5 * MINUTE)

    (episode,) = episodes(database)
    (incident,) = all_incidents(database)
    assert (episode.state, episode.ended_at) == ("open", None)
    assert (incident.state, incident.closed_at) == ("open", None)
    assert len(runs(database)) == 1
    assert happened(database)[3:] == ["episode_closed", "incident_closed", "incident_reopened", "episode_reopened"]


def test_firing_again_later_is_a_new_episode_and_a_new_incident(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    post(database, now, alert(now))
    post(database, now, alert(now, now + MINUTE))
    worker.run_once(now + MINUTE)
    finish_runs(database)
    worker.run_once(now + 2 * MINUTE)
    post(database, now, alert(now + 7 * MINUTE))

    worker.run_once(now + 7 * MINUTE)

    assert [episode.state for episode in episodes(database)] == ["closed", "open"]
    assert [incident.state for incident in all_incidents(database)] == ["closed", "open"]
    assert [incident_id for _, _, incident_id, _ in runs(database)] == [1, 2]


def test_an_episode_that_comes_back_joins_the_incident_that_is_open_by_then(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    post(database, now, alert(now, now + MINUTE))
    worker.run_once(now + MINUTE)
    post(database, now, alert(now + 2 * MINUTE, labels=DRIFT, fingerprint="f" * 16))
    post(database, now, alert(now + 3 * MINUTE))

    worker.run_once(now + 3 * MINUTE)

    assert {episode.incident_id for episode in episodes(database)} == {2}
    assert happened(database, 2)[-1] == "episode_reopened"
