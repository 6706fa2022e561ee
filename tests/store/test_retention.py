"""What is old is deleted, what is needed stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, Table, func, insert, select

from burnline.events import AlertEvent, Counts, Finding, RunRequest, Verdict
from burnline.store import guards, inbox, incidents, releases, retention, runs, schema, signals, timeline
from burnline.store.database import Database
from burnline.store.retention import Keep, Retention, prune

T = TypeVar("T")
START = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def read(db: Database, verb: Callable[[Connection], T]) -> T:
    with db.read() as tx:
        return verb(tx)


def count(db: Database, table: Table) -> int:
    return read(db, lambda tx: tx.scalar(select(func.count()).select_from(table)) or 0)


def accept(db: Database, at: datetime, state: str = "new") -> None:
    def keep(tx: Connection) -> None:
        row = inbox.accept(tx, kind=inbox.ALERTS, source="am", body=b"x", now=at)
        if state == "done":
            inbox.mark_done(tx, row)
        if state == "dead":
            inbox.mark_dead(tx, row, "poison")

    db.write(keep)


def finding(day: int, **more: Any) -> Finding:
    at = START + day * DAY
    whole = {"service": "shop", "signal": "drift", "counts": Counts(1, 10), "verdict": Verdict.OK, **more}
    return Finding(window_start=at, window_end=at + timedelta(hours=1), score=0.1, reason="", contributors=(), **whole)


def an_incident(db: Database, *, closed_at: datetime | None) -> int:
    """An incident with everything that can belong to one."""

    def fill(tx: Connection) -> int:
        incident = incidents.start_incident(tx, service="shop", title="it burns", now=START)
        alert = AlertEvent("am", f"{incident.id:016x}", "resolved", {}, {}, START, START)
        episode = incidents.start_episode(tx, alert, incident_id=incident.id, service="shop", now=START)
        request = RunRequest("shop", "bad-release", episode.id, incident.id, "one", {})
        run = runs.request_run(tx, request, digest="d", body="{}", now=START)
        assert run is not None
        guards.lock_target(tx, kind="alias", target=f"r{run}", run_id=run, epoch=1, now=START)
        guards.count_change(tx, kind="cooldown", scope="shop", run_id=run, now=START)
        done = {"n": 0, "attempt": 1, "name": "ask", "kind": "approve", "state": "done", "epoch": 1}
        tx.execute(insert(schema.step).values(run_id=run, idempotency_key="k", request={}, started_at=START, **done))
        asked = {"n": 0, "state": "approved", "required": 1, "plan": {}, "plan_hash": "h"}
        approval = tx.scalar(
            insert(schema.approval)
            .values(run_id=run, requested_at=START, expires_at=START, **asked)
            .returning(schema.approval.c.id)
        )
        vote = {"actor": "ada", "decision": "approve", "reason": "", "at": START}
        tx.execute(insert(schema.approval_vote).values(approval_id=approval, **vote))
        timeline.append(tx, incident_id=incident.id, at=START, source="alerting", type="t", text="t")
        if closed_at is not None:
            incidents.close_incident(tx, incident.id, closed_at)
        return incident.id

    return db.write(fill)


def test_rows_done_with_go_after_a_week_and_dead_letters_after_a_month(any_database: Database) -> None:
    for days in (40, 20, 3):
        for state in ("new", "done", "dead"):
            accept(any_database, START - days * DAY, state)

    gone = Retention(any_database).run_once(START)

    held = read(
        any_database,
        lambda tx: tx.execute(select(schema.inbox.c.state, schema.inbox.c.received_at)).all(),
    )
    assert gone == 3
    assert sorted((state, (START - at).days) for state, at in held) == [
        ("dead", 3),
        ("dead", 20),
        ("done", 3),
        ("new", 3),
        ("new", 20),
        ("new", 40),
    ]


def test_a_second_turn_deletes_nothing(any_database: Database) -> None:
    accept(any_database, START - 40 * DAY, "done")
    worker = Retention(any_database)

    assert [worker.run_once(START), worker.run_once(START)] == [1, 0]


def test_much_that_is_old_goes_in_small_slices(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SLICE", 2)
    for _ in range(5):
        accept(database, START - 40 * DAY, "done")

    slices = [database.write(lambda tx: prune(tx, START, Keep())) for _ in range(4)]

    assert slices == [2, 2, 1, 0]


def test_old_findings_become_one_and_the_totals_stay(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter that fell would look to Prometheus as if everything had happened anew."""
    monkeypatch.setattr(retention, "SLICE", 3)
    for day in range(10):
        any_database.write(partial(signals.record_finding, finding=finding(day)))
    any_database.write(partial(signals.record_finding, finding=finding(0, signal="data")))
    before = read(any_database, signals.event_totals)

    Retention(any_database, Keep(findings=3 * DAY)).run_once(START + 10 * DAY)

    kept = read(any_database, lambda tx: [found for _, found in signals.findings_after(tx, 0, 100)])
    drift = sorted((found for found in kept if found.signal == "drift"), key=lambda found: found.window_start)
    assert [found.counts for found in drift] == [Counts(7, 70), Counts(1, 10), Counts(1, 10), Counts(1, 10)]
    assert (drift[0].window_start, drift[0].window_end) == (START, START + 6 * DAY + timedelta(hours=1))
    assert drift[0].score is None
    assert read(any_database, signals.event_totals) == before


def test_the_newest_finding_of_a_signal_stays_as_it_is(any_database: Database) -> None:
    for day in (0, 1, 2):
        any_database.write(partial(signals.record_finding, finding=finding(day)))

    Retention(any_database).run_once(START + 500 * DAY)

    assert read(any_database, signals.latest_findings) == [finding(2)]


def test_a_service_keeps_its_newest_release(any_database: Database) -> None:
    for n, version in enumerate(("1", "2", "3")):
        at = START + n * DAY
        any_database.write(partial(releases.record_release, service="shop", version=version, now=at, source="scrape"))

    Retention(any_database).run_once(START + 500 * DAY)

    assert count(any_database, schema.release) == 1
    assert read(any_database, lambda tx: releases.serving_version(tx, "shop")) == "3"


def test_a_closed_incident_goes_with_all_that_belongs_to_it(any_database: Database) -> None:
    an_incident(any_database, closed_at=START)
    recent = an_incident(any_database, closed_at=START + 200 * DAY)
    still_open = an_incident(any_database, closed_at=None)

    Retention(any_database).run_once(START + 500 * DAY)

    kept = read(any_database, incidents.list_incidents)
    assert [incident.id for incident in kept] == [still_open, recent]
    tables = ("episode", "timeline", "run", "step", "target_lock", "budget_event", "approval", "approval_vote")
    assert {name: count(any_database, schema.metadata.tables[name]) for name in tables} == dict.fromkeys(tables, 2)


def test_an_incident_waits_for_the_run_of_another_that_speaks_of_its_alert(any_database: Database) -> None:
    lender = an_incident(any_database, closed_at=START)
    borrower = an_incident(any_database, closed_at=START + 200 * DAY)
    any_database.write(
        lambda tx: tx.execute(
            schema.episode.update().where(schema.episode.c.incident_id == borrower).values(incident_id=lender)
        )
    )

    left = []
    for days in (500, 700):
        Retention(any_database).run_once(START + days * DAY)
        left.append([incident.id for incident in read(any_database, incidents.list_incidents)])

    assert left == [[borrower, lender], []]
