"""Signals about answers of generative AI: each counts how many of them are bad in one way, from numbers about them.

An answer that says nothing of what a signal looks at (no verdict, no language) is not counted by it: unknown is not
good.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from math import isnan
from string import ascii_lowercase
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from burnline.detectors.columns import Columns
from burnline.detectors.contract import Judgement, judged, too_few, too_few_of_two
from burnline.detectors.kinds import OTHERS, Kind, Kinds, Names, Steps, cells, worst
from burnline.detectors.profile import Reference
from burnline.detectors.sketch import Sketch
from burnline.detectors.statistics.rates import MATTERS, Share, beyond, worse
from burnline.events import Contributor, Counts, PredictionBatch, Source
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
HEAD = 3  # counts before those of kinds: answers, those that say, bad ones
REFUSED, TOXIC, HARMLESS = "refused", "called toxic", "called not toxic"
DOCUMENTS = (*range(1, 11), 20, 50)
CHARACTERS = (1, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
TENTHS = tuple(each / 10 for each in range(1, 10))
LOGPROBS = (-5.0, -3.0, -2.0, -1.5, -1.0, -0.75, -0.5, -0.3, -0.2, -0.1, -0.05)


class AnswerShare(Generic[Spec]):
    """The share of bad answers among those that say whether they are. Counts: all answers, those, the bad ones."""

    signal: ClassVar[str]
    column: ClassVar[str]  # what is looked at, as a batch calls it
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
    def empty(self) -> Sketch: ...

    @abstractmethod
    def fold(self, columns: Columns) -> Sketch: ...

    @abstractmethod
    def kinds(self, sketch: Sketch) -> list[Kind]:
        """Of what kinds the answers are that say whether they are bad."""

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        known, bad = int(sketch.counts[1]), int(sketch.counts[2])
        if short := too_few(known, self._spec.min_events, self.of_which):
            return short
        score = beyond(Share(bad, known).thinned(self._effect), self._spec.threshold)
        kinds = self.kinds(sketch)
        reason = f"{bad / known:.1%} of the answers {self.what} (limit {self._spec.threshold:.1%}, beyond chance)"
        reason += f": {worst(kinds)}." if bad else "."
        told = (Contributor(self.column, score, worst(kinds), cells(kinds)),)
        return judged(score, Counts(bad, known), reason, told)

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        before, now = (Share(float(each.counts[2]), float(each.counts[1])) for each in (baseline, candidate))
        if short := too_few_of_two(int(before.events), int(now.events), self._spec.min_events, self.of_which):
            return short
        score = self._worse(before, now)
        limit = f"limit {self._least:.2%} more, beyond chance"
        reason = f"{now.ratio:.1%} of the answers {self.what}, of the baseline's {before.ratio:.1%} ({limit})."
        counts = Counts(now.bad, now.events)
        kinds = self.kinds(candidate)
        told = (Contributor(self.column, score, worst(kinds), cells(kinds, self.kinds(baseline))),)
        return judged(score, counts, reason, told)

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


class ByKind(AnswerShare[Spec]):
    """Answers of some kinds are bad. Counts, after those of all: how many there are of each kind."""

    def __init__(self, reference: Reference, spec: Spec) -> None:
        super().__init__(reference, spec)
        self._kinds = self.told_apart()
        self._of += ":kinds"  # counts of burnlines that did not tell them are of another length

    @abstractmethod
    def told_apart(self) -> Kinds:
        """The kinds."""

    @abstractmethod
    def is_bad(self, said: Any) -> bool:
        """Whether an answer of which that is said is bad."""

    def said(self, batch: PredictionBatch) -> list[Any]:
        """What is said of each answer, as `told_apart` counts it; None where nothing is."""
        return [each if is_number(each) else None for each in column(batch, self.column)]

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(HEAD + self._kinds.size, dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        said = [each for each in self.said(columns.batch) if each is not None]
        head = [len(columns), len(said), sum(map(self.is_bad, said))]
        return Sketch(self._of, np.concatenate([np.array(head, dtype=np.int64), self._kinds.count(said)]))

    def kinds(self, sketch: Sketch) -> list[Kind]:
        return self._kinds.read(sketch.counts[HEAD:], int(sketch.counts[1]))


class Refusal(ByKind[RefusalSpec]):
    """An answer is bad when it declines to give one."""

    signal: ClassVar[str] = "refusal"
    column: ClassVar[str] = "refused"
    what: ClassVar[str] = "are refusals"

    def told_apart(self) -> Kinds:
        return Names((REFUSED, "answered"), self.is_bad)

    def said(self, batch: PredictionBatch) -> list[Any]:
        words = {True: REFUSED, False: "answered"}
        return [words[each] if isinstance(each, bool) else None for each in column(batch, self.column)]

    def is_bad(self, said: Any) -> bool:
        return bool(said == REFUSED)


class Toxicity(ByKind[ToxicitySpec]):
    """An answer is bad when it was called toxic, or a guardrail's verdict is an objection."""

    signal: ClassVar[str] = "toxicity"
    column: ClassVar[str] = "guardrail"
    what: ClassVar[str] = "are toxic or objected to"

    def __init__(self, reference: Reference, spec: ToxicitySpec) -> None:
        self._objections = {verdict.casefold() for verdict in spec.bad}
        super().__init__(reference, spec)

    def told_apart(self) -> Kinds:
        return Names((TOXIC, HARMLESS, OTHERS, *sorted(self._objections)), self.is_bad)

    def said(self, batch: PredictionBatch) -> list[Any]:
        """The verdict, unless the answer is called toxic and nobody objected."""
        return list(map(self._said, column(batch, self.column), column(batch, "toxic")))

    def _said(self, verdict: Any, toxic: Any) -> str | None:
        if verdict is None and toxic is None:
            return None
        name = verdict.casefold() if isinstance(verdict, str) else HARMLESS if verdict is None else OTHERS
        return TOXIC if toxic is True and name not in self._objections else name

    def is_bad(self, said: Any) -> bool:
        return said == TOXIC or said in self._objections


class Retrieval(ByKind[RetrievalSpec]):
    """An answer is bad when it was given fewer documents than are enough."""

    signal: ClassVar[str] = "retrieval"
    column: ClassVar[str] = "retrieved"
    what: ClassVar[str] = "had too few documents"

    def told_apart(self) -> Kinds:
        return Steps((*DOCUMENTS, self._spec.least), "{} documents", self.is_bad, whole=True)

    def is_bad(self, said: Any) -> bool:
        return bool(said < self._spec.least)


class AnswerLength(ByKind[AnswerLengthSpec]):
    """An answer is bad when it is shorter or longer than it should be; an empty one is too short."""

    signal: ClassVar[str] = "answer_length"
    column: ClassVar[str] = "characters"
    what: ClassVar[str] = "are too short or too long"

    def told_apart(self) -> Kinds:
        limits = (self._spec.shortest, self._spec.longest + 1)
        return Steps((*CHARACTERS, *limits), "{} characters", self.is_bad, whole=True)

    def is_bad(self, said: Any) -> bool:
        return not self._spec.shortest <= said <= self._spec.longest


class Language(ByKind[LanguageSpec]):
    """An answer is bad when its language is none of those accepted; `en-GB` is `en`."""

    signal: ClassVar[str] = "language"
    column: ClassVar[str] = "language"
    what: ClassVar[str] = "are in a language that is not accepted"

    def __init__(self, reference: Reference, spec: LanguageSpec) -> None:
        self._accepted = {each.casefold() for each in spec.accepted}
        self._near = {each.partition("-")[0] for each in self._accepted}
        super().__init__(reference, spec)

    def told_apart(self) -> Kinds:
        two_letters = (first + second for first in ascii_lowercase for second in ascii_lowercase)
        return Names((*sorted(self._accepted), *two_letters), self.is_bad)

    def said(self, batch: PredictionBatch) -> list[Any]:
        return [self._said(each.casefold()) if isinstance(each, str) else None for each in column(batch, self.column)]

    def _said(self, name: str) -> str:
        """The accepted language that it is; else the language without its country, where that tells them apart."""
        short = name.partition("-")[0]
        return name if name in self._accepted or (short in self._near and short not in self._accepted) else short

    def is_bad(self, said: Any) -> bool:
        return said not in self._accepted


class Consistency(ByKind[ConsistencySpec]):
    """An answer is bad when further answers to the same question say something else."""

    signal: ClassVar[str] = "consistency"
    column: ClassVar[str] = "inconsistent"
    what: ClassVar[str] = "differ from further answers to the same question"

    def told_apart(self) -> Kinds:
        return Steps((*TENTHS, self._spec.above), "score {}", self.is_bad, whole=False)

    def is_bad(self, said: Any) -> bool:
        return bool(said >= self._spec.above)


class Logprob(ByKind[LogprobSpec]):
    """An answer is bad when the mean log-probability of its tokens is low."""

    signal: ClassVar[str] = "logprob"
    column: ClassVar[str] = "logprob"
    what: ClassVar[str] = "are such that the model is unsure of them"

    def told_apart(self) -> Kinds:
        return Steps((*LOGPROBS, self._spec.below), "mean {}", self.is_bad, whole=False)

    def is_bad(self, said: Any) -> bool:
        return bool(said < self._spec.below)


def column(batch: PredictionBatch, name: str) -> list[Any]:
    """What a batch says of its answers under that name; None for each where it says nothing."""
    return list(batch.features.get(name, ())) or [None] * len(batch)


def is_number(value: Any) -> bool:
    """Whether it is a number, and not NaN."""
    return (isinstance(value, float) and not isnan(value)) or (isinstance(value, int) and not isinstance(value, bool))
