"""The bounded sample of rows: merging, bounds, and that it is as good as drawn by lot."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.detectors.engines.rows import Hasher, Rows, gathered, labels, no_rows, numbers
from burnline.errors import PayloadError

MOST = 20
HASHER = Hasher()
ROW = st.tuples(
    st.one_of(st.none(), st.floats(), st.just(10**400), st.booleans()),
    st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["a", "b"])),
    st.integers(0, 3),
)


def sample(rows: Sequence[tuple[Any, Any, int]], most: int = MOST) -> Rows:
    columns = {"n": numbers([row[0] for row in rows]), "c": labels([row[1] for row in rows])}
    keys = HASHER.keys(columns.values(), np.array([row[2] for row in rows], np.int64))
    return gathered(keys, np.ones(len(rows), np.int64), columns, most)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(ROW, max_size=60), cuts=st.lists(st.integers(0, 60), max_size=4), seed=st.randoms())
def test_order_and_sharding_change_no_bit(rows: list[tuple[Any, Any, int]], cuts: list[int], seed: Any) -> None:
    shuffled = list(rows)
    seed.shuffle(shuffled)
    ends = [0, *sorted(cuts), len(rows)]

    merged = no_rows({"n": True, "c": False})
    for start, end in pairwise(ends):
        merged = merged.merged(sample(shuffled[start:end]), MOST)

    assert merged.encode() == sample(rows).encode()
    assert len(merged) <= MOST


def test_rows_survive_the_database() -> None:
    rows = sample([(1.5, "a", 0), (float("nan"), None, 0), (2.0, "\ud800", 1)])

    again = no_rows({"n": True, "c": False}).decode(rows.encode())

    assert again.encode() == rows.encode()
    assert again.times.tolist() == [1, 1, 1]


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x93\xc4\x01a\xc4\x00\x90", sample([(1.0, "a", 0)]).encode()[:-3]])
def test_a_damaged_sample_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError, match="sample of rows"):
        no_rows({"n": True, "c": False}).decode(body)


def test_a_row_that_is_kept_knows_how_often_it_came() -> None:
    rows = [(float(value), "x", 0) for value in range(100) for _ in range(value % 3 + 1)]

    kept = sample(rows)

    assert len(kept) == MOST
    assert kept.times.tolist() == [int(value) % 3 + 1 for value in kept.columns["n"]]


def test_what_is_kept_does_not_depend_on_the_values() -> None:
    """Of 40,000 normal values 2000 are kept; their mean is within 4.5 standard errors of 0, their shares of the labels
    within as many of a half."""
    rng = np.random.default_rng(1)
    rows = list(zip(rng.normal(size=40_000), rng.choice(["a", "b"], 40_000), range(40_000), strict=True))

    kept = sample(rows, 2000)

    assert abs(float(kept.columns["n"].mean())) < 4.5 / np.sqrt(2000)
    assert abs((kept.columns["c"] == "a").mean() - 0.5) < 4.5 * 0.5 / np.sqrt(2000)


def test_copies_are_drawn_as_often_as_they_came_and_thinned_evenly() -> None:
    rows = sample([(1.0, "a", 0)] * 300 + [(2.0, "b", 0)] * 100)

    all_of_them, some = rows.drawn(1000), rows.drawn(40)

    assert sorted(all_of_them["n"].tolist()) == [1.0] * 300 + [2.0] * 100
    assert sorted(some["n"].tolist()) == [1.0] * 30 + [2.0] * 10


def test_a_zero_is_a_zero_and_a_missing_value_a_missing_value() -> None:
    assert sample([(0.0, "a", 0)]).keys.tolist() == sample([(-0.0, "a", 0)]).keys.tolist()
    assert sample([(None, "a", 0)]).keys.tolist() == sample([(float("nan"), "a", 0)]).keys.tolist()
    assert sample([(None, None, 0)]).keys.tolist() != sample([(None, "", 0)]).keys.tolist()


def test_long_labels_are_cut() -> None:
    assert len(sample([(1.0, "x" * 10_000, 0)]).encode()) < 400
