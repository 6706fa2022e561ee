"""Drift: how far live data is from the reference, beyond what chance explains, per feature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from burnline.detectors.columns import Columns
from burnline.detectors.contract import CONTRIBUTORS, Judgement, Z, no_data, too_few
from burnline.detectors.profile import Column, Reference
from burnline.detectors.sketch import Counter64, Sketch
from burnline.events import Contributor, Counts, Source, Verdict
from burnline.spec.signals import DriftSpec

PREDICTION = "(prediction)"


def total_variation(live: Counter64, reference: Counter64) -> float:
    """Half the summed difference of shares: the part of the events that would have to change cell.

    >>> total_variation(np.array([75, 25]), np.array([500, 500]))
    0.25
    """
    return float(np.abs(live / live.sum() - reference / reference.sum()).sum() / 2)


def chance(reference: Counter64, events: int) -> float:
    """The total variation that sampling alone explains, window and reference both: mean plus `Z` deviations.

    A cell's difference of shares is normal with variance p(1 - p)(1/n + 1/N), its absolute value half-normal, so
    mean = 1/2 sum sqrt(2 p(1 - p) v / pi) and deviation = 1/2 sqrt((1 - 2/pi) sum p(1 - p) v). With two or three
    cells those differences move together; then the largest deviation of any one set of cells bounds it instead.
    """
    total = int(reference.sum())
    shares = (reference + 0.5) / (total + len(reference) / 2)  # a cell that N rows missed is not impossible
    spread = shares * (1 - shares) * (1 / events + 1 / total)
    half_normals = np.sqrt(2 * spread / np.pi).sum() / 2 + Z * np.sqrt((1 - 2 / np.pi) * spread.sum()) / 2
    largest = max(float(shares.max()), 0.5)
    one_set = Z * np.sqrt(largest * (1 - largest) * (1 / events + 1 / total))
    return float(max(half_normals, one_set))


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    name: str
    column: Column
    reference: Counter64


class Drift:
    """Score: the worst feature's total variation beyond chance. Bad events: that share of the window's events."""

    signal: ClassVar[str] = "drift"
    source: ClassVar[Source] = Source.PREDICTIONS
    additive: ClassVar[bool] = False
    alone: ClassVar[bool] = False

    def __init__(self, reference: Reference, spec: DriftSpec) -> None:
        self.window = spec.window
        self._spec = spec
        columns = dict(reference.features)
        if reference.prediction is not None:
            columns[PREDICTION] = reference.prediction
        self._columns = [_Compared(name, column, np.array(column.cells)) for name, column in columns.items()]
        self._sizes = [len(compared.reference) for compared in self._columns]
        self._of = f"drift:{reference.digest()}"

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(1 + sum(self._sizes), dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        counts = [columns.feature(compared.name).counts for compared in self._columns if compared.name != PREDICTION]
        if (answers := columns.prediction()) is not None:
            counts.append(answers.counts)
        return Sketch(self._of, np.concatenate([np.array([len(columns)]), *counts]))

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        references = [compared.reference for compared in self._columns]
        return self._judged(sketch, references, "in the reference")

    def scores(self, sketch: Sketch) -> Iterator[Contributor]:
        """Every column that has enough events, also where nothing has moved."""
        return self._scores(sketch, [compared.reference for compared in self._columns], "in the reference")

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        if short := too_few(baseline.events, self._spec.min_events, "events of the baseline"):
            return short
        return self._judged(candidate, self._parts(baseline), "in the baseline")

    def _judged(self, sketch: Sketch, references: Sequence[Counter64], where: str) -> Judgement:
        if short := too_few(sketch.events, self._spec.min_events):
            return short
        found = sorted(self._scores(sketch, references, where), key=lambda contributor: -contributor.score)
        if not found:
            return no_data("the reference has no columns")
        worst, limit = found[0], self._spec.threshold
        drifted = [contributor for contributor in found if contributor.score > limit]
        if drifted:
            reason = f"{len(drifted)} of {len(found)} features drifted, {worst.feature} most: {worst.detail}"
        else:
            reason = f"No feature drifted; {worst.feature} differs most, by {worst.score:.1%} of events beyond chance"
        return Judgement(
            Verdict.ALARM if drifted else Verdict.OK,
            worst.score,
            Counts(sketch.events * worst.score, sketch.events),
            f"{reason} (limit {limit:.1%}).",
            tuple(contributor for contributor in found[:CONTRIBUTORS] if contributor.score > 0),
        )

    def cells(self, sketch: Sketch) -> Iterator[tuple[str, Counter64, Counter64]]:
        """By feature, how often what is compared falls into each cell: in `sketch`, and in the reference."""
        for compared, live in zip(self._columns, self._parts(sketch), strict=False):
            both = (live, compared.reference)
            if compared.name == PREDICTION:
                both = (np.delete(live, -2), np.delete(compared.reference, -2))
            yield compared.name, *both

    def chance(self, reference: Counter64, events: float) -> float:
        """The total variation that sampling adds to a column of `events` compared with those counts."""
        return chance(reference, int(events))

    def _parts(self, sketch: Sketch) -> list[Counter64]:
        return np.split(sketch.counts[1:], np.cumsum(self._sizes)[:-1])

    def _scores(self, sketch: Sketch, references: Sequence[Counter64], where: str) -> Iterator[Contributor]:
        for compared, live, reference in zip(self._columns, self._parts(sketch), references, strict=False):
            if compared.name == PREDICTION:  # a failed request has no answer: that is not drift
                live, reference = (np.delete(counts, -2) for counts in (live, reference))  # noqa: PLW2901 - the part compared
            events = int(live.sum())
            if events < self._spec.min_events or not reference.sum():
                continue
            score = max(0.0, total_variation(live, reference) - chance(reference, events))
            yield Contributor(compared.name, score, _difference(compared, live, reference, where))


def _difference(compared: _Compared, live: Counter64, reference: Counter64, where: str) -> str:
    """The cell that gained most, in words."""
    live_shares, shares = live / live.sum(), reference / reference.sum()
    gained = int(np.argmax(live_shares - shares))
    place = gained + 1 if compared.name == PREDICTION and gained == len(live) - 1 else gained
    what = compared.column.describe(place)
    return f"{live_shares[gained]:.1%} of its values are {what}, {where} {shares[gained]:.1%}"
