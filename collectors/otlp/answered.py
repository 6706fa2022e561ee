"""What is kept of answers: numbers about each as a batch for the detectors, and how many were bad as series."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import fsum
from typing import Any

from burnline.events import AnswerScore, PredictionBatch

Offer = Callable[[str, str, Sequence[str], str, str], object]  # service, version, sources, question, answer
COLUMNS = (
    "ungrounded",
    "support",
    "unsupported",
    "characters",
    "refused",
    "empty",
    "language",
    "guardrail",
    "toxic",
    "retrieved",
    "logprob",
    "inconsistent",
    "judged",
)


@dataclass(frozen=True, slots=True)
class Texts:
    """One answer with its texts, while its body is worked on."""

    sources: Sequence[str]
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Scored:
    """One answer after its texts are gone.

    Attributes:
        retrieved: how many documents it was given; None where nobody says.
        said: what its sender says of it, by column.
        features: values that tell signals apart.
    """

    score: AnswerScore
    retrieved: int | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    features: Mapping[str, Any] = field(default_factory=dict)

    @property
    def numbers(self) -> Mapping[str, Any]:
        """By column; None is unknown."""
        of_text = {name: getattr(self.score, name) for name in AnswerScore.__slots__}
        told = {name: value for name, value in self.said.items() if value is not None}
        return {**of_text, "retrieved": self.retrieved, **told}


def batch_of(
    service: str, version: str, answers: Sequence[Scored], now: datetime, slices: Sequence[str]
) -> PredictionBatch:
    """The batch that the detectors get; of features only those by which signals are told apart."""
    numbers = [each.numbers for each in answers]
    columns = {name: [each.get(name) for each in numbers] for name in COLUMNS}
    told = {name: column for name, column in columns.items() if any(value is not None for value in column)}
    told |= {name: [each.features.get(name) for each in answers] for name in slices if name not in COLUMNS}
    size = len(answers)
    return PredictionBatch(service, version, now, told, [None] * size, [None] * size, [0] * size)


def mean_logprob(logprobs: Sequence[float]) -> float | None:
    """The mean over an answer's tokens; None without any."""
    return fsum(logprobs) / len(logprobs) if logprobs else None
