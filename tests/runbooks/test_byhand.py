"""A runbook that a person starts is on record, asks somebody else, and runs once at a time."""

from __future__ import annotations

from typing import Any

import pytest

from burnline.errors import DecisionRefused
from burnline.events import Outcome
from burnline.runbooks.byhand import start_by_hand
from burnline.store import incidents
from tests.runbooks.scene import QUICK, Scene, make_spec
from tests.runbooks.test_approvals import pending, vote


def start(scene: Scene, actor: str = "ines", **more: Any) -> int:
    given = {"params": QUICK, "slo": "availability", "reason": "users call", **more}
    return start_by_hand(scene.db, scene.spec, scene.recipe, actor=actor, now=scene.now, **given)


def test_a_person_starts_a_runbook_and_another_approves(scene: Scene) -> None:
    run_id = start(scene)
    scene.play(2)

    with pytest.raises(DecisionRefused, match="started this run: another person must decide"):
        vote(scene, pending(scene), actor="Ines ")
    vote(scene, pending(scene), actor="omar")
    scene.play(20)

    assert (scene.run(run_id).outcome, scene.serving()) == (Outcome.RECOVERED, "1")
    assert "ines started runbook bad-release as run 1: users call" in scene.story(run_id)


def test_it_has_the_approval_and_values_of_its_binding(scene: Scene) -> None:
    bound = [{"on": {"slo": "availability"}, "run": "bad-release", "approval": "none", "params": QUICK}]
    scene.spec = make_spec(scene.registry, runbooks=bound)
    run_id = start(scene, params={})

    scene.play(20)

    assert scene.run(run_id).outcome is Outcome.RECOVERED


def test_a_runbook_that_is_at_work_is_not_started_again(scene: Scene) -> None:
    run_id = scene.request(approval="one")

    with pytest.raises(DecisionRefused, match=f"run {run_id} of bad-release is at work already"):
        start(scene)


def test_an_incident_made_for_it_is_quiet_once_the_run_has_ended(scene: Scene) -> None:
    start(scene)
    scene.play(2)
    vote(scene, pending(scene), actor="omar")
    scene.play(20)

    with scene.db.read() as tx:
        assert [each.id for each in incidents.quiet_incidents(tx)] == [1]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"params": {"settle": "7 years"}}, "settle: '7 years'"),
        ({"params": {"no": 1}}, "no such parameter"),
        ({"slo": "nothing"}, "fraud has no SLO 'nothing'"),
    ],
)
def test_what_does_not_fit_starts_nothing(scene: Scene, given: dict[str, Any], words: str) -> None:
    with pytest.raises(DecisionRefused, match=words):
        start(scene, **given)

    with scene.db.read() as tx:
        assert incidents.open_incident(tx, "fraud") is None
