"""kill -9 before and after every transition of a release: it ends the same, and everything is changed once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_a_worker_killed_at_any_transition_leaves_a_release_that_another_ends(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("crashing.py")), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    played = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len([each for each in played if each["died"]]) > 10
    for each in played:
        assert each["state"] == "aborted", each
        assert each["champion"] == ["2", "1"], each
        assert each["traffic"] == ["5", "0"], each
        assert each["ends"] == 1, each
        assert each["runs"] == 2, each
        assert each["whole"], each
