"""Somebody changes the target between the plan and the change: their release is never taken back unasked."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from burnline.events import Outcome, RunState, StepState
from burnline.runbooks.actions.alias import AliasHook
from burnline.runbooks.actions.locked import LockedFile
from burnline.runbooks.approvals import decide
from burnline.store import runs
from burnline.store.approvals import Approval
from tests.runbooks.scene import Scene
from tests.runbooks.test_approvals import pending, release


class Dies(BaseException):
    """The worker's end."""


def approve(scene: Scene) -> Approval:
    asked = pending(scene)
    decide(scene.db, asked.id, actor="ines", decision="approve", plan_hash=asked.plan_hash, reason="", now=scene.now)
    return asked


def act_behind(scene: Scene, version: str) -> None:
    """One turn whose change waits for the registry's lock; who holds it releases `version` first."""
    waiting = threading.Event()
    locked = LockedFile.locked

    def arrive(self: LockedFile) -> object:
        waiting.set()
        return locked(self)

    with Path(f"{scene.registry}.lock").open("w") as held, pytest.MonkeyPatch.context() as patch:
        patch.setattr(LockedFile, "locked", arrive)
        fcntl.flock(held, fcntl.LOCK_EX)
        turn = threading.Thread(target=scene.executor().run_once, args=(scene.now,))
        turn.start()
        assert waiting.wait(10)
        release(scene, version)
        fcntl.flock(held, fcntl.LOCK_UN)
        turn.join(10)


def test_a_hotfix_under_the_lock_is_left_alone_and_the_person_is_asked_again(scene: Scene) -> None:
    run_id = scene.request(approval="one")
    scene.executor().run_once(scene.now)
    first = approve(scene)

    act_behind(scene, "3")

    asked = pending(scene)
    assert (scene.serving(), scene.changes()) == ("3", [])
    assert asked.id != first.id
    assert (asked.plan["changes"][0]["from_version"], asked.plan["changes"][0]["to_version"]) == ("3", "2")
    assert "was moved to '3' by another hand since this was planned: left alone" in scene.story(run_id)
    assert "2 -> 1" not in scene.story(run_id).partition("plan_changed")[2]


def test_what_is_approved_the_second_time_is_what_is_done(scene: Scene) -> None:
    run_id = scene.request(approval="one")
    scene.executor().run_once(scene.now)
    approve(scene)
    act_behind(scene, "3")
    scene.sli.bad_version = "3"

    approve(scene)
    scene.play()

    assert (scene.run(run_id).outcome, scene.serving()) == (Outcome.RECOVERED, "2")
    assert "registry.json#champion: 3 -> 2" in scene.story(run_id)
    keys = {row.idempotency_key for row in scene.steps(run_id) if row.name == "roll-back"}
    assert len(keys) == 2, "another change has another key"


def test_without_approval_a_hotfix_ends_the_run_and_people_are_told(scene: Scene) -> None:
    run_id = scene.request()

    act_behind(scene, "3")
    scene.play(1)

    assert (scene.run(run_id).outcome, scene.serving()) == (Outcome.SKIPPED, "3")
    assert "left alone" in scene.story(run_id)
    assert scene.steps(run_id)[-1].name == "escalate"


@pytest.mark.parametrize("approval", ["none", "one"])
def test_a_change_repeated_after_a_crash_goes_no_further_than_what_was_planned(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, approval: str
) -> None:
    def die(*_: object, **__: object) -> bool:
        raise Dies

    run_id = scene.request(approval=approval)
    if approval == "one":
        scene.executor().run_once(scene.now)
        approve(scene)
    with monkeypatch.context() as patch:
        patch.setattr(AliasHook, "apply", die)
        with pytest.raises(Dies):
            scene.executor().run_once(scene.now)
    release(scene, "3")
    scene.db.write(lambda tx: runs.park(tx, scene.run(run_id), scene.now))  # its lease has run out

    scene.executor().run_once(scene.now)

    assert (scene.serving(), scene.changes()) == ("3", [])
    if approval == "none":
        assert scene.run(run_id).outcome is Outcome.SKIPPED
    else:
        assert scene.run(run_id).state is RunState.WAITING
        assert pending(scene).plan["changes"][0]["from_version"] == "3"
    assert StepState.STARTED not in [row.state for row in scene.steps(run_id) if row.name == "roll-back"]


def test_a_target_that_is_where_it_should_be_is_not_said_to_be_moved_by_us(scene: Scene) -> None:
    run_id = scene.request()

    act_behind(scene, "1")

    assert scene.changes() == []
    assert "registry.json#champion serves 1 already" in scene.story(run_id)
