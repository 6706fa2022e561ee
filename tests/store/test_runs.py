"""Claims, fences, approvals and guards, on every database burnline keeps its state in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from burnline.errors import Fenced
from burnline.events import AlertEvent, Outcome, RunRequest, RunState, StepState
from burnline.store import approvals, guards, incidents, runs
from burnline.store.database import Database
from burnline.store.runs import Run

T = TypeVar("T")
T0 = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
LEASE = timedelta(seconds=30)
GONE = timedelta(seconds=-1)  # a lease that has run out when it is taken


def queue(db: Database, n: int = 1) -> list[int]:
    """So many runs of one incident."""

    def start(tx: Connection) -> list[int]:
        incident = incidents.start_incident(tx, service="fraud", title="it burns", now=T0)
        made = []
        for number in range(n):
            alert = AlertEvent("test", f"{number:016x}", "firing", {"slo": "availability"}, {}, T0, None)
            episode = incidents.start_episode(tx, alert, incident_id=incident.id, service="fraud", now=T0)
            request = RunRequest("fraud", "bad-release", episode.id, incident.id, "one", {"settle": "5s"})
            made.append(runs.request_run(tx, request, digest="d", body="{}", now=T0))
        return [run_id for run_id in made if run_id is not None]

    return db.write(start)


def claim(db: Database, owner: str = "a", *, lease: timedelta = LEASE, now: datetime = T0) -> Run | None:
    return db.write(lambda tx: runs.claim_run(tx, owner=owner, lease=lease, now=now))


def claimed(db: Database, **how: timedelta) -> Run:
    run = claim(db, **how)  # type: ignore[arg-type]  # only the lease is given
    assert run is not None
    return run


def lock(tx: Connection, run_id: int) -> int:
    return guards.lock_target(tx, kind="alias", target="r#champion", run_id=run_id, epoch=1, now=T0)


def read(db: Database, verb: Callable[[Connection], T]) -> T:
    with db.read() as tx:
        return verb(tx)


def test_an_episode_starts_a_runbook_once(any_database: Database) -> None:
    [run_id] = queue(any_database)
    first = read(any_database, lambda tx: runs.get_run(tx, run_id))
    assert first is not None
    again = RunRequest("fraud", "bad-release", first.episode_id, first.incident_id, "none")

    second = any_database.write(lambda tx: runs.request_run(tx, again, digest="e", body="{}", now=T0))

    assert second is None
    assert (first.params, first.labels) == ({"settle": "5s"}, {"slo": "availability"})


def test_a_run_is_claimed_by_one_worker(any_database: Database) -> None:
    queue(any_database)

    first, second = claim(any_database, "a"), claim(any_database, "b")

    assert first is not None
    assert (first.owner, first.epoch, first.attempts, first.state) == ("a", 1, 0, RunState.RUNNING)
    assert second is None


def test_the_oldest_run_comes_first(any_database: Database) -> None:
    ids = queue(any_database, 3)

    taken = [claimed(any_database).id for _ in ids]

    assert taken == ids


def test_many_workers_claim_each_run_once(any_database: Database) -> None:
    ids = queue(any_database, 20)

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: claim(any_database, str(n)), range(30)))

    assert sorted(run.id for run in taken if run is not None) == ids


def test_a_lease_that_ran_out_is_taken_over_and_counted(any_database: Database) -> None:
    queue(any_database)
    claimed(any_database, lease=GONE)

    second = claimed(any_database)

    assert (second.epoch, second.attempts) == (2, 1)


def test_a_worker_that_lost_its_run_writes_nothing(any_database: Database) -> None:
    queue(any_database)
    late = claimed(any_database, lease=GONE)
    mine = claimed(any_database)
    row = any_database.write(lambda tx: runs.start_step(tx, mine, n=0, name="look", kind="check", request={}, now=T0))
    writes: list[Callable[[Connection], object]] = [
        lambda tx: runs.heartbeat(tx, late, LEASE),
        lambda tx: runs.start_step(tx, late, n=0, name="look", kind="check", request={}, now=T0),
        lambda tx: runs.finish_step(tx, late, row, state=StepState.DONE, result={}, now=T0),
        lambda tx: runs.go_to_step(tx, late, 3),
        lambda tx: runs.park(tx, late, T0),
        lambda tx: runs.finish_run(tx, late, Outcome.RECOVERED, T0),
        lambda tx: approvals.ask_approval(tx, late, n=1, plan={}, plan_hash="", required=1, expires_at=T0, now=T0),
    ]

    for write in writes:
        with pytest.raises(Fenced):
            any_database.write(write)

    kept, steps = read(any_database, lambda tx: (runs.get_run(tx, mine.id), runs.steps(tx, mine.id)))
    assert kept is not None
    assert (kept.state, kept.next_step, steps) == (RunState.RUNNING, 0, [row])


def test_a_heartbeat_keeps_the_run(any_database: Database) -> None:
    queue(any_database)
    mine = claimed(any_database, lease=GONE)

    any_database.write(lambda tx: runs.heartbeat(tx, mine, LEASE))

    assert claim(any_database, "b") is None


def test_a_parked_run_is_due_at_its_time_and_not_before(any_database: Database) -> None:
    queue(any_database)
    mine = claimed(any_database)

    any_database.write(lambda tx: runs.park(tx, mine, T0 + LEASE))

    assert claim(any_database, now=T0 + LEASE - timedelta(microseconds=1)) is None
    again = claim(any_database, now=T0 + LEASE)
    assert again is not None
    assert (again.attempts, again.started_at) == (0, T0)


def test_a_finished_run_frees_its_target_and_is_never_claimed_again(any_database: Database) -> None:
    _, other = queue(any_database, 2)
    mine = claimed(any_database)
    any_database.write(lambda tx: lock(tx, mine.id))

    any_database.write(lambda tx: runs.finish_run(tx, mine, Outcome.RECOVERED, T0))

    assert any_database.write(lambda tx: lock(tx, other)) == other
    assert claimed(any_database).id == other
    assert claim(any_database, now=T0 + timedelta(days=1)) is None


def test_a_target_belongs_to_the_first_open_run(any_database: Database) -> None:
    first, second = queue(any_database, 2)

    holders = [any_database.write(lambda tx, run_id=run_id: lock(tx, run_id)) for run_id in (first, second, first)]  # type: ignore[misc]  # the default binds now

    assert holders == [first, first, first]


def test_steps_count_their_attempts_and_keep_their_key(any_database: Database) -> None:
    queue(any_database)
    mine = claimed(any_database)

    def attempt(tx: Connection) -> runs.StepRow:
        return runs.start_step(tx, mine, n=2, name="go", kind="act", request={"to": "1"}, now=T0)

    rows = [any_database.write(attempt), any_database.write(attempt)]

    assert [row.attempt for row in rows] == [1, 2]
    assert len({row.idempotency_key for row in rows}) == 1
    assert read(any_database, lambda tx: runs.last_attempt(tx, mine.id, 2)) == rows[1]


def test_an_approval_is_settled_once_and_wakes_its_run(any_database: Database) -> None:
    queue(any_database)
    mine = claimed(any_database)
    later = T0 + timedelta(hours=1)
    asked = any_database.write(
        lambda tx: approvals.ask_approval(
            tx, mine, n=1, plan={"to": "1"}, plan_hash="h", required=1, expires_at=later, now=T0
        )
    )
    any_database.write(lambda tx: runs.park(tx, mine, later))
    waiting = read(any_database, approvals.pending_approvals)

    settled = [
        any_database.write(lambda tx: approvals.settle_approval(tx, asked.id, approvals.APPROVED, T0)) for _ in range(2)
    ]

    assert [(question, run.id) for question, run in waiting] == [(asked, mine.id)]
    assert settled == [True, False]
    assert read(any_database, approvals.pending_approvals) == []
    assert claim(any_database, now=T0) is not None


def test_a_change_counts_once_a_run_however_often_it_is_resumed(any_database: Database) -> None:
    first, second = queue(any_database, 2)

    for _ in range(3):
        any_database.write(lambda tx: guards.count_change(tx, kind="acts", scope="fraud", run_id=first, now=T0))

    def count(tx: Connection, *, since: datetime, but_not: int) -> int:
        return guards.changes_since(tx, kind="acts", scope="fraud", since=since, but_not=but_not)

    before = T0 - timedelta(seconds=1)
    assert read(any_database, lambda tx: count(tx, since=before, but_not=second)) == 1
    assert read(any_database, lambda tx: count(tx, since=before, but_not=first)) == 0
    assert read(any_database, lambda tx: count(tx, since=T0, but_not=second)) == 0


def test_a_switch_says_who_turned_it(any_database: Database) -> None:
    assert read(any_database, lambda tx: guards.get_switch(tx, "actions")) is None

    any_database.write(lambda tx: guards.set_switch(tx, "actions", "off", actor="ines", now=T0, reason="a bad deploy"))

    off = guards.Switched("off", "ines", T0, "a bad deploy")
    assert read(any_database, lambda tx: guards.get_switch(tx, "actions")) == off
    any_database.write(lambda tx: guards.set_switch(tx, "actions", "on", actor="omar", now=T0))
    assert read(any_database, lambda tx: guards.get_switch(tx, "actions")) == guards.Switched("on", "omar", T0)
