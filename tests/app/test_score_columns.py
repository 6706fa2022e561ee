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


def test_a_feature_without_a_column_is_told_of(cli: Cli, tmp_path: Path) -> None:
    cli("profile", write(tmp_path / "train.csv", columns()), "-o", "ref.json", "--ignore", "user")
    live = write(tmp_path / "live.csv", {name: values for name, values in columns().items() if name != "note"})

    code, _, err = cli("score", "drift", "-r", "ref.json", live)
    _, _, other = cli("score", "drift", "-r", "ref.json", live, "--feature", "age")

    warning, told = err.splitlines()
    assert code == 0
    assert warning == (f"warning: {live}: has no column of these features, so all their values are missing: note")
    assert told == f"{live}: 1,200 rows, 1 window, 1 of them in alarm"
    assert "warning" not in other


def test_of_a_column_that_never_varies_its_value_is_told(cli: Cli, tmp_path: Path) -> None:
    table = write(tmp_path / "train.csv", columns(one=[1] * ROWS))
    cli("profile", table, "-o", "ref.json")

    _, out, _ = cli("score", "drift", "-r", "ref.json", table, "--feature", "one")

    assert json.loads(out.splitlines()[0])["reason"].startswith("100.0% of its values are exactly 1, ")


def test_a_column_that_is_called_otherwise_here_is_told_of(cli: Cli, tmp_path: Path) -> None:
    at = [3600 * at for at in range(ROWS)]
    answers = ["x", "y"] * (ROWS // 2)
    train, now = columns(when=at, said=answers), columns(time_of=at, answer=answers)
    by_hour = ("--time", "when", "--slots", "hour-of-day", "--prediction", "said")
    cli("profile", write(tmp_path / "train.csv", train), "-o", "ref.json", *by_hour)
    live = write(tmp_path / "live.csv", now)

    _, _, silent = cli("score", "drift", "-r", "ref.json", live)
    _, _, named = cli("score", "drift", "-r", "ref.json", live, "--time", "time_of", "--prediction", "answer")
    _, _, one = cli("score", "drift", "-r", "ref.json", live, "--time", "time_of", "--feature", "age")

    missed, mixed = (line for line in silent.splitlines() if "warning" in line)
    assert missed == (
        f"warning: {live}: has no column said, so no prediction is looked at; --prediction COLUMN names another"
    )
    assert "has no column when, so rows are compared with all hours of the reference together; --time" in mixed
    assert "warning" not in named
    assert "warning" not in one
