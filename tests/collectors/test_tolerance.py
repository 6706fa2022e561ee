"""A value served and the value of training: when they are the same, and in which way they are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.collectors.predictions.tolerance import compare, mismatch
from burnline.events import Mismatch

VALUES = st.one_of(st.none(), st.booleans(), st.text(max_size=5), st.floats(), st.integers(-(10**30), 10**30))


@given(value=VALUES)
def test_every_value_is_the_same_as_itself(value: Any) -> None:
    assert mismatch(value, value) is None


@given(served=VALUES, trained=VALUES)
def test_any_two_values_have_an_answer(served: Any, trained: Any) -> None:
    assert mismatch(served, trained) in {None, *Mismatch}


@given(value=st.floats(-1e30, 1e30))
def test_rounding_to_a_float32_is_no_mismatch(value: float) -> None:
    assert mismatch(value, float(np.float32(value))) is None


@pytest.mark.parametrize(
    ("served", "trained", "what"),
    [
        (None, None, None),
        (None, float("nan"), None),
        (None, 0.0, Mismatch.NOT_SERVED),
        (0, None, Mismatch.NOT_TRAINED),
        ("", None, Mismatch.NOT_TRAINED),
        ("7", 7, Mismatch.TYPE),
        ("true", True, Mismatch.TYPE),
        ("DE", "DE", None),
        ("DE", "de", Mismatch.OTHER),
        (True, 1, None),
        (True, 1.0, None),
        (False, 1, Mismatch.OTHER),
        (3, 3.0, None),
        (3, 4, Mismatch.OTHER),
        (100_000, 100_001, Mismatch.OTHER),  # within the relative tolerance, but these count something
        (2**24 + 1, 2**24, None),  # no float32 can tell them apart
        (12.5, 12.500001, None),
        (12.5, 12.51, Mismatch.OTHER),
        (1e-12, 0.0, None),
        (1250, 12.5, Mismatch.TIMES_100),
        (0.0125, 12.5, Mismatch.THOUSANDTH),
        (-4.0, 4.0, Mismatch.SIGN),
        (10**400, 5, Mismatch.OTHER),
    ],
)
def test_types_have_their_own_idea_of_the_same(served: Any, trained: Any, what: Mismatch | None) -> None:
    assert mismatch(served, trained) is what


def test_a_feature_may_have_a_tolerance_of_its_own_and_then_whole_numbers_too() -> None:
    served, trained = {"amount": 100, "hour": 100}, {"amount": 101, "hour": 101}

    assert compare(served, trained, own={"amount": 0.02}) == {"amount": None, "hour": Mismatch.OTHER}


def test_a_name_that_one_side_lacks_is_not_compared() -> None:
    assert compare({"a": 1, "b": 2}, {"b": 2, "c": 3}) == {"b": None}
