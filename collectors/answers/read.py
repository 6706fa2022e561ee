"""The bodies of `POST /v1/answers`: JSON with an envelope, or NDJSON with one answer a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from burnline.collectors.predictions.events import Known, Refusal, Sent, Text, Value
from burnline.collectors.predictions.posted import Posted, Unfit, open_posted, textual
from burnline.errors import PayloadTooLarge
from burnline.spec.answers import is_language
from burnline.spec.words import shown

MOST_ANSWERS = 1_000
MOST_CHARACTERS = 4_000_000  # of one body, each source counted with every answer: a few seconds' work
MOST_FEATURES = 50
MOST_RETRIEVED = 1_000_000_000
FORM = (
    'send {"service": "...", "version": "...", "answers": [{"answer": "...", "question": "...", "sources": ["..."]}]}'
)
LogProbability = Annotated[float, Meta(ge=-1e9, le=0)]


class Answer(Struct, forbid_unknown_fields=True):
    """One answer, and what its sender knows of it; what is left out is unknown.

    Attributes:
        sources: the documents it was to be built on; an empty list says that none were found.
        others: further answers to the same question, to see whether the model agrees with itself.
        logprobs: of its tokens, natural logarithms.
        features: values that tell signals apart (`events.slices`).
    """

    answer: str
    sources: list[str] | UnsetType = UNSET
    question: str = ""
    others: Annotated[list[str], Meta(max_length=20)] = []
    logprobs: list[LogProbability] = []
    retrieved: Annotated[int, Meta(ge=0, le=MOST_RETRIEVED)] | None = None
    refused: bool | None = None
    toxic: bool | None = None
    guardrail: Text | None = None
    language: Text | None = None
    features: Annotated[dict[Text, Value], Meta(max_length=MOST_FEATURES)] = {}

    @property
    def characters(self) -> int:
        """How much is read to score it."""
        sources = [] if self.sources is UNSET else self.sources
        return sum(map(len, (self.answer, self.question, *sources, *self.others))) + len(self.others) * len(self.answer)


class _Envelope(Struct, forbid_unknown_fields=True):
    service: Text
    answers: Raw
    version: Text = ""
    provider: Text = ""


@dataclass(frozen=True, slots=True)
class Given:
    """One body: its answers in order, each with its place, and those that could not be read."""

    service: str
    version: str
    provider: str
    answers: Sequence[Answer]
    refused: Sequence[Refusal]


FORMATS = textual(Posted("answers", _Envelope, Answer, FORM, MOST_ANSWERS, braces=0))


def read_answers(sent: Sent, known: Known) -> Given:
    """Read a body; NDJSON has no place for the service but the URL.

    Raises: PayloadUnsupported, PayloadTooLarge, PayloadError when the body as a whole cannot be used.
    """
    opened = open_posted(FORMATS, sent, known)
    answers, refused = opened.each(_checked)
    if sum(each.characters for each in answers) > MOST_CHARACTERS:
        raise PayloadTooLarge(f"more than {MOST_CHARACTERS:,} characters of answers and sources; send fewer at a time")
    provider = opened.envelope.provider if opened.envelope else ""
    return Given(opened.service, opened.version, provider, answers, refused)


def _checked(answer: Answer) -> Answer:
    """Raises: Unfit."""
    if answer.language is not None and not is_language(answer.language):
        raise Unfit("language", f"{shown(answer.language)} is no language tag; send one such as en or de-CH")
    return answer
