"""The demo's stage: its processes are watched and stopped, and what they say is read even when it is half written."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from burnline.app.demo import _refuse_taken
from burnline.app.demo_stage import Stage
from burnline.errors import BurnlineError


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Nothing runs yet."""
    return Stage(tmp_path, port=1, model_port=2)


def test_a_process_that_ends_by_itself_is_named_with_its_last_words(stage: Stage) -> None:
    with stage._process("server", ["-c", "print('starting'); raise SystemExit('no room')"]) as child:
        stage.children["server"] = child
        child.wait()

        with pytest.raises(BurnlineError, match="server stopped by itself: no room"):
            stage.check()


def test_processes_are_stopped_when_the_block_ends(stage: Stage) -> None:
    with stage._process("server", ["-c", "import time; time.sleep(60)"]) as child:
        stage.children["server"] = child
        stage.check()

    assert child.returncode is not None


@pytest.mark.parametrize(
    ("written", "met"),
    [("", {}), ('{"200": 1}\n{"200": 9}\n', {"200": 9}), ('{"200": 1}\n{"20', {}), ("Traceback\nOSError: no\n", {})],
)
def test_the_load_generators_last_line_is_what_it_met(stage: Stage, written: str, met: dict[str, int]) -> None:
    (stage.folder / "load.log").write_text(written)

    assert stage.outcomes() == met


def test_a_step_that_fails_says_what_went_wrong(stage: Stage) -> None:
    with pytest.raises(BurnlineError, match=r"screening\.registry .* failed: .*registry\.json"):
        stage.release("2")


def test_the_demos_service_file_points_at_its_own_folder_and_port(stage: Stage) -> None:
    placed = stage._placed("http://127.0.0.1:8601/metrics ../screening/reference.json ../screening/registry/r.json")

    assert placed == "http://127.0.0.1:2/metrics reference.json registry/r.json"


def test_a_port_that_is_taken_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(BurnlineError, match=f"port {port} is taken: choose others with --port and --model-port"):
            _refuse_taken(port)
