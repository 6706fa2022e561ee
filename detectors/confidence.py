"""Confidence: is the model unsure more often than it was on the reference, or stuck at one confidence?"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from burnline.detectors.columns import Columns
from burnline.detectors.contract import Judgement, judged, no_data, too_few, too_few_of_two
from burnline.detectors.grid import Grid
from burnline.detectors.profile import Reference
from burnline.detectors.sketch import Counter64, Sketch
from burnline.detectors.statistics.rates import Share, beyond
from burnline.events import Cell, Contributor, Counts, Source
from burnline.spec.signals import ConfidenceSpec

CONFIDENCE = "(confidence)"
STUCK = 0.99  # of the answers in one bin: no model is as sure of all that comes, unless it was so on the reference


class _Stuck(NamedTuple):
    """By how much too many answers are as sure as each other, how many that are, and in words."""

    score: float
    bad: float
    detail: str


class ConfidenceDrop:
    """An event is bad when its confidence is under the reference's 5 % quantile, so about 5 % are always bad.

    Where nearly all answers are in one bin of confidence, those beyond the reference's share of it are bad as well.
    """

    signal: ClassVar[str] = "confidence"
    source: ClassVar[Source] = Source.PREDICTIONS
    additive: ClassVar[bool] = True
    alone: ClassVar[bool] = False

    def __init__(self, reference: Reference, spec: ConfidenceSpec) -> None:
        self.window = spec.window
        self._spec = spec
        self._reference = reference.confidence
        self._effect = reference.design_effect
        self._grid = Grid(self._reference.profile.edges if self._reference else ())
        self._of = f"confidence:{reference.digest()}"

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(3 + self._grid.cells, dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        low = self._reference.low if self._reference else 0.0
        sent = columns.confidence()
        bins = self._grid.count(sent)[:-1]
        counts = [len(columns), bins.sum(), np.count_nonzero(sent < low), *bins]
        return Sketch(self._of, np.array(counts, dtype=np.int64))

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        if self._reference is None:
            return no_data("the reference has no confidence; profile it with `--confidence`")
        bins = np.array(self._reference.profile.counts, dtype=np.int64)
        return self._judged(sketch, Share(self._reference.below, int(bins.sum())), bins, "in the reference")

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        usual, events = Share(int(baseline.counts[2]), int(baseline.counts[1])), int(candidate.counts[1])
        if short := too_few_of_two(int(usual.events), events, self._spec.min_events, "events with a confidence"):
            return short
        return self._judged(candidate, usual, baseline.counts[3:], "in the baseline")

    def _judged(self, sketch: Sketch, usual: Share, bins: Counter64, where: str) -> Judgement:
        """Compare with the usual share of events that were as unsure; `bins`: how sure those were."""
        live = Share(int(sketch.counts[2]), int(sketch.counts[1]))
        if short := too_few(int(live.events), self._spec.min_events, "events with a confidence"):
            return short
        low = self._reference.low if self._reference else 0.0
        score, bad = beyond(live.thinned(self._effect), 0.0, usual.thinned(self._effect)), live.bad
        detail = f"{live.ratio:.1%} of the answers are less sure than {low:.3g}, {where} {usual.ratio:.1%}"
        if (stuck := self._stuck(sketch.counts[3:], bins, where)) and stuck.score > score:
            score, bad, detail = stuck.score, max(bad, stuck.bad), stuck.detail
        found = Contributor(CONFIDENCE, score, detail, self._cells(bins, sketch.counts[3:]))
        reason = f"{detail} (limit {self._spec.threshold:.1%} more, beyond chance)."
        return judged(
            score,
            Counts(bad, live.events),
            reason[0].upper() + reason[1:],
            (found,) if score > 0 else (),
            limit=self._spec.threshold,
        )

    def _stuck(self, live: Counter64, usual: Counter64, where: str) -> _Stuck | None:
        """Nearly all answers in one bin, and more of them than usual, beyond chance: surer than ever is no better."""
        place = int(np.argmax(live))
        now, then = (Share(int(counts[place]), int(counts.sum())) for counts in (live, usual))
        if now.ratio < STUCK or self._reference is None:
            return None
        score = beyond(now.thinned(self._effect), 0.0, then.thinned(self._effect))
        bin_ = self._reference.profile.describe(place)
        detail = f"the confidence is stuck: {now.ratio:.1%} of the answers have {bin_}, {where} {then.ratio:.1%}"
        return _Stuck(score, now.bad - then.ratio * now.events, detail)

    def _cells(self, usual: Counter64, live: Counter64) -> tuple[Cell, ...]:
        """How sure the answers were and are, for a picture."""
        if self._reference is None:
            return ()
        return tuple(
            Cell(self._reference.profile.describe(place), float(before), float(now))
            for place, (before, now) in enumerate(zip(usual / usual.sum(), live / live.sum(), strict=True))
        )
