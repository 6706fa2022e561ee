"""A text as words with content: where each stands, and the stem under which two texts meet.

For English; other languages have fewer stopwords and stems, and scripts without spaces are read as pairs of characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from itertools import chain
from operator import add
from typing import NamedTuple

REMEMBERED = 40  # characters of a word whose stem is; marks make longer ones, which would fill the memory
SHORTEST = 3  # letters of a word with content, and of a stem
ENDINGS = ("ations", "ation", "ments", "ment", "ingly", "edly", "ings", "ing", "ies", "ied", "ers", "est", "ed", "es")
LAST_ENDINGS = ("er", "ly", "s", "e", "y")

# Scripts that write no spaces between words (Thai to Khmer, kana, Han), or glue endings to them (Hangul).
UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
# Soft hyphens, what is written on letters, and Indic scripts whole.
MARKS = r"\xad\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff"
LETTERS = rf"[^\W\d_{UNSPACED}]{{1,64}}(?:[{MARKS}]{{1,9}}[^\W\d_{UNSPACED}]{{0,64}}){{0,32}}"
NUMBER = r"\d{1,40}(?:[.,]\d{1,40}){0,12}(?:st\b|nd\b|rd\b|th\b)?"
WORD = re.compile(rf"{LETTERS}(?:['\u2019]{LETTERS})?|{NUMBER}|[{UNSPACED}]{{1,64}}|[%$\u20ac\xa3]")
ASCII_WORD = re.compile(rf"[A-Za-z]{{1,64}}(?:'[A-Za-z]{{1,64}})?|{NUMBER}|[%$]", re.ASCII)
RUN = re.compile(rf"[{UNSPACED}]")

NEGATIONS = frozenset(["not", "no", "never", "cannot", "without", "neither", "nor", "none", "nobody", "nothing"])
NEGATIONS |= {"nicht", "kein", "keine", "keinen", "keiner", "keines", "nie", "niemals", "ohne", "nunca", "jam\u00e1s"}
SYMBOLS = {"%": "percent", "$": "dollar", "\u20ac": "euro", "\xa3": "pound"}
ORDINALS = {"1st": "first", "2nd": "second", "3rd": "third"}
SCALES = {"thousand": 1e3, "k": 1e3, "million": 1e6, "m": 1e6, "mn": 1e6, "billion": 1e9, "bn": 1e9, "trillion": 1e12}
SCALES |= {"tausend": 1e3, "mio": 1e6, "millionen": 1e6, "mill\u00f3n": 1e6, "millones": 1e6, "milliarde": 1e9}
SCALES |= {"mrd": 1e9, "milliarden": 1e9}
_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_ORDINAL_UNITS = "fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
NUMBER_WORDS = {word: str(value) for value, word in enumerate((_UNITS + " seventeen eighteen nineteen").split())}
NUMBER_WORDS |= {word: str(value) for value, word in enumerate(_ORDINAL_UNITS.split(), 4)}
NUMBER_WORDS |= {
    word: str(value)
    for value, word in zip(
        range(20, 100, 10), ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], strict=True
    )
}
MONTHS: tuple[str, ...] = ("january", "february", "march", "april", "may", "june", "july", "august", "september")
MONTHS += ("october", "november", "december")
SHORT_MONTHS = {month[:3]: month for month in MONTHS if month != "may"} | {"sept": "september"}


# In German and Spanish; those that are as in English but for an ending meet by their stems.
MONTH_NAMES = {"januar": 1, "enero": 1, "februar": 2, "febrero": 2, "m\u00e4rz": 3, "marzo": 3, "abril": 4, "mai": 5}
MONTH_NAMES |= {"mayo": 5, "juni": 6, "junio": 6, "juli": 7, "julio": 7, "agosto": 8, "septiembre": 9}
MONTH_NAMES |= {"oktober": 10, "octubre": 10, "noviembre": 11, "dezember": 12, "diciembre": 12}


class Token(NamedTuple):
    """One word of a text: where it stands, as written, and its stem (empty for a word without content)."""

    start: int
    end: int
    word: str
    stem: str


def tokens(text: str, start: int = 0, end: int | None = None) -> Iterator[Token]:
    """The words of a text in order; positions are those in `text`."""
    for found in WORD.finditer(text, start, len(text) if end is None else end):
        word, first = found.group(), found.start()
        if len(word) > 1 and RUN.match(word):
            yield from (Token(first + place, first + place + 2, pair, pair) for place, pair in enumerate(pairs(word)))
        else:
            yield Token(first, found.end(), word, stem(word))


def words(text: str) -> Iterable[str]:
    """The words of a text as written."""
    if text.isascii():
        return ASCII_WORD.findall(text)
    found = WORD.findall(text)
    if not RUN.search(text):
        return found
    return chain.from_iterable(pairs(word) if RUN.match(word) else (word,) for word in found)


def pairs(word: str) -> Iterable[str]:
    """Each two neighbours of what is written without spaces; one alone is one."""
    return map(add, word, word[1:]) if len(word) > 1 else (word,)


def stems(*texts: str) -> frozenset[str]:
    """The stems of the words with content in some texts, and their numbers.

    >>> sorted(stems("Walked 1,200.50 miles"))
    ['1200.5', 'mil', 'walk']
    """
    return frozenset(map(stem, {word for text in texts for word in words(text)})) - {""}


def stem(word: str) -> str:
    """A word without its ending; a number as it is counted; empty for what has no content."""
    return _remembered(word) if len(word) <= REMEMBERED else _stem_of(word)


def _stem_of(word: str) -> str:
    if word in SYMBOLS:
        return SYMBOLS[word]
    if RUN.match(word):
        return word
    if word[0].isdecimal():
        return _stem(ORDINALS[word]) if word in ORDINALS else number(word.rstrip("stndrh"))
    plain = _plain(word)
    if plain in stopwords():
        return ""
    return NUMBER_WORDS.get(plain) or _stem(SHORT_MONTHS.get(plain, plain))


_remembered = lru_cache(maxsize=1 << 16)(_stem_of)


def _stem(word: str) -> str:
    word = word.removesuffix("'s")
    if (len(word) < SHORTEST and word.isascii()) or word in stopwords():
        return ""
    for endings in (ENDINGS, LAST_ENDINGS):
        found = next((end for end in endings if word.endswith(end) and len(word) - len(end) >= SHORTEST), "")
        word = word.removesuffix(found)
    return word


def number(word: str) -> str:
    """One way of writing a number: the last of two kinds of separators, or a comma before other than three digits,
    is the decimal point.

    >>> number("1,200.50"), number("1.200,5"), number("3,5"), number("007")
    ('1200.5', '1200.5', '3.5', '7')
    """
    if word.isdecimal() and word.isascii():
        return word.lstrip("0") or "0"
    if not word.isascii():
        word = "".join(str(unicodedata.decimal(each, each)) for each in word)
    point = max(word.rfind("."), word.rfind(","))
    separators = {each for each in word if each in ".,"}
    alone = len(separators) == 1 and word.count(word[point]) == 1
    decimal = len(separators) == 2 or (alone and (word[point] == "." or len(word) - point != 4))
    whole, part = (word[:point], word[point + 1 :]) if decimal else (word, "")
    whole, part = re.sub("[.,]", "", whole).lstrip("0") or "0", part.rstrip("0")
    return f"{whole}.{part}" if part else whole


def _plain(word: str) -> str:
    if word.isascii():
        return word.lower()
    word = word.replace("\u00ad", "")
    bare = "".join(each for each in unicodedata.normalize("NFKD", word) if not unicodedata.combining(each))
    return unicodedata.normalize("NFC", bare or word).casefold().replace("\u2019", "'")


def plainly(text: str) -> str:
    """A text in small letters, with one kind of apostrophe."""
    return text.lower().replace("\u2019", "'")


def negates(word: str) -> bool:
    """Whether a word denies what comes after it.

    >>> negates("isn't"), negates("Never"), negates("always")
    (True, True, False)
    """
    plain = plainly(word)
    return plain in NEGATIONS or plain.endswith("n't")


@cache
def stopwords() -> frozenset[str]:
    """Words that carry no content of their own: in English, and those of German and Spanish that do not in English."""
    return frozenset(
        word for name in ("stopwords", "stopwords_others") for line in listed(name) for word in line.split()
    )


@cache
def listed(name: str) -> Sequence[str]:
    """The lines of a list of words that comes with burnline."""
    text = (files("burnline.detectors") / "words" / f"{name}.txt").read_text("utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


@cache
def stemmed(name: str) -> frozenset[str]:
    """The stems of a list of words that comes with burnline."""
    return frozenset(stem(word) for line in listed(name) for word in line.split())


@cache
def opposites() -> dict[str, frozenset[str]]:
    """For a stem those of its opposites."""
    found: dict[str, frozenset[str]] = {}
    for line in listed("opposites"):
        one, other = ({stem(word) for word in side.split()} for side in line.split("|"))
        for mine, its in ((one, other), (other, one)):
            for each in mine:
                found[each] = found.get(each, frozenset()) | its
    return found


@cache
def contraries() -> dict[str, frozenset[str]]:
    """For a word as written, in small letters, those of its opposites; small words have some as well."""
    found: dict[str, frozenset[str]] = {}
    for line in listed("opposites"):
        one, other = (frozenset(side.split()) for side in line.split("|"))
        for mine, its in ((one, other), (other, one)):
            found |= {each: found.get(each, frozenset()) | its for each in mine}
    return found


@cache
def synonyms() -> dict[str, frozenset[str]]:
    """For a stem those of the words that say about the same."""
    found: dict[str, frozenset[str]] = {}
    for line in listed("synonyms"):
        group = frozenset(map(stem, line.split())) - {""}
        for each in group:
            found[each] = found.get(each, frozenset()) | group - {each}
    return found
