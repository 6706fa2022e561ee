"""The registry of releases: one under way per service, changes fenced, looks kept once; on every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from burnline.errors import Fenced, StoreError
from burnline.events import GuardVerdict, ReleaseState
from burnline.store import incidents, rollouts, schema, timeline
from burnline.store.database import Database
from burnline.store.retention import Keep, prune
from burnline.store.rollouts import Look, Rollout


def begin(db: Database, now: datetime, **changes: Any) -> Rollout:
    values = {
        "service": "fraud",
        "version": "2",
        "previous": "1",
        "started_by": "ana",
        "approved_by": "",
        "lineage": {"commit": "abc"},
        "missing": [],
        "plan": {"release": {}, "slos": {}},
        "digest": "d",
        "state": ReleaseState.BAKING,
        "step": 0,
        "note": "",
        "history": {},
        **changes,
    }
    return db.write(lambda tx: rollouts.start_rollout(tx, values, title="release of 2", now=now))


def end(db: Database, of: Rollout, state: ReleaseState, now: datetime) -> Rollout:
    return db.write(lambda tx: rollouts.keep_rollout(tx, replace(of, state=state, finished_at=now)))


def a_look(at: datetime, guard: int = 0, verdict: GuardVerdict = GuardVerdict.PASS) -> Look:
    return Look(guard, 0, at, {"canary": [1.0, 100.0], "baseline": None}, verdict, "text", {"share": 0.01})


def test_a_release_is_read_back_as_it_was_written(any_database: Database, now: datetime) -> None:
    begun = begin(any_database, now)
    any_database.write(lambda tx: rollouts.record_look(tx, begun.id, a_look(now)))

    with any_database.read() as tx:
        assert rollouts.get_rollout(tx, begun.id) == begun
        assert rollouts.looks_of(tx, begun.id) == [a_look(now)]
        assert rollouts.latest_rollout(tx, "fraud") == begun
        assert rollouts.open_rollouts(tx) == [begun]


def test_one_release_of_a_service_is_under_way_at_a_time(any_database: Database, now: datetime) -> None:
    begun = begin(any_database, now)
    begin(any_database, now, service="other")

    with pytest.raises(StoreError, match=r"(?i)unique"):
        begin(any_database, now)
    end(any_database, begun, ReleaseState.PROMOTED, now)

    assert begin(any_database, now, version="3").id > begun.id


def test_of_two_workers_that_saw_the_same_state_one_writes(any_database: Database, now: datetime) -> None:
    begun = begin(any_database, now)
    any_database.write(lambda tx: rollouts.keep_rollout(tx, replace(begun, step=1)))

    with pytest.raises(Fenced, match="has gone on without this worker"):
        any_database.write(lambda tx: rollouts.keep_rollout(tx, replace(begun, state=ReleaseState.ABORTING)))

    with any_database.read() as tx:
        kept = rollouts.get_rollout(tx, begun.id)
    assert kept is not None
    assert (kept.step, kept.state) == (1, ReleaseState.BAKING)


def test_the_newest_look_of_each_guard_is_found(any_database: Database, now: datetime) -> None:
    begun = begin(any_database, now)
    later = now + timedelta(minutes=1)
    for look in (a_look(now), a_look(now, 1), a_look(later, verdict=GuardVerdict.FAIL)):
        any_database.write(partial(rollouts.record_look, rollout_id=begun.id, look=look))

    with any_database.read() as tx:
        found = rollouts.newest_looks(tx, begun)

    assert [(look.guard, look.at, look.verdict) for look in found] == [(0, later, "fail"), (1, now, "pass")]


def test_a_guard_looks_once_at_a_moment(any_database: Database, now: datetime) -> None:
    begun = begin(any_database, now)
    any_database.write(lambda tx: rollouts.record_look(tx, begun.id, a_look(now)))

    with pytest.raises(StoreError, match=r"(?i)unique"):
        any_database.write(lambda tx: rollouts.record_look(tx, begun.id, a_look(now)))


@pytest.mark.parametrize(
    ("state", "strategy", "expected"),
    [
        (ReleaseState.BAKING, "canary", {"1", "2"}),
        (ReleaseState.PROMOTED, "canary", {"2"}),
        (ReleaseState.ABORTED, "canary", {"1"}),
        (ReleaseState.FAILED, "canary", {"1"}),
        (ReleaseState.PROMOTED, "shadow", {"1", "2"}),
    ],
)
def test_what_may_serve_follows_from_the_newest_release(
    database: Database, now: datetime, state: ReleaseState, strategy: str, expected: set[str]
) -> None:
    begun = begin(database, now, plan={"release": {"strategy": strategy}, "slos": {}})
    if state.over:
        end(database, begun, state, now)

    with database.read() as tx:
        assert rollouts.expected_versions(tx, "fraud") == expected
        assert rollouts.expected_versions(tx, "other") == frozenset()


def test_its_record_is_chained_and_is_no_incident(database: Database, now: datetime) -> None:
    begun = begin(database, now)
    database.write(lambda tx: rollouts.say(tx, begun, "release_started", "ana releases 2", now=now, actor="ana"))

    with database.read() as tx:
        record = timeline.entries(tx, begun.incident_id)
        assert incidents.list_incidents(tx) == []
    assert [(entry.actor, entry.source) for entry in record] == [("ana", "release")]
    assert timeline.first_broken(record) is None


def test_a_release_that_ended_long_ago_is_forgotten_with_its_record(database: Database, now: datetime) -> None:
    begun = begin(database, now)
    database.write(lambda tx: rollouts.record_look(tx, begun.id, a_look(now)))
    database.write(lambda tx: rollouts.say(tx, begun, "release_started", "x", now=now))
    end(database, begun, ReleaseState.PROMOTED, now)
    young = begin(database, now, version="3")

    database.write(lambda tx: prune(tx, now + timedelta(days=401), Keep()))

    with database.read() as tx:
        assert [each.id for each in rollouts.list_rollouts(tx)] == [young.id]
        assert tx.scalar(select(func.count()).select_from(schema.rollout_look)) == 0
        assert tx.scalar(select(func.count()).select_from(schema.timeline)) == 0
