"""What the text of one answer says of itself, without a model: is it empty, does it decline, do its sources hold it up?

Pure: a text goes in, numbers come out, and nothing of the text is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from burnline.detectors.grounding.score import ground
from burnline.detectors.grounding.words import listed
from burnline.events import AnswerScore

BEGINNING = 300  # characters in which an answer declines, if it does


def score_answer(prompt: str, sources: Sequence[str], answer: str) -> AnswerScore:
    """Score one answer. `sources` are the documents that it was to be built on.

    >>> score_answer("When?", ["The bridge opened in 1932."], "It opened in 1932, in Sydney.").unsupported
    1
    >>> score_answer("When?", [], "I'm sorry, but I can't help with that.").refused
    True
    """
    text = answer.strip()
    refused = is_refusal(text)
    found = ground(sources, prompt, text) if any(map(str.strip, sources)) else None
    sourced = found is not None and found.support is not None
    return AnswerScore(
        characters=len(text),
        empty=not any(map(str.isalnum, text)),
        refused=refused,
        support=found.support if found else None,
        unsupported=found.missing if found else 0,
        ungrounded=found.score if found and sourced else None,
    )


def inconsistency(others: Sequence[str], answer: str) -> float | None:
    """How far an answer goes beyond what the same model said to the same question at other times, in [0, 1].

    The mean over the other answers, each taken for the only source (as SelfCheckGPT by n-grams, arXiv 2303.08896): what
    a model knows it repeats, what it makes up differs each time. None without another answer.

    >>> inconsistency(["It opened in 1932."], "It opened in 1932.")
    0.0
    """
    said = [ground([other], "", answer).score for other in others if other.strip()]
    return round(sum(said) / len(said), 6) if said else None


def is_refusal(answer: str) -> bool:
    """Whether an answer begins by declining to give one."""
    beginning = " ".join(answer[:BEGINNING].lower().replace("\u2019", "'").split())
    return any(phrase in beginning for phrase in listed("refusals"))
