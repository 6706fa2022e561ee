"""Confidence: is the model unsure more often than it was on the reference?"""

from __future__ import annotations

from math import sqrt
from typing import ClassVar

import numpy as np

from burnline.detectors.columns import Columns
from burnline.detectors.contract import Judgement, Z, no_data, too_few
from burnline.detectors.profile import Reference
from burnline.detectors.sketch import Sketch
from burnline.events import Counts, Source, Verdict
from burnline.spec.signals import ConfidenceSpec


def excess(live: float, expected: float, *, events: int, reference_events: int) -> float:
    """How much of the share `live` is above `expected` beyond chance: `Z` binomial deviations, both samples.

    >>> round(excess(0.20, 0.05, events=900, reference_events=10**9), 3)
    0.117
    """
    spread = expected * (1 - expected) * (1 / events + 1 / reference_events)
    return max(0.0, live - expected - Z * sqrt(spread))


class ConfidenceDrop:
    """An event is bad when its confidence is under the reference's 5 % quantile, so about 5 % are always bad."""

    signal: ClassVar[str] = "confidence"
    source: ClassVar[Source] = Source.PREDICTIONS
    additive: ClassVar[bool] = True
    alone: ClassVar[bool] = False

    def __init__(self, reference: Reference, spec: ConfidenceSpec) -> None:
        self.window = spec.window
        self._spec = spec
        self._reference = reference.confidence
        self._of = f"confidence:{reference.digest()}"

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(3, dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        low = self._reference.low if self._reference else 0.0
        sent = columns.confidence()
        below = np.count_nonzero(sent < low)
        return Sketch(self._of, np.array([len(columns), np.count_nonzero(~np.isnan(sent)), below], dtype=np.int64))

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        if self._reference is None:
            return no_data("the reference has no confidence; profile it with `--confidence`")
        known = sum(self._reference.profile.counts)
        return self._judged(sketch, self._reference.below, known, "in the reference")

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        known, below = int(baseline.counts[1]), int(baseline.counts[2])
        if short := too_few(known, self._spec.min_events, "events with a confidence in the baseline"):
            return short
        return self._judged(candidate, below, known, "in the baseline")

    def _judged(self, sketch: Sketch, usual: int, known: int, where: str) -> Judgement:
        """Compare with `usual` of `known` events that were as unsure."""
        events, below = int(sketch.counts[1]), int(sketch.counts[2])
        if short := too_few(events, self._spec.min_events, "events with a confidence"):
            return short
        low = self._reference.low if self._reference else 0.0
        score = excess(below / events, usual / known, events=events, reference_events=known)
        reason = (
            f"{below / events:.1%} of the answers are less sure than {low:.3g}, "
            f"{where} {usual / known:.1%} (limit {self._spec.threshold:.1%} more, beyond chance)."
        )
        verdict = Verdict.ALARM if score > self._spec.threshold else Verdict.OK
        return Judgement(verdict, score, Counts(below, events), reason)
