"""The same objects: a column is a code per event and an object per code, or it is not worth it and nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from burnline.detectors.columns import ColumnReader, Columns
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.same import AT_ONCE, FEWEST, MOST, SAMPLE, same_objects
from burnline.events import PredictionBatch
from burnline.store.schema import EPOCH

ODD: list[Any] = ["Oslo", "Lyon", "", "\0", "\ud800", "new", None, math.nan, True, 7, 10**400, [1], {"a": 1}, b"Oslo"]
REFERENCE = build_profile({"city": ["Oslo", "Lyon"] * 50, "size": [1.0, 2.0, 3.0, 4.0] * 25}, ["a"] * 100, name="t")


def objects(values: list[Any]) -> NDArray[Any]:
    return np.fromiter(values, dtype=object, count=len(values))


def drawn(from_: list[Any], events: int = 2 * AT_ONCE) -> list[Any]:
    return [from_[at] for at in np.random.default_rng(1).integers(0, len(from_), events).tolist()]


def names(many: int) -> list[Any]:
    return [f"name-{at}" for at in range(many)]


def told(column: list[Any] | NDArray[Any]) -> list[Any]:
    """The column as it was told apart."""
    found = same_objects(column)
    assert found is not None
    codes, values = found
    assert len({id(value) for value in values}) == len(values)
    return [values[code] for code in codes.tolist()]


def columns(values: Any) -> Columns:
    events = [None] * len(values)
    batch = PredictionBatch("s", "1", EPOCH, {"city": values, "size": values}, [*events], [*events], [])
    return ColumnReader(REFERENCE).read(batch)


@pytest.mark.parametrize("events", [FEWEST, SAMPLE + AT_ONCE, SAMPLE + AT_ONCE + 1, 100_001])
@pytest.mark.parametrize("made", [list, objects])
def test_each_event_has_the_very_object_that_it_had(made: Any, events: int) -> None:
    column = drawn(ODD, events)

    found = told(made(column))

    assert all(one is other for one, other in zip(found, column, strict=True))


@pytest.mark.parametrize("step", [1, 3, -1, -2])
def test_an_array_may_be_a_view_of_another(step: int) -> None:
    column = objects(drawn(ODD))[::step]

    found = told(column)

    assert all(one is other for one, other in zip(found, column.tolist(), strict=True))


def test_objects_whose_addresses_share_a_slot_are_told_apart() -> None:
    """Of 900 objects in 8,192 slots about fifty pairs share one."""
    known = names(900)
    column = [*drawn(known[:9], SAMPLE), *drawn(known, 4 * AT_ONCE)]

    found = told(column)

    assert all(one is other for one, other in zip(found, column, strict=True))


def test_equal_texts_that_are_two_objects_have_the_same_cell() -> None:
    twins = [b"Oslo".decode(), b"Oslo".decode()]
    column = drawn(twins)

    found = same_objects(column)

    assert twins[0] is not twins[1]
    assert found is not None
    assert len(found[1]) == 2
    assert (
        columns(column).feature("city").counts.tolist()[:2]
        == columns(["Oslo"] * len(column)).feature("city").counts.tolist()[:2]
    )


@pytest.mark.parametrize(
    "column",
    [
        drawn(["a", "b"], FEWEST - 1),
        names(FEWEST),
        [*drawn(["a", "b"], FEWEST), *names(MOST)],
        np.array(drawn(["a", "b"])),
        np.arange(FEWEST) % 2 == 0,
    ],
    ids=["few events", "each its own", "too many objects", "an array of text", "an array of truth"],
)
def test_what_is_not_worth_it_is_left_to_others(column: Any) -> None:
    assert same_objects(column) is None


@pytest.mark.parametrize("made", [list, objects])
@pytest.mark.parametrize("name", ["city", "size"])
def test_a_long_column_has_the_counts_of_its_parts(made: Any, name: str) -> None:
    column = drawn(ODD)

    reading = columns(made(column)).feature(name)

    parts = [columns(column[at : at + 1000]).feature(name) for at in range(0, len(column), 1000)]
    assert reading.counts.tolist() == np.sum([part.counts for part in parts], axis=0).tolist()
    assert reading.cells.tolist() == [cell for part in parts for cell in part.cells.tolist()]
    assert reading.missing.tolist() == [each for part in parts for each in part.missing.tolist()]
