"""`burnline score`: one JSON line per closed window and feature, the last one sums up."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burnline.app.score.table import Asked, score_table
from burnline.app.score.verbs import VERBS
from burnline.detectors.build import build_detectors
from burnline.detectors.columns import ColumnReader
from burnline.detectors.profile import load_reference, save_reference
from burnline.detectors.profiling.build import Roles, build_profile, profile_csv, profile_table
from burnline.detectors.tables.open import open_table
from burnline.spec.service import ServiceSpec
from tests.app.conftest import Cli
from tests.detectors.samples import answers, draw
from tests.detectors.test_columns import batch

ROWS, WINDOW = 4000, 1000


def write(path: Path, columns: Mapping[str, list[Any]]) -> Path:
    """As CSV, the shortest text that is the number; None is an empty cell."""
    rows = zip(*columns.values(), strict=True)
    cells = (",".join("" if value is None else str(value) for value in row) for row in rows)
    path.write_text("\n".join([",".join(columns), *cells]) + "\n")
    return path


def table(seed: int, rows: int = ROWS) -> dict[str, list[Any]]:
    rng = np.random.default_rng(seed)
    said, sure = answers(rng, rows)
    return {**draw(rng, rows), "said": said, "sure": sure}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    train = write(folder / "train.csv", table(1, 20_000))
    save_reference(profile_csv(train, prediction="said", confidence="sure"), folder / "ref.json")
    return folder / "ref.json"


def score(reference: Path, file: Path, signal: str = "drift", **asked: Any) -> list[dict[str, Any]]:
    columns = {"prediction": "said", "confidence": "sure"}
    wanted = Asked(signal, **{"window": WINDOW, "columns": columns, **asked})
    return list(score_table(wanted, load_reference(reference), open_table(str(file)), lambda rows: None))


def test_a_line_for_every_closed_window_and_feature_and_a_last_one_that_sums_up(
    cli: Cli, reference: Path, tmp_path: Path
) -> None:
    file = write(tmp_path / "live.csv", table(2, ROWS + 7))

    code, out, err = cli("score", "drift", "-r", reference, file, "--window", str(WINDOW))

    *lines, summary = map(json.loads, out.splitlines())
    features = ["amount", "age", "items", "fee", "city", "partly", "(prediction)"]
    assert code == 0
    assert [(line["window"], line["feature"]) for line in lines] == [(at, name) for at in range(4) for name in features]
    assert {(line["verdict"], line["alarm"]) for line in lines} == {("ok", False)}
    assert summary["summary"] is True
    assert (summary["rows"], summary["windows"], summary["alarms"], summary["rows_left"]) == (ROWS + 7, 4, 0, 7)
    assert "4,007 rows, 4 windows, 0 of them in alarm" in err


def test_the_feature_that_moved_is_in_alarm_from_the_window_it_moved_in(reference: Path, tmp_path: Path) -> None:
    columns = table(3)
    columns["age"] = [value + (10 if at >= 2500 else 0) for at, value in enumerate(columns["age"])]

    *lines, summary = score(reference, write(tmp_path / "live.csv", columns))

    assert [(line["window"], line["feature"]) for line in lines if line["alarm"]] == [(2, "age"), (3, "age")]
    assert [line["contributors"][0]["feature"] for line in lines if line["alarm"]] == ["age", "age"]
    assert (summary["first_alarm"], summary["alarms"], summary["alarm"]) == (2, 2, True)
    assert summary["features"]["age"]["alarms"] == 2
    assert summary["features"]["city"] == {
        "alarms": 0,
        "worst": summary["features"]["city"]["worst"],
        "first_alarm": None,
    }


def test_a_window_says_what_the_detector_of_a_service_says_of_its_events(reference: Path, tmp_path: Path) -> None:
    columns = table(4, WINDOW)
    columns["amount"] = [value * 2 for value in columns["amount"]]
    known = load_reference(reference)
    spec = {"apiVersion": "burnline/v1", "service": "s", "owner": "o", "signals": {"drift": {"min_events": 100}}}
    detector = build_detectors(ServiceSpec.model_validate(spec), known)["drift"]

    *lines, _ = score(reference, write(tmp_path / "live.csv", columns))
    events = batch(**{name: column for name, column in columns.items() if name not in ("said", "sure")})
    events = replace(events, prediction=columns["said"], confidence=columns["sure"])
    said = detector.judge(detector.fold(ColumnReader(known).read(events)))

    assert lines[0]["score"] == pytest.approx(said.score, abs=1e-6)
    assert lines[0]["verdict"] == said.verdict
    assert lines[0]["contributors"][0]["detail"] == said.contributors[0].detail


@pytest.mark.parametrize("window", [1, 7, 3999, 4000, 4001])
def test_windows_hold_the_rows_they_should_however_the_table_is_read(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr("burnline.detectors.tables.csv.BLOCK", 64)
    file = write(tmp_path / "live.csv", {"age": table(5, 200)["age"]})

    *lines, summary = score(reference, file, window=window, features=("age",), columns={})

    assert [(line["start"], line["end"]) for line in lines] == [
        (start, start + window) for start in range(0, 200 - window + 1, window)
    ]
    assert summary["rows_left"] == 200 % window


def test_without_a_window_the_table_is_one(reference: Path, tmp_path: Path) -> None:
    *lines, summary = score(reference, write(tmp_path / "live.csv", table(6)), window=None)

    assert {(line["start"], line["end"]) for line in lines} == {(0, ROWS)}
    assert (summary["windows"], summary["rows_left"]) == (1, 0)


def test_parquet_and_a_query_score_as_csv_does(reference: Path, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet
    from sqlalchemy import create_engine, text

    columns = table(7)
    columns["age"] = [value + 4 for value in columns["age"]]
    parquet.write_table(pa.table(columns), tmp_path / "live.parquet")
    engine = create_engine(f"sqlite:///{tmp_path}/live.db")
    with engine.begin() as tx:
        tx.execute(text(f"create table live ({', '.join(columns)})"))
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        tx.execute(text(f"insert into live values ({', '.join(f':{name}' for name in columns)})"), rows)
    engine.dispose()
    asked = Asked("drift", WINDOW, columns={"prediction": "said", "confidence": "sure"})
    known = load_reference(reference)

    query = open_table("select * from live order by rowid", database=f"sqlite:///{tmp_path}/live.db")
    by_query = list(score_table(asked, known, query, lambda rows: None))

    assert score(reference, tmp_path / "live.parquet") == score(reference, write(tmp_path / "live.csv", columns))
    assert by_query == score(reference, tmp_path / "live.parquet")
    assert by_query[-1]["alarm"]


def test_missing_values_and_a_dropped_column_are_told_by_quality(reference: Path, tmp_path: Path) -> None:
    columns = table(8)
    columns["age"] = [None if at % 3 == 0 else value for at, value in enumerate(columns["age"])]
    del columns["city"]

    *lines, summary = score(reference, write(tmp_path / "live.csv", columns), "quality")

    assert {line["feature"] for line in lines if line["alarm"]} == {"age", "city"}
    assert {line["verdict"] for line in lines if line["feature"] == "amount"} == {"ok"}
    assert summary["alarms"] == 4


def test_a_column_that_nobody_knows_is_told_by_quality_unless_it_is_ignored(reference: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "live.csv", {**table(9), "surprise": [1] * ROWS})

    told, ignored = score(reference, file, "quality"), score(reference, file, "quality", ignore=("surprise",))

    assert told[-1]["alarm"]
    assert not ignored[-1]["alarm"]


def test_a_column_that_was_renamed_is_told_by_quality_with_its_likely_new_name(reference: Path, tmp_path: Path) -> None:
    columns = table(8)
    columns["customer_age"] = columns.pop("age")

    *lines, _ = score(reference, write(tmp_path / "live.csv", columns), "quality")

    assert {line["reason"] for line in lines if line["feature"] == "age"} == {
        "100.0% of its values are missing; the feature seems to be called customer_age now"
    }


def test_skew_is_there_from_the_first_window(reference: Path, tmp_path: Path) -> None:
    columns = table(15)
    columns["amount"] = [value / 100 for value in columns["amount"]]  # cents in training, euros where it serves

    *lines, summary = score(reference, write(tmp_path / "live.csv", columns), "skew")

    assert [line["window"] for line in lines if line["feature"] == "amount" and line["alarm"]] == [0, 1, 2, 3]
    assert {line["verdict"] for line in lines if line["feature"] == "city"} == {"ok"}
    assert summary["first_alarm"] == 0


def test_a_model_less_sure_than_on_the_reference_is_told_by_confidence(reference: Path, tmp_path: Path) -> None:
    columns = table(10)
    columns["sure"] = [value / 2 for value in columns["sure"]]

    *lines, summary = score(reference, write(tmp_path / "live.csv", columns), "confidence")

    assert [(line["window"], line["feature"]) for line in lines] == [(at, "(confidence)") for at in range(4)]
    assert summary["alarms"] == 4


def test_columns_are_found_by_their_names_in_the_training_data(cli: Cli, reference: Path, tmp_path: Path) -> None:
    columns = table(11)
    columns["said"] = ["fraud"] * ROWS

    _, out, _ = cli("score", "drift", "-r", reference, write(tmp_path / "live.csv", columns), "--window", str(WINDOW))

    alarms = {line["feature"] for line in map(json.loads, out.splitlines()[:-1]) if line["alarm"]}
    assert alarms == {"(prediction)"}


def test_a_script_may_ask_for_an_exit_code(cli: Cli, reference: Path, tmp_path: Path) -> None:
    columns = table(12)
    file = write(tmp_path / "live.csv", {**columns, "age": [0.0] * ROWS})

    quiet = cli("score", "drift", "-r", reference, file, "--window", str(WINDOW))
    asked = cli("score", "drift", "-r", reference, file, "--window", str(WINDOW), "--fail-on-alarm")

    assert (quiet[0], asked[0]) == (0, 3)
    assert quiet[1] == asked[1]


def test_standard_input_is_scored_as_a_file(reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "live.csv", table(13))
    monkeypatch.setattr(sys, "stdin", io.StringIO(file.read_text()))

    assert score(reference, Path("-")) == score(reference, file)


def test_a_file_that_is_not_there_is_told_as_such(cli: Cli, reference: Path, tmp_path: Path) -> None:
    _, _, table = cli("score", "drift", "-r", reference, tmp_path / "none.csv")
    _, _, profile = cli("score", "drift", "-r", tmp_path / "none.json", tmp_path / "none.csv")

    assert table == f"{tmp_path}/none.csv: cannot be read as CSV: No such file or directory\n"
    said = "cannot be read: No such file or directory; make one with `burnline profile`"
    assert profile == f"{tmp_path}/none.json: {said}\n"


@pytest.mark.parametrize(
    ("argv", "written", "said"),
    [
        (
            ["--feature", "nobody"],
            "age\n1\n",
            "--feature nobody: the reference has no such feature; it has amount",
        ),
        (["--prediction", "nobody"], "age\n1\n", "nobody: no such column; there is age"),
        ([], "", "needs a header of distinct column names"),
        ([], "age,city\n1,Oslo\n2\n", "live.csv:3: has 1 cells; the header has 2"),
        ([], 'age\n"1\n', "live.csv:2: cannot be read as CSV"),
        ([], b"age\n\xff\n", "cannot be read as CSV"),
        (["--threshold", "2"], "age\n1\n", "threshold"),
        (["--window", "0"], "age\n1\n", "window"),
    ],
)
def test_what_cannot_be_scored_is_told_without_a_traceback(
    cli: Cli, reference: Path, tmp_path: Path, argv: list[str], written: str | bytes, said: str
) -> None:
    (tmp_path / "live.csv").write_bytes(written if isinstance(written, bytes) else written.encode())

    code, out, err = cli("score", "drift", "-r", reference, tmp_path / "live.csv", *argv)

    assert code in (1, 2)
    assert said in err
    assert "Traceback" not in err
    assert not out


def test_a_file_or_reference_that_is_not_there_is_named(cli: Cli, reference: Path, tmp_path: Path) -> None:
    code, _, nowhere = cli("score", "drift", "-r", reference, tmp_path / "nowhere.csv")
    again, _, unprofiled = cli("score", "drift", "-r", tmp_path / "nowhere.json", tmp_path / "live.csv")

    assert "nowhere.csv: cannot be read as CSV" in nowhere
    assert "burnline profile" in unprofiled
    assert (code, again) == (1, 1)


def test_a_header_alone_is_no_data(reference: Path, tmp_path: Path) -> None:
    (tmp_path / "live.csv").write_text("age,said,sure\n")

    (summary,) = score(reference, tmp_path / "live.csv")

    assert (summary["rows"], summary["windows"], summary["verdict"]) == (0, 0, "no_data")


@pytest.mark.parametrize("signal", ["drift", "skew"])
def test_a_column_of_answers_without_any_is_no_data(reference: Path, tmp_path: Path, signal: str) -> None:
    columns = table(2, WINDOW)
    columns["said"] = [None] * WINDOW

    *lines, summary = score(reference, write(tmp_path / "live.csv", columns), signal)

    (answers_line,) = (line for line in lines if line["feature"] == "(prediction)")
    assert (answers_line["score"], answers_line["verdict"]) == (None, "no_data")
    assert answers_line["reason"] == "Too few values in the window."
    assert {line["verdict"] for line in lines if line is not answers_line} == {"ok"}
    assert "(prediction)" not in summary["features"]


def test_text_in_a_column_of_numbers_is_of_the_wrong_type(reference: Path, tmp_path: Path) -> None:
    columns = table(14)
    columns["age"] = ["forty" if at % 2 else value for at, value in enumerate(columns["age"])]

    *lines, _ = score(reference, write(tmp_path / "live.csv", columns), "quality")

    reasons = [line["reason"] for line in lines if line["feature"] == "age"]
    assert reasons[0] == "50.0% of its values are of the wrong type"


def test_a_drift_that_windows_show_only_together_is_an_alarm_of_its_feature(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    reference = build_profile({name: random.normal(size=20_000).tolist() for name in "ab"}, name="t")
    rows = zip(random.normal(size=15_000) + 0.3, random.normal(size=15_000), strict=True)
    place = tmp_path / "live.csv"
    place.write_text("a,b\n" + "".join(f"{a:.4f},{b:.4f}\n" for a, b in rows))

    *records, summary = score_table(Asked("drift", 300), reference, open_table(str(place), database=""), lambda _: None)

    alarms = {record["feature"] for record in records if record["alarm"]}
    assert alarms == {"a"}
    assert summary["features"]["a"]["worst"] < 0.05


def labelled(seed: int, rows: int = ROWS) -> dict[str, list[Any]]:
    """Answers of two classes with a confidence, right about as often as it says, and an embedding."""
    rng = np.random.default_rng(seed)
    sure = rng.uniform(0.6, 1.0, rows)
    said = rng.integers(0, 2, rows)
    truth = np.where(rng.random(rows) < sure, said, 1 - said)
    names = np.array(["fine", "fraud"])
    points = rng.normal(size=(rows, 4)) + 3
    return {
        "age": rng.normal(40, 9, rows).tolist(),
        "said": names[said].tolist(),
        "sure": sure.tolist(),
        "truth": names[truth].tolist(),
        "points": [f'"{[round(x, 3) for x in point]}"' for point in points.tolist()],
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reference that has everything."""
    folder = tmp_path_factory.mktemp("whole")
    train = write(folder / "train.csv", labelled(1, 6000))
    roles = Roles("said", "sure", "truth", "", "points")
    save_reference(profile_table(open_table(str(train)), roles, name="t"), folder / "ref.json")
    return folder / "ref.json"


def spoiled(signal: str) -> dict[str, list[Any]]:
    """Rows in which this signal has something to tell."""
    columns = labelled(2)
    other = {"fine": "fraud", "fraud": "fine"}
    if signal == "prediction":
        columns["said"] = ["fraud"] * ROWS
    elif signal == "outliers":
        columns["age"] = [at % 10 * 1e6 if at % 10 == 0 else 9e9 for at in range(ROWS)]
    elif signal in ("confidence", "estimate"):
        columns["sure"] = [0.6 + (sure - 0.6) / 4 for sure in columns["sure"]]
    elif signal in ("performance", "calibration"):
        columns["truth"] = [other[said] if at % 2 else said for at, said in enumerate(columns["said"])]
    elif signal == "embedding":
        columns["points"] = ['"[-9, 9, 9, 9]"'] * ROWS
    return columns


WHOLE = ["prediction", "outliers", "confidence", "estimate", "performance", "calibration", "embedding"]


@pytest.mark.parametrize("signal", WHOLE)
def test_a_signal_of_whole_rows_has_one_line_a_window(whole: Path, tmp_path: Path, signal: str) -> None:
    calm, loud = (
        score(whole, write(tmp_path / f"{at}.csv", columns), signal, columns={})
        for at, columns in enumerate((labelled(3), spoiled(signal)))
    )

    assert [(line["window"], line["feature"], line["verdict"]) for line in calm[:-1]] == [
        (at, f"({signal})", "ok") for at in range(4)
    ]
    assert (loud[-1]["alarms"], loud[-1]["signal"]) == (4, signal)
    assert loud[0]["contributors"]


@pytest.mark.parametrize("signal", ["prediction", "confidence", "estimate", "performance", "calibration", "embedding"])
def test_a_signal_without_its_column_says_which_one_it_needs(
    cli: Cli, whole: Path, tmp_path: Path, signal: str
) -> None:
    code, out, err = cli("score", signal, "-r", whole, write(tmp_path / "live.csv", {"age": [1.0]}))

    assert (code, out) == (1, "")
    assert f"score {signal}: needs the column with the " in err
    assert "there is age" in err


def test_every_verb_tells_its_options(cli: Cli) -> None:
    for name in VERBS:
        code, out, _ = cli("score", name, "--help")

        assert code == 0
        assert "--reference" in out


def test_data_is_another_name_of_quality(reference: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "live.csv", table(16))

    assert score(reference, file, "data") == score(reference, file, "quality")


def test_a_time_is_of_no_use_with_a_reference_without_hours(cli: Cli, reference: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "live.csv", {**table(17, 10), "when": [1.0] * 10})

    code, _, err = cli("score", "drift", "-r", reference, file, "--time", "when")

    assert code == 1
    assert "--time: the reference does not tell hours apart; profile it with --time and --slots" in err


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("sure", "97.5", "sure: row 3, counted from 0: 97.5 is not between 0 and 1"),
        ("points", '"[1, 2]"', "points: embedding: one has 4 numbers, another 2"),
        ("points", "far", "points: embedding: 'far' is no list of numbers"),
        ("points", '"[1, 2, 3, 1e400]"', "points: "),
    ],
)
def test_a_value_that_its_column_cannot_hold_is_refused(
    cli: Cli, whole: Path, tmp_path: Path, column: str, value: str, said: str
) -> None:
    columns = labelled(4, 10)
    columns[column][3] = value
    signal = "confidence" if column == "sure" else "embedding"

    code, out, err = cli("score", signal, "-r", whole, write(tmp_path / "live.csv", columns))

    assert (code, out) == (1, "")
    assert f"live.csv: {said}" in err


def test_embeddings_of_another_length_than_the_references_are_refused(cli: Cli, whole: Path, tmp_path: Path) -> None:
    code, _, err = cli("score", "embedding", "-r", whole, write(tmp_path / "live.csv", {"points": ['"[1, 2]"'] * 9}))

    assert code == 1
    assert "points: embeddings have 2 numbers; the reference's have 4" in err


def test_the_answers_alone_may_be_asked_for(reference: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "live.csv", table(18))

    for signal in ("drift", "skew"):
        *lines, _ = score(reference, file, signal, features=("(prediction)",))

        assert {(line["feature"], line["verdict"]) for line in lines} == {("(prediction)", "ok")}


def test_a_page_is_never_drawn_over_what_is_read(cli: Cli, reference: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "live.csv", table(19, 100))
    before = file.read_bytes()

    code, _, err = cli("score", "drift", "-r", reference, file, "--html", file)
    again, _, same = cli("score", "drift", "-r", reference, file, "--html", reference)

    assert (code, again) == (1, 1)
    assert "is the table itself" in err
    assert "is the reference itself" in same
    assert file.read_bytes() == before


@pytest.mark.parametrize("signal", ["drift", "quality", "skew", "outliers"])
def test_a_column_with_infinities_is_silent_on_its_own_reference(tmp_path: Path, signal: str) -> None:
    endless = ["inf" if at % 3 == 0 else "-1e400" if at % 3 == 1 else at % 50 for at in range(ROWS)]
    file = write(tmp_path / "live.csv", {"age": endless, "mixed": [*endless[1:], "x"]})
    known = profile_table(open_table(str(file)), Roles(), name="t")

    *_, summary = score_table(Asked(signal, WINDOW), known, open_table(str(file)), lambda rows: None)

    assert (summary["windows"], summary["alarms"]) == (4, 0)
