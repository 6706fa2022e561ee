"""Names that were added up are read back, in any order, and too many say so."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.detectors.names import SIZE, count_names, read_names

NAME = st.text(min_size=1, max_size=15).filter(lambda name: not name.endswith("\0"))


@settings(deadline=None)
@given(names=st.dictionaries(NAME.filter(str.isalnum), st.integers(1, 10**6), max_size=16))
def test_every_name_comes_back_with_its_count(names: dict[str, int]) -> None:
    found, all_found = read_names(count_names(names))

    if all_found:
        assert found == names
    assert found.items() <= names.items()


def test_sixteen_names_are_always_room_enough() -> None:
    """200 sets of as many names as a batch may bring: two at most cannot be told."""
    lost = sum(not read_names(count_names({f"f{n}-{m}": m + 1 for m in range(16)}))[1] for n in range(200))

    assert lost <= 2


def test_counts_add_up_in_any_order() -> None:
    parts = [count_names({"a": 1, "b": 2}), count_names({"c": 5}), count_names({"a": 7})]

    assert np.array_equal(sum(parts), sum(reversed(parts)))
    assert read_names(sum(parts, np.zeros(SIZE, np.int64))) == ({"a": 8, "c": 5, "b": 2}, True)


def test_too_many_names_say_so() -> None:
    _, all_found = read_names(count_names({f"feature_{number}": 1 for number in range(500)}))

    assert not all_found


def test_long_names_are_cut_and_odd_ones_survive() -> None:
    names = {"x" * 500: 3, "größe\ud800": 1, "": 2}

    found, all_found = read_names(count_names(names))

    assert all_found
    assert found == {"x" * 40: 3, "": 2, "größe?": 1}


def test_nothing_gives_nothing() -> None:
    assert read_names(np.zeros(SIZE, np.int64)) == ({}, True)
