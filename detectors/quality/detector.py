"""Data quality: missing, new, wrongly typed and impossible values, features that come, go or change their name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import reduce
from typing import ClassVar

import numpy as np

from burnline.detectors.columns import Columns, Mask
from burnline.detectors.contract import CONTRIBUTORS, Judgement, judged, no_data, too_few, too_few_of_two
from burnline.detectors.names import SIZE, count_names, read_names
from burnline.detectors.profile import Category, Column, Number, Reference
from burnline.detectors.quality.renamed import renamed
from burnline.detectors.sketch import Counter64, Sketch
from burnline.detectors.statistics.rates import Share, beyond, upper
from burnline.events import Cell, Contributor, Counts, Source
from burnline.spec.events import FeatureSpec
from burnline.spec.signals import DataSpec
from burnline.spec.units import format_duration
from burnline.store.schema import EPOCH, MICROSECOND

UNKNOWN, STALE = "(unknown features)", "(age)"
MARGIN = 0.1  # of the reference's range, on either side
ALSO = 3  # further features that a reason names
MOSTLY = 0.5  # a feature that this share of the events lacks, and lacked not, was dropped
EVENTS, WRONG, ILL, STRANGE, OLD, NAMES = range(6)  # counts of a window: those of names are SIZE
MISSING, NEW, WRONG_TYPE, OUT_OF_RANGE, MISSING_ONLY, NEW_ONLY, OUT_ONLY, MISSING_WELL, NEW_WELL = range(9)
PER_FEATURE = 9
ONLY = {MISSING: MISSING_ONLY, NEW: NEW_ONLY, OUT_OF_RANGE: OUT_ONLY}  # allowed in part; of events not WRONG
WELL = {MISSING: MISSING_WELL, NEW: NEW_WELL}  # of events that are not ILL: WRONG, or out of some range
SENTENCES = {
    MISSING: "missing",
    NEW: "new, unlike any in the reference",
    WRONG_TYPE: "of the wrong type",
    OUT_OF_RANGE: "outside the range of the reference",
}
_BY_REASON = {"type": WRONG_TYPE, "range": OUT_OF_RANGE, "value": OUT_OF_RANGE}
BY_SCHEMA = {**SENTENCES, OUT_OF_RANGE: "outside what model.schema allows"}


class Quality:
    """Score: the worst share of unusable values of a feature, beyond what is allowed and beyond chance.

    Allowed is `max_null`, or what the reference itself had (of new values `max_new`, or what Good and Turing expect).
    An event is bad when anything in it has a wrong type or an unknown name, when it is older than `max_age`, or when it
    is one of too many that lack a feature, have a new value of it, or one outside its range (of such features the count
    is exact for one, and never too high for several). Too many outside a range are more than it may miss: of a
    reference of few rows a large share, of 20,000 rows less than one in a thousand.

    With `declared` features the types and values that they allow are judged, not those of the reference, which then is
    made of them (detectors/declared.py).
    """

    signal: ClassVar[str] = "data"
    source: ClassVar[Source] = Source.PREDICTIONS
    additive: ClassVar[bool] = True
    alone: ClassVar[bool] = False

    def __init__(self, reference: Reference, spec: DataSpec, declared: Mapping[str, FeatureSpec] | None = None) -> None:
        self.window = spec.window
        self._spec = spec
        self._reference = reference
        self._declared = declared or {}
        self._names = tuple(reference.features)
        self._of = f"data:{spec.schema_}:{spec.max_age}:{reference.digest()}"
        self._unseen = upper(Share(1, reference.events).thinned(reference.design_effect))
        self._bounds = {
            name: _bounds(column) for name, column in reference.features.items() if isinstance(column, Number)
        }

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(NAMES + SIZE + PER_FEATURE * len(self._names), dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        strict = self._spec.schema_ == "strict"
        old = _older(columns, self._spec.max_age)
        unknown = np.array(columns.batch.unknown_features, dtype=np.int64) > 0
        defects = [self._defects(columns, name) for name in self._names]
        wrong = ill = old
        if strict:
            wrong = _any(old | unknown, defects, WRONG_TYPE)
            ill = _any(wrong, defects, OUT_OF_RANGE)
            wrong = ill if self._declared else wrong  # a declared range is no guess
        counts = self.empty().counts
        counts[EVENTS], counts[OLD] = len(columns), np.count_nonzero(old)
        counts[WRONG], counts[ILL] = np.count_nonzero(wrong), np.count_nonzero(ill)
        counts[STRANGE] = np.count_nonzero(unknown) if strict else 0
        if columns.batch.strangers:
            counts[NAMES : NAMES + SIZE] = count_names(
                {name: sum(had) for name, had in columns.batch.strangers.items()}
            )
        for row, found in zip(_rows(counts), defects, strict=True):
            for defect, mask in found.items():
                if strict or defect == MISSING:
                    row[defect] = np.count_nonzero(mask)
                    for among, bad in ((ONLY, wrong), (WELL, ill)):
                        if at := among.get(defect):
                            row[at] = np.count_nonzero(mask & ~bad)
        return Sketch(self._of, counts)

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        if short := too_few(sketch.events, self._spec.min_events):
            return short
        if not self._names:
            return no_data("the reference has no features")
        found = sorted(self.scores(sketch), key=lambda contributor: -contributor.score)
        bad = self._bad(sketch)
        whole = "Values are as model.schema declares" if self._declared else "Values are as whole as in the reference"
        if bad:
            whole = "No feature is worse than its limits and chance allow"
        return _said(found, Counts(bad, sketch.events), whole, f"; {bad / sketch.events:.1%} of the events are bad.")

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        """By how much more of the candidate's values are unusable, feature by feature, beyond the chance of both."""
        if short := too_few_of_two(baseline.events, candidate.events, self._spec.min_events):
            return short
        found = sorted(self._worse(baseline, candidate), key=lambda contributor: -contributor.score)
        well = "Values are as whole as in the baseline"
        return _said(found, Counts(self._bad(candidate), candidate.events), well, ".")

    def _defects(self, columns: Columns, name: str) -> dict[int, Mask]:
        """By defect, which events have it; one that none has is left out, for most have none."""
        reading, known = columns.feature(name), self._reference.features[name]
        found = {MISSING: reading.missing}
        if declared := self._declared.get(name):
            column = columns.batch.features.get(name) or [None] * len(columns)
            kinds = np.array([_BY_REASON.get(declared.violation(value), MISSING) for value in column], dtype=np.intp)
            found |= {WRONG_TYPE: kinds == WRONG_TYPE, OUT_OF_RANGE: (kinds == OUT_OF_RANGE) & ~reading.missing}
        elif isinstance(known, Category):
            found |= {NEW: reading.cells == len(known.values) + 1, WRONG_TYPE: reading.wrong}
        else:
            low, high = self._bounds[name]
            found |= {WRONG_TYPE: reading.wrong, OUT_OF_RANGE: (reading.values < low) | (reading.values > high)}
        return {defect: mask for defect, mask in found.items() if np.count_nonzero(mask)}

    def scores(self, sketch: Sketch) -> Iterator[Contributor]:
        """What is over its limit: one contributor per feature, with its worst defect."""
        events = sketch.events
        if (score := beyond(Share(int(sketch.counts[OLD]), events), self._spec.max_stale)) > 0:
            limit = format_duration(self._spec.max_age or timedelta(0))
            yield Contributor(STALE, score, f"{sketch.counts[OLD] / events:.1%} of the events came later than {limit}")
        names, all_names = self._strangers(sketch)
        dropped = self._dropped(sketch)
        pairs = renamed(dropped, {name: times / events for name, times in names.items() if times > MOSTLY * events})
        for name, row in zip(self._names, _rows(sketch.counts), strict=True):
            worst, score = self._worst(name, row, events)
            if score > 0:
                detail = self._detail(name, row, worst, events, dropped, pairs)
                yield Contributor(name, score, detail, self._cells(name, row, events))
        if (score := beyond(Share(int(sketch.counts[STRANGE]), events), self._spec.max_null)) > 0:
            yield Contributor(UNKNOWN, score, _of_strangers(sketch, names, all_names))

    def _cells(self, name: str, row: Counter64, events: int) -> tuple[Cell, ...]:
        """For a picture: what is wrong, here and in the reference."""
        column, rows = self._reference.features[name], self._reference.events
        usual = {MISSING: column.missing, NEW: column.new if isinstance(column, Category) else 0}
        sentences = BY_SCHEMA if self._declared else SENTENCES
        return tuple(
            Cell(sentence, usual.get(defect, 0) / rows, int(row[defect]) / events)
            for defect, sentence in sentences.items()
            if row[defect] or usual.get(defect)
        )

    def _worst(self, name: str, row: Counter64, events: int) -> tuple[int, float]:
        """Which defect of a feature is furthest over its limit, and how far."""
        scores = {defect: self._excess(name, defect, int(row[defect]), events) for defect in SENTENCES if row[defect]}
        worst = max(scores, key=lambda defect: scores[defect], default=MISSING)
        return worst, scores.get(worst, 0.0)

    def _excess(self, name: str, defect: int, count: int, events: int) -> float:
        """How far a defect is over its limit, beyond chance, also that of the reference having few rows or none.

        Out of range: the share of new values outside the extremes of N earlier ones is 2 / (N + 1) on average, and in
        one of many references as large as if one in N had been seen there, whatever the distribution.
        """
        column, rows = self._reference.features[name], self._reference.events
        limit, usual = self._spec.max_null, 0
        if defect == MISSING:
            usual = column.missing
        elif defect == NEW and isinstance(column, Category):
            limit, usual = self._spec.max_new, column.new
        elif defect == OUT_OF_RANGE:
            limit, usual = max(limit, 2 / (rows + 1)), 1
        effect, none_may = self._reference.design_effect, not limit and not usual
        before = None if none_may else Share(usual, rows).thinned(effect)
        return beyond(Share(count, events).thinned(effect), limit, before)

    def _may_be(self, name: str, defect: int, count: int, events: int) -> bool:
        """Whether a defect is within its limit and chance. What is outside the range is so where the reference is too
        small to know of it; the chance of one window is not granted, or a loss of some percent would never add up."""
        within = self._excess(name, defect, count, events) <= 0
        return within and (defect != OUT_OF_RANGE or count / events <= self._unseen)

    def _bad(self, sketch: Sketch) -> int:
        """The larger of two counts that are never too high: of all ill-formed events, all those with a value outside a
        range that may be so are taken off; or of features with too many defects the worst one is counted alone."""
        allowed, alone, besides = 0, [0], [0]
        for name, row in zip(self._names, _rows(sketch.counts), strict=True):
            for defect, at in ONLY.items():
                if not row[at]:
                    continue
                if not self._may_be(name, defect, int(row[defect]), sketch.events):
                    alone.append(int(row[at]))
                    besides.append(int(row[WELL[defect]]) if defect in WELL else 0)
                elif defect == OUT_OF_RANGE:
                    allowed += int(row[at])
        well_known = int(sketch.counts[ILL]) - allowed + max(besides)
        return max(well_known, int(sketch.counts[WRONG]) + max(alone))

    def _dropped(self, sketch: Sketch) -> dict[str, float]:
        """Features that most events lack now and few did, with that share."""
        rows = self._reference.events
        return {
            name: row[MISSING] / sketch.events
            for name, row in zip(self._names, _rows(sketch.counts), strict=True)
            if row[MISSING] > MOSTLY * sketch.events and self._reference.features[name].missing < MOSTLY / 2 * rows
        }

    def _strangers(self, sketch: Sketch) -> tuple[dict[str, int], bool]:
        return read_names(sketch.counts[NAMES : NAMES + SIZE]) if sketch.counts[STRANGE] else ({}, True)

    def _detail(
        self,
        name: str,
        row: Counter64,
        worst: int,
        events: int,
        dropped: Mapping[str, float],
        pairs: Mapping[str, str],
    ) -> str:
        sentences = BY_SCHEMA if self._declared else SENTENCES
        share = f"{row[worst] / events:.1%} of its values are {sentences[worst]}"
        if worst == OUT_OF_RANGE and not self._declared:
            return f"{share}{_range(self._reference.features[name])}"
        if worst != MISSING or name not in dropped:
            return share
        if name in pairs:
            return f"{share}; the feature seems to be called {pairs[name]} now"
        return f"{share}; it is not sent any more" if row[MISSING] == events else share

    def _worse(self, baseline: Sketch, candidate: Sketch) -> Iterator[Contributor]:
        effect = self._reference.design_effect
        whole = {UNKNOWN: (STRANGE, self._spec.max_null), STALE: (OLD, self._spec.max_stale)}
        for name, (at, limit) in whole.items():
            before, after = (Share(int(sketch.counts[at]), sketch.events) for sketch in (baseline, candidate))
            if (score := beyond(after.thinned(effect), limit, before.thinned(effect))) > 0:
                yield Contributor(name, score, f"{after.ratio:.1%} of the events, {before.ratio:.1%} in the baseline")
        for name, old, new in zip(self._names, _rows(baseline.counts), _rows(candidate.counts), strict=True):
            for defect, sentence in SENTENCES.items():
                before, after = Share(int(old[defect]), baseline.events), Share(int(new[defect]), candidate.events)
                limit = self._spec.max_new if defect == NEW else self._spec.max_null
                if after.bad and (score := beyond(after.thinned(effect), limit, before.thinned(effect))) > 0:
                    detail = f"{after.ratio:.1%} of its values are {sentence}, {before.ratio:.1%} in the baseline"
                    yield Contributor(name, score, detail)


def _range(column: Column) -> str:
    """What the reference held, without the margin."""
    if not isinstance(column, Number) or column.low is None or column.high is None:
        return ""
    return f" (always {column.low:.6g})" if column.low == column.high else f" ({column.low:.6g} to {column.high:.6g})"


def _said(found: Sequence[Contributor], counts: Counts, well: str, more: str) -> Judgement:
    """What is wrong, the worst first, or that all is `well`; `more` ends the sentence."""
    reason = f"{found[0].feature}: {found[0].detail}{_also(found[1:])}" if found else well
    return judged(found[0].score if found else 0.0, counts, reason + more, found[:CONTRIBUTORS])


def _also(others: Sequence[Contributor]) -> str:
    """The next worst features by name."""
    if not others:
        return ""
    more = len(others) - ALSO
    names = ", ".join(one.feature for one in others[:ALSO])
    return f"; also {names}{f' and {more} more' if more > 0 else ''}"


def _older(columns: Columns, max_age: timedelta | None) -> Mask:
    """Which events are older than that when they come; without a time of their own none is."""
    at = columns.batch.at
    if max_age is None or not at:
        return np.zeros(len(columns), dtype=np.bool_)
    oldest = (columns.batch.received_at - max_age - EPOCH) // MICROSECOND
    return np.array(at, dtype=np.int64) < oldest


def _any(known: Mask, defects: Sequence[Mapping[int, Mask]], defect: int) -> Mask:
    """The events known already, and those with that defect in any feature."""
    return reduce(np.logical_or, (found[defect] for found in defects if defect in found), known)


def _of_strangers(sketch: Sketch, names: Mapping[str, int], all_names: bool) -> str:
    share = f"{sketch.counts[STRANGE] / sketch.events:.1%} of the events carry features nobody knows"
    return f"{share}: {_listed(list(names), all_names)}" if names else share


def _listed(names: Sequence[str], all_names: bool) -> str:
    more = "" if all_names and len(names) <= CONTRIBUTORS else " and others"
    return ", ".join(names[:CONTRIBUTORS]) + more


def _rows(counts: Counter64) -> Counter64:
    return counts[NAMES + SIZE :].reshape(-1, PER_FEATURE)


def _bounds(column: Number) -> tuple[float, float]:
    if column.low is None or column.high is None:
        return -np.inf, np.inf
    margin = MARGIN * (column.high - column.low)
    return column.low - margin, column.high + margin
