"""A person stops every change, and lets changes be made again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from burnline.errors import DecisionRefused
from burnline.events import Outcome
from burnline.runbooks.switch import actions, switch_actions, turns
from burnline.store.database import Database, open_database
from burnline.store.guards import Switched
from burnline.store.timeline import first_broken
from tests.runbooks.scene import BURN, SECOND, T0, Scene


def test_actions_are_on_until_a_person_says_otherwise(any_database: Database) -> None:
    before = actions(any_database)
    switch_actions(any_database, "off", actor="ines", now=T0)
    off = actions(any_database)
    switch_actions(any_database, "on", actor="tor", now=T0 + SECOND)

    assert (before, off) == (None, Switched("off", "ines", T0))
    assert actions(any_database) == Switched("on", "tor", T0 + SECOND)


def test_every_turn_is_kept_with_who_when_why_and_what_was_before(any_database: Database) -> None:
    switch_actions(any_database, "off", actor="ines", now=T0, reason="the registry moves")
    switch_actions(any_database, "off", actor="tor", now=T0 + SECOND)
    switch_actions(any_database, "on", actor="tor", now=T0 + 2 * SECOND, reason="it has moved")

    kept = turns(any_database)

    assert [(each.at, each.actor, each.before, each.value, each.reason) for each in kept] == [
        (T0 + 2 * SECOND, "tor", "off", "on", "it has moved"),
        (T0 + SECOND, "tor", "off", "off", ""),
        (T0, "ines", "on", "off", "the registry moves"),
    ]
    assert first_broken(kept[::-1]) is None
    assert [each.actor for each in turns(any_database, limit=1)] == ["tor"]


def test_processes_that_turn_it_at_once_make_one_chain(any_url: str) -> None:
    databases = [open_database(any_url, busy_timeout=timedelta(minutes=1)) for _ in range(4)]

    def turn(number: int) -> None:
        switch_actions(databases[number % 4], "off", actor=f"person {number}", now=T0)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(turn, range(20)))
    kept = turns(databases[0])
    for db in databases:
        db.close()

    assert len({each.actor for each in kept}) == 20
    assert first_broken(kept[::-1]) is None


def test_nothing_is_changed_while_they_are_off_and_again_when_they_are_on(scene: Scene) -> None:
    switch_actions(scene.db, "off", actor="ines", now=T0, reason="the registry moves")
    stopped = scene.request()
    scene.play()
    switch_actions(scene.db, "on", actor="ines", now=T0 + timedelta(minutes=1))
    run_id = scene.request(labels={**BURN, "tier": "page-slow"})

    scene.play()

    assert (scene.run(stopped).outcome, scene.run(run_id).outcome) == (Outcome.SKIPPED, Outcome.RECOVERED)
    assert "actions are switched off: ines, since 12:00:00 UTC: the registry moves" in scene.story(stopped)


@pytest.mark.parametrize(("value", "actor"), [("maybe", "ines"), ("off", ""), ("on", "Burnline"), ("off", "a\0")])
def test_a_setting_that_cannot_be_taken_sets_nothing(database: Database, value: str, actor: str) -> None:
    with pytest.raises(DecisionRefused):
        switch_actions(database, value, actor=actor, now=T0)

    assert actions(database) is None
