"""Which parts of a sentence state something: not the clause that declines, asks for something, or offers more help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from burnline.detectors.grounding.words import listed

MOST = 20  # clauses of one sentence that are left out; what comes after is taken for stated
LONGEST_POLITE = 300  # characters before such a clause that may be mere courtesy

# Where a clause ends for certain ...
_BUT = "but|however|although|though|nevertheless|nonetheless|aber|jedoch|pero|aunque"
BREAK = rf"[;\u2014]|\s[-\u2013]\s|,?\s{{1,3}}(?:{_BUT})\b"
# ... and where another begins that has its own subject, and is no item of a list.
_NAMES = r"(?-i:[A-Z])\w{0,30}(?:\s(?-i:[A-Z])\w{0,30}){0,4}\s(?!(?:and|or)\b)(?-i:[a-z])\w{2,}"
_VERB = r"(?:is|was|are|were|has|had|have|will|\w{2,30}ed)\b"
_SUBJECT = rf"(?:it|he|she|they|we|there)\s|{_NAMES}|(?:the|this|that|an?|in|on|its?)\s[^,;]{{0,80}}?\b{_VERB}"
END = re.compile(rf"{BREAK}|[,:(]\s{{0,3}}(?:(?:and|so)\s{{1,3}})?(?:{_SUBJECT})", re.IGNORECASE)
CERTAIN = re.compile(BREAK, re.IGNORECASE)
START = re.compile(r"[,;:\u2014(]|\s[-\u2013]\s|\b(?:and|but|or|so|then)\b", re.IGNORECASE)

ASKS = (
    r"(?:provide|specify|clarify|tell|give|share|send|ask|let|rephrase|elaborate|supply|include|upload|paste|confirm|"
    r"state|describe|feel|do not hesitate|don['\u2019]t hesitate)\b"
)
PLEASE = re.compile(
    rf"(?:^|[,;:\u2014]\s{{0,3}}|\b(?:and|so|but)\s{{1,3}})(please\s{{1,3}}(?:(?:also|kindly)\s{{1,3}})?{ASKS})",
    re.IGNORECASE,
)
# What comes before an offer, or before it declines, and states nothing either.
POLITE = re.compile(
    r"(?:if you|should you|i understand|i appreciate|i['\u2019]d|i would|thank|i['\u2019]m sorry|i apologi[sz]e|"
    r"as an? )[^,;]*[,;]?\s?(?:but|however|so|and)?$",
    re.IGNORECASE,
)
ABSENT = re.compile(r"(?:does|do|did|is|are)(?: not|n['\u2019]t) (?:mention|provide|specify|contain|include|say|state)")
NOT_AFTER = {"can": r"(?:not\b|['\u2019]t\b|\s{1,3}not\b)", "kann": r"[^.;]{0,60}?\b(?:nicht|kein)"}
SAYS_MORE = re.compile(r"\d|(?<=\s)(?!AI\b|I\b)[A-Z]")


def stated(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The parts of the sentence `text[start:end]` that state something, without a clause that does not.

    >>> told = "Eiffel built it in 1889, would you like to know more?"
    >>> [told[begin:end] for begin, end in stated(told, 0, len(told))]
    ['Eiffel built it in 1889,']
    """
    sentence = text[start:end]
    plain = " ".join(sentence.lower().replace("\u2019", "'").split())
    left, begin = list[tuple[int, int]](), 0
    for first, last in _unstated(sentence, plain):
        if first > begin and not _polite(sentence[begin:first]):
            left.append((start + begin, start + first))
        begin = max(begin, last)
    if begin < len(sentence):
        left.append((start + begin, end))
    return [part for part in left if any(map(str.isalnum, text[part[0] : part[1]]))]


def _unstated(sentence: str, plain: str) -> Iterator[tuple[int, int]]:
    """Where the clauses stand that state nothing, in order."""
    found: list[tuple[int, int]] = []
    if any(phrase in plain for phrase in listed("refusals")):
        found += _clauses(_any_of("refusals"), sentence, END)
    if "please" in plain:
        found += _clauses(PLEASE, sentence, END)
    if plain.rstrip("\"')]").endswith(("?", "\uff1f")) and any(phrase in plain for phrase in listed("offers")):
        offer = _any_of("offers").search(sentence)
        if offer:
            clause = [each.end() for each in START.finditer(sentence, 0, offer.start())]
            begin = clause[-1] if clause else 0
            end = CERTAIN.search(sentence, offer.end())
            found.append((begin, end.start() if end else len(sentence)))
    yield from sorted(found)


def _clauses(phrase: re.Pattern[str], sentence: str, end: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    place = 0
    for _ in range(MOST):
        if not (found := phrase.search(sentence, place)):
            return
        over = end.search(sentence, found.end())
        place = over.start() if over else len(sentence)
        yield found.start(found.lastindex or 0), place


def _polite(part: str) -> bool:
    """Whether what stands before such a clause states nothing either, but that something is not in the sources."""
    told = part.strip()
    if len(told) > LONGEST_POLITE:
        return False
    return (POLITE.match(told) is not None and SAYS_MORE.search(told) is None) or ABSENT.search(told) is not None


@cache
def _any_of(name: str) -> re.Pattern[str]:
    """A list of phrases; `i can` at the end of one wants `not` or `'t` after it, `ich kann` a denial."""
    return re.compile("|".join(map(_pattern, listed(name))), re.IGNORECASE)


def _pattern(phrase: str) -> str:
    words = re.escape(phrase).replace("'", "['\u2019]").replace(r"\ ", r"\s{1,9}")
    return words + NOT_AFTER.get(phrase.rsplit(maxsplit=1)[-1], "")
