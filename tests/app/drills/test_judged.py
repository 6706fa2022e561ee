"""How a live drill is judged from what is on record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from burnline.app.drills.live import judge_run
from burnline.app.drills.standin import Outbox, simulated
from burnline.errors import ActionError
from burnline.events import Outcome
from burnline.runbooks.load import load_catalogue
from burnline.runbooks.notify import RECORDERS
from burnline.store.database import Database
from burnline.store.drills import Drill
from tests.runbooks.scene import BURN, Scene, make_recipe, make_spec, write_registry

TICKET = {"ticket": ["mailto:tickets@example.com"]}
MISMATCH = {"alertname": "VersionMismatch", "service": "fraud", "severity": "ticket"}


@pytest.fixture
def scene(database: Database, tmp_path: Path) -> Scene:
    """A service whose drills reach a registry of their own."""
    return Scene(database, tmp_path)


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    with Outbox() as made:
        yield made


def drilled(scene: Scene, outbox: Outbox, *, escalation: dict[str, Any], **request: Any) -> Drill:
    """A live drill of the scene's runbook, judged."""
    rehearsed = write_registry(scene.folder / "drill.json")
    hooks = {"release": {"alias": {"file": str(rehearsed)}}}
    spec = make_spec(scene.registry, drill={"hooks": hooks}, escalation=escalation)
    scene.spec = simulated(spec, outbox)
    scene.sli.registry = rehearsed
    run_id = scene.request(drill=True, **request)
    scene.play()
    with scene.db.read() as tx:
        return judge_run(tx, spec, run_id, scene.now)


class Busy:
    """A receiver that is busy the first time."""

    def __init__(self) -> None:
        self._asked = 0

    def __call__(self, *_: object) -> None:
        self._asked += 1
        if self._asked == 1:
            raise ActionError("busy", permanent=False)


def checks(done: Drill) -> dict[str, tuple[bool, str]]:
    return {check["name"]: (check["ok"], check["text"]) for check in done.checks}


def with_steps(scene: Scene, *steps: dict[str, Any]) -> None:
    """The library's bad-release with more steps at its end."""
    recipe = make_recipe(scene.folder)
    scene.recipe = make_recipe(scene.folder, steps=[*json.loads(recipe.body)["steps"], *steps])


def test_a_runbook_that_changes_nothing_passes_without_a_change(scene: Scene, outbox: Outbox) -> None:
    recipe = load_catalogue(None).get("version-mismatch")
    assert recipe is not None
    scene.recipe = recipe

    done = drilled(scene, outbox, escalation=TICKET, labels=MISMATCH, params={}, approval="one")

    found = checks(done)
    assert done.passed, found
    assert found["looked"] == (True, "version-mismatch did all it does; it changes nothing")
    assert found["tell: people told"][0]
    assert not {"people asked", "changed", "recovered", "respond in time", "recover in time"} & set(found)


def test_a_message_to_a_business_that_nobody_named_is_not_missed(scene: Scene, outbox: Outbox) -> None:
    with_steps(scene, {"name": "say", "notify": {"to": "business", "text": "it is over"}})

    done = drilled(scene, outbox, escalation=TICKET)

    assert done.passed, checks(done)
    assert "say: people told" not in checks(done)


def test_a_message_to_nobody_else_is_missed(scene: Scene, outbox: Outbox) -> None:
    with_steps(scene, {"name": "say", "notify": {"to": "page", "text": "it is over"}})

    done = drilled(scene, outbox, escalation=TICKET)

    assert checks(done)["say: people told"] == (False, "the service file names nobody to tell")


def test_a_message_that_was_left_out_is_not_missed(scene: Scene, outbox: Outbox) -> None:
    with_steps(scene, {"name": "say", "when": {"hook": "shed"}, "notify": {"to": "ticket", "text": "it is over"}})

    done = drilled(scene, outbox, escalation=TICKET)

    assert done.passed, checks(done)
    assert "say: people told" not in checks(done)


def test_a_message_that_arrived_at_the_second_try_arrived(scene: Scene, outbox: Outbox) -> None:
    with_steps(
        scene, {"name": "say", "notify": {"to": "ticket", "text": "it is over"}, "retry": {"times": 2, "pause": "1s"}}
    )
    RECORDERS[outbox.address("").split(":")[1]] = Busy()

    done = drilled(scene, outbox, escalation=TICKET)

    assert checks(done)["say: people told"][0], checks(done)


def test_a_run_that_was_held_back_says_why_it_did_not_recover(scene: Scene, outbox: Outbox) -> None:
    done = drilled(scene, outbox, escalation=TICKET, params={"lookback": "1m"}, labels={**BURN, "drill": "true"})

    ok, text = checks(done)["recovered"]
    assert not ok
    assert text.startswith("bad-release skipped: ")
    assert "changed" in text
    assert scene.run(1).outcome is Outcome.SKIPPED
