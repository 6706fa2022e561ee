"""Signals about answers of generative AI: each counts how many of them are bad in one way, from numbers about them.

An answer that says nothing of what a signal looks at (no verdict, no language) is not counted by it: unknown is not
good.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable
from math import isnan
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.columns import Columns
from burnline.detectors.contract import Judgement, too_few
from burnline.detectors.profile import Reference
from burnline.detectors.sketch import Sketch
from burnline.detectors.statistics.rates import MATTERS, Share, beyond, worse
from burnline.events import Counts, PredictionBatch, Source, Verdict
from burnline.spec.answers import (
    AnswerLengthSpec,
    AnswerSpec,
    ConsistencySpec,
    LanguageSpec,
    LogprobSpec,
    RefusalSpec,
    RetrievalSpec,
    ToxicitySpec,
)

Spec = TypeVar("Spec", bound=AnswerSpec)
Mask = NDArray[np.bool_]


class AnswerShare(Generic[Spec]):
    """The share of bad answers among those that say whether they are. Counts: all answers, those, the bad ones."""

    signal: ClassVar[str]
    what: ClassVar[str]  # the bad ones in words, to follow `of the answers`
    source: ClassVar[Source] = Source.ANSWERS
    additive: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    def __init__(self, reference: Reference, spec: Spec) -> None:
        """Nothing here is compared with a reference; where there is one, it says how alike events of a session are."""
        self._effect = reference.design_effect
        self.window = spec.window
        self._spec = spec
        how = spec.model_dump_json(exclude={"window", "min_events", "threshold"})
        self._of = f"{self.signal}:{hashlib.sha256(how.encode()).hexdigest()[:16]}"

    @abstractmethod
    def bad(self, batch: PredictionBatch) -> list[bool | None]:
        """Per answer; None where it does not say."""

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(3, dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        bad = self.bad(columns.batch)
        counts = [len(columns), sum(each is not None for each in bad), sum(each is True for each in bad)]
        return Sketch(self._of, np.array(counts, dtype=np.int64))

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        known, bad = int(sketch.counts[1]), int(sketch.counts[2])
        if short := too_few(known, self._spec.min_events, self.of_which):
            return short
        score = beyond(Share(bad, known).thinned(self._effect), self._spec.threshold)
        reason = f"{bad / known:.1%} of the answers {self.what} (limit {self._spec.threshold:.1%}, beyond chance)."
        return Judgement(Verdict.ALARM if score > 0 else Verdict.OK, score, Counts(bad, known), reason)

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        before, now = (Share(float(each.counts[2]), float(each.counts[1])) for each in (baseline, candidate))
        for share, whose in ((before, "baseline"), (now, "candidate")):
            if short := too_few(int(share.events), self._spec.min_events, f"{self.of_which} of the {whose}"):
                return short
        score = self._worse(before, now)
        limit = f"limit {self._least:.2%} more, beyond chance"
        reason = f"{now.ratio:.1%} of the answers {self.what}, of the baseline's {before.ratio:.1%} ({limit})."
        counts = Counts(now.bad, now.events)
        return Judgement(Verdict.ALARM if score > 0 else Verdict.OK, score, counts, reason)

    def _worse(self, before: Share, now: Share) -> float:
        return worse(before.thinned(self._effect), now.thinned(self._effect), self._least)

    @property
    def _least(self) -> float:
        """What difference between two versions matters."""
        return MATTERS * self._spec.threshold

    @property
    def of_which(self) -> str:
        """What is counted, for a window with too little of it."""
        return f"answers that say whether they {self.what}"


class Refusal(AnswerShare[RefusalSpec]):
    """An answer is bad when it declines to give one."""

    signal: ClassVar[str] = "refusal"
    what: ClassVar[str] = "are refusals"

    def bad(self, batch: PredictionBatch) -> list[bool | None]:
        return [each if isinstance(each, bool) else None for each in column(batch, "refused")]


class Toxicity(AnswerShare[ToxicitySpec]):
    """An answer is bad when it was called toxic, or a guardrail's verdict is an objection."""

    signal: ClassVar[str] = "toxicity"
    what: ClassVar[str] = "are toxic or objected to"

    def bad(self, batch: PredictionBatch) -> list[bool | None]:
        objections = {verdict.casefold() for verdict in self._spec.bad}
        verdicts, toxic = column(batch, "guardrail"), column(batch, "toxic")
        return [
            None
            if verdict is None and found is None
            else found is True or (isinstance(verdict, str) and verdict.casefold() in objections)
            for verdict, found in zip(verdicts, toxic, strict=True)
        ]


class Retrieval(AnswerShare[RetrievalSpec]):
    """An answer is bad when it was given fewer documents than are enough."""

    signal: ClassVar[str] = "retrieval"
    what: ClassVar[str] = "had too few documents"

    def bad(self, batch: PredictionBatch) -> list[bool | None]:
        return _numbers(batch, "retrieved", lambda count: count < self._spec.least)


class AnswerLength(AnswerShare[AnswerLengthSpec]):
    """An answer is bad when it is shorter or longer than it should be; an empty one is too short."""

    signal: ClassVar[str] = "answer_length"
    what: ClassVar[str] = "are too short or too long"

    def bad(self, batch: PredictionBatch) -> list[bool | None]:
        return _numbers(batch, "characters", lambda count: not self._spec.shortest <= count <= self._spec.longest)


class Language(AnswerShare[LanguageSpec]):
    """An answer is bad when its language is none of those accepted; `en-GB` is `en`."""

    signal: ClassVar[str] = "language"
    what: ClassVar[str] = "are in a language that is not accepted"

    def bad(self, batch: PredictionBatch) -> list[bool | None]:
        accepted = {each.casefold() for each in self._spec.accepted}
        return [
            None if not isinstance(each, str) else accepted.isdisjoint((each.casefold(), each.casefold().split("-")[0]))
            for each in column(batch, "language")
        ]


class Consistency(AnswerShare[ConsistencySpec]):
    """An answer is bad when further answers to the same question say something else."""

    signal: ClassVar[str] = "consistency"
    what: ClassVar[str] = "differ from further answers to the same question"

    def bad(self, batch: PredictionBatch) -> list[bool | None]:
        return _numbers(batch, "inconsistent", lambda score: score >= self._spec.above)


class Logprob(AnswerShare[LogprobSpec]):
    """An answer is bad when the mean log-probability of its tokens is low."""

    signal: ClassVar[str] = "logprob"
    what: ClassVar[str] = "are such that the model is unsure of them"

    def bad(self, batch: PredictionBatch) -> list[bool | None]:
        return _numbers(batch, "logprob", lambda mean: mean < self._spec.below)


def column(batch: PredictionBatch, name: str) -> list[Any]:
    """What a batch says of its answers under that name; None for each where it says nothing."""
    return list(batch.features.get(name, ())) or [None] * len(batch)


def _numbers(batch: PredictionBatch, name: str, bad: Callable[[float], bool]) -> list[bool | None]:
    return [bad(each) if is_number(each) else None for each in column(batch, name)]


def is_number(value: Any) -> bool:
    """Whether it is a number, and not NaN."""
    return (isinstance(value, float) and not isnan(value)) or (isinstance(value, int) and not isinstance(value, bool))
