"""A release from its start to its end: it goes on while its guards are content, and is taken back when one is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import update

from burnline.errors import DecisionRefused
from burnline.events import Counts, GuardVerdict, ReleaseState
from burnline.runbooks.releases.registry import Standing
from burnline.store import timeline
from burnline.store.database import Database
from burnline.store.guards import set_switch
from burnline.store.schema import rollout
from tests.runbooks.releases.scene import LINEAGE, MINUTE, Scene

Make = Callable[..., Scene]


@pytest.fixture
def make(database: Database, tmp_path: Path) -> Make:
    return lambda **release: Scene(database, tmp_path, **release)


def test_a_good_release_bakes_its_steps_and_is_promoted(any_database: Database, tmp_path: Path) -> None:
    scene = Scene(any_database, tmp_path)
    scene.start()

    ended = scene.play(30)

    assert ended.state is ReleaseState.PROMOTED
    assert ended.finished_at is not None
    assert timedelta(minutes=10) <= ended.finished_at - ended.started_at <= timedelta(minutes=15)
    assert scene.types()[:2] == ["release_started", "release_step"]
    assert scene.types()[-1] == "release_promoted"
    assert {look.verdict for look in scene.looks()[-3:]} == {GuardVerdict.PASS}


def test_a_bad_release_is_taken_back_by_a_run_and_proved_on_the_sli(make: Make) -> None:
    scene = make()
    scene.start()
    scene.deploy("2")
    scene.versions.served["2"] = Counts(20, 100)

    aborting = scene.play(30, until=ReleaseState.ABORTING)
    assert "evidence" in aborting.note
    scene.versions.served["2"] = Counts(0, 1)
    ended = scene.play(30)

    assert ended.state is ReleaseState.ABORTED
    assert "taken back to 1: recovered" in ended.note
    assert scene.serves("champion") == "1"
    assert scene.changes("champion") == ["2", "1"]
    assert any(entry.source == "runbook" and entry.type == "run_finished" for entry in scene.record())


def test_a_canary_beside_what_serves_is_aborted_without_touching_what_serves(make: Make) -> None:
    scene = make()
    scene.start()
    scene.versions.served["2"] = Counts(50, 100)

    scene.play(30, until=ReleaseState.ABORTING)
    scene.versions.served["2"] = Counts(0, 1)
    ended = scene.play(30)

    assert ended.state is ReleaseState.ABORTED
    assert scene.changes("champion") == []


def test_traffic_moves_step_by_step_and_is_taken_away_first(make: Make) -> None:
    scene = make(traffic_hook="shift")
    scene.start()
    scene.play(30, until=ReleaseState.BAKING)
    assert scene.serves("traffic") == "5"

    scene.play(7)
    assert scene.serves("traffic") == "50"
    scene.versions.served["2"] = Counts(50, 100)
    scene.play(20, until=ReleaseState.ABORTING)
    scene.versions.served["2"] = Counts(0, 1)
    ended = scene.play(30)

    assert ended.state is ReleaseState.ABORTED
    assert scene.changes("traffic") == ["5", "50", "0"]


def test_a_promoted_release_gets_all_the_traffic(make: Make) -> None:
    scene = make(traffic_hook="shift")
    scene.start()

    ended = scene.play(60)

    assert ended.state is ReleaseState.PROMOTED
    assert scene.changes("traffic") == ["5", "50", "100"]


def test_an_abort_while_traffic_moves_waits_for_that_run(make: Make) -> None:
    scene = make(traffic_hook="shift")
    begun = scene.start()
    assert begun.state is ReleaseState.MOVING

    scene.registry.abort(begun.id, by="ben", reason="wrong build", now=scene.now)
    ended = scene.play(30)

    assert ended.state is ReleaseState.ABORTED
    assert scene.changes("traffic") == ["5", "0"]


def test_no_data_never_promotes(make: Make) -> None:
    scene = make(decide_by="20m")
    scene.start()
    scene.versions.silent = True

    waiting = scene.play(15)
    assert (waiting.state, waiting.step) == (ReleaseState.BAKING, 0)
    assert "not decided" in waiting.note
    ended = scene.play(30)

    assert ended.state in (ReleaseState.ABORTED, ReleaseState.ABORTING)
    assert "nobody and nothing decided within 20m" in ended.note


def test_what_cannot_be_read_is_logged_once_until_it_can(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    scene = make()
    scene.start()
    scene.versions.broken = True

    scene.play(10)

    told = [each.message for each in caplog.records].count("guard unreadable")
    assert told == len(scene.versions.watched) == 2


@pytest.mark.parametrize(("on_no_data", "state"), [("abort", ReleaseState.ABORTING), ("review", ReleaseState.REVIEW)])
def test_a_spec_may_say_what_no_data_means(make: Make, on_no_data: str, state: ReleaseState) -> None:
    scene = make(on_no_data=on_no_data)
    scene.start()
    scene.versions.silent = True

    assert scene.play(10, until=state).state is state


def test_too_few_events_wait_for_more(make: Make) -> None:
    scene = make()
    scene.start()
    scene.versions.served["2"] = Counts(0, 20)

    waiting = scene.play(15)

    assert (waiting.state, waiting.step) == (ReleaseState.BAKING, 0)
    assert "fewer than 500 events" in waiting.note


def test_a_violation_may_ask_a_person_who_then_decides(make: Make) -> None:
    guard = {"sli": "availability", "kind": "hard", "above": "10%", "min_events": 50, "on_violation": "review"}
    scene = make(guards=[guard])
    scene.start()
    scene.versions.served["2"] = Counts(30, 100)
    asked = scene.play(10, until=ReleaseState.REVIEW)
    assert asked.state is ReleaseState.REVIEW

    with pytest.raises(DecisionRefused, match="give a reason to promote it all the same"):
        scene.registry.promote(asked.id, by="ben", now=scene.now)
    promoted = scene.registry.promote(asked.id, by="ben", reason="a test client fails", now=scene.now)

    assert promoted.state is ReleaseState.PROMOTED
    assert any(entry.actor == "ben" and "a test client fails" in entry.text for entry in scene.record())


def test_a_person_may_have_the_last_word(make: Make) -> None:
    scene = make(promote="person")
    scene.start()

    asked = scene.play(20, until=ReleaseState.REVIEW)

    assert "a person says the last word" in asked.note
    assert scene.registry.promote(asked.id, by="ben", now=scene.now).state is ReleaseState.PROMOTED


@pytest.mark.parametrize(
    ("guard", "served", "state"),
    [
        ({"sli": "availability", "kind": "hard", "above": "10%", "min_events": 50}, Counts(9, 100), "promoted"),
        ({"sli": "availability", "kind": "hard", "above": "10%", "min_events": 50}, Counts(11, 100), "aborting"),
        ({"sli": "availability", "kind": "budget", "above": "5%"}, Counts(1, 100), "promoted"),
        ({"sli": "availability", "kind": "budget", "above": "0.1%"}, Counts(5, 100), "aborting"),
        ({"business": "sold", "kind": "sequential", "below_baseline": "0.95x"}, Counts(90, 100), "aborting"),
        ({"business": "sold", "kind": "disagreement", "above": "5%"}, Counts(30, 100), "aborting"),
    ],
)
def test_each_kind_of_guard_stops_what_it_is_for(make: Make, guard: dict[str, Any], served: Counts, state: str) -> None:
    business = {"sold": {"ratio": {"good": "orders_total", "total": "visits_total"}}}
    scene = make(guards=[guard], business=business)
    scene.start()
    scene.versions.served["2"] = served

    assert scene.play(20, until=ReleaseState.ABORTING).state == state


def test_a_gauge_is_compared_at_the_end_of_a_bake(make: Make) -> None:
    guard = {"business": "quality", "kind": "end_of_bake", "worse": "lower"}
    scene = make(guards=[guard], business={"quality": {"gauge": "judged_quality"}}, steps=[{"bake": "10m"}])
    scene.start()
    scene.versions.values = {"1": (0.9, 0.91), "2": (0.7, 0.72)}

    ended = scene.play(20, until=ReleaseState.ABORTING)

    assert ended.state is ReleaseState.ABORTING
    assert scene.now - ended.started_at >= timedelta(minutes=10)


def test_blue_green_is_watched_without_a_baseline(make: Make) -> None:
    guard = {"sli": "availability", "kind": "hard", "above": "10%"}
    scene = make(strategy="blue_green", guards=[guard], baseline=None, steps=[{"bake": "10m"}])
    scene.start()
    scene.deploy("2")
    scene.versions.served = {"2": Counts(300, 1000)}

    scene.play(20, until=ReleaseState.ABORTING)
    scene.versions.served = {"1": Counts(5, 1000)}
    ended = scene.play(20)

    assert ended.state is ReleaseState.ABORTED
    assert scene.serves("champion") == "1"


def test_one_bad_request_stops_nothing(make: Make) -> None:
    scene = make(guards=[{"sli": "availability", "kind": "hard", "above": "10%"}])
    scene.start()
    scene.versions.served["2"] = Counts(1, 1)

    assert scene.play(3).state is ReleaseState.BAKING


def test_a_plan_that_cannot_be_read_stops_no_other_release(make: Make, database: Database) -> None:
    scene = make()
    scene.start()
    database.write(lambda tx: tx.execute(update(rollout).values(plan={"release": {"hook": {}}})))

    assert scene.worker().run_once(scene.now + MINUTE) == 0


def test_a_shadow_is_stopped_without_changing_anything(make: Make) -> None:
    scene = make(strategy="shadow")
    scene.start()
    scene.versions.served["2"] = Counts(50, 100)

    ended = scene.play(20)

    assert ended.state is ReleaseState.ABORTED
    assert "a shadow serves nobody" in ended.note
    assert scene.changes("champion") == []


def test_an_abort_that_may_not_act_fails_and_says_so(make: Make) -> None:
    scene = make()
    begun = scene.start()
    scene.deploy("2")
    scene.halted = "BURNLINE_ACTIONS is off"

    scene.registry.abort(begun.id, by="ben", now=scene.now)
    ended = scene.play(10)

    assert ended.state is ReleaseState.FAILED
    assert "a person must look" in ended.note
    assert scene.serves("champion") == "2"


def test_what_could_not_be_taken_back_is_taken_back_when_a_person_asks_again(make: Make) -> None:
    scene = make()
    begun = scene.start()
    scene.deploy("2")
    scene.halted = "BURNLINE_ACTIONS is off"
    scene.registry.abort(begun.id, by="ben", now=scene.now)
    failed = scene.play(10)
    scene.halted = ""

    scene.registry.abort(begun.id, by="ben", now=scene.now)
    ended = scene.play(20)

    assert (failed.state, ended.state) == (ReleaseState.FAILED, ReleaseState.ABORTED)
    assert scene.serves("champion") == "1"


def test_a_release_that_somebody_else_took_back_meanwhile_is_aborted(make: Make) -> None:
    scene = make()
    begun = scene.start()
    scene.deploy("2")
    scene.halted = "BURNLINE_ACTIONS is off"
    scene.registry.abort(begun.id, by="ben", now=scene.now)
    scene.executor().run_once(scene.now)

    scene.deploy("1")
    ended = scene.play(10)

    assert ended.state is ReleaseState.ABORTED
    assert "1 serves again, by another hand than run 1, which ended skipped" in ended.note


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_only_content_guards_promote_and_what_is_taken_back_is_back(make: Make, seed: int) -> None:
    """Errors, silence, restarts of the worker, people and hands from outside, at random."""
    chance = Random(seed)
    scene = make(traffic_hook=chance.choice(["shift", None]), decide_by="45m")
    scene.start()
    decided = False
    for _ in range(140):
        scene.versions.served["2"] = Counts(chance.choice([0, 1, 1, 2, 25]), 100)
        scene.versions.silent = chance.random() < 0.2
        if chance.random() < 0.1:
            scene.deploy(chance.choice("12"))
        try:
            if chance.random() < 0.01:
                scene.registry.promote(1, by="ben", reason="x", now=scene.now)
                decided = True
            elif chance.random() < 0.01:
                scene.registry.abort(1, by="ben", now=scene.now)
        except DecisionRefused:
            pass
        scene.play(1)
        assert timeline.first_broken(scene.record()) is None

    ended, last = scene.rollout(), {look.guard: look for look in scene.looks()}
    assert ended.state.over
    assert sum(kind in ("release_promoted", "release_aborted", "release_failed") for kind in scene.types()) == 1
    if ended.state is ReleaseState.PROMOTED and not decided:
        assert {look.verdict for look in last.values()} == {GuardVerdict.PASS}


def test_the_kill_switch_stops_traffic_and_asks_a_person(make: Make, database: Database) -> None:
    scene = make(traffic_hook="shift")
    database.write(lambda tx: set_switch(tx, "actions", "off", actor="ben", now=scene.now))
    scene.start()

    stopped = scene.play(10, until=ReleaseState.REVIEW)

    assert stopped.state is ReleaseState.REVIEW
    assert scene.serves("traffic") == "0"


def test_lineage_is_refused_or_flagged_by_policy(make: Make) -> None:
    scene = make(lineage="required")

    with pytest.raises(DecisionRefused, match="missing: data, seeds"):
        scene.start(lineage={name: LINEAGE[name] for name in ("commit", "environment", "metrics")})
    scene.spec = scene.spec_with(lineage="flag")
    flagged = scene.start(lineage={"commit": "abc"})

    assert flagged.missing == ["data", "environment", "seeds", "metrics"]
    assert "its lineage lacks data" in scene.record()[0].text


def test_a_frozen_budget_refuses_unless_somebody_says_why(make: Make) -> None:
    scene = make()
    scene.standing = Standing("frozen", ("availability has 0.0% of its budget left",))

    with pytest.raises(DecisionRefused, match="are frozen: availability has"):
        scene.start()
    scene.start(override="it is the fix")

    [override] = [entry for entry in scene.record() if entry.type == "release_override"]
    assert (override.actor, override.text.endswith("it is the fix")) == ("ana", True)


def test_a_budget_that_is_spent_meanwhile_asks_a_person_before_the_next_step(make: Make) -> None:
    scene = make()
    begun = scene.start()
    scene.standing = Standing("frozen", ("availability has 0.0% of its budget left",))

    asked = scene.play(10, until=ReleaseState.REVIEW)

    assert (asked.state, asked.step) == (ReleaseState.REVIEW, 0)
    assert "the error-budget policy wants a person asked: availability has" in asked.note
    with pytest.raises(DecisionRefused, match="are frozen"):
        scene.registry.promote(begun.id, by="ben", now=scene.now)
    promoted = scene.registry.promote(begun.id, by="ben", override="it is the fix", now=scene.now)
    assert promoted.state is ReleaseState.PROMOTED


def test_what_was_let_through_with_a_reason_goes_on(make: Make) -> None:
    scene = make()
    scene.standing = Standing("frozen", ("availability has 0.0% of its budget left",))
    scene.start(override="it is the fix")

    assert scene.play(30).state is ReleaseState.PROMOTED


def test_another_person_must_approve_when_the_policy_says_so(make: Make) -> None:
    scene = make()
    scene.standing = Standing("approval", ("availability has 5.0% of its budget left",))

    with pytest.raises(DecisionRefused, match="need another person"):
        scene.start()
    with pytest.raises(DecisionRefused, match="ana cannot approve their own release"):
        scene.start(approved_by="Ana ")

    assert scene.start(approved_by="ben").approved_by == "ben"


def test_a_webhook_sent_twice_is_one_release_and_another_one_waits(make: Make) -> None:
    scene = make()

    first, again = scene.start(), scene.start()

    assert first.id == again.id
    with pytest.raises(DecisionRefused, match="release 1 of fraud to 2 is under way"):
        scene.start(version="3")


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"service": "nope"}, "'nope' has no service file with a `release`; these have: fraud"),
        ({"version": ""}, "`version` is text of 1 to 200"),
        ({"version": "2\x1b[31m"}, "`version` is text of 1 to 200"),
        ({"version": "1"}, "1 serves already"),
        ({"by": "burnline"}, "needs the name of a person"),
        ({"by": " "}, "needs the name of a person"),
    ],
)
def test_a_wish_that_cannot_be_granted_is_refused_in_words(make: Make, wish: dict[str, Any], words: str) -> None:
    with pytest.raises(DecisionRefused, match=words):
        make().start(**wish)


def test_what_is_over_is_over(make: Make) -> None:
    scene = make(steps=[{"bake": "1m"}], guards=[])
    begun = scene.start()
    scene.play(10)

    with pytest.raises(DecisionRefused, match="is promoted already"):
        scene.registry.abort(begun.id, by="ben", now=scene.now)
    with pytest.raises(DecisionRefused, match="there is no release 99"):
        scene.registry.promote(99, by="ben", now=scene.now)


def test_guards_are_on_record_before_the_first_look_and_nobody_moves_them(make: Make) -> None:
    scene = make()
    begun = scene.start()
    scene.spec = scene.spec_with(guards=[{"sli": "availability", "kind": "hard", "above": "99%"}])
    scene.versions.served["2"] = Counts(50, 100)

    aborting = scene.play(10, until=ReleaseState.ABORTING)

    assert scene.record()[0].data["digest"] == begun.digest
    assert aborting.state is ReleaseState.ABORTING


def test_the_record_is_chained(make: Make) -> None:
    scene = make()
    scene.start()
    scene.play(30)

    assert timeline.first_broken(scene.record()) is None
    assert len(scene.record()) > 3


def test_two_workers_take_each_look_once(make: Make) -> None:
    scene = make()
    scene.start()
    one, other = scene.worker(), scene.worker()

    for minute in range(1, 4):
        one.run_once(scene.now + minute * MINUTE)
        other.run_once(scene.now + minute * MINUTE)

    assert [look.at for look in scene.looks()] == [scene.now + minute * MINUTE for minute in range(1, 4)]
