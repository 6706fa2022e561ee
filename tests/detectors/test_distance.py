"""Distances of histograms, by hand, and what chance makes of them."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from burnline.detectors.statistics.distance import chance, jensen_shannon, kolmogorov, stability, total_variation

COUNTS = st.lists(st.integers(0, 500), min_size=5, max_size=5).filter(any).map(np.array)


def test_total_variation_is_the_share_of_events_that_would_have_to_change() -> None:
    assert total_variation(np.array([75, 25]), np.array([50, 50])) == 0.25
    assert total_variation(np.array([0, 10]), np.array([10, 0])) == 1
    assert total_variation(np.array([30, 70]), np.array([3000, 7000])) == 0


def test_the_stability_index_by_hand() -> None:
    """.1 ln 1.2 - .1 ln .8 = .01823 + .02231; of a million rows chance explains nothing."""
    found = stability(np.array([600_000, 400_000]), np.array([500_000, 500_000]))

    assert found == pytest.approx(0.01823 + 0.02231, abs=1e-4)


def test_an_empty_cell_does_not_make_the_stability_index_infinite() -> None:
    assert 3 < stability(np.array([0, 1000]), np.array([500, 500])) < 4


def test_kolmogorov_and_smirnov_by_hand() -> None:
    """Running shares .1 .3 .6 1 and .4 .7 .9 1."""
    assert kolmogorov(np.array([10, 20, 30, 40]), np.array([40, 30, 20, 10])) == pytest.approx(0.4)


def test_jensen_and_shannon_by_hand() -> None:
    """(1, 0) and (.5, .5): the middle is (.75, .25); (log2 4/3 + .5 log2 2/3 + .5 log2 2) / 2 = .3113."""
    assert jensen_shannon(np.array([10, 0]), np.array([5, 5])) == pytest.approx(sqrt(0.3113), abs=1e-4)
    assert jensen_shannon(np.array([10, 0]), np.array([0, 3])) == 1


@given(live=COUNTS, reference=COUNTS)
def test_they_are_nought_for_the_same_and_in_bounds_for_all(
    live: NDArray[np.int64], reference: NDArray[np.int64]
) -> None:
    for measure in (total_variation, kolmogorov, jensen_shannon):
        assert measure(live, live) == pytest.approx(0, abs=1e-7)
        assert -1e-9 <= measure(live, reference) <= 1 + 1e-9
    assert stability(live, live) == 0
    assert kolmogorov(live, reference) <= total_variation(live, reference) + 1e-9


def test_of_small_windows_the_stability_index_is_as_small_as_of_large_ones() -> None:
    """Without the correction 100 events in 20 cells have .2 on average, whatever limit one has in mind."""
    rng, reference = np.random.default_rng(3), np.full(20, 5000)

    found = [stability(rng.multinomial(100, np.full(20, 0.05)), reference) for _ in range(300)]

    assert np.mean(found) < 0.06


def test_the_bound_by_hand() -> None:
    """20 cells, 1000 events, no doubt about the reference, one chance in 200,000: sqrt((13.86 + 12.21) / 2000)."""
    assert chance(20, 1 / 1000, log(200_000)) == pytest.approx(0.1142, abs=1e-4)


@pytest.mark.parametrize(
    "shares",
    [np.full(2, 1 / 2), np.full(5, 1 / 5), np.full(20, 1 / 20), np.full(66, 1 / 66), np.array([0.8] + [0.01] * 20)],
    ids=["2 equal", "5 equal", "20 equal", "66 equal", "one large"],
)
@pytest.mark.parametrize("rows", [60, 20_000])
def test_chance_passes_its_bound_no_more_often_than_it_says(shares: NDArray[np.float64], rows: int) -> None:
    """A bound for one window in 50, so that it can be counted, from references of very few rows too."""
    rng, windows, events = np.random.default_rng(7), 4000, 200
    live, reference = rng.multinomial(events, shares, windows), rng.multinomial(rows, shares, windows)

    found = np.abs(live / events - reference / rows).sum(axis=1) / 2

    assert np.mean(found > chance(len(shares), 1 / events + 1 / rows, log(50))) <= 1 / 50
