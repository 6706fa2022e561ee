"""Runs that change several things: in order, each once, and taken back when it did not go well."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from burnline.errors import ActionError, InDoubt, SpecError
from burnline.events import Counts, Outcome, StepState
from burnline.runbooks.actions.contract import Hook, Plan
from burnline.runbooks.executor import Executor
from burnline.runbooks.load import Catalogue
from burnline.spec.service import RELEASE, ServiceSpec
from burnline.store import approvals
from tests.runbooks.scene import BURN, T0, Scene, make_recipe
from tests.runbooks.test_approvals import pending, vote

ASK = {"name": "ask", "approve": {"expires": "30m"}}
PROVE: dict[str, Any] = {"name": "prove", "verify": {"settle": "1s", "window": "1s", "good": 2, "of": 2}}


class Flag:
    """A hook with one state; the first `failures` are raised instead of the change."""

    kind = "flag"

    def __init__(self, name: str, state: str = "off", *failures: ActionError, idempotent: bool = True) -> None:
        self.target = name
        self.state = state
        self.failures = list(failures)
        self.idempotent = idempotent
        self.made: list[str] = []

    def observe(self) -> str:
        return self.state

    def changed_at(self) -> datetime:
        return T0

    def plan(self, target: str) -> Plan:
        return Plan(self.kind, self.target, self.state, target)

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        if self.failures:
            raise self.failures.pop(0)
        if self.state == target:
            return False
        self.state = target
        self.made.append(target)
        return True

    def verify(self, target: str) -> bool:
        return self.state == target


def flip(name: str, to: str = "on", **more: Any) -> dict[str, Any]:
    """A step that sets the flag of its own name."""
    act = {"hook": name, "to": to, "undo": "before", **more.pop("act", {})}
    return {"name": f"set-{name}", "act": {key: value for key, value in act.items() if value is not None}, **more}


class Several:
    """A service with flags for hooks, a runbook of these steps, and an SLI that is bad as long as `bad` says."""

    def __init__(self, scene: Scene, *steps: dict[str, Any], **flags: Flag) -> None:
        alias = {"alias": {"file": "/nowhere"}}
        self.scene, self.flags, self.share = scene, flags, 0.0
        self.spec = scene.spec.model_copy(
            update={"actions": ServiceSpec.model_validate({**_head(), "actions": dict.fromkeys(flags, alias)}).actions}
        )
        self.recipe = make_recipe(
            scene.folder, id="several", steps=list(steps), preconditions={}, cooldown="0s", params={}
        )
        scene.recipe = self.recipe

    def read_sli(self, service: str, slo: str, since: datetime, until: datetime) -> Counts:
        return Counts(self.share * 100, 100)

    def hooks(self, spec: ServiceSpec, name: str = RELEASE, *, item: str = "", drill: bool = False) -> Hook:
        return self.flags.get(name) or Flag(name, "2")

    def worker(self, **more: Any) -> Executor:
        given: dict[str, Any] = {"elapsed": lambda: 0.0, "hooks": self.hooks, **more}
        return Executor(self.scene.db, [self.spec], Catalogue({"several": self.recipe}), self, owner="w", **given)

    def request(self, **more: Any) -> int:
        return self.scene.request(**{"params": {}, **more})

    def play(self, seconds: int = 20, **more: Any) -> None:
        self.scene.play(seconds, executor=self.worker(**more))

    def states(self, run_id: int) -> dict[str, StepState]:
        return {row.name: row.state for row in self.scene.steps(run_id)}


def _head() -> dict[str, str]:
    return {"apiVersion": "burnline/v1", "service": "fraud", "owner": "payments-ml"}


def test_several_changes_are_made_in_order(scene: Scene) -> None:
    several = Several(scene, ASK, flip("shed"), flip("scale", "5"), PROVE, shed=Flag("shed"), scale=Flag("scale", "3"))
    run_id = several.request()

    several.play()

    assert scene.run(run_id).outcome is Outcome.RECOVERED
    assert (several.flags["shed"].made, several.flags["scale"].made) == (["on"], ["5"])


def test_people_approve_every_change_of_the_plan_at_once(scene: Scene) -> None:
    several = Several(scene, ASK, flip("shed"), flip("scale", "5"), PROVE, shed=Flag("shed"), scale=Flag("scale", "3"))
    run_id = several.request(approval="one")
    several.play(2)

    asked = pending(scene)
    vote(scene, asked)
    several.play()

    assert [(each["step"], each["from_version"], each["to_version"]) for each in asked.plan["changes"]] == [
        ("set-shed", "off", "on"),
        ("set-scale", "3", "5"),
    ]
    assert scene.run(run_id).outcome is Outcome.RECOVERED


def test_steps_on_one_target_are_planned_one_from_the_other(scene: Scene) -> None:
    first = {**flip("weight", "20"), "name": "a-fifth"}
    second = {**flip("weight", "100"), "name": "all"}
    several = Several(scene, ASK, first, second, PROVE, weight=Flag("weight", "0"))
    run_id = several.request(approval="one")
    several.play(2)

    vote(scene, pending(scene))
    several.play()

    assert several.flags["weight"].made == ["20", "100"]
    assert scene.run(run_id).outcome is Outcome.RECOVERED


def test_what_moved_meanwhile_is_asked_again(scene: Scene) -> None:
    several = Several(scene, ASK, flip("scale", "5"), PROVE, scale=Flag("scale", "3"))
    several.request(approval="one")
    several.play(2)
    vote(scene, pending(scene))
    several.flags["scale"].state = "4"

    several.play(2)

    assert pending(scene).plan["changes"][0]["from_version"] == "4"
    assert several.flags["scale"].made == []


def test_a_run_that_fails_takes_back_what_it_changed_last_first(scene: Scene) -> None:
    broken = Flag("scale", "3", ActionError("quota", permanent=True))
    several = Several(
        scene,
        ASK,
        flip("shed"),
        flip("tools"),
        flip("scale", "5"),
        PROVE,
        shed=Flag("shed"),
        tools=Flag("tools"),
        scale=broken,
    )
    run_id = several.request()

    several.play()

    assert scene.run(run_id).outcome is Outcome.FAILED
    assert (several.flags["shed"].made, several.flags["tools"].made) == (["on", "off"], ["on", "off"])
    names = [row.name for row in scene.steps(run_id)]
    assert names[-3:] == ["undo-set-tools", "undo-set-shed", "escalate"]


def test_a_run_that_makes_it_worse_takes_it_back(scene: Scene) -> None:
    several = Several(scene, ASK, flip("shed"), PROVE, shed=Flag("shed"))
    several.share = 0.1
    run_id = several.request()
    several.play(1)
    several.share = 0.9

    several.play()

    assert (scene.run(run_id).outcome, several.flags["shed"].made) == (Outcome.WORSE, ["on", "off"])


def test_a_run_that_does_not_help_leaves_its_changes_to_a_person(scene: Scene) -> None:
    several = Several(scene, ASK, flip("shed"), PROVE, shed=Flag("shed"))
    several.share = 0.4
    run_id = several.request()

    several.play()

    assert (scene.run(run_id).outcome, several.flags["shed"].made) == (Outcome.NOT_RECOVERED, ["on"])


def test_what_is_irreversible_is_not_taken_back(scene: Scene) -> None:
    shed = flip("shed", act={"undo": None, "irreversible": True})
    several = Several(
        scene,
        ASK,
        shed,
        flip("scale", "5"),
        PROVE,
        shed=Flag("shed"),
        scale=Flag("scale", "3", ActionError("no", permanent=True)),
    )
    run_id = several.request()

    several.play()

    assert (scene.run(run_id).outcome, several.flags["shed"].made) == (Outcome.FAILED, ["on"])


def test_an_undo_may_name_its_state(scene: Scene) -> None:
    several = Several(
        scene, ASK, flip("shed", "all", act={"undo": "some"}), flip("scale", "5"), PROVE,
        shed=Flag("shed"), scale=Flag("scale", "3", ActionError("no", permanent=True)),
    )  # fmt: skip
    several.request()

    several.play()

    assert several.flags["shed"].made == ["all", "some"]


def test_an_undo_that_fails_decides_nothing_and_is_told(scene: Scene) -> None:
    shed = Flag("shed")
    several = Several(scene, ASK, flip("shed"), PROVE, shed=shed)
    several.share = 0.1
    run_id = several.request()
    several.play(1)
    several.share = 0.9
    shed.failures = [ActionError("gone", permanent=True)]

    several.play()

    assert scene.run(run_id).outcome is Outcome.WORSE
    assert several.states(run_id)["undo-set-shed"] is StepState.FAILED
    assert "undo-set-shed: gone" in scene.story(run_id)


def test_an_undo_in_doubt_is_not_asked_about_but_told(scene: Scene) -> None:
    shed = Flag("shed", "off", idempotent=False)
    several = Several(scene, ASK, flip("shed"), PROVE, shed=shed)
    several.share = 0.1
    run_id = several.request()
    several.play(1)
    several.share = 0.9
    shed.failures = [InDoubt("no answer")]

    several.play()

    assert (scene.run(run_id).outcome, several.states(run_id)["undo-set-shed"]) == (Outcome.WORSE, StepState.UNKNOWN)


def test_what_was_there_already_is_not_taken_back(scene: Scene) -> None:
    several = Several(
        scene, ASK, flip("shed"), flip("scale", "5"), PROVE,
        shed=Flag("shed", "on"), scale=Flag("scale", "3", ActionError("no", permanent=True)),
    )  # fmt: skip
    run_id = several.request()

    several.play()

    assert (several.flags["shed"].state, several.flags["shed"].made) == ("on", [])
    assert several.states(run_id)["set-shed"] is StepState.SKIPPED


def test_a_step_whose_condition_does_not_hold_is_left_out_with_the_reason(scene: Scene) -> None:
    worse = {"found": [{"step": "diagnose", "value": "bad_share", "above": 0.5}]}
    diagnose = {"name": "diagnose", "check": {"window": "5m"}}
    several = Several(scene, diagnose, ASK, flip("shed", when=worse), PROVE, shed=Flag("shed"))
    several.share = 0.0
    run_id = several.request()

    several.play()

    assert (scene.run(run_id).outcome, several.flags["shed"].made) == (Outcome.RECOVERED, [])
    assert "set-shed: left out: diagnose.bad_share is 0, not above 0.5" in scene.story(run_id)


def test_a_hook_that_the_service_has_not_is_left_out_where_the_step_says_so(scene: Scene) -> None:
    several = Several(scene, ASK, flip("shed"), flip("scale", "5", when={"hook": "scale"}), PROVE, shed=Flag("shed"))
    run_id = several.request(approval="one")
    several.play(2)

    asked = pending(scene)
    vote(scene, asked)
    several.play()

    assert [each["step"] for each in asked.plan["changes"]] == ["set-shed"]
    assert "set-scale: left out: the service has no hook scale" in scene.story(run_id)
    assert scene.run(run_id).outcome is Outcome.RECOVERED


def test_two_questions_of_one_run_are_each_for_what_follows(scene: Scene) -> None:
    again = {"name": "ask-again", "approve": {}}
    several = Several(
        scene, ASK, flip("shed"), {"name": "look", "verify": {**PROVE["verify"]}}, again, flip("scale", "5"), PROVE,
        shed=Flag("shed"), scale=Flag("scale", "3"),
    )  # fmt: skip
    run_id = several.request(approval="one")
    several.play(2)
    first = pending(scene)
    vote(scene, first)
    several.play(10)
    second = pending(scene)

    vote(scene, second)
    several.play()

    assert [each["step"] for each in first.plan["changes"]] == ["set-shed"]
    assert [each["step"] for each in second.plan["changes"]] == ["set-scale"]
    assert scene.run(run_id).outcome is Outcome.RECOVERED


def test_a_worker_that_dies_at_the_second_change_leaves_each_made_once(scene: Scene) -> None:
    several = Several(scene, ASK, flip("shed"), flip("scale", "5"), PROVE, shed=Flag("shed"), scale=Flag("scale", "3"))
    dying = several.flags["scale"]

    class Died(BaseException):
        pass

    def die(*_: Any, **__: Any) -> bool:
        dying.state = "5"
        dying.made.append("5")
        raise Died

    whole, dying.apply = dying.apply, die  # type: ignore[method-assign]
    run_id = several.request()
    with pytest.raises(Died):
        several.worker(lease=T0 - T0).run_once(scene.now)
    dying.apply = whole  # type: ignore[method-assign]

    several.play()

    assert scene.run(run_id).outcome is Outcome.RECOVERED
    assert (several.flags["shed"].made, dying.made) == (["on"], ["5"])


def test_nobody_is_asked_twice_for_a_plan_that_stands(scene: Scene) -> None:
    several = Several(scene, ASK, flip("shed"), PROVE, shed=Flag("shed"))
    run_id = several.request(approval="one", labels={**BURN, "tier": "x"})
    several.play(2)
    vote(scene, pending(scene))

    several.play()

    with scene.db.read() as tx:
        assert approvals.questions(tx, run_id) == 1


def test_of_two_ways_to_change_one_target_only_the_one_that_fits_is_asked_for(scene: Scene) -> None:
    def when(**bound: float) -> dict[str, Any]:
        return {"found": [{"step": "look", "value": "firing", **bound}]}

    look = {"name": "look", "collect": {"what": ["alerts"]}}
    up, down = {**flip("scale", "10"), "name": "up"}, {**flip("scale", "2"), "name": "down"}
    steps = [look, ASK, {**up, "when": when(above=100)}, {**down, "when": when(below=100)}, PROVE]
    several = Several(scene, *steps, scale=Flag("scale", "3"))
    run_id = several.request(approval="one")
    several.play(2)

    asked = pending(scene)
    vote(scene, asked)
    several.play()

    assert [(each["step"], each["from_version"]) for each in asked.plan["changes"]] == [("down", "3")]
    assert (scene.run(run_id).outcome, several.flags["scale"].made) == (Outcome.RECOVERED, ["2"])


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_change_that_is_done_is_not_made_again_when_people_are_asked_again(scene: Scene, idempotent: bool) -> None:
    shed, scale = Flag("shed", idempotent=idempotent), Flag("scale", "3")
    several = Several(
        scene,
        ASK,
        flip("shed", act={"undo": None, "irreversible": True}),
        flip("scale", "5"),
        PROVE,
        shed=shed,
        scale=scale,
    )
    whole = shed.apply
    calls: list[str] = []

    def apply(target: str, **rest: Any) -> bool:
        calls.append(target)
        scale.state = "4"  # another hand moves the second target meanwhile
        return whole(target, **rest)

    shed.apply = apply  # type: ignore[method-assign]
    run_id = several.request(approval="one")
    several.play(2)
    vote(scene, pending(scene))
    several.play(2)

    again = pending(scene)
    vote(scene, again)
    several.play()

    assert [(each["step"], each["from_version"]) for each in again.plan["changes"]] == [("set-scale", "4")]
    assert (scene.run(run_id).outcome, calls, scale.made) == (Outcome.RECOVERED, ["on"], ["5"])


def test_a_target_that_never_stands_still_is_not_asked_about_for_ever(scene: Scene) -> None:
    scale = Flag("scale", "3")
    several = Several(scene, ASK, flip("scale", "5"), PROVE, scale=scale)
    run_id = several.request(approval="one")

    for n in range(20):
        several.play(2)
        if scene.run(run_id).outcome is not None:
            break
        vote(scene, pending(scene))
        scale.state = f"1{n}"

    assert (scene.run(run_id).outcome, scale.made) == (Outcome.SKIPPED, [])
    assert "people were asked 5 times: not asked again" in scene.story(run_id)


def test_a_question_has_no_condition(scene: Scene) -> None:
    with pytest.raises(SpecError, match="put `when` on the `act` steps"):
        Several(scene, {**ASK, "when": {"hook": "shed"}}, flip("shed"), PROVE, shed=Flag("shed"))
