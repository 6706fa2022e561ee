"""Lists of floats become arrays bit by bit; whatever else a list may hold is left to others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.detectors.floats import floats_of

FLOATS = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True) | st.none()
OTHERS = st.integers() | st.booleans() | st.text(max_size=9) | st.binary(max_size=9) | st.lists(st.floats(), max_size=1)


@given(st.lists(FLOATS, min_size=1, max_size=40))
@settings(max_examples=100)
def test_floats_and_none_are_what_numpy_makes_of_them(column: list[float | None]) -> None:
    found = floats_of(column)

    assert found is not None
    assert found.tobytes() == np.array(column, dtype=np.float64).tobytes() or any(
        value is not None and math.isnan(value) for value in column
    )
    np.testing.assert_array_equal(found, np.array(column, dtype=np.float64))


@given(st.lists(FLOATS, max_size=20), st.lists(FLOATS, max_size=20), OTHERS)
@settings(max_examples=200)
def test_a_list_with_anything_else_in_it_is_left_to_others(before: list[Any], after: list[Any], other: object) -> None:
    assert floats_of([*before, other, *after]) is None


@pytest.mark.parametrize("many", [15, 16, 65_535, 65_536])
def test_any_number_of_values_is_read(many: int) -> None:
    column = [0.5] * (many - 1) + [None]

    found = floats_of(column)

    assert found is not None
    assert (len(found), np.nansum(found), np.isnan(found[-1])) == (many, 0.5 * (many - 1), True)


@pytest.mark.parametrize(
    "other", ["\ud800", 10**400, 2**70, object(), 1 + 2j, np.float64(1), [[[]]], {"a": 1.0}, -0, "\xcb"]
)
def test_what_cannot_be_written_is_left_to_others(other: object) -> None:
    assert floats_of([1.0, other, None]) is None


def test_a_list_within_itself_is_left_to_others() -> None:
    column: list[Any] = [1.0]
    column.append(column)

    assert floats_of(column) is None


def test_the_array_is_the_readers_own() -> None:
    found = floats_of([1.0, 2.0])

    assert found is not None
    assert found.flags.writeable
    assert found.dtype == np.float64
    assert found.dtype.isnative
    assert floats_of([]) is None
