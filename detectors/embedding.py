"""Embeddings: do they lie where the reference's do, and point where those point?"""

from __future__ import annotations

from math import sqrt
from typing import ClassVar, NamedTuple

import numpy as np

from burnline.detectors.centroids import Whole, nearest, whole
from burnline.detectors.columns import Columns
from burnline.detectors.contract import Judgement, no_data, too_few, too_few_of_two
from burnline.detectors.profile import Embedding, Reference
from burnline.detectors.sketch import Counter64, Sketch
from burnline.detectors.statistics.rates import SURPRISE, Share, beyond
from burnline.events import Cell, Contributor, Counts, Source, Verdict
from burnline.spec.signals import EmbeddingSpec

EMBEDDED = "events with an embedding"
FAR, DIRECTION = "(far)", "(direction)"
STRAY = 16  # squared: four times as far as what is far is left out of the mean, which one such event would turn
CHUNK = 512  # events: their distances to all centroids stay in the processor's cache
NONE = Embedding(1, 0, b"\0\0\0\0", 0, (0,), 0, 0, (0,), 0.0, 0.0)


def turned(first: Whole, second: Whole) -> float:
    """One less the cosine of two vectors, from 0 to 1; 0 when one of them is zero.

    >>> turned(np.array([1.0, 0.0]), np.array([3.0, 4.0]))
    0.4
    """
    length = sqrt(float(first @ first)) * sqrt(float(second @ second))
    return min(1.0, max(0.0, 1 - float(first @ second) / length)) if length else 0.0


def chance(known: Embedding, weight: float) -> float:
    """How much the mean of one population turns by sampling alone, but once in a few hundred thousand windows.

    `weight` is 1/n + 1/N. A difference of means has the covariance `weight` C; its squared length is a weighted sum of
    chi-squared variables and exceeds `weight` (tr C + 2 sqrt(x tr C^2) + 2 x sqrt(tr C^2)) with a chance of exp(-x)
    (Laurent and Massart, Annals of Statistics 28, 2000; the root is no less than the largest eigenvalue). A vector
    turned by it is at most that much over twice its own squared length away, if it is small beside it.
    """
    width = sqrt(known.spread_squared)
    moved = weight * (known.spread + 2 * sqrt(SURPRISE) * width + 2 * SURPRISE * width)
    length = float(np.square(np.array(known.mean, dtype=np.float64)).sum())
    return moved / (2 * length) if moved < length else 1.0


class Usual(NamedTuple):
    """What is compared with: how many are far, the mean of so many rows, and how many are near each place."""

    far: Share
    rows: float
    mean: Whole
    places: Counter64
    whose: str


class EmbeddingDrift:
    """Score: the share of embeddings farther from every centroid than 5 % of the reference's are, beyond chance.

    An event is bad when it is one of them, so about 5 % always are. Beside it stands how far the mean has turned.
    """

    signal: ClassVar[str] = "embedding"
    source: ClassVar[Source] = Source.PREDICTIONS
    additive: ClassVar[bool] = True
    alone: ClassVar[bool] = False

    def __init__(self, reference: Reference, spec: EmbeddingSpec) -> None:
        self.window = spec.window
        self._spec = spec
        self._of = f"embedding:{reference.digest()}"
        self._effect = reference.design_effect
        self._missing = reference.embedding is None
        self._known = known = reference.embedding or NONE
        self._centroids = np.frombuffer(known.centroids, "<i4").reshape(-1, known.dimension).astype(np.float64)
        self._usual = Share(known.beyond, sum(known.counts)).thinned(self._effect)
        self._mean = np.array(known.mean, dtype=np.float64)

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(3 + len(self._known.counts) + self._known.dimension, dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        counts = self.empty().counts
        counts[0] = len(columns)
        if self._missing:
            return Sketch(self._of, counts)
        rows = columns.embedding()
        if rows.shape[1] != self._known.dimension:  # none was sent: the door refuses other lengths
            return Sketch(self._of, counts)
        rows = rows[~np.isnan(rows[:, 0])]
        places, sums = counts[3 : 3 + len(self._centroids)], counts[3 + len(self._centroids) :]
        for start in range(0, len(rows), CHUNK):
            points = whole(rows[start : start + CHUNK], self._known.exponent)
            found, squared = nearest(points, self._centroids)
            counts[1] += len(points)
            counts[2] += np.count_nonzero(squared > self._known.far)
            places += np.bincount(found, minlength=len(places))
            sums += points[squared <= STRAY * self._known.far].sum(axis=0).astype(np.int64)
        return Sketch(self._of, counts)

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        if self._missing:
            return no_data("the reference has no embeddings; profile it with `--embedding`")
        rows = self._known.rows / self._effect
        usual = Usual(self._usual, rows, self._mean, np.array(self._known.counts), "in the reference")
        return too_few(_embedded(sketch), self._spec.min_events, EMBEDDED) or self._said(usual, sketch)

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        if few := too_few_of_two(_embedded(baseline), _embedded(candidate), self._spec.min_events, EMBEDDED):
            return few
        far = Share(int(baseline.counts[2]), int(baseline.counts[1])).thinned(self._effect)
        mean, places = self._sums(baseline.counts), self._places(baseline.counts)
        return self._said(Usual(far, far.events, mean, places, "of the baseline"), candidate)

    def _said(self, usual: Usual, sketch: Sketch) -> Judgement:
        live = Share(int(sketch.counts[2]), int(sketch.counts[1]))
        far = beyond(live.thinned(self._effect), 0.0, usual.far)
        mean = self._sums(sketch.counts)
        angle = turned(mean, usual.mean)
        moved = max(0.0, angle - chance(self._known, self._effect / live.events + 1 / max(usual.rows, 1)))
        direction = f"the mean of all has turned by {angle:.3f} (1 - cosine; limit {self._spec.turn:g})"
        if live.bad == live.events and not mean.any():
            direction = "none is near enough to count for a mean"
        share = (
            f"{live.ratio:.1%} of the embeddings are far from all that is known, {usual.far.ratio:.1%} {usual.whose}"
        )
        places = _cells(usual.places, self._places(sketch.counts))
        found = (
            Contributor(FAR, far, f"{share} (limit {self._spec.threshold:.1%} more)", places),
            Contributor(DIRECTION, moved, direction),
        )
        return Judgement(
            Verdict.ALARM if far > self._spec.threshold or moved > self._spec.turn else Verdict.OK,
            max(far, moved),
            Counts(live.bad, live.events),
            f"{found[0].detail}, beyond chance; {direction}.",
            tuple(sorted((one for one in found if one.score > 0), key=lambda one: -one.score)),
        )

    def _places(self, counts: Counter64) -> Counter64:
        return counts[3 : 3 + len(self._centroids)]

    def _sums(self, counts: Counter64) -> Whole:
        return counts[3 + len(self._centroids) :].astype(np.float64)


def _embedded(sketch: Sketch) -> int:
    return int(sketch.counts[1])


def _cells(usual: Counter64, live: Counter64) -> tuple[Cell, ...]:
    """The share of embeddings nearest to each centroid, the most frequent first."""
    before, now = (counts / max(int(counts.sum()), 1) for counts in (usual, live))
    order = np.argsort(-before, kind="stable").tolist()
    return tuple(Cell(f"nearest to place {place + 1}", float(before[place]), float(now[place])) for place in order)
