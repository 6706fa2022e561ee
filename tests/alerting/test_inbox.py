"""From an accepted webhook to the inbox, and off it: what cannot be read, what is too much, who else is at it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from burnline.alerting.inbox import BATCH, AlertWorker, accept_webhook
from burnline.errors import PayloadTooLarge, StoreError
from burnline.metrics import instruments
from burnline.store.database import Database
from burnline.store.inbox import ALERTS, depth, waiting
from burnline.store.schema import inbox
from tests.alerting.bodies import BURN, alert, webhook
from tests.alerting.card_fraud import episodes
from tests.alerting.scene import (
    DRIFT,
    LIMIT,
    MINUTE,
    SPEC,
    Catalogue,
    Text,
    accept,
    post,
)

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
