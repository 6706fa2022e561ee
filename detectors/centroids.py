"""Where the reference's embeddings lie: 64 centroids by k-means++, and how far from them an embedding usually is.

All of it is arithmetic of whole numbers: coordinates are rounded to multiples of a power of two, and products and sums
stay below 2**53, where 64-bit floats are exact. So neither the order of the events, nor how they were batched, nor
the machine or its linear algebra library changes a bit, and a matrix product can still be used.
"""

from __future__ import annotations

import hashlib
from math import ceil, floor, frexp, log2, sqrt

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.profile import Embedding
from burnline.events import MAX_DIMENSION

CENTROIDS = 64
FAR = 0.95  # quantile of the distances of rows that placed no centroid
LEAST_ROWS = 256
MOST_ROWS = 20_000  # that place centroids, evenly spaced over all
COVARIANCE_ROWS = 2_000
ROUNDS = 25
RESOLUTION = 10  # bits of the root mean square coordinate
LARGEST = 2**19  # multiples: with MAX_DIMENSION coordinates a squared distance is below 2**52
Whole = NDArray[np.float64]  # whole numbers
Rows = NDArray[np.float32]


def whole(rows: Rows, exponent: int) -> Whole:
    """Coordinates in multiples of `2 ** exponent`; what is absurdly large is cut, and stays far away."""
    if abs(exponent) < 800:  # multiplying is exact too, and takes a tenth of the time
        found = np.multiply(rows, 2.0**-exponent, dtype=np.float64)
    else:
        found = np.ldexp(rows.astype(np.float64), -exponent)
    return np.clip(np.rint(found, out=found), -LARGEST, LARGEST, out=found)


def nearest(points: Whole, centroids: Whole) -> tuple[NDArray[np.intp], Whole]:
    """Per point the nearest centroid, the first of equally near ones, and the squared distance to it."""
    squared = (points * points).sum(axis=1)[:, None] - 2 * (points @ centroids.T) + (centroids * centroids).sum(axis=1)
    found = np.argmin(squared, axis=1)
    return found, np.take_along_axis(squared, found[:, None], axis=1)[:, 0]


def build_embedding(rows: Rows) -> Embedding:
    """Profile the embeddings of reference rows, (n, d); the same rows in the same order give the same profile.

    Centroids are placed by every other row; how far is far, and how many rows are near which centroid, the others say:
    distances of the rows that placed them would be too short.

    Raises: ValueError for fewer than LEAST_ROWS rows, more than MAX_DIMENSION coordinates, or any that is not finite.
    """
    if rows.ndim != 2 or not 1 <= rows.shape[1] <= MAX_DIMENSION:
        raise ValueError(f"embeddings of shape {rows.shape}; needs (rows, 1 to {MAX_DIMENSION:,} coordinates)")
    if len(rows) < LEAST_ROWS:
        raise ValueError(f"{len(rows)} rows with an embedding; needs {LEAST_ROWS}")
    if not np.isfinite(rows).all():
        raise ValueError("embeddings hold NaN or infinity; needs finite numbers")
    exponent = _exponent(rows)
    points = whole(rows, exponent)
    centroids = _place(_some(points[::2], MOST_ROWS))
    found, squared = nearest(points[1::2], centroids)
    far = int(np.quantile(squared, FAR, method="inverted_cdf"))
    spread, spread_squared = _spread(_some(points, COVARIANCE_ROWS))
    return Embedding(
        dimension=rows.shape[1],
        exponent=exponent,
        centroids=centroids.astype("<i4").tobytes(),
        far=far,
        counts=tuple(np.bincount(found, minlength=CENTROIDS).tolist()),
        beyond=int((squared > far).sum()),
        rows=len(rows),
        mean=tuple(np.rint(points.mean(axis=0)).astype(np.int64).tolist()),
        spread=spread,
        spread_squared=spread_squared,
    )


def _exponent(rows: Rows) -> int:
    typical = sqrt(float(np.square(rows, dtype=np.float64).mean()))
    return frexp(typical)[1] - RESOLUTION if typical else -RESOLUTION


def _some(points: Whole, most: int) -> Whole:
    return points[:: ceil(len(points) / most)]


def _place(points: Whole) -> Whole:
    """Lloyd's algorithm from k-means++ seeds (Arthur and Vassilvitskii, SODA 2007), to whole coordinates.

    The draws' seed is the digest of the points, so nothing is left to chance.
    """
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(points.astype("<i4").tobytes()).digest()[:8], "big"))
    centroids = _seeds(points, rng)
    before: NDArray[np.intp] | None = None
    for _ in range(ROUNDS):
        found, _ = nearest(points, centroids)
        if before is not None and np.array_equal(found, before):
            break
        before = found
        members = np.zeros((CENTROIDS, len(points)))
        members[found, np.arange(len(points))] = 1
        sizes = members.sum(axis=1)
        moved = np.rint((members @ points) / np.maximum(sizes, 1)[:, None])
        centroids = np.where(sizes[:, None] > 0, moved, centroids)
    return centroids


def _seeds(points: Whole, rng: np.random.Generator) -> Whole:
    """CENTROIDS points, each drawn with a chance that grows with its squared distance to those before."""
    chosen = [int(rng.integers(len(points)))]
    _, least = nearest(points, points[chosen])
    for _ in range(CENTROIDS - 1):
        shares = np.cumsum(np.floor(least / 2.0 ** max(0, floor(log2(least.max() + 1)) - 30)).astype(np.int64))
        total = int(shares[-1])
        drawn = rng.integers(total) if total else rng.integers(len(points))
        chosen.append(int(np.searchsorted(shares, drawn, side="right")) if total else int(drawn))
        _, squared = nearest(points, points[chosen[-1:]])
        least = np.minimum(least, squared)
    return points[chosen]


def _spread(points: Whole) -> tuple[float, float]:
    """Traces of the covariance and of its square, rounded: the last bits would differ between machines."""
    centred = points - points.mean(axis=0)
    gram = centred @ centred.T if len(points) < points.shape[1] else centred.T @ centred
    freedom = len(points) - 1
    return float(f"{np.trace(gram) / freedom:.6g}"), float(f"{np.square(gram).sum() / freedom**2:.6g}")
