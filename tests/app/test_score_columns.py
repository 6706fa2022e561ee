"""`burnline score`: which columns are no features, and what is said where one is not found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.app.conftest import Cli
from tests.app.test_score import write

ROWS, SESSIONS = 1200, 40


def columns(**more: list[Any]) -> dict[str, list[Any]]:
    ages = np.random.default_rng(1).integers(20, 60, ROWS).tolist()
    known = {"age": ages, "user": [f"u{at % SESSIONS}" for at in range(ROWS)], "id": list(range(ROWS))}
    return {**known, "note": ["x"] * ROWS, **more}


def test_the_very_table_that_was_profiled_has_nothing_unknown(cli: Cli, tmp_path: Path) -> None:
    table = write(tmp_path / "train.csv", columns())
    cli("profile", table, "-o", "ref.json", "--session", "user", "--ignore", "id", "--ignore", "note")

    code, out, _ = cli("score", "quality", "-r", "ref.json", table, "--fail-on-alarm")

    assert code == 0
    assert [json.loads(line)["feature"] for line in out.splitlines()[:-1]] == ["age"]


def test_a_column_that_was_not_there_is_still_unknown(cli: Cli, tmp_path: Path) -> None:
    table = write(tmp_path / "train.csv", columns())
    cli("profile", table, "-o", "ref.json", "--session", "user", "--ignore", "id", "--ignore", "note")

    _, out, _ = cli("score", "quality", "-r", "ref.json", write(tmp_path / "live.csv", columns(other=[1] * ROWS)))

    (unknown,) = (line for line in map(json.loads, out.splitlines()[:-1]) if line["alarm"])
    assert unknown["reason"] == "100.0% of the events carry features nobody knows: other"
