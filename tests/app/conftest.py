"""What several files ask for: burnline behind its doors, once a file (a start takes a third of a second); its verbs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from burnline.app.cli import main
from tests.app.still import Still, still

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
