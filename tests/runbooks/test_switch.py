"""A person stops every change, and lets changes be made again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from burnline.errors import DecisionRefused
from burnline.events import Outcome
from burnline.runbooks.switch import actions, switch_actions
from burnline.store.database import Database
from burnline.store.guards import Switched
from tests.runbooks.scene import BURN, SECOND, T0, Scene


def test_actions_are_on_until_a_person_says_otherwise(any_database: Database) -> None:
    before = actions(any_database)
    switch_actions(any_database, "off", actor="ines", now=T0)
    off = actions(any_database)
    switch_actions(any_database, "on", actor="tor", now=T0 + SECOND)

    assert (before, off) == (None, Switched("off", "ines", T0))
    assert actions(any_database) == Switched("on", "tor", T0 + SECOND)


def test_nothing_is_changed_while_they_are_off_and_again_when_they_are_on(scene: Scene) -> None:
    switch_actions(scene.db, "off", actor="ines", now=T0)
    stopped = scene.request()
    scene.play()
    switch_actions(scene.db, "on", actor="ines", now=T0 + timedelta(minutes=1))
    run_id = scene.request(labels={**BURN, "tier": "page-slow"})

    scene.play()

    assert (scene.run(stopped).outcome, scene.run(run_id).outcome) == (Outcome.SKIPPED, Outcome.RECOVERED)
    assert "actions are switched off: ines" in scene.story(stopped)


@pytest.mark.parametrize(("value", "actor"), [("maybe", "ines"), ("off", ""), ("on", "Burnline"), ("off", "a\0")])
def test_a_setting_that_cannot_be_taken_sets_nothing(database: Database, value: str, actor: str) -> None:
    with pytest.raises(DecisionRefused):
        switch_actions(database, value, actor=actor, now=T0)

    assert actions(database) is None
