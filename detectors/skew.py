"""Training-serving skew: had the model the same features when it served that training has for the same events?"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from burnline.detectors.columns import Columns
from burnline.detectors.contract import CONTRIBUTORS, Judgement, judged, too_few, too_few_of_two
from burnline.detectors.profile import Reference
from burnline.detectors.sketch import Counter64, Sketch
from burnline.detectors.statistics.rates import MATTERS, Share, beyond, worse
from burnline.events import Cell, Contributor, Counts, Mismatch, Source
from burnline.spec.quality import SkewSpec

SAMPLED = "sampled events of which both sides are known"
KINDS: dict[str, int] = {kind: place for place, kind in enumerate(Mismatch, start=2)}
COMPARED, DIFFERENT = range(2)  # counts per feature, before those of each kind
PER_FEATURE = 2 + len(KINDS)
ANY = KINDS[Mismatch.OTHER]


class Skew:
    """Score: the worst feature's share of mismatches, beyond `threshold` and beyond chance.

    A batch holds what the door compared: per feature False (the same), a `Mismatch`, or None (not compared). An event
    is bad when any of its features differs. Features that nobody declared are compared only together.
    """

    signal: ClassVar[str] = "skew"
    source: ClassVar[Source] = Source.SAMPLES
    additive: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    def __init__(self, reference: Reference, spec: SkewSpec) -> None:
        self.window = spec.window
        self._spec = spec
        self._names = tuple(reference.features)
        # Of a session only so many events are in the sample, and no more of them are alike.
        self._effect = 1 + (reference.design_effect - 1) * spec.sample
        self._of = f"skew:{reference.digest()}"

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(2 + PER_FEATURE * len(self._names), dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        counts = np.zeros(2 + PER_FEATURE * len(self._names), dtype=np.int64)
        per_feature = counts[2:].reshape(-1, PER_FEATURE)
        bad = np.zeros(len(columns), dtype=np.bool_)
        features = columns.batch.features
        for row, name in zip(per_feature, self._names, strict=True):
            if column := features.get(name):
                _count(row, column)
        for column in features.values():
            bad |= np.fromiter((bool(value) for value in column), dtype=np.bool_, count=len(column))
        counts[:2] = len(columns), np.count_nonzero(bad)
        return Sketch(self._of, counts)

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        events, bad = sketch.events, int(sketch.counts[1])
        if short := too_few(events, self._spec.min_events, SAMPLED):
            return short
        found = self._found(sketch)
        score = beyond(Share(bad, events).thinned(self._effect), self._spec.threshold)
        if found:
            score = max(score, found[0].score)
            reason = f"{found[0].feature}: {found[0].detail}"
        elif score > 0:
            reason = "No feature alone differs too often, but together they do"
        else:
            reason = "What is served is what training has"
        return judged(
            score,
            Counts(bad, events),
            f"{reason}; {bad / events:.2%} of {events:,} sampled events differ (allowed {self._spec.threshold:.2%}).",
            found[:CONTRIBUTORS],
        )

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        """By how much more of the candidate's samples differ, beyond the chance of both."""
        if short := too_few_of_two(baseline.events, candidate.events, self._spec.min_events, SAMPLED):
            return short
        least = MATTERS * self._spec.threshold
        shares = [Share(int(sketch.counts[1]), sketch.events) for sketch in (baseline, candidate)]
        before, after = (share.thinned(self._effect) for share in shares)
        by_feature = [
            Contributor(name, score, _detail(new))
            for name, old, new in zip(self._names, _rows(baseline), _rows(candidate), strict=True)
            if (score := worse(_share(old).thinned(self._effect), _share(new).thinned(self._effect), least)) > 0
        ]
        by_feature.sort(key=lambda one: -one.score)
        score = max([worse(before, after, least), *(one.score for one in by_feature)])
        return judged(
            score,
            Counts(shares[1].bad, shares[1].events),
            f"{by_feature[0].feature + ': ' + by_feature[0].detail + '; ' if by_feature else ''}"
            f"{shares[1].ratio:.2%} of the sampled events differ from training, {shares[0].ratio:.2%} in the baseline "
            f"(limit {least:.2%} more, beyond chance).",
            tuple(by_feature[:CONTRIBUTORS]),
        )

    def _found(self, sketch: Sketch) -> tuple[Contributor, ...]:
        found = [
            Contributor(name, score, _detail(row), _cells(row))
            for name, row in zip(self._names, _rows(sketch), strict=True)
            if (score := beyond(_share(row).thinned(self._effect), self._spec.threshold)) > 0
        ]
        return tuple(sorted(found, key=lambda one: -one.score))


def _count(row: Counter64, column: list[Any]) -> None:
    """Add a column to a feature's counts."""
    for value in column:
        if value is None:
            continue
        row[COMPARED] += 1
        if value is not False:
            row[DIFFERENT] += 1
            row[KINDS.get(value, ANY) if isinstance(value, str) else ANY] += 1


def _rows(sketch: Sketch) -> Counter64:
    return sketch.counts[2:].reshape(-1, PER_FEATURE)


def _share(row: Counter64) -> Share:
    return Share(int(row[DIFFERENT]), int(row[COMPARED]))


def _cells(row: Counter64) -> tuple[Cell, ...]:
    """For a picture: in which ways the values differ; as training has it none would."""
    return tuple(Cell(kind, 0.0, int(row[at]) / int(row[COMPARED])) for kind, at in KINDS.items() if row[at])


def _detail(row: Counter64) -> str:
    """How often, and in which way most."""
    share = _share(row)
    most = int(np.argmax(row[2:])) + 2
    kind = next(kind for kind, place in KINDS.items() if place == most)
    part = row[most] / max(1, share.bad)
    mostly = "" if part > 0.995 else f" in {part:.0%} of these"
    return f"{share.ratio:.1%} of {share.events:,.0f} values differ from training: {kind}{mostly}"
