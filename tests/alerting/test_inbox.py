"""From an accepted webhook to episodes, incidents and requested runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from sqlalchemy import select, update

from burnline.alerting.inbox import BATCH, AlertWorker, accept_webhook
from burnline.alerting.recorder import MAX_UNKNOWN
from burnline.errors import PayloadTooLarge, StoreError
from burnline.metrics import instruments
from burnline.store import incidents, timeline
from burnline.store.database import Database, open_database
from burnline.store.inbox import ALERTS, depth, waiting
from burnline.store.incidents import Episode, Incident
from burnline.store.releases import record_release
from burnline.store.schema import inbox, run
from tests.alerting.bodies import BURN, FINGERPRINT, alert, webhook
from tests.alerting.card_fraud import episodes, service

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


@pytest.fixture
def worker(database: Database) -> AlertWorker:
    return AlertWorker(database, [SPEC], Catalogue("bad-release"))


def post(db: Database, now: datetime, *alerts: Mapping[str, Any], source: str = "am") -> int:
    """Accept these alerts at `now`, or when the last of what they speak of has happened."""
    told = [datetime.fromisoformat(str(one[key])) for one in alerts for key in ("startsAt", "endsAt")]
    return accept_webhook(db, webhook(*alerts), source=source, now=max(now, *told), limit_bytes=LIMIT)


def accept(db: Database, now: datetime, one: Mapping[str, Any]) -> int:
    """Accept it at `now`, whatever the sender's clock says."""
    return accept_webhook(db, webhook(one), source="am", now=now, limit_bytes=LIMIT)


def all_incidents(db: Database) -> list[Incident]:
    with db.read() as tx:
        return incidents.list_incidents(tx)[::-1]


def happened(db: Database, incident_id: int = 1) -> list[str]:
    with db.read() as tx:
        return [entry.type for entry in timeline.entries(tx, incident_id)]


def runs(db: Database) -> list[tuple[str, int, int, str]]:
    with db.read() as tx:
        rows = tx.execute(select(run.c.runbook, run.c.episode_id, run.c.incident_id, run.c.state).order_by(run.c.id))
        return [tuple(row) for row in rows]


def finish_runs(db: Database) -> None:
    db.write(lambda tx: tx.execute(update(run).values(state="finished", outcome="recovered")))


# The door


def test_a_webhook_is_in_the_inbox_when_the_door_answers(database: Database, now: datetime) -> None:
    row_id = post(database, now, alert(now))

    with database.read() as tx:
        row = tx.execute(select(inbox)).one()
    assert (row.id, row.kind, row.source, row.state, row.received_at) == (row_id, ALERTS, "am", "new", now)
    assert row.body == webhook(alert(now))


def test_even_a_body_that_cannot_be_read_is_accepted(database: Database, now: datetime) -> None:
    accept_webhook(database, b"poison", source="am", now=now, limit_bytes=LIMIT)

    with database.read() as tx:
        assert depth(tx) == {(ALERTS, "new"): 1}


def test_a_body_over_the_limit_is_too_large(database: Database, now: datetime) -> None:
    with pytest.raises(PayloadTooLarge, match="at most 10 "):
        accept_webhook(database, b"x" * 11, source="am", now=now, limit_bytes=10)


def test_a_store_that_fails_is_an_error_so_that_the_sender_tries_again(database: Database, now: datetime) -> None:
    database.close()

    with pytest.raises(StoreError):
        post(database, now, alert(now))


# One alert


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


# One incident per service


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


# Alerts of strangers, and of nobody


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


# Poison


def test_poison_is_quarantined_and_the_rest_goes_on(database: Database, now: datetime) -> None:
    counts = instruments(CollectorRegistry())
    worker = AlertWorker(database, [SPEC], Catalogue("bad-release"), counts)
    accept_webhook(database, b'{"version":"2"}', source="am", now=now, limit_bytes=LIMIT)
    post(database, now, alert(now))

    assert worker.run_once(now) == 2

    with database.read() as tx:
        error = tx.scalar(select(inbox.c.error).where(inbox.c.state == "dead"))
        assert depth(tx) == {(ALERTS, "dead"): 1}
    assert error is not None
    assert "version" in error
    assert len(episodes(database)) == 1
    assert counts.dead_letters.labels(ALERTS)._value.get() == 1
    assert counts.alerts_received.labels("am", "firing")._value.get() == 1


def test_a_bad_alert_is_a_dead_letter_and_the_good_one_beside_it_is_heard(database: Database, now: datetime) -> None:
    counts = instruments(CollectorRegistry())
    worker = AlertWorker(database, [SPEC], Catalogue("bad-release"), counts)
    post(
        database, now, alert(now), alert(now, labels={"a": "x" * 5000}), alert(now, labels=DRIFT, fingerprint="f" * 16)
    )

    worker.run_once(now)

    with database.read() as tx:
        (dead,) = tx.execute(select(inbox).where(inbox.c.state == "dead")).all()
    assert dead.error.startswith("row 1, alerts[1]: Expected `str` of length <= 4096")
    assert len(dead.body) < 6000
    assert len(episodes(database)) == 2
    assert counts.dead_letters.labels(ALERTS)._value.get() == 1
    assert counts.alerts_received.labels("am", "firing")._value.get() == 2


def test_an_end_from_the_far_future_keeps_no_later_firing_from_being_heard(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    accept(database, now, alert(now, now + timedelta(days=9999)))
    accept(database, now + MINUTE, alert(now + MINUTE))

    worker.run_once(now + MINUTE)

    (episode,) = episodes(database)
    assert (episode.state, episode.ended_at) == ("open", None)


def test_a_start_that_is_ahead_does_not_hold_an_incident_open(
    database: Database, worker: AlertWorker, now: datetime
) -> None:
    accept(database, now, alert(now + timedelta(hours=2)))
    accept(database, now + MINUTE, alert(now, now + MINUTE))

    worker.run_once(now + MINUTE)

    (episode,) = episodes(database)
    assert (episode.state, episode.first_starts_at, episode.ended_at) == ("closed", now, now + MINUTE)


def test_a_row_that_another_process_has_worked_on_is_left_alone(database: Database, now: datetime) -> None:
    post(database, now, alert(now))
    first, second = (AlertWorker(database, [SPEC], Catalogue("bad-release")) for _ in range(2))
    with database.read() as tx:
        rows = waiting(tx, ALERTS, 10)
    second.run_once(now)
    first._waiting = lambda: [rows.pop()] if rows else []  # type: ignore[method-assign]

    first.run_once(now)

    (episode,) = episodes(database)
    assert episode.deliveries == 1


def test_a_body_of_a_storm_is_split_so_that_others_write_in_between(database: Database, now: datetime) -> None:
    counts = instruments(CollectorRegistry())
    worker = AlertWorker(database, [SPEC], Catalogue("bad-release"), counts)
    bad = alert(now, status="gone")
    post(database, now, bad, *(alert(now, fingerprint=f"{n:016x}") for n in range(2 * BATCH + 1)))

    worker.run_once(now)

    with database.read() as tx:
        held = tx.execute(select(inbox.c.state, inbox.c.received_at).order_by(inbox.c.id)).all()
    assert [state for state, _ in held] == ["done", "dead", "done", "done", "done"]
    assert {at for _, at in held} == {now}
    assert len(episodes(database)) == 2 * BATCH + 1
    assert counts.alerts_received.labels("am", "firing")._value.get() == 2 * BATCH + 1
    assert counts.dead_letters.labels(ALERTS)._value.get() == 1


def test_a_row_that_breaks_the_worker_is_quarantined_with_nothing_kept_of_it(database: Database, now: datetime) -> None:
    class Broken(Catalogue):
        def get(self, runbook_id: str, /) -> Text | None:
            raise ZeroDivisionError("nobody foresaw this")

    post(database, now, alert(now))
    post(database, now, alert(now, labels={**BURN, "service": "other"}, fingerprint="f" * 16))

    AlertWorker(database, [SPEC], Broken()).run_once(now)

    assert [episode.service for episode in episodes(database)] == ["other"]
    with database.read() as tx:
        assert tx.scalar(select(inbox.c.error).where(inbox.c.state == "dead")) == (
            "ZeroDivisionError: nobody foresaw this"
        )


# Any order of arrival


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, AlertWorker, Iterator[str]]]:
    """One database for many examples, each with a fingerprint of its own."""
    path: Path = tmp_path_factory.mktemp("orders")
    db = open_database(f"sqlite:///{path}/burnline.db")
    yield db, AlertWorker(db, [], Catalogue()), (f"{n:016x}" for n in itertools.count())
    db.close()


Shared = tuple[Database, AlertWorker, Iterator[str]]
T0 = datetime(2026, 1, 5, 12, tzinfo=UTC)


def end_state(
    shared: Shared, deliveries: list[tuple[int, int | None]], received_at: datetime = T0 + timedelta(days=1)
) -> list[Episode]:
    """The episodes after `deliveries` (start, end or None; in minutes) arrived in this order."""
    db, worker, fingerprints = shared
    fingerprint = next(fingerprints)
    for start, end in deliveries:
        ends_at = None if end is None else T0 + end * MINUTE
        accept(db, received_at, alert(T0 + start * MINUTE, ends_at, fingerprint=fingerprint))
    while worker.run_once(T0):
        pass
    with db.read() as tx:
        return incidents.episodes_since(tx, "am", fingerprint, T0 - timedelta(days=1))


def life(episode: Episode) -> tuple[str, datetime, datetime, datetime | None, int]:
    return (
        episode.state,
        episode.first_starts_at,
        episode.last_starts_at,
        episode.ended_at,
        episode.deliveries,
    )


def test_every_order_of_one_alerts_life_ends_in_the_same_episode(shared: Shared) -> None:
    deliveries: list[tuple[int, int | None]] = [(0, None), (2, None), (2, None), (0, 4), (2, 4)]

    ends = {tuple(map(life, end_state(shared, list(order)))) for order in itertools.permutations(deliveries)}

    assert ends == {(("closed", T0, T0 + 2 * MINUTE, T0 + 4 * MINUTE, 5),)}


MINUTES = st.integers(0, 5)
DELIVERIES = st.lists(
    st.one_of(st.tuples(MINUTES, st.none()), st.tuples(MINUTES, MINUTES).map(lambda span: (min(span), max(span)))),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(st.data(), DELIVERIES, st.sampled_from([2 * MINUTE, 10 * MINUTE]))
def test_any_order_and_any_duplication_inside_a_flap_window_ends_the_same(
    shared: Shared, data: st.DataObject, deliveries: list[tuple[int, int | None]], arrived: timedelta
) -> None:
    """Also when the sender's clock is ahead, so that some deliveries speak of what is still to come."""
    more = deliveries + data.draw(st.lists(st.sampled_from(deliveries), max_size=3))
    shuffled = data.draw(st.permutations(more))

    (one,) = end_state(shared, deliveries, T0 + arrived)
    (other,) = end_state(shared, shuffled, T0 + arrived)

    assert life(one)[:4] == life(other)[:4]


@settings(max_examples=40, deadline=None)
@given(st.data(), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 30) | st.none()), min_size=1, max_size=10))
def test_over_many_flap_windows_what_counts_at_the_end_is_the_same_in_any_order(
    shared: Shared, data: st.DataObject, spans: list[tuple[int, int | None]]
) -> None:
    """How many episodes it was may differ: an end that is not known yet cannot separate two. Open or not may not."""
    deliveries = [(start, None if length is None else start + length) for start, length in spans]
    shuffled = data.draw(st.permutations(deliveries))

    one, other = end_state(shared, deliveries), end_state(shared, shuffled)

    latest_firing = max((start for start, end in deliveries if end is None), default=-1)
    latest_end = max((end for _, end in deliveries if end is not None), default=-1)
    for found in (one, other):
        assert (found[-1].state == "open") == (latest_firing > latest_end)
        assert sum(episode.state == "open" for episode in found) <= 1
