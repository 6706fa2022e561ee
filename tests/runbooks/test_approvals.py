"""A person decides on one plan, once, in time."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from burnline.errors import DecisionRefused
from burnline.events import Outcome, RunState
from burnline.runbooks.approvals import decide
from burnline.store import approvals, runs
from burnline.store.approvals import Approval
from tests.runbooks.scene import T0, Scene, read_registry


def ask(scene: Scene) -> tuple[int, Approval]:
    """A run that waits for a person, and its question."""
    run_id = scene.request(approval="one")
    scene.executor().run_once(scene.now)
    return run_id, pending(scene)


def pending(scene: Scene) -> Approval:
    with scene.db.read() as tx:
        [(asked, _)] = approvals.pending_approvals(tx)
    return asked


def vote(scene: Scene, asked: Approval, decision: str = "approve", *, actor: str = "ines", plan_hash: str = "") -> str:
    return decide(
        scene.db,
        asked.id,
        actor=actor,
        decision=decision,
        plan_hash=plan_hash or asked.plan_hash,
        reason="looked at it",
        now=scene.now,
    )


def release(scene: Scene, version: str) -> None:
    """The pipeline releases another version meanwhile."""
    content = read_registry(scene.registry)
    change = {"alias": "champion", "from": "2", "to": version, "at": scene.now.isoformat(), "by": "pipeline"}
    content["history"].append(change)
    content["aliases"]["champion"] = version
    scene.registry.write_text(json.dumps(content))


def test_nothing_changes_before_a_person_says_yes(scene: Scene) -> None:
    run_id, asked = ask(scene)

    scene.play(60)

    assert (scene.run(run_id).state, scene.serving()) == (RunState.WAITING, "2")
    assert (asked.plan["changes"][0]["from_version"], asked.plan["changes"][0]["to_version"]) == ("2", "1")
    assert asked.expires_at == T0 + timedelta(minutes=30)


def test_a_yes_wakes_the_run_at_once(scene: Scene) -> None:
    run_id, asked = ask(scene)

    state = vote(scene, asked)
    scene.play()

    assert state == "approved"
    assert (scene.run(run_id).outcome, scene.serving()) == (Outcome.RECOVERED, "1")
    assert "ines approved what run 1 plans: looked at it" in scene.story(run_id)


def test_a_no_ends_the_run_and_escalates(scene: Scene) -> None:
    run_id, asked = ask(scene)

    vote(scene, asked, "reject")
    scene.play(1)

    assert (scene.run(run_id).outcome, scene.serving()) == (Outcome.REJECTED, "2")
    assert scene.steps(run_id)[-1].name == "escalate"


def test_silence_ends_the_run_and_escalates(scene: Scene) -> None:
    run_id, _ = ask(scene)

    scene.now += timedelta(minutes=30)
    scene.play(1)

    assert (scene.run(run_id).outcome, scene.serving()) == (Outcome.REJECTED, "2")
    assert "nobody decided within 30m" in scene.story(run_id)
    with scene.db.read() as tx:
        assert approvals.pending_approvals(tx) == []


def test_a_second_vote_is_refused(scene: Scene) -> None:
    _, asked = ask(scene)
    vote(scene, asked)

    with pytest.raises(DecisionRefused, match="is approved already"):
        vote(scene, asked, "reject", actor="omar")


def test_a_late_vote_is_refused(scene: Scene) -> None:
    _, asked = ask(scene)
    scene.now += timedelta(minutes=30)

    with pytest.raises(DecisionRefused, match="expired"):
        vote(scene, asked)


@pytest.mark.parametrize("actor", ["", "  ", "burnline", "Burnline ", "\uff42urnline", "a\nb", "a\0b", "x" * 201])
def test_the_requester_and_nobody_cannot_vote(scene: Scene, actor: str) -> None:
    _, asked = ask(scene)

    with pytest.raises(DecisionRefused, match="name of a person"):
        vote(scene, asked, actor=actor)


@pytest.mark.parametrize("reason", ["\0", "red \x1b[31m", "\u202eback to front"])
def test_a_reason_that_cannot_be_printed_is_refused(scene: Scene, reason: str) -> None:
    _, asked = ask(scene)

    with pytest.raises(DecisionRefused, match="cannot be printed"):
        decide(
            scene.db,
            asked.id,
            actor="ines",
            decision="reject",
            plan_hash=asked.plan_hash,
            reason=reason,
            now=scene.now,
        )

    assert pending(scene).state == approvals.PENDING


def test_a_vote_on_another_plan_is_refused(scene: Scene) -> None:
    _, asked = ask(scene)

    with pytest.raises(DecisionRefused, match="another plan"):
        vote(scene, asked, plan_hash="0" * 64)


def test_a_word_that_is_no_decision_is_refused(scene: Scene) -> None:
    _, asked = ask(scene)

    with pytest.raises(DecisionRefused, match="approve or reject"):
        vote(scene, asked, "maybe")


def test_a_question_that_was_never_asked_cannot_be_answered(scene: Scene) -> None:
    with pytest.raises(DecisionRefused, match="there is no approval 7"):
        decide(scene.db, 7, actor="ines", decision="approve", plan_hash="", reason="", now=T0)


def test_a_plan_that_changed_after_the_question_is_asked_again(scene: Scene) -> None:
    run_id, first = ask(scene)
    release(scene, "3")
    vote(scene, first)

    scene.play(5)
    second = pending(scene)

    assert (scene.run(run_id).state, scene.serving()) == (RunState.WAITING, "3")
    assert (second.plan["changes"][0]["from_version"], second.plan["changes"][0]["to_version"]) == ("3", "2")
    assert second.plan_hash != first.plan_hash
    assert "plan_changed" in scene.story(run_id)


def test_an_old_approval_cannot_be_replayed_on_the_new_plan(scene: Scene) -> None:
    _, first = ask(scene)
    release(scene, "3")
    vote(scene, first)
    scene.play(5)

    with pytest.raises(DecisionRefused):
        vote(scene, first, actor="omar")
    with pytest.raises(DecisionRefused, match="another plan"):
        vote(scene, pending(scene), plan_hash=first.plan_hash)


def test_a_vote_that_comes_while_the_run_is_being_parked_is_not_slept_through(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, asked = ask(scene)
    dead = timedelta(seconds=-1)
    scene.db.write(lambda tx: runs.claim_run(tx, owner="dies", lease=dead, now=asked.expires_at))
    write, calls = scene.db.write, count()

    def vote_before_the_second_write(work: Any) -> Any:
        if next(calls) == 1:
            vote(scene, asked)
        return write(work)

    monkeypatch.setattr(scene.db, "write", vote_before_the_second_write)
    scene.executor().run_once(scene.now)  # reads that nobody has voted, then parks
    monkeypatch.setattr(scene.db, "write", write)

    scene.play(10)

    assert scene.run(run_id).outcome is Outcome.RECOVERED
