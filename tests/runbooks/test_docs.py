"""The examples of docs/runbooks.md are real."""

from __future__ import annotations

import re
from pathlib import Path

from burnline.events import Outcome, StepState
from burnline.runbooks.actions.alias import AliasHook
from burnline.runbooks.actions.build import build_hook
from burnline.runbooks.lint import lint
from burnline.runbooks.load import load_catalogue
from burnline.runbooks.model import KINDS
from burnline.spec.load import load_service

PAGE = (Path(__file__).parents[2] / "docs" / "runbooks.md").read_text()


def example(name: str) -> str:
    """The block of that name."""
    [block] = re.findall(rf"```yaml {name}\n(.*?)```", PAGE, re.DOTALL)
    return str(block)


def test_the_example_runbook_loads(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(example("runbook"))

    catalogue = load_catalogue(tmp_path)

    assert catalogue.get("back-to-previous") is not None


def test_the_example_service_binds_a_runbook_that_can_run(tmp_path: Path) -> None:
    (tmp_path / "service.yaml").write_text(example("service"))

    spec = load_service(tmp_path / "service.yaml")

    assert lint(load_catalogue(None), [spec]) == []
    assert build_hook(spec).target == "/srv/models/registry.json#champion"


def test_the_example_registry_knows_the_way_back(tmp_path: Path) -> None:
    [block] = re.findall(r"```json registry\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "registry.json").write_text(block)

    plan = AliasHook(tmp_path / "registry.json", "champion").plan("previous")

    assert (plan.from_version, plan.to_version) == ("2", "1")


def test_every_kind_of_step_and_every_outcome_is_explained() -> None:
    for word in (*KINDS, *Outcome, StepState.UNKNOWN):
        assert f"`{word}`" in PAGE, word
