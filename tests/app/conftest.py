"""What several files ask for: burnline behind its doors, and stories of it, once a file as both are slow; and verbs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from burnline.app.cli import main
from tests.app.scenes import break_release, story
from tests.app.still import Still, still
from tests.flow.world import World

Outcome = tuple[int, str, str]
Cli = Callable[..., Outcome]


@pytest.fixture(scope="module")
def burnline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Still]:
    """burnline, served with its workers standing still."""
    with still(tmp_path_factory.mktemp("still")) as made:
        yield made


@pytest.fixture
def door(burnline: Still) -> Still:
    """The same, with nothing kept and nothing counted."""
    burnline.forget()
    return burnline


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Cli:
    """`cli("check", path)`: the exit code, and what went to stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("BURNLINE_")]:
        monkeypatch.delenv(name)

    def run(*argv: str | Path) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["burnline", *map(str, argv)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        code = end.value.code
        assert code is None or isinstance(code, int)
        return code or 0, out, err

    return run


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[World]:
    """A service nobody has looked at yet; the first thing it does is up to the test."""
    with story(tmp_path, seconds=45) as made:
        yield made


@pytest.fixture(scope="module")
def breached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A bad release serves, and its rollback waits for a person."""
    with story(tmp_path_factory.mktemp("breached"), seconds=45) as made:
        made.live(20)
        break_release(made)
        yield made


@pytest.fixture(scope="module")
def over(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The bad release was rolled back without asking, and all is well again."""
    with story(tmp_path_factory.mktemp("over"), seconds=180, approval="none") as made:
        made.live(70)
        made.service.release("2", made.now)
        made.live(110)
        yield made
