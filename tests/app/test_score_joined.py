"""`burnline score skew --training`: rows compared with those of training by id, each feature by its type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from burnline.app.score.table import Asked, score_table
from burnline.detectors.tables.open import open_table
from burnline.events import Mismatch
from tests.app.conftest import Cli
from tests.app.test_score import write

ROWS, WINDOW = 600, 200
Columns = dict[str, list[Any]]


def both() -> Columns:
    return {
        "id": [f"tx-{at}" for at in range(ROWS)],
        "amount": [at * 1.25 for at in range(ROWS)],
        "visits": [at % 9 for at in range(ROWS)],
        "code": [f"c{at % 40:02}" for at in range(ROWS)],
        "city": [None if at % 10 == 0 else "Oslo" for at in range(ROWS)],
    }


def score(tmp_path: Path, live: Columns, training: Columns, **asked: Any) -> list[dict[str, Any]]:
    places = [write(tmp_path / "live.csv", live), write(tmp_path / "training.csv", training)]
    table, trained = (open_table(str(place)) for place in places)
    wanted = Asked("skew", **{"window": WINDOW, "id": "id", **asked})
    return list(score_table(wanted, None, table, lambda rows: None, None, trained))


def by_feature(records: list[dict[str, Any]], window: int = 0) -> Mapping[str, dict[str, Any]]:
    return {each["feature"]: each for each in records[:-1] if each["window"] == window}


def test_the_same_rows_in_another_order_differ_in_nothing(tmp_path: Path) -> None:
    training = {name: column[::-1] for name, column in both().items()}

    *records, summary = score(tmp_path, both(), training)

    assert {(each["signal"], each["verdict"], each["score"]) for each in records} == {("skew", "ok", 0.0)}
    assert [each["feature"] for each in records[:4]] == ["amount", "visits", "code", "city"]
    assert (summary["rows"], summary["joined"], summary["not_compared"]) == (ROWS, ROWS, [])


@pytest.mark.parametrize(
    ("feature", "served", "kind"),
    [
        ("amount", lambda value: value / 100, Mismatch.HUNDREDTH),
        ("visits", lambda value: value + 1, Mismatch.OTHER),
        ("code", lambda value: value.replace("0", "O"), Mismatch.OTHER),
        ("city", lambda value: value or "unknown", Mismatch.NOT_TRAINED),
        ("amount", lambda value: None, Mismatch.NOT_SERVED),
        ("amount", lambda value: f"{value} EUR", Mismatch.TYPE),
    ],
)
def test_a_feature_that_is_made_otherwise_is_told_with_the_way_in_which_it_differs(
    tmp_path: Path, feature: str, served: Any, kind: Mismatch
) -> None:
    live = both()
    live[feature] = [served(value) for value in live[feature]]

    records = score(tmp_path, live, both())

    assert {each["feature"] for each in records[:-1] if each["alarm"]} == {feature}
    assert kind in by_feature(records)[feature]["reason"]
    assert records[-1]["first_alarm"] == 0


def test_what_is_padded_with_zeros_is_text_on_either_side(tmp_path: Path) -> None:
    padded, plain = ({**both(), "visits": [form.format(at % 9) for at in range(ROWS)]} for form in ("{:03}", "{}"))

    assert not score(tmp_path, padded, padded)[-1]["alarm"]
    for live, training in ((padded, plain), (plain, padded)):
        records = score(tmp_path, live, training)
        assert {each["feature"] for each in records[:-1] if each["alarm"]} == {"visits"}
        assert Mismatch.TYPE in by_feature(records)["visits"]["reason"]


def test_rounding_is_no_difference_and_a_tolerance_is_granted_to_whom_it_is_given(tmp_path: Path) -> None:
    rounded, off = both(), both()
    rounded["amount"] = [value * 1.000001 for value in rounded["amount"]]
    off["amount"] = [value * 1.005 for value in off["amount"]]
    off["visits"] = [value * 1.005 for value in off["visits"]]

    assert not score(tmp_path, rounded, both())[-1]["alarm"]
    assert not score(tmp_path, off, both(), tolerances=("1%",))[-1]["alarm"]
    granted = score(tmp_path, off, both(), tolerances=("amount=0.01",))
    assert {each["feature"] for each in granted[:-1] if each["alarm"]} == {"visits"}


def test_a_row_that_training_has_not_is_not_compared_and_a_window_of_such_rows_is_no_data(tmp_path: Path) -> None:
    live = both()
    live["id"][WINDOW : 2 * WINDOW] = [None if at % 2 else f"new-{at}" for at in range(WINDOW)]
    live["amount"][WINDOW:] = [0.5] * (ROWS - WINDOW)

    *records, summary = score(tmp_path, live, both())

    assert [each["verdict"] for each in records if each["feature"] == "amount"] == ["ok", "no_data", "alarm"]
    assert (summary["joined"], summary["no_data"]) == (ROWS - WINDOW, 1)


def test_of_an_id_that_training_has_twice_the_first_row_counts(tmp_path: Path) -> None:
    wrong = {**both(), "amount": [-1.0] * ROWS}
    training = {name: [*column, *wrong[name]] for name, column in both().items()}

    assert not score(tmp_path, both(), training)[-1]["alarm"]


def test_a_feature_that_only_one_table_has_is_named_and_not_compared(tmp_path: Path) -> None:
    live = {**both(), "surprise": [1] * ROWS}
    del live["city"]

    *records, summary = score(tmp_path, live, both())

    assert {each["feature"] for each in records} == {"amount", "visits", "code"}
    assert summary["not_compared"] == ["city", "surprise"]


def test_parquet_and_csv_tell_the_same_and_large_ids_are_told_apart(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    training, live = both(), both()
    training["id"] = live["id"] = [2**60 + at for at in range(ROWS)]
    live["amount"] = [value * 10 for value in live["amount"]]
    for name, columns in (("live", live), ("training", training)):
        parquet.write_table(pa.table(columns), tmp_path / f"{name}.parquet")

    expected = score(tmp_path, live, training)
    places = [tmp_path / f"{name}.parquet" for name in ("live", "training")]
    for one, other in (
        (places[0], places[1]),
        (tmp_path / "live.csv", places[1]),
        (places[0], tmp_path / "training.csv"),
    ):
        tables = (open_table(str(place), exact=["id"]) for place in (one, other))
        found = list(
            score_table(Asked("skew", WINDOW, id="id"), None, next(tables), lambda _: None, None, next(tables))
        )
        assert found == expected


def test_the_command_line_joins_with_or_without_a_reference(cli: Cli, tmp_path: Path) -> None:
    live = both()
    live["visits"] = [value + 1 for value in live["visits"]]
    write(tmp_path / "live.csv", live)
    write(tmp_path / "training.csv", both())
    cli("profile", "training.csv", "-o", "ref.json", "--ignore", "id", "--ignore", "city")
    joined = ("score", "skew", "live.csv", "--training", "training.csv", "--id", "id", "--fail-on-alarm")

    alone, with_one = cli(*joined), cli(*joined, "-r", "ref.json", "--html", "page.html")

    assert (alone[0], with_one[0]) == (3, 3)
    assert {json.loads(line)["feature"] for line in with_one[1].splitlines()[:-1]} == {"amount", "visits", "code"}
    assert "another value" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "score skew: needs something to compare with: --reference FILE, or --training FILE with --id COLUMN"),
        (["--training", "training.csv"], "--training FILE and --id COLUMN go together"),
        (["--training", "training.csv", "--id", "nobody"], "nobody: no such column"),
        (["--training", "nowhere.csv", "--id", "id"], "nowhere.csv: cannot be read as CSV"),
        (["--training", "training.csv", "--id", "id", "--feature", "surprise"], "has no feature that live.csv has"),
        (["--training", "training.csv", "--id", "id", "--tolerance", "much"], "--tolerance: "),
        (["--training", "training.csv", "--id", "id", "--tolerance", "height=0.1"], "--tolerance height: is none of"),
        (["--training", "training.csv", "--id", "id", "--html", "training.csv"], "--html training.csv: is --training"),
    ],
)
def test_what_cannot_be_joined_is_told_without_a_traceback(
    cli: Cli, tmp_path: Path, argv: list[str], said: str
) -> None:
    write(tmp_path / "live.csv", both())
    write(tmp_path / "training.csv", both())

    code, out, err = cli("score", "skew", "live.csv", *argv)

    assert (code, out) == (1, "")
    assert said in err
    assert "Traceback" not in err
