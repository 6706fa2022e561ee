"""`burnline score drift --engine`: a library judges the same table, in records with the same keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burnline.detectors.profile import save_reference
from tests.app.conftest import Cli
from tests.app.test_score import table, write
from tests.detectors.engine_worker import interpreter
from tests.detectors.test_engines import REFERENCE, make_reference

WINDOW = 1000
ASKED = ("--window", str(WINDOW), "--prediction", "said", "--ignore", "sure")


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """Two windows, in the second of which ages have moved."""
    columns = table(2, 2 * WINDOW)
    columns["age"][WINDOW:] = np.random.default_rng(3).normal(60, 10, WINDOW).tolist()
    return write(tmp_path / "live.csv", columns)


def test_a_library_gives_the_same_records(
    cli: Cli, live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_reference(REFERENCE, tmp_path / "ref.json")
    monkeypatch.setenv("BURNLINE_ALIBI_PYTHON", interpreter(tmp_path, "alibi-detect"))

    code, ours, _ = cli("score", "drift", "-r", tmp_path / "ref.json", live, *ASKED)
    same, theirs, err = cli("score", "drift", "-r", tmp_path / "ref.json", live, *ASKED, "--engine", "alibi")

    said: list[list[dict[str, Any]]] = [[json.loads(line) for line in out.splitlines()] for out in (ours, theirs)]
    for one, other in zip(*said, strict=True):
        assert one.keys() == other.keys()
        assert [one.get(key) for key in ("feature", "verdict")] == [other.get(key) for key in ("feature", "verdict")]
    aged = [[line["score"] for line in each if line.get("feature") == "age"] for each in said]
    assert (code, same) == (0, 0)
    assert aged[0] == aged[1]
    assert [score > 0.5 for score in aged[1]] == [False, True]
    assert "Business Source License" in err


@pytest.mark.parametrize(
    ("engine", "rows", "message"),
    [
        ("evidentely", 100, "--engine: 'evidentely' is no engine here; accepted: burnline, evidently or alibi"),
        ("evidently", 0, "--engine: evidently compares rows and the reference has none; use `burnline profile --rows"),
    ],
)
def test_what_cannot_be_asked_is_an_error(
    cli: Cli, live: Path, tmp_path: Path, engine: str, rows: int, message: str
) -> None:
    save_reference(make_reference(rows, events=2000), tmp_path / "ref.json")

    code, out, err = cli("score", "drift", "-r", tmp_path / "ref.json", live, *ASKED, "--engine", engine)

    assert (code, out) == (1, "")
    assert message in err
