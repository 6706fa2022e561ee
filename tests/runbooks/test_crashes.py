"""kill -9, SIGSTOP and rivals at every boundary of a run: nothing is missing, and the alias moves exactly once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
STEPS = ["guards", "diagnose", "ask", "roll-back", "prove"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def server(request: pytest.FixtureRequest) -> str:
    """Where the databases are: files of SQLite, or a PostgreSQL server."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres"))


def play(mode: str, folder: Path, server: str) -> list[dict[str, Any]]:
    ended = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("crashing.py")), mode, str(folder), *filter(None, [server])],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert not [each for each in found if "error" in each], found
    return found


@pytest.mark.slow
def test_a_worker_killed_at_any_boundary_leaves_a_run_that_another_finishes(tmp_path: Path, server: str) -> None:
    played = play("kill", tmp_path, server)

    died = [each for each in played if each["died"]]
    assert len(died) > (2 if server else 12)
    for each in played:
        assert each["outcome"] == "recovered", each
        assert each["done"] == STEPS, each
        assert each["changes"] == 1, each
        assert each["finished"] == 1, each


@pytest.mark.slow
def test_a_worker_that_slept_past_its_lease_is_fenced_at_any_boundary(tmp_path: Path, server: str) -> None:
    played = play("stop", tmp_path, server)

    stopped = [each for each in played if each["stopped"]]
    assert len(stopped) > (2 if server else 12)
    for each in played:
        assert each["ended_well"], each
        assert each["outcome"] == "recovered", each
        assert each["done"] == STEPS, each
        assert each["changes"] == 1, each
        assert each["finished"] == 1, each


def test_two_workers_never_do_one_step_twice(tmp_path: Path, server: str) -> None:
    played = play("race", tmp_path, server)

    assert len(played) == 6
    for each in played:
        assert each["codes"] == [0, 0], each
        assert each["outcome"] == "recovered", each
        assert each["steps"] == [[n, 1] for n in range(-1, 4)], each
        assert each["changes"] == 1, each
