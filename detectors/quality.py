"""Data quality: missing values, wrong types, values outside the range of the reference or of `model.schema`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from burnline.detectors.columns import Columns, Mask
from burnline.detectors.confidence import excess
from burnline.detectors.contract import CONTRIBUTORS, Judgement, no_data, too_few
from burnline.detectors.profile import Number, Reference
from burnline.detectors.sketch import Sketch
from burnline.events import Contributor, Counts, Source, Verdict
from burnline.spec.events import FeatureSpec
from burnline.spec.signals import DataSpec

UNKNOWN = "(unknown features)"
MARGIN = 0.1  # of the reference's range, on either side
MISSING, MISSING_ONLY, WRONG_TYPE, OUT_OF_RANGE = range(4)  # counts per feature
SENTENCES = {MISSING: "missing", WRONG_TYPE: "of the wrong type", OUT_OF_RANGE: "outside the range of the reference"}
_BY_REASON = {"type": WRONG_TYPE, "range": OUT_OF_RANGE, "value": OUT_OF_RANGE}
BY_SCHEMA = {**SENTENCES, OUT_OF_RANGE: "outside what model.schema allows"}


class Quality:
    """Score: the worst share of unusable values of a feature, beyond what is allowed and beyond chance.

    Allowed is `max_null`, or what the reference itself had. An event is bad when anything in it has a wrong type,
    an impossible value or an unknown name, or when it lacks a feature that is missing too often in this window
    (the worst such feature: the count is exact for one, and never too high for several).

    With `declared` features the types and values that they allow are judged, not those of the reference, which then is
    made of them (detectors/declared.py).
    """

    signal: ClassVar[str] = "data"
    source: ClassVar[Source] = Source.PREDICTIONS
    additive: ClassVar[bool] = True

    def __init__(self, reference: Reference, spec: DataSpec, declared: Mapping[str, FeatureSpec] | None = None) -> None:
        self.window = spec.window
        self._spec = spec
        self._reference = reference
        self._declared = declared or {}
        self._of = f"data:{spec.schema_}:{reference.digest()}"
        self._bounds = {
            name: _bounds(column) for name, column in reference.features.items() if isinstance(column, Number)
        }

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(3 + 4 * len(self._reference.features), dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        strict = self._spec.schema_ == "strict"
        unknown = np.array(columns.batch.unknown_features, dtype=np.int64) > 0
        defects = [self._defects(columns, name) for name in self._reference.features]
        wrong = np.zeros(len(columns), dtype=np.bool_)
        if strict:
            wrong = np.logical_or.reduce([unknown, *(mask for _, *masks in defects for mask in masks)])
        counts = [len(columns), np.count_nonzero(wrong), np.count_nonzero(unknown) if strict else 0]
        for missing, wrong_type, out_of_range in defects:
            alone = np.count_nonzero(missing & ~wrong)
            ill_formed = (np.count_nonzero(wrong_type), np.count_nonzero(out_of_range)) if strict else (0, 0)
            counts += [np.count_nonzero(missing), alone, *ill_formed]
        return Sketch(self._of, np.array(counts, dtype=np.int64))

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        if short := too_few(sketch.events, self._spec.min_events):
            return short
        if not self._reference.features:
            return no_data("the reference has no features")
        per_feature = sketch.counts[3:].reshape(-1, 4)
        found = sorted(self.scores(sketch), key=lambda contributor: -contributor.score)
        lacking = [
            int(counts[MISSING_ONLY])
            for counts, name in zip(per_feature, self._reference.features, strict=True)
            if self._missing_excess(name, int(counts[MISSING]), sketch.events) > 0
        ]
        bad = int(sketch.counts[1]) + max(lacking, default=0)
        whole = "Values are as model.schema declares" if self._declared else "Values are as whole as in the reference"
        reason = f"{found[0].feature}: {found[0].detail}" if found else whole
        return Judgement(
            Verdict.ALARM if found else Verdict.OK,
            found[0].score if found else 0.0,
            Counts(bad, sketch.events),
            f"{reason}; {bad / sketch.events:.1%} of the events are bad.",
            tuple(found[:CONTRIBUTORS]),
        )

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        for sketch, of in ((baseline, "events of the baseline"), (candidate, "events")):
            if short := too_few(sketch.events, self._spec.min_events, of):
                return short
        found = sorted(self._differences(baseline, candidate), key=lambda contributor: -contributor.score)
        reason = f"{found[0].feature}: {found[0].detail}." if found else "Values are as whole as in the baseline."
        verdict = Verdict.ALARM if found else Verdict.OK
        score = found[0].score if found else 0.0
        counts = Counts(int(candidate.counts[1]), candidate.events)
        return Judgement(verdict, score, counts, reason, tuple(found[:CONTRIBUTORS]))

    def _differences(self, baseline: Sketch, candidate: Sketch) -> Iterator[Contributor]:
        """What there is more of than in the baseline, beyond the chance of both."""
        usual, now = (sketch.counts[3:].reshape(-1, 4) / sketch.events for sketch in (baseline, candidate))
        for row, name in enumerate(self._reference.features):
            for defect, what in SENTENCES.items():
                live, before = float(now[row, defect]), float(usual[row, defect])
                allowed = max(self._spec.max_null, before)
                score = excess(live, allowed, events=candidate.events, reference_events=baseline.events)
                if score > 0:
                    yield Contributor(name, score, f"{live:.1%} of its values are {what}, {before:.1%} in the baseline")

    def _defects(self, columns: Columns, name: str) -> tuple[Mask, Mask, Mask]:
        reading = columns.feature(name)
        if declared := self._declared.get(name):
            column = columns.batch.features.get(name) or [None] * len(columns)
            found = np.array([_BY_REASON.get(declared.violation(value), MISSING) for value in column], dtype=np.intp)
            return reading.missing, found == WRONG_TYPE, (found == OUT_OF_RANGE) & ~reading.missing
        low, high = self._bounds.get(name, (-np.inf, np.inf))
        return reading.missing, reading.wrong, (reading.values < low) | (reading.values > high)

    def scores(self, sketch: Sketch) -> Iterator[Contributor]:
        """What is over its limit: one contributor per feature, with its worst defect."""
        events, limit = sketch.events, self._spec.max_null
        sentences = BY_SCHEMA if self._declared else SENTENCES
        unknown = int(sketch.counts[2])
        if (score := self._excess(unknown, limit, events)) > 0:
            yield Contributor(UNKNOWN, score, f"{unknown / events:.1%} of the events carry features nobody knows")
        for counts, name in zip(sketch.counts[3:].reshape(-1, 4), self._reference.features, strict=True):
            scores = {
                MISSING: self._missing_excess(name, int(counts[MISSING]), events),
                WRONG_TYPE: self._excess(int(counts[WRONG_TYPE]), limit, events),
                OUT_OF_RANGE: self._excess(int(counts[OUT_OF_RANGE]), max(limit, self._beyond), events),
            }
            worst = max(scores, key=lambda defect: scores[defect])
            if scores[worst] > 0:
                share = f"{counts[worst] / events:.1%} of its values are {sentences[worst]}"
                yield Contributor(name, scores[worst], share)

    @property
    def _beyond(self) -> float:
        """The share of new values outside the extremes of N earlier ones, whatever their distribution."""
        return 2 / (self._reference.events + 1)

    def _missing_excess(self, name: str, missing: int, events: int) -> float:
        usual = self._reference.features[name].missing / self._reference.events
        return self._excess(missing, max(self._spec.max_null, usual), events)

    def _excess(self, count: int, allowed: float, events: int) -> float:
        return excess(count / events, allowed, events=events, reference_events=self._reference.events)


def _bounds(column: Number) -> tuple[float, float]:
    if column.low is None or column.high is None:
        return -np.inf, np.inf
    margin = MARGIN * (column.high - column.low)
    return column.low - margin, column.high + margin
