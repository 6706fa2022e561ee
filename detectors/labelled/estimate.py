"""How many answers are right, estimated before any label comes, from their confidence and the labelled reference."""

from __future__ import annotations

from math import sqrt
from typing import ClassVar, NamedTuple

import numpy as np

from burnline.detectors.columns import Columns, Values, listed
from burnline.detectors.confidence import CONFIDENCE
from burnline.detectors.contract import Judgement, Z, judged, no_data, too_few, too_few_of_two
from burnline.detectors.floats import Floats
from burnline.detectors.labelled.cells import Cells, class_of, rates
from burnline.detectors.profile import Calibration, Category, Column, Reference
from burnline.detectors.sketch import Counter64, Sketch
from burnline.events import Cell, Contributor, Counts, Source
from burnline.spec.signals import EstimateSpec

BLIND = "Blind to a change of what is right: only labels show that."
NUMBERS = "answers that are amounts have no accuracy to estimate; `performance` judges them when labels come"
KNOWN = "events with a known answer and a confidence"
UNKNOWN = "they have no confidence, or no answer that the reference has"
MOST = 3  # bins of confidence that are named
INTERVAL = 1.96  # deviations on either side: 95 %


class Estimate(NamedTuple):
    """Estimated share of right answers; `deviation` is of the share that labels of these events would show."""

    accuracy: float
    deviation: float

    def words(self) -> str:
        low, high = (self.accuracy + side * INTERVAL * self.deviation for side in (-1, 1))
        return f"{self.accuracy:.1%} ({max(0.0, low):.1%} to {min(1.0, high):.1%})"


def estimate(counts: Counter64, rate: Floats, variance: Floats) -> Estimate:
    """Of events in cells whose answers are right at known rates: the rates' mean, as in confidence-based estimation.

    Its deviation has two parts: each event is right or wrong by chance, and the rates come from a sample.

    >>> found = estimate(np.array([80, 20]), np.array([0.9, 0.5]), np.zeros(2))
    >>> round(found.accuracy, 3), round(found.deviation, 4)
    (0.82, 0.035)
    """
    events = int(counts.sum())
    by_chance = float((counts * rate * (1 - rate)).sum()) / events**2
    of_sample = float((np.square(counts / events) * variance).sum())
    return Estimate(float((counts * rate).sum()) / events, sqrt(by_chance + of_sample))


def chance(first: Counter64, second: Counter64, rate: Floats, variance: Floats) -> float:
    """The difference of two estimates of one population: Z deviations of both samples, and of the rates.

    The same rates stand in both estimates, so what is wrong with them counts only where the shares of cells differ.
    """
    ones, others = int(first.sum()), int(second.sum())
    both = (first + second) / (ones + others)
    mean = float((both * rate).sum())
    of_rates = float((both * np.square(rate - mean)).sum())
    differ = first / ones - second / others
    return Z * sqrt(of_rates * (1 / ones + 1 / others) + float((np.square(differ) * variance).sum()))


class Seen:
    """Which answers the reference has: of any other it cannot say how often it is right.

    Args:
        rows: the reference's, by group of answers and bin of confidence; the last group is of all without their own.
        known: what the reference knows of its labelled answers.
        column: the reference's answers, labelled or not.
    """

    def __init__(self, rows: Counter64, known: Calibration, column: Column | None) -> None:
        self._groups = rows.sum(axis=1, keepdims=True) > 0
        named = {*known.others, *((*column.values, *column.rare) if isinstance(column, Category) else ())}
        self._asks = bool(self._groups[-1, 0]) and bool(named)
        self._names = frozenset(named.union(known.classes))

    def sure(self, answers: Values, confidence: Floats) -> Floats:
        """The confidences, NaN where the answer is one of many and not known by its name."""
        if not self._asks:
            return confidence
        known = map(self._names.__contains__, map(class_of, listed(answers)))
        return np.where(np.fromiter(known, dtype=np.bool_, count=len(answers)), confidence, np.nan)

    def counted(self, rows: Counter64) -> Counter64:
        """Of events by group and bin those of groups that the reference has, flat."""
        return np.where(self._groups, rows, 0).ravel()


class AccuracyEstimate:
    """Score: how much of the accuracy is lost, beyond chance. Good events: those expected to be right.

    Answers without a confidence, and answers that the reference has not, of which nothing can be said, are in no count.
    """

    signal: ClassVar[str] = "estimate"
    source: ClassVar[Source] = Source.PREDICTIONS
    additive: ClassVar[bool] = True
    alone: ClassVar[bool] = False

    def __init__(self, reference: Reference, spec: EstimateSpec) -> None:
        self.window = spec.window
        self._spec = spec
        self._of = f"estimate:{reference.digest()}"
        self._effect = reference.design_effect
        self._missing = _missing(reference)
        known = reference.calibration or Calibration((), (), (0, 0), (0, 0))
        self._cells = Cells.of(known)
        rows = self._cells.sure(np.array(known.counts, dtype=np.int64))
        self._known, self._seen = rows.ravel(), Seen(rows, known, reference.prediction)
        self._rate, self._variance = (self._cells.sure(each).ravel() for each in rates(known))

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(1 + len(self._known), dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        if self._missing:
            return Sketch(self._of, np.append(np.int64(len(columns)), 0 * self._known))
        answers = columns.batch.prediction
        counts = self._cells.sure(self._cells.count(answers, self._seen.sure(answers, columns.confidence())))
        return Sketch(self._of, np.append(np.int64(len(columns)), self._seen.counted(counts)))

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        if self._missing:
            return no_data(self._missing)
        few = too_few(_known(sketch), self._spec.min_events, KNOWN)
        return few or self._compared(self._known, sketch, "on the reference")

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        if self._missing:
            return no_data(self._missing)
        few = too_few_of_two(_known(baseline), _known(candidate), self._spec.min_events, KNOWN)
        return few or self._compared(baseline.counts[1:], candidate, "of the baseline")

    def _compared(self, usual: Counter64, sketch: Sketch, whose: str) -> Judgement:
        live = sketch.counts[1:]
        events = _known(sketch)
        left = f"{sketch.events - events} of {sketch.events} events are not in it: {UNKNOWN}. "
        now, then = (estimate(counts, self._rate, self._variance) for counts in (live, usual))
        noise = chance(usual, live, self._rate, self._variance) * sqrt(self._effect)
        score = max(0.0, then.accuracy - now.accuracy - noise)
        limit = self._spec.threshold
        reason = (
            f"An estimated {now.words()} of the answers are right, {then.accuracy:.1%} {whose} "
            f"(limit {limit:.1%} fewer, beyond chance). {left if events < sketch.events else ''}"
        )
        where = self._where(usual, live, score, then.accuracy, whose)
        if score > limit:
            reason += f"Most by {where.detail.partition(';')[0]}. "
        reason += BLIND
        counts = Counts(events * (1 - now.accuracy), events)
        return judged(score, counts, reason, (where,) if score > 0 else (), limit=limit)

    def _where(self, usual: Counter64, live: Counter64, score: float, accuracy: float, whose: str) -> Contributor:
        """How sure the answers are, and the bins of confidence in which most is lost: of all bins that is all of it."""
        rate = self._rate.reshape(-1, self._cells.bins)
        before, now = (counts.reshape(rate.shape) / counts.sum() for counts in (usual, live))
        lost = ((now - before) * (accuracy - rate)).sum(axis=0)
        both = now + before  # a bin that is empty now lost something too
        right = (both * rate).sum(axis=0) / np.maximum(both.sum(axis=0), 1e-12)
        before, now, names = before.sum(axis=0), now.sum(axis=0), self._cells.names()
        most = [
            f"{names[place]}: {now[place]:.1%} of the answers, {before[place]:.1%} {whose}, {right[place]:.0%} right"
            for place in np.argsort(-lost, kind="stable")[:MOST].tolist()
        ]
        cells = tuple(
            Cell(name, float(then), float(share)) for name, then, share in zip(names, before, now, strict=True)
        )
        return Contributor(CONFIDENCE, score, "; ".join(most), cells)


def _known(sketch: Sketch) -> int:
    """Events of which something can be estimated."""
    return int(sketch.counts[1:].sum())


def _missing(reference: Reference) -> str:
    """Why nothing can be estimated; empty when it can."""
    if reference.calibration is None:
        numbers = reference.performance is not None
        return NUMBERS if numbers else "the reference has no labels; profile it with `--label` and `--confidence`"
    if reference.performance is None or reference.performance.ece is None:
        return "the reference has labels and no confidence; profile it with `--confidence`"
    return ""
