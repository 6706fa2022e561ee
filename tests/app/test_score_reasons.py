"""`burnline score`: what a line says of windows that are rows and have no time, and why it is in alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burnline.app.score.table import Asked, score_table
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.tables.open import open_table
from tests.app.test_score import write

ROWS = 6000


def score(place: Path, verb: str, moved: float, window: int, **columns: str) -> list[dict[str, Any]]:
    """Of answers and a feature `a` that are `moved` by so many deviations, and one that is not."""
    random = np.random.default_rng(3)
    train = {name: random.normal(size=20_000).tolist() for name in "ab"}
    reference = build_profile(train, train["a"], name="t")
    live = {"a": random.normal(size=ROWS) + moved, "b": random.normal(size=ROWS)}
    table = open_table(str(write(place / "live.csv", {name: column.tolist() for name, column in live.items()})))
    *records, _ = score_table(Asked(verb, window, columns=columns), reference, table, lambda _: None)
    return records


@pytest.mark.parametrize("verb", ["prediction", "skew"])
def test_windows_of_rows_are_counted_where_those_of_a_service_are_timed(tmp_path: Path, verb: str) -> None:
    records = score(tmp_path, verb, 1.0, 1000, prediction="a")

    told = [record["reason"] for record in records if record["feature"] == "(prediction)"]
    if verb == "prediction":
        assert "It began about 3 windows ago. At most one false alarm in 4,320 windows is expected." in told[2]
    assert not any(time in reason for reason in told for time in ("0m", "days"))


def test_a_line_in_alarm_under_the_limit_says_that_windows_together_show_it(tmp_path: Path) -> None:
    records = [record for record in score(tmp_path, "drift", 0.3, 300) if record["alarm"]]

    assert records
    assert {record["feature"] for record in records} == {"a"}
    for record in records:
        if record["score"] <= 0.05:
            assert "one window does not show it" in record["reason"]
            assert record["reason"].endswith("of them together do (limit 5.0%)")


def test_a_calm_line_of_one_feature_says_nothing_of_the_whole_window(tmp_path: Path) -> None:
    reasons = {record["reason"] for record in score(tmp_path, "quality", 0.0, 1000)}

    assert reasons == {"Nothing beyond what is allowed."}
