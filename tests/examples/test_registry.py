"""The registry on disk: what a release changes, and what burnline changes back."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from screening.registry import VERSIONS, live_version, set_alias

from burnline.runbooks.actions.alias import AliasHook

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_version_1_serves_at_first(registry: Path) -> None:
    assert live_version(registry) == ("1", VERSIONS["1"])


def test_a_release_moves_the_alias_and_remembers_where_it_was(registry: Path) -> None:
    set_alias(registry, "champion", "2")

    assert live_version(registry) == ("2", VERSIONS["2"])
    last = json.loads(registry.read_text())["history"][-1]
    assert (last["alias"], last["from"], last["to"]) == ("champion", "1", "2")


def test_a_version_that_is_not_registered_is_refused_and_nothing_changes(registry: Path) -> None:
    before = registry.read_text()

    with pytest.raises(SystemExit, match="version '3' is not registered; there are 1, 2"):
        set_alias(registry, "champion", "3")

    assert registry.read_text() == before


def test_releasing_from_the_command_line_is_the_same(registry: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "screening.registry", str(registry.parent), "champion", "2"], cwd=EXAMPLES, check=True
    )

    assert live_version(registry)[0] == "2"


def test_burnline_takes_a_release_back_in_the_same_file(registry: Path) -> None:
    set_alias(registry, "champion", "2")
    hook = AliasHook(registry, "champion")

    plan, at = hook.plan("previous"), datetime(2026, 1, 5, tzinfo=UTC)
    hook.apply(plan.to_version, before=plan.from_version, idempotency_key="k", epoch=1, at=at)

    assert live_version(registry) == ("1", VERSIONS["1"])
