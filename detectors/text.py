"""What the text of one answer says of itself, without a model: is it empty, does it decline, do its sources hold it up?

Pure: a text goes in, numbers come out, and nothing of the text is kept. Support is a lexical coverage, the share of the
answer's different content words, numbers and names (by their stems) that stand somewhere in the sources; of what needs
no model the count of stems that do not is the best single sign of an answer that is not grounded, and it misses answers
that contradict their sources in the sources' own words. For English; another language has fewer stopwords and stems.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

from burnline.events import AnswerScore

BEGINNING = 300  # characters in which an answer declines, if it does
SHORTEST = 3  # letters of a word with content
SHORTEST_STEM = 3
WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*")
ENDINGS = ("ations", "ation", "ments", "ment", "ingly", "edly", "ings", "ing", "ies", "ied", "ers", "est", "ed", "es")
LAST_ENDINGS = ("er", "ly", "s", "e", "y")


def score_answer(prompt: str, sources: Sequence[str], answer: str) -> AnswerScore:
    """Score one answer. `prompt` says nothing yet; `sources` are the documents that the answer was to be built on.

    >>> score_answer("When?", ["The bridge opened in 1932."], "It opened in 1932, in Sydney.")
    AnswerScore(characters=29, empty=False, refused=False, support=0.6666666666666667, unsupported=1)
    >>> score_answer("When?", [], "I'm sorry, but I can't help with that.").refused
    True
    """
    text = answer.strip()
    refused = is_refusal(text)
    wanted = frozenset() if refused or not any(map(str.strip, sources)) else stems(text)
    missing = wanted - stems(*sources) if wanted else wanted
    return AnswerScore(
        characters=len(text),
        empty=not any(map(str.isalnum, text)),
        refused=refused,
        support=1 - len(missing) / len(wanted) if wanted else None,
        unsupported=len(missing),
    )


def is_refusal(answer: str) -> bool:
    """Whether an answer begins by declining to give one."""
    beginning = " ".join(_plain(answer[:BEGINNING]).split())
    return any(phrase in beginning for phrase in _listed("refusals"))


def stems(*texts: str) -> frozenset[str]:
    """The stems of the words with content in some texts, and their numbers."""
    words = {word for text in texts for word in WORD.findall(_plain(text))}
    return frozenset(map(_stem, words - _stopwords())) - {""}


def _stem(word: str) -> str:
    """A word without its ending; a number as it is counted; empty for what has no content."""
    if word[0].isdigit():
        return _number(word)
    word = word.removesuffix("'s")
    if len(word) < SHORTEST:
        return ""
    for endings in (ENDINGS, LAST_ENDINGS):
        found = next((end for end in endings if word.endswith(end) and len(word) - len(end) >= SHORTEST_STEM), "")
        word = word.removesuffix(found)
    return word


def _number(word: str) -> str:
    """`1,200.50` as `1200.5`."""
    whole, point, part = word.replace(",", "").partition(".")
    return f"{whole.lstrip('0') or '0'}.{part.rstrip('0')}".rstrip(".") if point else whole.lstrip("0") or "0"


def _plain(text: str) -> str:
    return text.lower().replace("\u2019", "'")


@cache
def _stopwords() -> frozenset[str]:
    return frozenset(word for line in _listed("stopwords") for word in line.split())


@cache
def _listed(name: str) -> Sequence[str]:
    return tuple(_lines((files("burnline.detectors") / "words" / f"{name}.txt").read_text("utf-8")))


def _lines(text: str) -> Iterable[str]:
    return (line for line in text.splitlines() if line and not line.startswith("#"))
