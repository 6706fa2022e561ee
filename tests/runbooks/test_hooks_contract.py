"""What every kind of hook promises, whatever it changes: see runbooks/actions/contract.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from burnline.errors import ActionError, InDoubt, Moved
from burnline.runbooks.actions.build import BUILDERS
from burnline.spec.hooks import HookSpec
from tests.runbooks.scenarios import SCENARIOS, Scenario
from tests.runbooks.scene import T0

# what cannot play: it is told what to do, and need not be able to tell what it did
ELSEWHERE = {
    "webhook": "test_webhook_hook.py",
    "command": "test_command.py",
}


@pytest.fixture(params=sorted(SCENARIOS))
def scenario(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scenario]:
    with SCENARIOS[request.param](tmp_path) as played:
        yield played


def apply(played: Scenario, *, key: str = "run:3", epoch: int = 1, before: str | None = "as planned") -> bool:
    was = played.before if before == "as planned" else before
    return played.hook.apply(played.to, before=was, idempotency_key=key, epoch=epoch, at=T0)


def need(step: Callable[[], object] | None, why: str) -> Callable[[], object]:
    if step is None:
        pytest.skip(why)
    return step


def test_every_kind_of_hook_is_played_here_or_tested_elsewhere() -> None:
    played = {name.partition(":")[0] for name in SCENARIOS}

    assert set(BUILDERS) == set(HookSpec.model_fields)
    assert played | set(ELSEWHERE) == set(BUILDERS)
    assert all((Path(__file__).parent / file).exists() for file in ELSEWHERE.values())


def test_it_says_what_it_is_and_what_it_changes(scenario: Scenario) -> None:
    assert scenario.hook.kind in BUILDERS
    assert scenario.hook.target
    assert scenario.hook.idempotent in (True, False)


def test_a_plan_names_both_states_and_changes_nothing(scenario: Scenario) -> None:
    plan = scenario.hook.plan(scenario.ask)

    assert (plan.kind, plan.target) == (scenario.hook.kind, scenario.hook.target)
    assert (plan.from_version, plan.to_version) == (scenario.before, scenario.to)
    assert scenario.hook.plan(scenario.to) == plan, "what was planned is absolute"
    assert (scenario.changes(), scenario.hook.observe()) == (0, scenario.before)


def test_what_cannot_be_is_refused_when_it_is_planned(scenario: Scenario) -> None:
    with pytest.raises(ActionError) as caught:
        scenario.hook.plan(scenario.unknown)

    assert caught.value.permanent
    assert scenario.changes() == 0


def test_a_change_is_made_once_however_often_it_is_asked_for(scenario: Scenario) -> None:
    first = apply(scenario)
    changes = scenario.changes()

    second, third = apply(scenario), apply(scenario, epoch=2)

    assert (first, second, third) == (True, False, False)
    assert scenario.changes() == changes > 0
    assert scenario.hook.observe() == scenario.to
    assert scenario.hook.verify(scenario.to)
    assert not scenario.hook.verify(scenario.before)


def test_a_plan_that_could_not_tell_what_serves_is_carried_out_all_the_same(scenario: Scenario) -> None:
    assert apply(scenario, before=None)

    assert scenario.hook.verify(scenario.to)


def test_what_another_hand_moved_meanwhile_is_left_alone(scenario: Scenario) -> None:
    need(scenario.move, "there is no third state")()
    found = scenario.hook.observe()

    with pytest.raises(Moved):
        apply(scenario)

    assert scenario.changes() == 0
    assert scenario.hook.observe() == found not in (scenario.before, scenario.to)


def test_what_another_hand_moved_after_the_change_is_not_verified(scenario: Scenario) -> None:
    move = need(scenario.move, "there is no third state")
    apply(scenario)

    if scenario.put_back is not None:
        scenario.put_back()
    move()

    assert not scenario.hook.verify(scenario.to)


def test_a_change_that_another_hand_took_back_is_not_made_again_under_its_key(scenario: Scenario) -> None:
    if not scenario.keyed:
        pytest.skip("the key has no place beside the change")
    put_back = need(scenario.put_back, "it cannot be put back")
    apply(scenario)
    put_back()
    changes = scenario.changes()

    with pytest.raises(Moved):
        apply(scenario)

    assert scenario.changes() == changes
    assert apply(scenario, key="another run:3"), "another change has another key"


def test_a_worker_that_was_overtaken_changes_nothing(scenario: Scenario) -> None:
    if not scenario.keyed:
        pytest.skip("the epoch has no place beside the change")
    put_back = need(scenario.put_back, "it cannot be put back")
    apply(scenario, epoch=5)
    put_back()
    changes = scenario.changes()

    with pytest.raises(ActionError) as caught:
        apply(scenario, epoch=4)

    assert caught.value.permanent
    assert scenario.changes() == changes


def test_no_answer_leaves_a_change_in_doubt_and_asking_again_makes_no_second_one(scenario: Scenario) -> None:
    need(scenario.lose, "a change here always answers")()

    with pytest.raises(InDoubt):
        apply(scenario)
    apply(scenario, epoch=2)

    assert scenario.hook.observe() == scenario.to
    assert scenario.hook.verify(scenario.to)
    made = scenario.changes()
    apply(scenario, epoch=3)
    assert scenario.changes() == made


def test_when_it_changed_is_told_with_its_time_zone_or_not_at_all(scenario: Scenario) -> None:
    before = scenario.hook.changed_at()
    apply(scenario)
    after = scenario.hook.changed_at()

    for moment in (before, after):
        assert moment is None or moment.utcoffset() == timedelta(0)
