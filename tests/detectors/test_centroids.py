"""The reference of embeddings: exact, repeatable, and far means far."""

from __future__ import annotations

import numpy as np
import pytest

from burnline.detectors.centroids import CENTROIDS, LARGEST, LEAST_ROWS, Rows, build_embedding, nearest, whole
from burnline.events import MAX_DIMENSION


def cloud(rows: int, seed: int = 1, dimension: int = 24, topics: int = 20) -> Rows:
    """Unit vectors around some topics, which are the same for every seed."""
    centres = np.random.default_rng(0).normal(size=(topics, dimension))
    rng = np.random.default_rng(seed)
    points = centres[rng.integers(topics, size=rows)] + rng.normal(0, 0.5, (rows, dimension))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True), dtype=np.float32)


def test_the_same_rows_give_the_same_profile_and_others_another() -> None:
    assert build_embedding(cloud(1000)) == build_embedding(cloud(1000)) != build_embedding(cloud(1000, seed=2))


def test_one_row_in_twenty_of_the_same_population_is_far_also_when_rows_are_few() -> None:
    """With as few as eight rows a centroid; distances of the rows that placed them would say one in seven or more."""
    known = build_embedding(cloud(1000))
    centroids = np.frombuffer(known.centroids, "<i4").reshape(CENTROIDS, -1).astype(np.float64)

    _, squared = nearest(whole(cloud(20_000, seed=5), known.exponent), centroids)

    assert float((squared > known.far).mean()) == pytest.approx(0.05, abs=0.02)
    assert sum(known.counts) == 500
    assert known.beyond <= 25


def test_a_distance_does_not_depend_on_how_events_were_batched() -> None:
    known = build_embedding(cloud(600, dimension=37))
    centroids = np.frombuffer(known.centroids, "<i4").reshape(CENTROIDS, -1).astype(np.float64)
    points = whole(cloud(500, seed=3, dimension=37) * 100, known.exponent)

    together = nearest(points, centroids)
    alone = [nearest(point[None], centroids) for point in points]

    assert together[0].tolist() == [int(found[0][0]) for found in alone]
    assert together[1].tolist() == [float(found[1][0]) for found in alone]


def test_distances_are_exact_whole_numbers_at_the_largest_coordinates() -> None:
    """By Python's integers, which know no rounding."""
    rng = np.random.default_rng(7)
    points = rng.integers(-LARGEST, LARGEST + 1, (3, MAX_DIMENSION))
    points[0], points[1] = LARGEST, -LARGEST

    _, squared = nearest(points[:2].astype(np.float64), points[1:].astype(np.float64))

    expected = [
        min(sum((a - b) ** 2 for a, b in zip(point, other, strict=True)) for other in points[1:].tolist())
        for point in points[:2].tolist()
    ]
    assert [int(value) for value in squared] == expected


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e6, 1e30])
def test_the_unit_of_the_coordinates_makes_no_difference(scale: float) -> None:
    power = np.float32(2.0 ** round(np.log2(scale)))

    plain, scaled = build_embedding(cloud(400)), build_embedding(cloud(400) * power)

    assert scaled.centroids == plain.centroids
    assert (scaled.far, scaled.counts, scaled.mean) == (plain.far, plain.counts, plain.mean)


def test_rows_that_are_all_the_same_have_one_place() -> None:
    known = build_embedding(np.ones((LEAST_ROWS, 4), dtype=np.float32))

    assert (known.far, known.beyond) == (0, 0)
    assert max(known.counts) == sum(known.counts)


def test_rows_that_are_all_zero_have_one_place_too() -> None:
    assert build_embedding(np.zeros((LEAST_ROWS, 4), dtype=np.float32)).mean == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((10, 4), dtype=np.float32), "10 rows"),
        (np.zeros((300, 0), dtype=np.float32), "coordinates"),
        (np.zeros((300, MAX_DIMENSION + 1), dtype=np.float32), "4,096"),
        (np.zeros(300, dtype=np.float32), "shape"),
        (np.full((300, 4), np.nan, dtype=np.float32), "finite"),
        (np.full((300, 4), np.inf, dtype=np.float32), "finite"),
    ],
)
def test_rows_that_cannot_be_used_are_refused_with_the_reason(rows: Rows, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_embedding(rows)


@pytest.mark.parametrize("exponent", [-1060, -799, -149, -12, 0, 3, 128, 1060])
def test_coordinates_are_the_nearest_multiples_of_any_power_of_two(exponent: int) -> None:
    bits = np.random.default_rng(1).integers(0, 2**32, 4000, dtype=np.uint32).view(np.float32).reshape(-1, 8)
    rows = bits[np.isfinite(bits).all(axis=1)]

    with np.errstate(over="ignore"):
        exact = np.ldexp(rows.astype(np.float64), -exponent)

        assert whole(rows, exponent).tolist() == np.clip(np.rint(exact), -LARGEST, LARGEST).tolist()
