"""Hooks that fail, answer too late or not at all, and what becomes of their runs."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest

from burnline.errors import ActionError, InDoubt
from burnline.events import Counts, Outcome, RunState, StepState
from burnline.runbooks.actions.contract import Plan
from tests.runbooks.scene import BURN, T0, Scene, make_recipe, write_registry
from tests.runbooks.test_approvals import pending, vote


class Shaky:
    """A hook that fails as told, then works."""

    kind = "shaky"
    target = "here"

    def __init__(self, *failures: ActionError, idempotent: bool = True, after_effect: bool = False) -> None:
        self.failures = list(failures)
        self.idempotent = idempotent
        self.after_effect = after_effect
        self.version = "2"
        self.keys: list[str] = []

    def observe(self) -> str | None:
        return self.version

    def changed_at(self) -> Any:
        return T0

    def plan(self, target: str) -> Plan:
        return Plan(self.kind, self.target, self.version, "1")

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: Any) -> bool:
        self.keys.append(idempotency_key)
        if self.failures:
            if self.after_effect:
                self.version = target
            raise self.failures.pop(0)
        self.version = target
        return True

    def verify(self, target: str) -> bool:
        return self.version == target


def play_with(scene: Scene, hook: Shaky) -> int:
    write_registry(scene.registry)
    scene.sli.share = 0.0
    run_id = scene.request()
    scene.play(40, executor=scene.executor(hooks=lambda *_, **__: hook))
    return run_id


def test_a_failure_that_may_pass_is_tried_again_with_the_same_key(scene: Scene) -> None:
    hook = Shaky(ActionError("busy", permanent=False), ActionError("busy", permanent=False))

    run_id = play_with(scene, hook)

    assert scene.run(run_id).outcome is Outcome.RECOVERED
    assert len(hook.keys) == 3
    assert len(set(hook.keys)) == 1


def test_a_permanent_failure_is_not_tried_again(scene: Scene) -> None:
    hook = Shaky(ActionError("no such version", permanent=True))

    run_id = play_with(scene, hook)

    assert (scene.run(run_id).outcome, len(hook.keys)) == (Outcome.FAILED, 1)


def test_retries_end(scene: Scene) -> None:
    hook = Shaky(*[ActionError("busy", permanent=False)] * 9)

    run_id = play_with(scene, hook)

    assert (scene.run(run_id).outcome, len(hook.keys)) == (Outcome.FAILED, 4)


def test_a_change_in_doubt_that_happened_is_not_made_again(scene: Scene) -> None:
    hook = Shaky(InDoubt("no answer"), after_effect=True)

    run_id = play_with(scene, hook)

    assert (scene.run(run_id).outcome, len(hook.keys)) == (Outcome.RECOVERED, 1)
    assert "serves 1 already" in scene.story(run_id)


def test_a_change_in_doubt_is_left_to_a_person_unless_it_may_be_repeated(scene: Scene) -> None:
    hook = Shaky(InDoubt("no answer"), idempotent=False)

    run_id = play_with(scene, hook)

    assert (scene.run(run_id).state, len(hook.keys)) == (RunState.WAITING, 1)
    assert scene.steps(run_id)[-1].state is StepState.UNKNOWN
    assert "a person must look" in scene.story(run_id)


@pytest.mark.parametrize(("said", "outcome"), [("approve", Outcome.RECOVERED), ("reject", Outcome.FAILED)])
def test_a_person_says_whether_a_change_in_doubt_took_effect(scene: Scene, said: str, outcome: Outcome) -> None:
    hook = Shaky(InDoubt("no answer"), idempotent=False, after_effect=said == "approve")
    run_id = play_with(scene, hook)

    vote(scene, pending(scene), said)
    scene.play(40, executor=scene.executor(hooks=lambda *_, **__: hook))

    assert (scene.run(run_id).outcome, len(hook.keys)) == (outcome, 1)


def test_a_change_in_doubt_of_which_nobody_says_anything_ends_failed(scene: Scene) -> None:
    hook = Shaky(InDoubt("no answer"), idempotent=False)
    run_id = play_with(scene, hook)

    scene.now += timedelta(hours=24)
    scene.play(5, executor=scene.executor(hooks=lambda *_, **__: hook))

    assert (scene.run(run_id).outcome, len(hook.keys)) == (Outcome.FAILED, 1)
    assert "nobody said within 1d whether it took effect" in scene.story(run_id)


def test_a_broken_hook_does_not_stop_other_runs(scene: Scene) -> None:
    hook = Shaky()
    hook.observe = lambda: 1 / 0  # type: ignore[method-assign,assignment,return-value]  # a bug in a hook
    broken = scene.request()
    worker = scene.executor(hooks=lambda *_, **__: hook)
    note = make_recipe(scene.folder, id="note", steps=[{"name": "hello", "note": "hello"}], preconditions={})
    scene.recipe = note
    other = scene.request(labels={**BURN, "tier": "other"})

    worker.run_once(T0)

    assert scene.run(broken).state is RunState.RUNNING  # until its lease runs out
    assert scene.run(other).state is RunState.FINISHED


def test_a_slow_hook_keeps_its_run(scene: Scene) -> None:
    rival = scene.executor(owner="rival")
    taken: list[int] = []

    class Slow(Shaky):
        def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: Any) -> bool:
            threading.Event().wait(0.4)  # much longer than the lease
            taken.append(rival.run_once(T0))
            return super().apply(target, before=before, idempotency_key=idempotency_key, epoch=epoch, at=at)

    hook = Slow()
    scene.sli.share = 0.0
    run_id = scene.request()

    scene.play(executor=scene.executor(lease=timedelta(milliseconds=150), hooks=lambda *_, **__: hook))

    assert taken == [0]
    assert (scene.run(run_id).outcome, scene.run(run_id).attempts) == (Outcome.RECOVERED, 0)


def test_a_slow_sli_keeps_its_run(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    rival = scene.executor(owner="rival")
    taken: list[int] = []
    read = scene.sli.read_sli

    def slowly(service: str, slo: str, since: datetime, until: datetime) -> Counts | None:
        threading.Event().wait(0.4)
        taken.append(rival.run_once(T0))
        return read(service, slo, since, until)

    monkeypatch.setattr(scene.sli, "read_sli", slowly)
    run_id = scene.request()

    scene.play(executor=scene.executor(lease=timedelta(milliseconds=150)))

    assert set(taken) == {0}
    assert (scene.run(run_id).outcome, scene.run(run_id).attempts) == (Outcome.RECOVERED, 0)


def test_an_sli_that_never_answers_proves_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr("burnline.runbooks.looking.READ_TIMEOUT", timedelta(milliseconds=20))
    monkeypatch.setattr(scene.sli, "read_sli", lambda *_: released.wait(30))
    run_id = scene.request()

    scene.play(60)
    released.set()

    assert scene.run(run_id).outcome is Outcome.NO_DATA


def test_a_hook_that_never_comes_back_is_left_behind(scene: Scene) -> None:
    released = threading.Event()

    class Hangs(Shaky):
        def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: Any) -> bool:
            self.keys.append(idempotency_key)
            return released.wait(30)

    act = {"name": "go", "act": {"irreversible": True}, "timeout": "50ms", "retry": {"times": 1, "pause": "1s"}}
    steps = [{"name": "ask", "approve": {}}, act, {"name": "prove", "verify": {"settle": "1s", "window": "1s"}}]
    scene.recipe = make_recipe(scene.folder, steps=steps)
    hook = Hangs()
    run_id = scene.request()

    scene.play(executor=scene.executor(hooks=lambda *_, **__: hook))
    released.set()

    assert (scene.run(run_id).outcome, len(hook.keys)) == (Outcome.FAILED, 2)
    assert "the hook has not come back after 0.05 s" in scene.story(run_id)


def test_a_worker_that_is_stopped_hands_back_a_run_whose_hook_hangs(scene: Scene) -> None:
    released, called = threading.Event(), threading.Event()

    class Slow(Shaky):
        def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: Any) -> bool:
            super().apply(target, before=before, idempotency_key=idempotency_key, epoch=epoch, at=at)
            called.set()
            return released.wait(30)

    hook = Slow()
    scene.sli.share = 0.0
    run_id = scene.request()
    stopped = scene.executor(owner="stopped", hooks=lambda *_, **__: hook)
    turn = threading.Thread(target=stopped.run_once, args=(scene.now,))
    turn.start()
    called.wait(10)

    stopped.stop()
    turn.join(10)

    assert not turn.is_alive()
    assert (scene.run(run_id).state, scene.run(run_id).attempts) == (RunState.WAITING, 0)
    assert stopped.run_once(scene.now) == 0, "it takes up nothing more"
    scene.play(executor=scene.executor(owner="next", hooks=lambda *_, **__: hook))
    released.set()
    assert (scene.run(run_id).outcome, len(hook.keys)) == (Outcome.RECOVERED, 1)


def test_a_worker_that_is_stopped_waits_for_a_change_that_cannot_be_repeated(scene: Scene) -> None:
    called, asked_to_stop = threading.Event(), threading.Event()

    class Slow(Shaky):
        def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: Any) -> bool:
            called.set()
            asked_to_stop.wait(10)
            threading.Event().wait(0.7)  # longer than a worker takes to notice that it shall stop
            return super().apply(target, before=before, idempotency_key=idempotency_key, epoch=epoch, at=at)

    hook = Slow(idempotent=False)
    scene.sli.share = 0.0
    run_id = scene.request()
    stopped = scene.executor(owner="stopped", hooks=lambda *_, **__: hook)
    turn = threading.Thread(target=stopped.run_once, args=(scene.now,))
    turn.start()
    called.wait(10)

    stopped.stop()
    asked_to_stop.set()
    turn.join(10)

    assert [row.state for row in scene.steps(run_id) if row.name == "roll-back"] == [StepState.DONE]
    scene.play(executor=scene.executor(owner="next", hooks=lambda *_, **__: hook))
    assert (scene.run(run_id).outcome, len(hook.keys)) == (Outcome.RECOVERED, 1)


def test_a_diagnosis_that_fails_does_not_hold_up_the_rollback(scene: Scene) -> None:
    class Blind(Shaky):
        def observe(self) -> str | None:
            raise ActionError("cannot look", permanent=True)

    hook = Blind()
    scene.sli.share = 0.0
    run_id = scene.request()

    scene.play(executor=scene.executor(hooks=lambda *_, **__: hook))

    assert (scene.run(run_id).outcome, hook.version) == (Outcome.RECOVERED, "1")
    assert "diagnose: cannot look" in scene.story(run_id)
