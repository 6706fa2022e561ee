"""Columns: lists, arrays and dictionary-coded columns are the same column, and every value falls into its cell."""

from __future__ import annotations

import math
from bisect import bisect_left
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.detectors.columns import AT_ONCE, Coded, ColumnReader, Columns
from burnline.detectors.grid import BLOCK, SMALL, Grid
from burnline.detectors.profile import VERSION, Category, Reference
from burnline.detectors.profiling.build import build_profile
from burnline.events import PredictionBatch

FLOATS = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True)
EDGES = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20, unique=True).map(sorted)
REFERENCE = build_profile(
    {"size": [1.0, 2.0, 3.0, 4.0] * 25, "city": ["Oslo", "Lyon", "Oslo", "Graz"] * 25}, ["a", "b"] * 50, name="t"
)
# What a service or a table may hold, in one column: of the right type, of a wrong one, and absent.
ODD: list[Any] = [
    *(1, 2.5, 4, -0.0, 5e-324, 1e308, math.inf, -math.inf, math.nan, None, 10**400, -(10**400), 2**63),
    *("Oslo", "Lyon", "oslo", "", "\0", "\ud800", "1", True, False, [1], {"a": 1}, b"Oslo", (1, [2])),
]


def batch(**features: Any) -> PredictionBatch:
    events = max(map(len, features.values()))
    return PredictionBatch("s", "1", datetime(2026, 1, 5, tzinfo=UTC), features, [None] * events, [None] * events, [])


def read(**features: Any) -> Columns:
    return ColumnReader(REFERENCE).read(batch(**features))


@given(EDGES, st.lists(FLOATS, max_size=50), st.sampled_from([1, 100]))
@settings(max_examples=150)
def test_a_number_is_in_the_cell_of_the_edges_below_it_whichever_way_it_is_counted(
    edges: list[float], drawn: list[float], times: int
) -> None:
    near = [math.nextafter(edge, side) for edge in edges for side in (-math.inf, math.inf)]
    values = np.array([*drawn, *edges, *near] * times)
    grid = Grid(tuple(edges))

    placed, counted = grid.place(values), grid.count(values)

    expected = [len(edges) + 1 if math.isnan(value) else bisect_left(edges, value) for value in values.tolist()]
    assert placed.tolist() == expected
    assert counted.tolist() == np.bincount(expected, minlength=len(edges) + 2).tolist()


def test_many_numbers_are_counted_as_few_are() -> None:
    grid, rng = Grid(tuple(np.linspace(-2, 2, 19).tolist())), np.random.default_rng(1)
    values = rng.normal(size=BLOCK + 10 * SMALL * 19)
    values[::7] = np.nan

    parts = [grid.count(part) for part in np.array_split(values, 100)]

    assert len(values[:100]) < SMALL * 19 < len(values)
    assert grid.count(values).tolist() == np.sum(parts, axis=0).tolist()


@pytest.mark.parametrize("name", ["size", "city"])
def test_the_counts_of_a_column_are_those_of_its_cells(name: str) -> None:
    reading = read(**{name: ODD}).feature(name)

    sizes = len(REFERENCE.features[name].cells)
    assert reading.counts.tolist() == np.bincount(reading.cells, minlength=sizes).tolist()
    assert reading.counts.sum() == len(ODD)
    assert reading.missing.sum() == reading.counts[-2]
    assert reading.wrong.sum() == reading.counts[-1]


def test_each_value_is_a_number_a_label_missing_or_wrong() -> None:
    numbers, labels = read(size=ODD).feature("size"), read(city=ODD).feature("city")

    assert [value for value, wrong in zip(ODD, numbers.wrong, strict=True) if wrong] == [
        *(10**400, -(10**400), "Oslo", "Lyon", "oslo", "", "\0", "\ud800", "1"),
        *(True, False, [1], {"a": 1}, b"Oslo", (1, [2])),
    ]
    assert [index for index, absent in enumerate(numbers.missing) if absent] == [8, 9]
    assert [value for value, wrong in zip(ODD, labels.wrong, strict=True) if not wrong][2:] == [
        *("Oslo", "Lyon", "oslo", "", "\0", "\ud800", "1", True, False)
    ]
    assert [index for index, absent in enumerate(labels.missing) if absent] == [8, 9]


@pytest.mark.parametrize("name", ["size", "city"])
def test_a_dictionary_coded_column_is_the_column_it_stands_for(name: str) -> None:
    codes = np.array([*range(len(ODD)), -1, -1, 3], dtype=np.int8)
    coded = Coded(codes, ODD)

    found, plain = read(**{name: coded}).feature(name), read(**{name: coded.plain()}).feature(name)

    assert found.cells.tolist() == plain.cells.tolist()
    assert found.counts.tolist() == plain.counts.tolist()
    np.testing.assert_array_equal(found.values, plain.values)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int8, np.uint64, np.int64, object, ">f8"])
def test_an_array_of_numbers_is_the_list_of_them(dtype: Any) -> None:
    values = [0, 1, 1, 2, 3, 4, 5, 100]

    array, plain = read(size=np.array(values, dtype)).feature("size"), read(size=values).feature("size")

    assert array.cells.tolist() == plain.cells.tolist()


def test_a_float_of_half_the_length_is_compared_as_the_number_it_is() -> None:
    """0.1 in 4 bytes is above 0.1 in 8: rounding the edge to it would put it below."""
    edge = Grid((0.1,))

    assert edge.count(np.full(1000, np.float32(0.1))).tolist() == [0, 1000, 0]


@pytest.mark.parametrize(
    ("array", "wrong"),
    [
        (np.array([True, False]), [True, True]),
        (np.array(["1", "2"]), [True, True]),
        (np.array([1, "2", None], dtype=object), [False, True, False]),
        (np.array([1 + 2j]), [True]),
        (np.array(["2026-01-05"], dtype="datetime64[D]"), [True]),
    ],
)
def test_an_array_of_something_else_holds_no_numbers(array: Any, wrong: list[bool]) -> None:
    assert read(size=array).feature("size").wrong.tolist() == wrong


def test_arrays_of_text_and_of_truth_are_labels() -> None:
    text, truth = read(city=np.array(["Oslo", "Rome"])).feature("city"), read(city=np.array([True])).feature("city")

    assert text.cells.tolist() == [0, 4]
    assert truth.cells.tolist() == [4]


def test_a_feature_that_the_batch_lacks_is_missing_in_every_event() -> None:
    columns = read(other=[1, 2, 3])

    assert columns.feature("size").missing.all()
    assert columns.feature("city").counts.tolist() == [0, 0, 0, 0, 0, 3, 0]


def test_declared_labels_may_be_more_than_a_byte_can_tell_apart() -> None:
    known = Category(tuple(f"v{at}" for at in range(300)), (1,) * 300, (), 0, 0, 0)
    reference = Reference(VERSION, "t", 300, {"city": known}, None, None)

    cells = ColumnReader(reference).read(batch(city=["v299", "v0", "other", None])).feature("city").cells

    assert cells.tolist() == [299, 0, 301, 302]


def test_labels_never_seen_take_bounded_memory() -> None:
    reader = ColumnReader(REFERENCE)

    for start in range(0, 200_000, 20_000):
        ids = [f"id-{at}" for at in range(start, start + 20_000)]
        assert reader.read(batch(city=ids)).feature("city").counts.tolist() == [0, 0, 0, 0, 20_000, 0, 0]


def test_labels_are_found_one_by_one_where_one_of_them_is_new() -> None:
    values = ["Oslo", "Rome", "Lyon", None, True, math.nan, 7, "Rome"]
    together = read(city=values).feature("city")

    alone = [read(city=[value]).feature("city").cells.tolist()[0] for value in values]

    assert together.cells.tolist() == alone


@pytest.mark.parametrize("more", [-1, 0, 1, AT_ONCE])
def test_columns_of_any_length_are_looked_up_whole(more: int) -> None:
    values: list[Any] = ["Oslo", "Lyon", "Graz"] * AT_ONCE
    values = [*values[: AT_ONCE + more - 1], "Rome"]

    cells = read(city=values).feature("city").cells.tolist()

    known = dict(zip(REFERENCE.features["city"].values, range(3), strict=True)) | {"Rome": 4}  # type: ignore[union-attr]
    assert cells == [known[value] for value in values]
