"""Live drills, with a burnline that runs: its drill targets are changed and proved, and nothing of production is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import Cli
from tests.flow.real import Live, LiveService, burnline_up
from tests.flow.world import Pager, write_files

DRILL = """
actions:
  shed: {{flag_file: {{file: {folder}/shed}}}}
drill:
  hooks:
    release: {{alias: {{file: {folder}/drill.json, alias: champion}}}}
    shed: {{flag_file: {{file: {folder}/drill-shed}}}}
"""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Live]:
    """A service with drill targets, watched by a real burnline; a person must approve."""
    service = LiveService(tmp_path)
    with ExitStack() as stack:
        pager = Pager(service)
        stack.callback(pager.close)
        file = write_files(tmp_path, pager.url, approval="one", params="{settle: 1s, window: 1s}")
        file.write_text(file.read_text() + DRILL.format(folder=tmp_path))
        change = {
            "alias": "champion",
            "from": "1",
            "to": "2",
            "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "by": "ci",
        }
        first = {**change, "from": None, "to": "1", "at": "2026-01-05T12:00:00Z"}
        drill = {"aliases": {"champion": "2"}, "versions": {"1": {}, "2": {}}, "history": [first, change]}
        (tmp_path / "drill.json").write_text(json.dumps(drill))
        (tmp_path / "shed").write_text("off")
        burnline = burnline_up(tmp_path)
        stack.callback(burnline.close)
        burnline.start()
        yield stack.enter_context(Live(service, pager, burnline, tmp_path / "burnline.db"))


def drill(scene: Live, folder: Path, *options: str) -> tuple[int, str]:
    """`burnline drill scoring --live`: its exit code and what it said."""
    argv = [sys.executable, "-m", "burnline", "drill", "scoring", "--live", "--server", scene.burnline.url]
    argv += ["--services", str(folder / "scoring.yaml"), *options]
    done = subprocess.run(argv, env=os.environ, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_live_drill_changes_its_own_targets_only_and_is_judged_and_kept(scene: Live, tmp_path: Path) -> None:
    scene.until(lambda: scene.states().get("availability") == "ok", "observed")
    production = {name: (tmp_path / name).read_bytes() for name in ("registry.json", "shed")}

    code, said = drill(scene, tmp_path, "--as", "ines")

    assert code == 0, said + scene.story()
    assert "bad-release: passed (live, run 1)" in said
    assert "people asked             approved, by ines" in said
    assert {name: (tmp_path / name).read_bytes() for name in production} == production
    assert json.loads((tmp_path / "drill.json").read_text())["aliases"] == {"champion": "1"}
    assert not (tmp_path / "drill-shed").exists()
    [kept] = scene.get("/v1/drills?service=scoring")
    checks: dict[str, Any] = {check["name"]: check for check in kept["checks"]}
    assert (kept["mode"], kept["scenario"], kept["passed"], kept["run_id"]) == ("live", "bad-release", True, 1)
    assert checks["changed"]["text"].endswith("drill.json#champion: 2 -> 1")
    assert checks["what production uses"]["text"] == "untouched"
    assert kept["recover_seconds"] > 0
    assert [message["text"][:6] for message in scene.pager.received if "approval" in message] == ["DRILL:"]
    scene.until(lambda: scene.incident()["state"] == "closed", "closed")
    assert (scene.incident()["service"], scene.incident()["drill"]) == ("scoring", True)
    assert all(entry["text"].startswith("DRILL: ") for entry in scene.incident()["entries"])


def test_a_live_drill_whose_target_was_not_released_fails_with_the_reason(scene: Live, tmp_path: Path) -> None:
    scene.until(lambda: scene.states().get("availability") == "ok", "observed")
    registry = json.loads((tmp_path / "drill.json").read_text())
    registry["history"][-1]["at"] = "2026-01-06T12:00:00Z"
    (tmp_path / "drill.json").write_text(json.dumps(registry))

    code, said = drill(scene, tmp_path, "--as", "ines")

    assert code == 1
    assert "FAIL recovered                bad-release skipped" in said
    assert json.loads((tmp_path / "drill.json").read_text())["aliases"] == {"champion": "2"}


def test_without_drill_targets_a_live_drill_is_refused(cli: Cli, tmp_path: Path) -> None:
    file = write_files(tmp_path, "http://pager.invalid")

    code, _, err = cli("drill", "scoring", "--live", "--services", file)

    assert code == 1
    assert "scoring names no `drill.hooks`" in err
