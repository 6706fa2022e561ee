"""Signals about answers of generative AI: their sections of `signals` in the service file."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from burnline.spec.address import HttpUrl, SecretRef
from burnline.spec.section import Limited
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, PositiveCount, Ratio, Text
from burnline.spec.words import shown

BAD_VERDICTS = ("blocked", "block", "flagged", "unsafe", "violation", "failed", "fail", "deny", "denied")


_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8})*", re.IGNORECASE)
LONGEST_TAG = 35  # characters: RFC 5646, 4.4.1


def is_language(name: str) -> bool:
    """Whether it is of the form of a language tag: a code of two or three letters, and what is said of it nearer.

    Of BCP 47 (RFC 5646) without what is registered as a whole or privately agreed on.

    >>> [is_language(each) for each in ("en", "de-CH", "zh-Hant-TW", "english", "en_GB")]
    [True, True, True, False, False]
    """
    return len(name) <= LONGEST_TAG and _TAG.fullmatch(name) is not None


def _language(name: str) -> str:
    if not is_language(name):
        raise ValueError(f"{shown(name)} is no language tag; write one such as en or de-CH")
    return name


class AnswerSpec(Limited):
    """What the signals about answers have in common. `threshold`: share of the answers that may be bad."""

    net: ClassVar[bool] = True

    min_events: PositiveCount = 100


class JudgePrice(Strict):
    """What a million tokens cost, in the currency of the bill."""

    input: Annotated[float, Field(ge=0)] = 0.0
    output: Annotated[float, Field(ge=0)] = 0.0
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"


class JudgeSpec(Strict):
    """A model behind an OpenAI-compatible API that judges a sample of the answers.

    Attributes:
        url: what `/chat/completions` is put behind, as in `https://host/v1`.
        key: where the bearer token is kept.
        retries: how often one answer is asked about again where the API is busy or down.
        requests_per_hour, tokens_per_hour: no more are spent; what is over is not judged.
        queue: answers that may wait; further ones are not judged.
        price: declared, for counting what it costs.
    """

    url: HttpUrl
    model: Text
    key: SecretRef | None = None
    timeout: Duration = Field(default="30s", validate_default=True)
    retries: Annotated[int, Field(ge=0, le=5, strict=True)] = 1
    requests_per_hour: PositiveCount = 100
    tokens_per_hour: PositiveCount = 200_000
    queue: Annotated[int, Field(ge=1, le=1_000, strict=True)] = 100
    price: JudgePrice = JudgePrice()


class HallucinationSpec(AnswerSpec):
    """Do answers stay with their sources? `threshold`: share of ungrounded answers that may be.

    Attributes:
        scorer: who scores every answer.
        sample: share of the answers that `judge` sees as well.
        above: score from which an answer counts as ungrounded; where there is a calibration its threshold holds.
        calibration: a file that `burnline calibrate` wrote.
    """

    scorer: Literal["grounding"] = "grounding"
    threshold: Ratio = 0.1
    above: Ratio = 0.5
    calibration: Text | None = None
    sample: Ratio = 0.05
    judge: JudgeSpec | None = None


class RefusalSpec(AnswerSpec):
    """How many answers decline to give one?"""

    threshold: Ratio = 0.1


class ToxicitySpec(AnswerSpec):
    """How many answers does a guardrail object to, or a classifier call toxic? `bad`: verdicts that are objections."""

    threshold: Ratio = 0.01
    bad: Annotated[tuple[Text, ...], Field(min_length=1)] = BAD_VERDICTS


class RetrievalSpec(AnswerSpec):
    """How many answers were given too few documents? `least`: how many are enough."""

    least: PositiveCount = 1


class AnswerLengthSpec(AnswerSpec):
    """How many answers are too short or too long, in characters?"""

    shortest: PositiveCount = 1
    longest: PositiveCount = 20_000


class LanguageSpec(AnswerSpec):
    """How many answers are in none of the `accepted` languages?"""

    accepted: Annotated[tuple[Annotated[Text, AfterValidator(_language)], ...], Field(min_length=1)] = ("en",)


class ConsistencySpec(AnswerSpec):
    """How many answers differ from further answers to the same question? `above`: from which score on one does."""

    above: Ratio = 0.5


class LogprobSpec(AnswerSpec):
    """Of how many answers is the model unsure? `below`: mean log-probability of their tokens under which it is."""

    below: Annotated[float, Field(le=0)] = -1.0
