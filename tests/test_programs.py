"""The road by which tests drive real programs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.programs import free_port, program, running

SERVER = ("-m", "http.server", "--bind", "127.0.0.1")


def test_a_program_is_found_by_its_name() -> None:
    assert Path(program("sh")).exists()


def test_a_missing_program_skips_the_test_at_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="apt-get install no-such-program"):
        program("no-such-program")


def test_a_missing_program_fails_the_test_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed"):
        program("no-such-program")


def test_a_program_runs_until_the_block_ends(tmp_path: Path) -> None:
    port = free_port()
    argv = [sys.executable, *SERVER, str(port)]

    with running(argv, log=tmp_path / "log", url=f"http://127.0.0.1:{port}/", cwd=tmp_path) as process:
        assert process.poll() is None

    assert process.poll() is not None


def test_a_program_that_exits_says_why(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "raise SystemExit('no such port')"]

    with (
        pytest.raises(AssertionError, match=r"no such port[\s\S]*exited with 1"),
        running(argv, log=tmp_path / "log", url=f"http://127.0.0.1:{free_port()}/"),
    ):
        pass


def test_a_program_that_is_never_ready_is_stopped(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import time; time.sleep(60)"]

    with (
        pytest.raises(AssertionError, match=r"not ready in 0\.2 s"),
        running(argv, log=tmp_path / "log", ready=lambda: False, deadline_seconds=0.2),
    ):
        pass
