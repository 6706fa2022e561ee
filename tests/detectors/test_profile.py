"""The reference profile: built, saved, read strictly."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.detectors.profile import BINS, KNOWN, TOP, Category, Number, Reference, load_reference, save_reference
from burnline.detectors.profiling.build import build_profile, profile_csv
from burnline.errors import SpecError
from tests.detectors.samples import make_reference


def number(values: list[Any]) -> Number:
    column = build_profile({"x": values}, name="t").features["x"]
    assert isinstance(column, Number)
    return column


def category(values: list[Any]) -> Category:
    column = build_profile({"x": values}, name="t").features["x"]
    assert isinstance(column, Category)
    return column


def test_a_number_is_cut_into_twenty_equal_bins() -> None:
    column = number(list(range(1, 2001)))

    assert column.edges[:3] == (100, 200, 300)
    assert column.counts == (100,) * BINS
    assert (column.low, column.high, column.missing) == (1, 2000, 0)


def test_none_nan_and_infinity_are_missing_in_a_reference() -> None:
    column = number([1, 2, None, float("nan"), float("inf")])

    assert column.missing == 3
    assert sum(column.counts) == 2


def test_a_value_that_repeats_has_a_bin_of_its_own() -> None:
    column = number([0.0] * 900 + [float(value) for value in range(1, 101)])

    zero = column.counts.index(900)
    assert column.edges[zero] == 0
    assert column.edges[zero - 1] < 0


def test_a_constant_column_tells_below_from_above() -> None:
    column = number([5] * 100)

    assert column.counts == (0, 100, 0)


def test_a_column_without_values_is_all_missing() -> None:
    column = number([None, None])

    assert column.cells == (0, 2, 0)
    assert column.low is None


@settings(deadline=None)
@given(st.lists(st.none() | st.floats(allow_infinity=False) | st.integers(-5, 5), min_size=1, max_size=200))
def test_every_row_is_in_exactly_one_cell(values: list[Any]) -> None:
    column = number(values)

    assert sum(column.cells) == len(values)
    assert list(column.edges) == sorted(set(column.edges))
    assert len(column.edges) <= 2 * BINS


def test_labels_are_counted_most_frequent_first() -> None:
    column = category(["b"] * 3 + ["a"] * 3 + ["c"] * 5 + ["once"] + [None])

    assert column.values == ("c", "a", "b")
    assert column.counts == (5, 3, 3)
    assert (column.new, column.missing) == (1, 1)


def test_only_so_many_labels_have_a_cell_or_a_name() -> None:
    column = category([f"v{value}" for value in range(TOP + KNOWN + 10)] * 2)

    assert (len(column.values), len(column.rare)) == (TOP, KNOWN)
    assert (column.other, column.new) == (2 * KNOWN, 20)


def test_truth_values_are_labels_as_json_writes_them() -> None:
    assert category([True, True, False, False]).values == ("false", "true")


def test_numpy_columns_are_taken_as_they_are() -> None:
    reference = build_profile({"x": np.arange(100)}, name="t")  # type: ignore[dict-item]  # arrays are sequences enough

    assert reference.features["x"].kind == "number"


def test_confidence_keeps_its_five_percent_quantile() -> None:
    confidence = build_profile({}, None, [value / 1000 for value in range(1, 1001)], name="t").confidence

    assert confidence is not None
    assert confidence.low == 0.05
    assert confidence.below == 49


@pytest.mark.parametrize(
    ("columns", "prediction", "confidence", "said"),
    [
        ({"x": [1, "a"]}, None, None, "x: mixes numbers with 'a'"),
        ({"x": [1, True]}, None, None, "x: mixes numbers with True"),
        ({"x": [10**400]}, None, None, "x: holds a whole number beyond any float"),
        ({"x": [[1]]}, None, None, r"x: mixes numbers with \[1\]"),
        ({"x": [1], "y": [1, 2]}, None, None, r"columns need one length, above 0; found \[1, 2\]"),
        ({"x": []}, None, None, "t: has no rows"),
        ({}, None, None, "found none"),
        ({"x": [1]}, ["a", "b"], None, "one length"),
        ({"x": [1]}, None, [1.5], "confidence: from 1.5 to 1.5; needs numbers from 0 to 1"),
        ({"x": [1]}, None, ["sure"], "confidence: needs numbers"),
        ({"x": [1]}, None, [None], "confidence: needs numbers"),
    ],
)
def test_columns_that_cannot_be_profiled_are_named(
    columns: dict[str, list[Any]], prediction: list[Any] | None, confidence: list[Any] | None, said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        build_profile(columns, prediction, confidence, name="t")


def test_every_column_that_cannot_be_profiled_is_named_at_once() -> None:
    with pytest.raises(SpecError) as raised:
        build_profile({"x": [1, "a"], "y": [2, "b"]}, name="t")

    assert [problem.field for problem in raised.value.problems] == ["x", "y"]


def test_a_profile_survives_its_file_and_keeps_its_bytes(tmp_path: Path) -> None:
    reference = make_reference(events=500)
    save_reference(reference, tmp_path / "ref.json")

    again = load_reference(tmp_path / "ref.json")
    save_reference(again, tmp_path / "again.json")

    assert again == reference
    assert again.digest() == reference.digest()
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "ref.json").read_bytes()


def test_the_file_says_its_version(tmp_path: Path) -> None:
    save_reference(make_reference(events=50), tmp_path / "ref.json")

    assert json.loads((tmp_path / "ref.json").read_bytes())["version"] == "burnline/reference/v1"


def damaged(tmp_path: Path, path: str, value: Any) -> Path:
    """A profile file with one value replaced, at a dotted path."""
    save_reference(make_reference(events=500), tmp_path / "ref.json")
    body = json.loads((tmp_path / "ref.json").read_bytes())
    *parents, last = path.split(".")
    place = body
    for name in parents:
        place = place[name]
    place[last] = value
    (tmp_path / "ref.json").write_text(json.dumps(body))
    return tmp_path / "ref.json"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("version", "burnline/reference/v2", "version"),
        ("surprise", 1, "surprise"),
        ("events", "many", "events"),
        ("events", 499, r"features.amount: counts and missing add up to 500; events is 499"),
        ("events", 0, "events: 0; needs at least 1"),
        ("features.age.kind", "vector", "vector"),
        ("features.age.edges", [1.0, 1.0], "features.age: has 2 edges"),
        ("features.age.counts", [-1], "features.age"),
        ("features.age.low", None, "features.age: low is None"),
        ("features.age.low", 1e9, "features.age: low is"),
        ("features.fee.edges", [3.0, 2.0], "features.fee: edges must grow"),
        ("features.city.rare", ["Lyon"], "features.city: names a value twice"),
        ("features.city.values", ["a"], "features.city: has 1 values and 4 counts"),
        ("features.city.rare", [str(value) for value in range(KNOWN + 1)], "too many values"),
        ("confidence.below", 501, "confidence.below: 501; needs 0 to 500"),
        ("confidence.low", -5, "confidence.low: -5.0; needs 0 to 1"),
        ("confidence.low", 1e9, "confidence.low: 1000000000.0; needs 0 to 1"),
        ("confidence.profile.high", 1.5, "confidence.profile.high: 1.5; needs 0 to 1"),
        ("confidence.profile.low", None, "confidence.profile.low: None; needs 0 to 1"),
        ("outliers.events", 10**20, r"Expected `int` <= 1000000000000 - at `\$.outliers.events`"),
        ("outliers.events", -(10**20), "outliers.events: -1"),
        ("prediction.other", 1, "prediction: counts and missing"),
        ("performance.ece", -1e308, r"Expected `float` >= 0.0 - at `\$.performance.ece`"),
        ("performance.auc", 1.5, r"Expected `float` <= 1.0 - at `\$.performance.auc`"),
        ("performance.limit", -1, r"Expected `float` >= 0.0 - at `\$.performance.limit`"),
        ("calibration.edges", [1e308], r"Expected `float` <= 1.0 - at `\$.calibration.edges"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_with_the_field(
    tmp_path: Path, path: str, value: Any, said: str
) -> None:
    file = damaged(tmp_path, path, value)

    with pytest.raises(SpecError, match=said) as raised:
        load_reference(file)

    assert raised.value.problems[0].file == str(file)


@pytest.mark.parametrize("name", ["(prediction)", "(session)", "(time)"])
def test_a_feature_called_as_something_else_is_called_is_refused(tmp_path: Path, name: str) -> None:
    """Beside predictions it would shift the counts of every feature after it."""
    (tmp_path / "train.csv").write_text(f"age,{name},city\n31,1,Oslo\n")

    with pytest.raises(SpecError, match=re.escape(f"train.csv: {name}: is what burnline calls something else")):
        profile_csv(tmp_path / "train.csv")
    with pytest.raises(SpecError, match=re.escape(name)):
        build_profile({"age": [31], name: [1.0]}, ["ok"], name="shop")


def test_a_reference_with_such_a_feature_is_refused(tmp_path: Path) -> None:
    known = make_reference(events=500)
    features = {"(prediction)": known.features["age"], **known.features}
    save_reference(msgspec.structs.replace(known, features=features), tmp_path / "ref.json")

    with pytest.raises(SpecError, match=r"features.\(prediction\): has the name of the model's answers"):
        load_reference(tmp_path / "ref.json")


def test_counts_that_no_computer_adds_are_refused(tmp_path: Path) -> None:
    """They agree with each other, and would not fit into 64 bits."""
    file = damaged(tmp_path, "name", "t")
    body = json.loads(file.read_bytes(), parse_int=lambda digits: int(digits) * 10**20)
    file.write_text(json.dumps({name: body[name] for name in body if name in Reference.__struct_fields__[:6]}))

    with pytest.raises(SpecError, match=r"ref.json: events: 500\d{20}; needs at least 1, and at most 1000000000000"):
        load_reference(file)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"version": "burnline/reference/v1"}', b"null"])
def test_a_file_that_is_no_profile_says_how_to_make_one(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "ref.json").write_bytes(body)

    with pytest.raises(SpecError, match="burnline profile"):
        load_reference(tmp_path / "ref.json")


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"nowhere.json.*burnline profile"):
        load_reference(tmp_path / "nowhere.json")


def test_a_csv_file_becomes_a_profile(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("age,city,said,sure\n31,Oslo,ok,0.9\n,Oslo,ok,0.8\n47,,fraud,0.7\n")

    reference = profile_csv(tmp_path / "train.csv", prediction="said", confidence="sure")

    assert (reference.name, reference.events) == ("train", 3)
    assert {name: column.kind for name, column in reference.features.items()} == {"age": "number", "city": "category"}
    assert [column.missing for column in reference.features.values()] == [1, 1]
    assert isinstance(reference.prediction, Category)
    assert reference.confidence is not None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "needs a header"),
        ("a,a\n1,2\n", "distinct column names"),
        ("a,\n1,2\n", "distinct column names"),
        ("said;b\n1;2\n", "train.csv:1: has one column, 'said;b'; commas tell columns apart, not ';'"),
        ("said\tb\n1\t2\n", "commas tell columns apart"),
        ('{"said": 1, "b": 2}\n', "train.csv:1: looks like JSON lines"),
        ("said,b\n1,2\n3\n", "train.csv:3: has 1 cells; the header has 2"),
        ("a,b\n1,2\n", "said: no such column; there is a, b"),
        ('said,b\n1,"2\n', "cannot be read as CSV"),
        ("said,b\n", "train.csv: has no rows"),
    ],
)
def test_a_csv_file_that_cannot_be_used_says_where(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "train.csv").write_text(written)

    with pytest.raises(SpecError, match=said):
        profile_csv(tmp_path / "train.csv", prediction="said")
