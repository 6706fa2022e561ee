"""The bodies of `POST /v1/answers`: JSON with an envelope, or NDJSON with one answer a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from burnline.collectors.predictions.codec import WRONG, place
from burnline.collectors.predictions.events import Asked, Known, Refusal, Text, Value, check_service
from burnline.collectors.predictions.formats import media_type_of
from burnline.collectors.predictions.json_body import replace_lone_surrogates
from burnline.errors import PayloadError, PayloadTooLarge, PayloadUnsupported

MOST_ANSWERS = 1_000
MOST_CHARACTERS = 4_000_000  # of one body, each source counted with every answer: a few seconds' work
MOST_FEATURES = 50
MOST_RETRIEVED = 1_000_000_000
FORMATS: Mapping[str, bool] = {  # by media type: is it one answer a line?
    "application/json": False,
    "application/x-ndjson": True,
    "application/jsonl": True,
}
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
    language: Annotated[str, Meta(max_length=35)] | None = None
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


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ITEMS = msgspec.json.Decoder(list[Raw])
_ANSWER = msgspec.json.Decoder(Answer)


def read_answers(body: bytes, content_type: str, known: Known, asked: Asked) -> Given:
    """Read a body. `asked` is what the URL says; NDJSON has no other place for the service.

    Raises: PayloadUnsupported, PayloadTooLarge, PayloadError when the body as a whole cannot be used.
    """
    lines = FORMATS.get(media_type_of(content_type))
    if lines is None:
        raise PayloadUnsupported(f"Content-Type {content_type!r} is not supported; send one of {', '.join(FORMATS)}")
    if b"\\u" in body:
        body = replace_lone_surrogates(body)
    if lines:
        envelope = _Envelope(asked.service, Raw(b""), asked.version)
        items: Sequence[Raw | bytes] = [line for line in body.split(b"\n") if line.strip()]
    else:
        try:
            envelope = _ENVELOPE.decode(body)
            items = _ITEMS.decode(envelope.answers)
        except WRONG as error:
            raise PayloadError(f"{error}; {FORM}") from error
    check_service(envelope.service, envelope.version, known, asked)
    if len(items) > MOST_ANSWERS:
        raise PayloadTooLarge(f"more than {MOST_ANSWERS:,} answers; send fewer at a time")
    answers, refused = _each(items)
    if sum(each.characters for each in answers) > MOST_CHARACTERS:
        raise PayloadTooLarge(f"more than {MOST_CHARACTERS:,} characters of answers and sources; send fewer at a time")
    return Given(envelope.service, envelope.version, envelope.provider, answers, refused)


def _each(items: Sequence[Raw | bytes]) -> tuple[list[Answer], list[Refusal]]:
    answers: list[Answer] = []
    refused: list[Refusal] = []
    for index, item in enumerate(items):
        try:
            answers.append(_ANSWER.decode(item))
        except WRONG as error:
            refused.append(Refusal(index, *place(error)))
    return answers, refused
