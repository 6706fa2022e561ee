"""Every kind of hook in a whole run: guards, plan, change, and the proof on the SLI."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from burnline.events import Counts, Outcome
from burnline.runbooks.executor import Executor
from burnline.runbooks.load import Catalogue, Recipe
from burnline.store.database import Database
from tests.runbooks.scenarios import SCENARIOS, Scenario
from tests.runbooks.scene import Scene, make_recipe


class BurnsUntil:
    """An SLI that is bad until the change is made."""

    def __init__(self, played: Scenario) -> None:
        self.played = played

    def read_sli(self, service: str, slo: str, since: datetime, until: datetime) -> Counts:
        return Counts(40.0 if self.played.changes() == 0 else 0.0, 100.0)


def recipe(folder: Path, played: Scenario) -> Recipe:
    """The library's bad-release, asking for what the scenario asks for."""
    folder.mkdir()
    steps = json.loads(make_recipe(folder).body)["steps"]
    for step in steps:
        if "act" in step:
            step["act"]["to"] = played.ask
    return make_recipe(folder, steps=steps, preconditions={"previous_version_known": played.ask == "previous"})


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_run_makes_the_change_and_proves_the_recovery(name: str, database: Database, tmp_path: Path) -> None:
    with SCENARIOS[name](tmp_path) as played:
        scene = Scene(database, tmp_path)
        scene.recipe = recipe(tmp_path / "runbook", played)
        run_id = scene.request()
        catalogue = Catalogue({scene.recipe.runbook.id: scene.recipe})
        worker = Executor(
            database,
            [scene.spec],
            catalogue,
            BurnsUntil(played),
            owner="worker",
            elapsed=lambda: 0.0,
            hooks=lambda *_, **__: played.hook,
        )

        scene.play(executor=worker)

        assert scene.run(run_id).outcome is Outcome.RECOVERED, scene.story(run_id)
        assert played.hook.observe() == played.to
