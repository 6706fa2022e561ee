"""Even places: they put every number where comparing it with each edge does, or say that they are of no use."""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.detectors.even import FEWEST, EvenPlaces
from burnline.detectors.grid import SMALL, Grid

EDGES = 19
STEPS = np.linspace(-1.6, 1.6, EDGES)
NAN_BITS = [0x7FF0000000000001, 0xFFF0000000000001, 0x7FF8000000000000, 0xFFFFFFFFFFFFFFFF]  # signalling and quiet
ODD = [
    *(math.inf, -math.inf, 0.0, -0.0, 5e-324, -5e-324, 1.7e308, -1.7e308),
    *(sign * power * 2.0**at for sign in (1, -1) for power in (1.0, 1.5, 1.99) for at in (40, 51, 52, 53, 54, 63, 64)),
    *np.array(NAN_BITS, dtype=np.uint64).view(np.float64).tolist(),
]


def by_each_edge(edges: np.ndarray, values: np.ndarray) -> list[int]:
    nothing = len(edges) + 1
    return [nothing if math.isnan(one) else bisect_left(edges.tolist(), one) for one in values.tolist()]


@given(
    st.floats(1e-260, 1e260),
    st.floats(-1e4, 1e4),
    st.lists(st.floats(0.5, 2), min_size=EDGES, max_size=EDGES),
    st.integers(0, 2**32),
)
@settings(max_examples=30, deadline=None)
def test_even_places_find_the_cells_that_comparing_finds(
    scale: float, shift: float, gaps: list[float], seed: int
) -> None:
    edges = np.unique((np.cumsum(gaps) + shift) * scale)
    near = [math.nextafter(edge, side) for edge in edges.tolist() for side in (-math.inf, math.inf)]
    usual = np.random.default_rng(seed).uniform(edges[0] - scale, edges[-1] + scale, size=3000)
    width = (edges[-1] - edges[0]) / 2**14
    far = [one * width for one in ODD if abs(one) < 1e20]
    values = np.concatenate([usual, edges, near, ODD, far])
    even = EvenPlaces.over(edges)

    cells = even.cells(values) if even else None

    assert cells is not None
    assert cells.tolist() == by_each_edge(edges, values)


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", ">f8", ">f4"])
@pytest.mark.parametrize("every", [1, 2, -1])
def test_numbers_of_any_size_and_stride_are_counted_as_they_are_placed(dtype: str, every: int) -> None:
    grid = Grid(tuple(STEPS.tolist()))
    drawn = np.random.default_rng(1).normal(size=4 * SMALL * EDGES + 1)
    drawn[::50] = np.nan
    values = drawn.astype(dtype)[::every]

    counted = grid.count(values)

    assert counted.tolist() == np.bincount(grid.place(values), minlength=EDGES + 2).tolist()


@pytest.mark.parametrize(
    "edges",
    [
        np.arange(FEWEST - 1.0),
        np.repeat(np.arange(10.0), 2) + np.tile([0, 1e-12], 10),
        10.0 ** np.arange(19),
        1e18 + 256 * np.arange(19.0),
        1.7e307 * np.arange(-9.0, 10.0),
        np.arange(19) * 5e-324,
    ],
    ids=["few", "values that repeat", "a long tail", "far from zero", "all floats", "denormals"],
)
def test_edges_that_even_places_cannot_tell_apart_are_compared(edges: np.ndarray) -> None:
    values = np.tile(np.concatenate([edges, np.nextafter(edges, np.inf), [np.nan]]), SMALL)

    assert EvenPlaces.over(edges) is None
    assert (
        Grid(tuple(edges.tolist())).count(values).tolist()
        == np.bincount(by_each_edge(edges, values), minlength=len(edges) + 2).tolist()
    )


def test_values_that_lie_on_edges_are_counted_right_before_and_after_the_places_are_given_up() -> None:
    grid = Grid(tuple(STEPS.tolist()))
    apart, on = np.random.default_rng(1).normal(size=3000), np.tile(STEPS, 200)

    counted = [grid.count(values).tolist() for values in (apart, on, apart, on)]

    expected = [np.bincount(by_each_edge(STEPS, values), minlength=EDGES + 2).tolist() for values in (apart, on)]
    assert counted == expected * 2
