"""Hallucination: how many answers go beyond their sources?"""

from __future__ import annotations

import hashlib
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.answers import AnswerShare, column, is_number
from burnline.detectors.columns import Columns
from burnline.detectors.contract import Judgement, no_data, too_few
from burnline.detectors.grounding.accuracy import wilson
from burnline.detectors.grounding.calibration import Calibration, load_calibration
from burnline.detectors.kinds import Kind, cells
from burnline.detectors.profile import Reference
from burnline.detectors.sketch import Sketch
from burnline.detectors.statistics.rates import Share, beyond
from burnline.errors import SpecError
from burnline.events import Contributor, Counts, PredictionBatch, Verdict
from burnline.spec.answers import HallucinationSpec

BINS = 20  # of the score, of one width
HEAD = 5  # counts before them: answers, scored, flagged, judged, judged ungrounded


class Hallucination(AnswerShare[HallucinationSpec]):
    """An answer is bad when its score reaches the threshold; without sources it is not counted.

    With a calibration the limit on ungrounded answers is one on flagged ones: of them, FPR of the grounded answers and
    TPR of the ungrounded ones are expected.
    """

    signal: ClassVar[str] = "hallucination"
    column: ClassVar[str] = "ungrounded"
    what: ClassVar[str] = "are flagged as going beyond their sources"

    def __init__(self, reference: Reference, spec: HallucinationSpec) -> None:
        super().__init__(reference, spec)
        self._calibration: Calibration | None = None
        self._problem = ""
        try:
            self._calibration = load_calibration(spec.calibration) if spec.calibration else None
        except SpecError as error:
            self._problem = f"the calibration cannot be used: {error}"
        self._threshold = self._calibration.threshold if self._calibration else spec.above
        self._of = f"{self.signal}:{hashlib.sha256(repr(self._threshold).encode()).hexdigest()[:16]}"

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(HEAD + BINS, dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        scores = _scores(columns.batch)
        scores = scores[~np.isnan(scores)]
        judged = [each for each in column(columns.batch, "judged") if isinstance(each, bool)]
        head = [len(columns), len(scores), np.count_nonzero(scores >= self._threshold), len(judged), sum(judged)]
        bins = np.bincount(np.minimum((scores * BINS).astype(np.intp), BINS - 1), minlength=BINS)
        return Sketch(self._of, np.concatenate([head, bins]).astype(np.int64))

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        if self._problem:
            return no_data(self._problem)
        scored, flagged = int(sketch.counts[1]), int(sketch.counts[2])
        if short := too_few(scored, self._spec.min_events, "answers with sources"):
            return short
        score = min(1.0, beyond(Share(flagged, scored).thinned(self._effect), self._allowed) / self._power)
        reason = f"{flagged / scored:.1%} of the answers {self.what} (score from {self._threshold:.2f} on)"
        shown = {"flagged": flagged / scored}
        if self._calibration and (rate := self._calibration.rate(flagged, scored)):
            reason += f"; corrected, {rate.value:.1%} are ungrounded (95 % interval {rate.low:.1%} to {rate.high:.1%})"
            shown |= {"ungrounded": rate.value, "ungrounded_low": rate.low, "ungrounded_high": rate.high}
        reason += f"; limit {self._spec.threshold:.1%}{'' if self._calibration else ' flagged'}, beyond chance"
        if not score and flagged / scored > self._allowed:
            reason += "; over it, but by no more than an alarm leaves to chance (it asks for more than 95 %)"
        if judged := int(sketch.counts[3]):
            found = wilson(int(sketch.counts[4]), judged)
            shown |= {"judged_ungrounded": found.value, "judged_low": found.low, "judged_high": found.high}
            reason += f". A judge calls {sketch.counts[4]} of {judged} ungrounded"
            reason += f", so of all {found.low:.1%} to {found.high:.1%} are (95 % interval)"
        verdict = Verdict.ALARM if score > 0 else Verdict.OK
        told = (Contributor(self.column, score, f"{flagged} of {scored} flagged", cells(self.kinds(sketch)), shown),)
        return Judgement(verdict, score, Counts(flagged, scored), f"{reason}.", told)

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        found = super().compare(baseline, candidate)
        if found.score is None:
            return found
        before, now = (Share(float(each.counts[2]), float(each.counts[1])) for each in (baseline, candidate))
        score = min(1.0, self._worse(before, now) / self._power)
        detail = f"{now.ratio:.1%} flagged, of the baseline's answers {before.ratio:.1%}"
        told = (Contributor(self.column, score, detail, found.contributors[0].cells),)
        return Judgement(found.verdict, score, found.counts, found.reason, told)

    def kinds(self, sketch: Sketch) -> list[Kind]:
        """By score; what is said of them counts the flagged ones apart, as their threshold may be within a bin."""
        return [
            Kind(f"score {at / BINS:.2f} to {(at + 1) / BINS:.2f}", times, at / BINS >= self._threshold)
            for at, times in enumerate(sketch.counts[HEAD:].tolist())
        ]

    @property
    def of_which(self) -> str:
        return "answers with sources"

    @property
    def _least(self) -> float:
        return super()._least * self._power

    @property
    def _allowed(self) -> float:
        """The share of flagged answers at the share of ungrounded ones that may be."""
        known, rate = self._calibration, self._spec.threshold
        return known.fpr.value + rate * self._power if known else rate

    @property
    def _power(self) -> float:
        """How much of a rise of ungrounded answers is one of flagged ones."""
        known = self._calibration
        return max(known.tpr.value - known.fpr.value, 0.05) if known else 1.0


def _scores(batch: PredictionBatch) -> NDArray[np.float64]:
    """Per answer the score in [0, 1]; NaN without one."""
    found = [float(each) if is_number(each) and 0 <= each <= 1 else np.nan for each in column(batch, "ungrounded")]
    return np.array(found, dtype=np.float64)
