"""Outliers: do more events look like nothing in the reference than may be expected?"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.columns import Columns
from burnline.detectors.contract import CONTRIBUTORS, Judgement, judged, no_data, too_few, too_few_of_two
from burnline.detectors.drift import IN_REFERENCE, difference, histogram_cells
from burnline.detectors.profile import Reference
from burnline.detectors.sketch import Counter64, Sketch
from burnline.detectors.statistics.edetector import Watch, log_level
from burnline.detectors.statistics.rates import MATTERS, Share, beyond, upper, worse
from burnline.detectors.strangeness import LEVELS, Strangeness
from burnline.events import Contributor, Counts, Source, Verdict
from burnline.spec.quality import OutliersSpec

ONE = 2**20  # an event's whole strangeness, in the counts of blame


class Outliers:
    """An event is bad when it is stranger than all but `expected` of the reference's rows (conformal: by its rank).

    So `expected` of the events are always bad. Score: how far their share is above `threshold`, beyond chance. What one
    window is too short to tell is told by all of them together (edetector.py): one false alarm in 30 days at most.
    Contributors: the features by whose values these events are strange, with where these values lie.
    """

    signal: ClassVar[str] = "outliers"
    source: ClassVar[Source] = Source.PREDICTIONS
    additive: ClassVar[bool] = True
    alone: ClassVar[bool] = False

    def __init__(self, reference: Reference, spec: OutliersSpec) -> None:
        self.window = spec.window
        self._spec = spec
        self._reference = reference
        self._measured = reference.outliers
        self._strangeness = Strangeness(reference)
        self._limits = np.array(self._measured.limits if self._measured else ())
        self._at = LEVELS.index(spec.expected)
        usual = Share(spec.expected * self._rows, self._rows).thinned(reference.design_effect)
        self._allowed = max(spec.threshold, upper(usual)) if self._rows else 1.0
        self._watch = Watch([1], log_level(1, spec.window), reference.digest())
        self._cells = np.cumsum([0, *(len(column.cells) for column in reference.features.values())]).tolist()
        self._of = f"outliers:{spec.expected}:{reference.digest()}"

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(self._from + self._cells[-1], dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        counts = self.empty().counts
        counts[0] = len(columns)
        if self._at >= len(self._limits):
            return Sketch(self._of, counts)
        found, blame, start = counts[1 : 2 + len(self._limits)], counts[2 + len(LEVELS) : self._from], 0
        for parts in self._strangeness.parts(columns):
            total = parts.sum(axis=0)
            levels = np.searchsorted(self._limits, total, side="left")
            found += np.bincount(levels, minlength=len(found))
            strange = np.flatnonzero(levels > self._at)
            blame += np.rint(parts[:, strange] / total[strange] * ONE).sum(axis=1).astype(np.int64)
            if len(strange):
                self._place(columns, strange + start, counts)
            start += len(total)
        return Sketch(self._of, counts)

    @property
    def _from(self) -> int:
        """Where in the counts the cells of the strange events begin."""
        return 2 + len(LEVELS) + len(self._reference.features)

    def _place(self, columns: Columns, strange: NDArray[np.intp], counts: Counter64) -> None:
        """Count into which cells of each feature these events fall."""
        for name, (start, end) in zip(self._reference.features, pairwise(self._cells), strict=True):
            cells = columns.feature(name).cells[strange]
            counts[self._from + start : self._from + end] += np.bincount(cells, minlength=end - start)

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        if problem := self._problem():
            return replace(no_data(problem), memory=memory)
        live, effect = self._share(sketch), self._reference.design_effect
        evidence = self._watch.step(
            self._watch.read(memory),
            bad=[live.bad],
            events=[live.events],
            allowed=[self._allowed],
            design_effect=effect,
        )
        alarmed, windows = bool(evidence.on[0]), int(evidence.since[0])
        left = self._watch.write(evidence)
        short = too_few(sketch.events, self._spec.min_events)
        if short and not alarmed:
            return replace(short, memory=left)
        usual = Share(self._spec.expected * self._rows, self._rows)
        score = beyond(live.thinned(effect), self._spec.threshold, usual.thinned(effect))
        reason = (
            f"{live.ratio:.2%} of the events are stranger than all but {self._spec.expected:.1%} of the reference "
            f"(limit {self._spec.threshold:.1%}, beyond chance)"
        )
        if alarmed and score == 0:
            reason += f"; no window shows it alone, {windows:,} of them together do" if windows > 1 else ""
            score = max(0.0, live.ratio - self._spec.threshold)
        if short:
            reason += f"; {sketch.events:,} events in the window are too few for a score"
        found = self._contributors(sketch, score)
        if score > 0 and found:
            reason += f"; most by {found[0].feature}: {found[0].detail}"
        verdict = Verdict.ALARM if alarmed or score > 0 else Verdict.OK
        shown = found if score > 0 else ()
        if short:
            return Judgement(verdict, None, Counts(0, 0), f"{reason}.", shown, left)
        return Judgement(verdict, score, Counts(live.bad, live.events), f"{reason}.", shown, left)

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        """By how much more of the candidate's events are strange, beyond the chance of both."""
        if problem := self._problem():
            return no_data(problem)
        if short := too_few_of_two(baseline.events, candidate.events, self._spec.min_events):
            return short
        before, after = self._share(baseline), self._share(candidate)
        effect = self._reference.design_effect
        least = MATTERS * self._spec.threshold
        score = worse(before.thinned(effect), after.thinned(effect), least)
        return judged(
            score,
            Counts(after.bad, after.events),
            f"{after.ratio:.2%} of the events are strange, {before.ratio:.2%} in the baseline "
            f"(limit {least:.2%} more, beyond chance).",
            self._contributors(candidate, score) if score > 0 else (),
        )

    @property
    def _rows(self) -> int:
        return self._measured.events if self._measured else 0

    def _problem(self) -> str:
        if self._measured is None:
            return "the reference does not say how strange its own rows are; make it again with `burnline profile`"
        if self._at >= len(self._limits):
            needed = round(1 / self._spec.expected) - 1
            strangest = f"to tell the strangest {self._spec.expected:.1%} it needs {needed}"
            return f"the reference has {self._rows} rows; {strangest}"
        return ""

    def _share(self, sketch: Sketch) -> Share:
        return Share(int(sketch.counts[2 + self._at : 2 + len(LEVELS)].sum()), sketch.events)

    def _contributors(self, sketch: Sketch, score: float) -> tuple[Contributor, ...]:
        blame = sketch.counts[2 + len(LEVELS) : self._from]
        order = np.argsort(-blame, kind="stable")[:CONTRIBUTORS].tolist()
        return tuple(self._contributor(sketch, at, score) for at in order if blame[at] > 0)

    def _contributor(self, sketch: Sketch, at: int, score: float) -> Contributor:
        """A feature's part in the score, and where the strange events have its values."""
        blame = sketch.counts[2 + len(LEVELS) : self._from]
        part = int(blame[at]) / max(1, int(blame.sum()))
        name, column = list(self._reference.features.items())[at]
        strange = sketch.counts[self._from + self._cells[at] : self._from + self._cells[at + 1]]
        live, usual = (counts / counts.sum() for counts in (strange, np.array(column.cells, dtype=np.int64)))
        where = difference(column, live, usual, IN_REFERENCE).replace("its values", "its values there")
        cells = histogram_cells(column, live, usual)
        return Contributor(name, score * part, f"{part:.0%} of what makes them strange; {where}", cells)
