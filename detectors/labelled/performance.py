"""How good the answers were, now that their labels are there, against the labelled reference."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import ClassVar, NamedTuple

import numpy as np

from burnline.detectors.columns import Columns, Values, listed
from burnline.detectors.contract import Judgement, Z, no_data, too_few, too_few_of_two
from burnline.detectors.floats import Floats
from burnline.detectors.labelled.cells import Cells, Tally, auc_variance
from burnline.detectors.profile import Calibration, Performance, Reference
from burnline.detectors.sketch import Counter64, Sketch
from burnline.detectors.statistics.accrued import Accrual, Accrued
from burnline.detectors.statistics.rates import Share, beyond
from burnline.events import Contributor, Counts, Source, Verdict
from burnline.spec.signals import PerformanceSpec

LEAST = 10  # labels of the rarer class: of one alone, the area has nearly no variance by Hanley and McNeil
PARTS = 2**16  # of the reference's limit, in sums of errors
LARGEST = 2.0**36  # parts: an error of a million limits counts as that
LABELLED = "events with answer and label"
ACCURACY, AUC, ERROR = "(accuracy)", "(auc)", "(error)"

NEVER = Accrued(False, "", b"")


class Area(NamedTuple):
    """Area under the ROC curve, from so many events of one class and of the other."""

    value: float
    ones: int
    others: int
    design_effect: float = 1.0

    def of(self, design_effect: float) -> Area:
        """As it is known from events that come in clusters."""
        return self._replace(design_effect=design_effect)

    def variance(self, true: float) -> float:
        """By sampling alone, where that is the true area."""
        return self.design_effect * auc_variance(true, self.ones, self.others)


class Found(NamedTuple):
    """What the labels of some events say; `wrong` of them: other answers, or errors that are large."""

    wrong: Share
    area: Area | None = None
    mean_error: float | None = None

    def of(self, design_effect: float) -> Found:
        """As it is known from events that come in clusters."""
        return Found(self.wrong.thinned(design_effect), self.area and self.area.of(design_effect), self.mean_error)


class Classes:
    """Answers that are classes: counted by cell, all and right."""

    def __init__(self, known: Calibration) -> None:
        self._cells = Cells.of(known)
        self.size = 2 * self._cells.size
        self.usual = self.found(np.array([*known.counts, *known.right], dtype=np.int64))

    def count(self, columns: Columns) -> Counter64:
        tally = self._cells.tally(columns.batch.prediction, columns.confidence(), columns.batch.label)
        return np.concatenate([tally.counts, tally.right])

    def found(self, counts: Counter64) -> Found:
        rows, right = counts.reshape(2, -1)
        tally = Tally(rows, right, np.zeros_like(rows))
        area = self._cells.auc(tally)
        known = area is not None and min(area[1:]) >= LEAST
        return Found(Share(tally.wrong, tally.events), Area(*area) if area and known else None)


class Amounts:
    """Answers that are amounts: events, those with a large error, and the sum of absolute errors."""

    size = 3

    def __init__(self, known: Performance) -> None:
        self._limit = known.limit or 0.0
        self.usual = Found(Share(known.wrong, known.events), mean_error=known.mean_error)

    def count(self, columns: Columns) -> Counter64:
        batch = columns.batch
        answers, labels = (_numbers(each, len(batch)) for each in (batch.prediction, batch.label))
        errors = np.abs(answers / 2 - labels / 2)  # halves: the difference of two large numbers may be none
        errors = errors[~np.isnan(errors)]
        large = np.count_nonzero(errors > self._limit / 2)
        parts = np.rint(np.minimum(errors, LARGEST * self._step) / self._step).astype(np.int64)
        return np.array([len(errors), large, parts.sum()], dtype=np.int64)

    def found(self, counts: Counter64) -> Found:
        events, large, parts = counts.tolist()
        return Found(Share(large, events), mean_error=2 * self._step * parts / max(events, 1))

    @property
    def _step(self) -> float:
        return max(self._limit, 1e-290) / PARTS / 2


class LatePerformance:
    """Score: the worse of two losses beyond chance, of right answers in a hundred and of area under the ROC curve.

    Where windows have few labels, they are weighed together as well (accrued.py).
    Of answers that are amounts an event is bad when its absolute error is over the 95 % quantile of the reference's.
    """

    signal: ClassVar[str] = "performance"
    source: ClassVar[Source] = Source.LABELS
    additive: ClassVar[bool] = True
    alone: ClassVar[bool] = False

    def __init__(self, reference: Reference, spec: PerformanceSpec) -> None:
        self.window = spec.window
        self._spec = spec
        self._of = f"performance:{reference.digest()}"
        self._effect = reference.design_effect
        self._known = reference.performance is not None
        self._kind: Classes | Amounts = (
            Classes(reference.calibration)
            if reference.calibration
            else Amounts(reference.performance or Performance(1, 0))
        )
        self._usual = self._kind.usual.of(self._effect)
        self._accrual = Accrual(
            self._usual.wrong,
            threshold=spec.threshold,
            window=spec.window,
            of=self._of,
            design_effect=reference.design_effect,
        )

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(1 + self._kind.size, dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        return Sketch(self._of, np.append(np.int64(len(columns)), self._kind.count(columns)))

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        live = self._kind.found(sketch.counts[1:])
        accrued = self._accrual.add(memory, live.wrong)
        said = self._said(self._usual, live, "on the reference", accrued)
        return replace(said, memory=accrued.memory if self._known else b"")

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        usual, live = (self._kind.found(sketch.counts[1:]) for sketch in (baseline, candidate))
        few = too_few_of_two(int(usual.wrong.events), int(live.wrong.events), self._spec.min_events, LABELLED)
        return few or self._said(usual.of(self._effect), live, "of the baseline")

    def _said(self, usual: Found, live: Found, whose: str, accrued: Accrued = NEVER) -> Judgement:
        if not self._known:
            return no_data("the reference has no labels; profile it with `--label`")
        together = accrued.on and live.wrong.events > 0
        events = int(live.wrong.events)
        few = too_few(events, self._spec.min_events, LABELLED)
        if few and not together:
            return few
        found = sorted(self._losses(usual, live, whose), key=lambda one: -one.score)
        worst, limit = found[0], self._spec.threshold
        reason = f"{'; '.join(one.detail for one in found)} (limit {limit:.1%}, beyond chance)."
        if together and worst.score <= limit:
            alone = f"These {events} labels alone do" if few else "This window alone does"
            reason = f"{reason} {alone} not show it, all of about {accrued.since} together do."
        alarm = worst.score > limit or together
        return Judgement(
            Verdict.ALARM if alarm else Verdict.OK,
            None if few else max(worst.score, limit) if together else worst.score,  # so much is what they show together
            Counts(0, 0) if few else Counts(live.wrong.bad, live.wrong.events),
            reason[0].upper() + reason[1:],
            tuple(one for one in found if one.score > 0) or tuple(found[:1] if together else ()),
        )

    def _losses(self, usual: Found, live: Found, whose: str) -> list[Contributor]:
        thinned = live.wrong.thinned(self._effect)
        score = beyond(thinned, 0.0, usual.wrong)
        shares = f"{live.wrong.ratio:.1%}", f"{usual.wrong.ratio:.1%} {whose}"
        if usual.mean_error is not None and live.mean_error is not None:
            ratio = f", x {live.mean_error / usual.mean_error:.2f}" if usual.mean_error else ""
            errors = f"the mean error is {live.mean_error:.4g}, {usual.mean_error:.4g} {whose}{ratio}"
            return [Contributor(ERROR, score, f"{shares[0]} of the errors are large, {shares[1]}; {errors}")]
        found = [Contributor(ACCURACY, score, f"{shares[0]} of the answers are wrong, {shares[1]}")]
        if usual.area and live.area:
            # The lower area for both: by its own, one that is high by luck would be granted too little.
            true = min(live.area.value, usual.area.value)
            noise = Z * sqrt(live.area.of(self._effect).variance(true) + usual.area.variance(true))
            lost = max(0.0, usual.area.value - live.area.value - noise)
            areas = f"the area under the ROC curve is {live.area.value:.3f}, {usual.area.value:.3f} {whose}"
            found.append(Contributor(AUC, lost, areas))
        return found


def _numbers(column: Values, events: int) -> Floats:
    """NaN for what is none, also where the whole column is not there."""
    found = [float(value) if isinstance(value, (int, float)) else np.nan for value in listed(column)]
    return np.array(found or [np.nan] * events)
