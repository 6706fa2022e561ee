"""What keeps changes few: budgets over all services, the error-budget policy, dry runs, drills, alerts that ended."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from burnline.errors import ActionError
from burnline.events import AlertEvent, Outcome, RunState
from burnline.runbooks.actions.build import production_of
from burnline.runbooks.lint import lint
from burnline.runbooks.load import load_catalogue
from burnline.runbooks.turn import Around
from burnline.store import incidents
from burnline.store.guards import count_change
from tests.runbooks.scene import BURN, QUICK, T0, Scene, make_recipe, make_spec, read_registry, write_registry
from tests.runbooks.test_approvals import pending, vote
from tests.runbooks.test_several import ASK, PROVE, Flag, Several, flip


def changed(scene: Scene, *services: str, ago: timedelta = timedelta(minutes=5)) -> None:
    """Runs of other services changed something that long ago."""
    for service in services:
        run_id = scene.request(labels={**BURN, "service": service}, service=service)
        at = scene.now - ago
        scene.db.write(
            lambda tx, service=service, run_id=run_id, at=at: count_change(  # type: ignore[misc]
                tx, kind="acts", scope=service, run_id=run_id, now=at
            )
        )


def test_over_so_many_changes_of_all_services_people_are_asked(scene: Scene) -> None:
    changed(scene, "a", "a2")
    run_id = scene.request()

    scene.play(10, executor=scene.executor(around=Around(changes_per_hour=2, services=100)))

    assert (scene.run(run_id).state, scene.serving()) == (RunState.WAITING, "2")
    assert "2 changes were made within 1h, of 2 that may be made unasked" in scene.story(run_id)


def test_what_people_approve_goes_on_over_the_budget(scene: Scene) -> None:
    changed(scene, "a", "a2")
    run_id = scene.request()
    worker = scene.executor(around=Around(changes_per_hour=2, services=100))
    scene.play(5, executor=worker)

    vote(scene, pending(scene))
    scene.play(20, executor=worker)

    assert (scene.run(run_id).outcome, scene.serving()) == (Outcome.RECOVERED, "1")


def test_changes_of_an_hour_ago_do_not_count(scene: Scene) -> None:
    changed(scene, "a", "a2", ago=timedelta(minutes=61))
    run_id = scene.request()

    scene.play(10, executor=scene.executor(around=Around(changes_per_hour=2, services=100)))

    assert scene.run(run_id).outcome is Outcome.RECOVERED


def test_over_a_share_of_the_services_people_are_asked(scene: Scene) -> None:
    changed(scene, "a", "b", "c")
    run_id = scene.request()

    scene.play(10, executor=scene.executor(around=Around(changes_per_hour=50, services=10)))

    assert scene.run(run_id).state is RunState.WAITING
    assert "3 of 10 services were changed within 1h" in scene.story(run_id)


def test_two_services_of_a_small_fleet_may_be_changed(scene: Scene) -> None:
    changed(scene, "a")
    run_id = scene.request()

    scene.play(10, executor=scene.executor(around=Around(services=2)))

    assert scene.run(run_id).outcome is Outcome.RECOVERED


def test_a_budget_policy_asks_people_for_what_is_not_going_back(scene: Scene) -> None:
    several = Several(scene, ASK, flip("scale", "5"), PROVE, scale=Flag("scale", "3"))
    run_id = several.request()

    several.play(5, around=Around(policy=lambda _: "availability has 0% left"))

    assert scene.run(run_id).state is RunState.WAITING
    assert "the error-budget policy wants a person asked: availability has 0% left" in scene.story(run_id)


def test_a_budget_policy_does_not_keep_a_bad_release_in_place(scene: Scene) -> None:
    run_id = scene.request()

    scene.play(20, executor=scene.executor(around=Around(policy=lambda _: "availability has 0% left")))

    assert (scene.run(run_id).outcome, scene.serving()) == (Outcome.RECOVERED, "1")


def test_a_dry_run_says_what_it_would_do_and_does_nothing(scene: Scene) -> None:
    run_id = scene.request()

    scene.play(20, executor=scene.executor(around=Around(dry_run=True)))

    assert (scene.run(run_id).outcome, scene.serving(), scene.changes()) == (Outcome.SKIPPED, "2", [])
    assert "dry run: would do alias registry.json#champion: 2 -> 1" in scene.story(run_id)


def test_a_dry_run_does_not_finish_what_was_tried_before(scene: Scene) -> None:
    shed = Flag("shed", "off", ActionError("503", permanent=False))
    several = Several(scene, ASK, flip("shed"), PROVE, shed=shed)
    run_id = several.request()
    several.worker().run_once(T0)

    scene.now = T0 + timedelta(seconds=10)
    several.play(10, around=Around(dry_run=True))

    assert (scene.run(run_id).outcome, shed.made) == (Outcome.SKIPPED, [])


def test_an_alert_that_ended_before_the_change_cancels_it_where_the_runbook_says_so(scene: Scene) -> None:
    scene.recipe = make_recipe(scene.folder, on_resolved="cancel")
    run_id = scene.request(approval="one")
    scene.play(2)
    asked = pending(scene)
    over(scene)

    vote(scene, asked)
    scene.play(20)

    assert (scene.run(run_id).outcome, scene.serving()) == (Outcome.SKIPPED, "2")
    assert "the alert has ended: nothing is changed" in scene.story(run_id)


def test_an_alert_that_ended_is_still_answered_where_the_runbook_says_nothing(scene: Scene) -> None:
    run_id = scene.request(approval="one")
    scene.play(2)
    over(scene)

    vote(scene, pending(scene))
    scene.play(20)

    assert scene.run(run_id).outcome is Outcome.RECOVERED


def over(scene: Scene) -> None:
    """The alert of the scene's only run ends."""

    def end(tx: object) -> None:
        from sqlalchemy import Connection, update

        from burnline.store.schema import episode

        assert isinstance(tx, Connection)
        tx.execute(update(episode).values(ended_at=scene.now, state=incidents.CLOSED))

    scene.db.write(end)


def drill_spec(scene: Scene, drill: Path | None) -> None:
    hooks = {"hooks": {"release": {"alias": {"file": str(drill)}}}} if drill else {}
    scene.spec = make_spec(scene.registry, drill=hooks)


def test_a_drill_reaches_only_the_targets_of_drills(scene: Scene, tmp_path: Path) -> None:
    rehearsed = write_registry(tmp_path / "drill.json")
    drill_spec(scene, rehearsed)
    run_id = scene.request(drill=True)

    scene.play()

    assert (scene.run(run_id).drill, scene.serving(), scene.changes()) == (True, "2", [])
    assert read_registry(rehearsed)["aliases"]["champion"] == "1"
    assert "run_started: DRILL: runbook bad-release started" in scene.story(run_id)


def test_a_drill_without_targets_of_its_own_touches_nothing(scene: Scene) -> None:
    drill_spec(scene, None)
    run_id = scene.request(drill=True)

    scene.play()

    assert (scene.run(run_id).outcome, scene.serving()) == (Outcome.FAILED, "2")
    assert "fraud has no `drill.hooks.release`" in scene.story(run_id)


def test_a_drill_whose_target_is_that_of_production_touches_nothing(scene: Scene) -> None:
    drill_spec(scene, scene.folder / "." / "registry.json")
    run_id = scene.request(drill=True)

    scene.play()

    assert (scene.run(run_id).outcome, scene.serving(), scene.changes()) == (Outcome.FAILED, "2", [])
    assert "`drill.hooks.release` reaches what `release.hook` reaches" in scene.story(run_id)


@pytest.mark.parametrize(
    ("real", "rehearsed", "same"),
    [
        ({"alias": {"file": "/r.json"}}, {"alias": {"file": "/x/../r.json"}}, True),
        ({"alias": {"file": "/r.json"}}, {"alias": {"file": "/r.json", "alias": "drill"}}, False),
        ({"webhook": {"url": "http://h/x"}}, {"webhook": {"url": "http://H:80/x"}}, True),
        ({"webhook": {"url": "http://h/x"}}, {"webhook": {"url": "http://h/x?drill=1"}}, False),
        ({"command": {"argv": ["/bin/do", "${to}"]}}, {"command": {"argv": ["/bin/../bin/do", "${to}"]}}, True),
        ({"command": {"argv": ["/bin/do", "${to}"]}}, {"command": {"argv": ["/bin/do", "--drill", "${to}"]}}, False),
        ({"flag_file": {"file": "/f"}}, {"flag_file": {"file": "/f"}}, True),
    ],
)
def test_targets_are_the_same_however_they_are_written(
    real: dict[str, Any], rehearsed: dict[str, Any], same: bool
) -> None:
    spec = make_spec(None, actions={"shed": real}, drill={"hooks": {"shed": rehearsed}})

    assert bool(production_of(spec, spec.drill.hooks["shed"])) == same
    assert bool([each for each in lint(load_catalogue(None), [spec]) if each.field == "drill.hooks.shed"]) == same


def test_drills_do_not_spend_the_budget_of_changes(scene: Scene, tmp_path: Path) -> None:
    rehearsed = tmp_path / "drill.json"
    drill_spec(scene, rehearsed)
    for n in range(3):
        write_registry(rehearsed, released=scene.now)
        scene.request(drill=True, labels={**BURN, "n": str(n)}, params={**QUICK, "cooldown": "0s"})
        scene.play()
    write_registry(scene.registry, released=scene.now)
    scene.sli.share = 0.0

    run_id = scene.request(labels={**BURN, "n": "real"})
    scene.play()

    assert scene.run(run_id).outcome is Outcome.RECOVERED


def test_the_alert_of_a_drill_is_told_apart_by_its_label() -> None:
    from burnline.runbooks.match import is_drill

    event = AlertEvent("am", "0" * 16, "firing", {**BURN, "drill": "true"}, {}, T0, None)

    assert is_drill(event.labels)
    assert not any(is_drill({**BURN, "drill": value}) for value in ("True", "1", "", "false"))


def test_what_a_drill_tells_says_that_it_is_one(scene: Scene, tmp_path: Path) -> None:
    from tests.runbooks.receiver import receiving

    with receiving() as receiver:
        hooks = {"hooks": {"release": {"alias": {"file": str(write_registry(tmp_path / "drill.json"))}}}}
        scene.spec = make_spec(scene.registry, drill=hooks, escalation={"page": [f"webhook:{receiver.url}"]})
        scene.sli.share = 0.4
        scene.request(drill=True)
        scene.play()
        [body] = [json.loads(body) for _, _, _, body in receiver.received]

    assert body["text"].startswith("DRILL: ")
    assert body["drill"] is True
