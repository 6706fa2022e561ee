"""Calibration: is the model right as often as it says it is? Known when labels come."""

from __future__ import annotations

from math import hypot, sqrt
from typing import ClassVar, NamedTuple

import numpy as np

from burnline.detectors.columns import Columns
from burnline.detectors.contract import CONTRIBUTORS, Judgement, Z, judged, no_data, too_few, too_few_of_two
from burnline.detectors.floats import Floats
from burnline.detectors.labelled.cells import Cells, Tally, calibration_error
from burnline.detectors.profile import Calibration, Reference
from burnline.detectors.sketch import Sketch
from burnline.events import Contributor, Counts, Source
from burnline.spec.signals import CalibrationSpec

WHOLE = "events with an answer, a confidence and a label"


class Missed(NamedTuple):
    """How far confidence is from what is right: in all, and by bin (right less stated), with weight and variance.

    Also by bin the share that is right, and how many events there are.
    """

    error: float
    gaps: Floats
    weights: Floats
    variance: Floats
    right: Floats
    events: int

    def bias(self) -> float:
        """What sampling alone adds to `error`, by expectation: a half-normal in every bin."""
        return float((self.weights * np.sqrt(2 * self.variance / np.pi)).sum())

    def deviation(self) -> float:
        """Of `error`, from sampling alone, in the bins and of how many are in each; as where bins truly are off."""
        inside = np.square(self.weights) * self.variance
        between = self.weights * np.square(np.abs(self.gaps) - self.error) / max(self.events, 1)
        return float(np.sqrt((inside + between).sum()))


def missed(cells: Cells, tally: Tally) -> Missed:
    """The calibration error of some labelled events, and what it is made of."""
    counts, right = (cells.sure(each).sum(axis=0) for each in (tally.counts, tally.right))
    share = (right + 1) / (counts + 2)
    error, gaps, weights = calibration_error(cells, tally)
    each = share * (1 - share) + np.square(cells.widths()) / 4  # the second: what is stated differs within a bin
    filled = np.maximum(counts, 1)
    return Missed(error, gaps, weights, each / filled, right / filled, int(counts.sum()))


class Miscalibration:
    """Score: how much farther confidence is from what is right than on the reference, beyond chance."""

    signal: ClassVar[str] = "calibration"
    source: ClassVar[Source] = Source.LABELS
    additive: ClassVar[bool] = CalibrationSpec.additive
    alone: ClassVar[bool] = False

    def __init__(self, reference: Reference, spec: CalibrationSpec) -> None:
        self.window = spec.window
        self._spec = spec
        self._of = f"calibration:{reference.digest()}"
        self._effect = sqrt(reference.design_effect)
        self._known = known = reference.calibration or Calibration((), (), (0, 0), (0, 0))
        self._cells = Cells.of(known)
        self._usual = None
        if reference.performance is not None and reference.performance.ece is not None:
            counts, right = (np.array(each, dtype=np.int64) for each in (known.counts, known.right))
            own = missed(self._cells, Tally(counts, right, np.zeros_like(counts)))
            self._usual = own._replace(error=reference.performance.ece)

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(1 + 3 * self._cells.size, dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        tally = self._cells.tally(columns.batch.prediction, columns.confidence(), columns.batch.label)
        return Sketch(self._of, np.concatenate([[np.int64(len(columns))], *tally]))

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        if self._usual is None:
            return no_data(
                "the reference has no labels with a confidence; profile it with `--label` and `--confidence`"
            )
        few = too_few(self._sure(sketch), self._spec.min_events, WHOLE)
        return few or self._said(self._missed(sketch), self._usual, sketch, "on the reference")

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        few = too_few_of_two(self._sure(baseline), self._sure(candidate), self._spec.min_events, WHOLE)
        return few or self._said(self._missed(candidate), self._missed(baseline), candidate, "of the baseline")

    def _said(self, live: Missed, usual: Missed, sketch: Sketch, whose: str) -> Judgement:
        # The bias of both is in the difference; where the bins truly are off it is less, but then for both.
        noise = max(0.0, live.bias() - usual.bias()) + Z * hypot(live.deviation(), usual.deviation())
        score = max(0.0, live.error - usual.error - self._effect * noise)
        events = self._sure(sketch)
        limit = self._spec.threshold
        meant = (
            "surer than it is right" if float((live.weights * live.gaps).sum()) < 0 else "right more often than it says"
        )
        reason = (
            f"What the model says and what is right are {live.error:.1%} apart (it is {meant}), "
            f"{usual.error:.1%} {whose} (limit {limit:.1%} more, beyond chance)."
        )
        where = self._where(live) if score else ()
        return judged(score, Counts(events * score, events), reason, where, limit=limit)

    def _where(self, live: Missed) -> tuple[Contributor, ...]:
        """The bins that are farthest off, by the share of all events that they put wrong."""
        lost = live.weights * np.abs(live.gaps)
        names = self._cells.names()
        return tuple(
            Contributor(
                names[place],
                float(lost[place]),
                f"{live.weights[place]:.1%} of the answers, {live.right[place]:.1%} of them right, "
                f"{live.right[place] - live.gaps[place]:.1%} stated",
            )
            for place in np.argsort(-lost, kind="stable")[:CONTRIBUTORS].tolist()
            if lost[place] > 0
        )

    def _missed(self, sketch: Sketch) -> Missed:
        return missed(self._cells, Tally(*sketch.counts[1:].reshape(3, -1)))

    def _sure(self, sketch: Sketch) -> int:
        return int(self._cells.sure(sketch.counts[1 : 1 + self._cells.size]).sum())
