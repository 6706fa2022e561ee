"""Drift by a library: it says whether, on a sample of rows; the counts of every event say how much."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from burnline.detectors.columns import Columns
from burnline.detectors.contract import CONTRIBUTORS, Judgement, no_data, too_few
from burnline.detectors.drift import EVIDENCE, Drift
from burnline.detectors.engines.catalogue import LIBRARIES
from burnline.detectors.engines.desk import Desk, Question
from burnline.detectors.engines.process import NOT_STARTED, Answer, Said, WorkerError
from burnline.detectors.engines.question import make_question
from burnline.detectors.engines.sampled import RowSketch, Sampler, reference_columns
from burnline.detectors.profile import Reference
from burnline.detectors.sketch import Sketch
from burnline.events import Contributor, Counts, Source, Verdict
from burnline.spec.signals import DriftSpec

NOT_HERE = (NOT_STARTED, "ModuleNotFoundError")  # in a reason: the interpreter, or the library in it
TOGETHER = "(all features)"
PAGE_BYTES = 8 * 1024 * 1024


class LibraryDrift:
    """What a library calls drift, where the effect is over `threshold`.

    A feature's score is its total variation beyond chance over all events, as without a library, when the library calls
    it drift, else 0. A test of all features together has a score of its own, how far it is beyond its threshold. A
    condition set by hand, such as at most 5 missing values, is no effect with a size: it alarms when it is not met.

    Bad events are those that would have to change, as without a library: the score's share of a window's events. Where
    an alarm has no size in events, all of the window's are. A library says of several windows together nothing, so an
    SLO adds them up.
    """

    signal: ClassVar[str] = "drift"
    source: ClassVar[Source] = Source.PREDICTIONS
    additive: ClassVar[bool] = True  # the library judged each window; nobody asks it again about several
    alone: ClassVar[bool] = False

    def __init__(self, reference: Reference, spec: DriftSpec, desk: Desk, service: str = "") -> None:
        self.window: timedelta = spec.window
        self._spec, self._desk, self._reference, self._service = spec, desk, reference, service
        self._library = LIBRARIES[spec.engine]
        self._counts = Drift(reference, spec)
        self._sampler = Sampler(reference, spec.sample)
        checks = [check.named for check in spec.checks] or [(name, {}) for name in self._library.default]
        self._checks = checks
        written = repr((spec.engine, checks, spec.sample)).encode()
        self._of = f"{self._counts.empty().of}:{hashlib.sha256(written).hexdigest()[:16]}"

    def empty(self) -> RowSketch:
        return RowSketch(self._of, self._counts.empty().counts, self._sampler.none(), self._sampler.most)

    def fold(self, columns: Columns) -> RowSketch:
        counts = self._counts.fold(columns).counts
        return RowSketch(self._of, counts, self._sampler.rows(columns), self._sampler.most)

    def ready(self, sketch: Sketch) -> bool:
        """Whether `judge` would answer at once; if not, the library is at work now."""
        if self._unasked(sketch) is not None or not isinstance(sketch, RowSketch):
            return True
        return self._desk.ready(self._spec.engine, self._key(sketch), lambda: self.question(sketch))

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        if (nothing := self._unasked(sketch)) is not None or not isinstance(sketch, RowSketch):
            return nothing or no_data("the window has no rows")
        try:
            said = self._desk.answer(self._spec.engine, self._key(sketch), lambda: self.question(sketch))
        except WorkerError as error:
            return no_data(self._with_remedy(str(error)))
        if said.error:
            return no_data(self._with_remedy(f"{self._library.name} failed: {said.error}"))
        return self._judged(sketch, said)

    def _with_remedy(self, reason: str) -> str:
        return f"{reason}; {self._library.remedy}" if any(sign in reason for sign in NOT_HERE) else reason

    def by_counts(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        """Of a version or a slice: nobody asks the library about each of them."""
        return self._counts.judge(Sketch(self._counts.empty().of, sketch.counts), memory)

    def counted(self, sketch: Sketch) -> Sketch:
        """Without rows, which slices do not need."""
        return RowSketch(self._of, sketch.counts, self._sampler.none(), self._sampler.most)

    def scores(self, sketch: Sketch) -> Iterator[Contributor]:
        """Every column that the library's usual checks look at, as it is where they call nothing drift."""
        if not self._spec.checks:
            for one in self._counts.scores(Sketch(self._counts.empty().of, sketch.counts)):
                yield replace(one, score=0.0)

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        """By the counts alone: the same as without a library."""
        of = self._counts.empty().of
        return self._counts.compare(Sketch(of, baseline.counts), Sketch(of, candidate.counts))

    def _unasked(self, sketch: Sketch) -> Judgement | None:
        if short := too_few(sketch.events, self._spec.min_events):
            return short
        if not self._sampler.none().columns:
            return no_data("the reference has no rows; make it with `burnline profile --rows 2000`")
        return None

    def _key(self, sketch: RowSketch) -> bytes:
        return hashlib.sha256(self._service.encode() + b"\x00" + sketch.encode()).digest()

    def question(self, sketch: RowSketch) -> Question:
        reference = reference_columns(self._reference)
        live = sketch.rows.drawn(self._sampler.most)
        return make_question(
            self._checks,
            reference,
            live,
            of=self._of,
            stream=self._service,
            window=self._key(sketch).hex(),
            page_bytes=PAGE_BYTES if self._library.page else 0,
        )

    def _judged(self, sketch: RowSketch, said: Answer) -> Judgement:
        if not said.rows:
            left = f": too few values in {', '.join(said.left_out[:3])}" if said.left_out else ""
            return no_data(f"{self._library.name} could test nothing{left}")
        counts = Sketch(self._counts.empty().of, sketch.counts)
        effects = {one.feature: one for one in self._counts.scores(counts)}
        found = _contributors(said.rows, effects)
        bad = [one for one in found if one.score > self._spec.threshold]
        score, by = found[0].score, f"{self._library.name} {said.version}, {sketch.sampled} rows"
        total = self._counts.judge(counts).counts.total or sketch.events  # the same events as without a library
        return Judgement(
            Verdict.ALARM if bad else Verdict.OK,
            score,
            Counts(total * _bad_share(said.rows, effects, self._spec.threshold), total),
            f"{self._sentence(said, found, bad)} ({by}). {said.note}".rstrip(),
            tuple(one for one in found[:CONTRIBUTORS] if one.score > 0),
            page=said.page if bad else b"",
        )

    def _sentence(self, said: Answer, found: Sequence[Contributor], bad: Sequence[Contributor]) -> str:
        limit = f"limit {self._spec.threshold:.1%}"
        if bad:
            return f"{len(bad)} of {len(found)} drifted ({limit}), {bad[0].feature} most: {bad[0].detail}"
        if small := [row for row in said.rows if row.drift]:
            called = f"{small[0].check} calls {small[0].feature or TOGETHER} drift"
            return f"{called}, but by {found[0].score:.1%} of the events beyond chance at most ({limit})"
        return f"None of {len(found)} drifted"


def _contributors(rows: Iterable[Said], effects: Mapping[str, Contributor]) -> list[Contributor]:
    """One for each feature that was tested, worst first."""
    by_feature: dict[str, list[Said]] = {}
    for row in rows:
        by_feature.setdefault(row.feature, []).append(row)
    found = [_contributor(feature, said, effects) for feature, said in by_feature.items()]
    return sorted(found, key=lambda one: (-one.score, one.feature))


def _contributor(feature: str, rows: Sequence[Said], effects: Mapping[str, Contributor]) -> Contributor:
    scores = [_score(row, effects) if row.drift else 0.0 for row in rows]
    worst = max(range(len(rows)), key=lambda at: (scores[at], rows[at].drift))
    effect = effects.get(feature, Contributor(feature or TOGETHER, 0.0))
    known = {name: value for name, value in effect.shown.items() if name != EVIDENCE}  # of this window alone it is none
    shown = {**known, **rows[worst].shown}
    return replace(effect, score=scores[worst], detail=f"{rows[worst].check}: {rows[worst].detail}", shown=shown)


def _bad_share(rows: Iterable[Said], effects: Mapping[str, Contributor], threshold: float) -> float:
    """Of a window's events: those that would have to change; all of them in an alarm that has no size in events."""
    scores = [(_score(row, effects), row.of_drift and row.excess is None) for row in rows if row.drift]
    return max((score if sized else float(score > threshold) for score, sized in scores), default=0.0)


def _score(row: Said, effects: Mapping[str, Contributor]) -> float:
    """Of a row that says drift."""
    if not row.of_drift:
        return 1.0
    if row.excess is not None:
        return row.excess
    if row.feature:
        return effects[row.feature].score if row.feature in effects else 0.0
    return max((one.score for one in effects.values()), default=0.0)
