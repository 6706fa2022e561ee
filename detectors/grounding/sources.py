"""What the sources of an answer say, as far as that answer asks: which of its stems, where, and next to what."""

from __future__ import annotations

import html
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, islice, pairwise

from burnline.detectors.grounding.dates import MONTHS_OF, date_stems, numeric_dates
from burnline.detectors.grounding.words import (
    ASCII_WORD,
    NEGATIONS,
    NUMBER_WORDS,
    RUN,
    SCALES,
    SHORTEST,
    WORD,
    negates,
    number,
    opposites,
    pairs,
    plainly,
    stem,
    stems,
    stopwords,
    synonyms,
    words,
)

LONGEST = 2_000_000  # characters of all sources together
MOST_PIECES = 100_000  # different pieces of text between two spaces; a novel has 30,000
BLOCK = 12  # words with content; what is at most a block apart stands together
NEAR, FAR = 1, 3  # blocks between two words that stand in one place, and that still are not far from each other
COMMON = 60  # blocks: a word in more of them stands everywhere
NEAREST = 5  # letters that two forms of one word begin with at least
SHARED = 0.6  # of the longer one
ALIKE = 50  # words with one beginning that are compared
LOOKUPS = 300  # words of one answer that are looked for in other forms
OTHER = "*"  # the stem of any word that cannot matter
NEGATION = "!"  # that of `not` and its like
ONLY = "+"  # and of what takes it back: `not only`
REACH = 3  # words with content after a negation that it may deny
AROUND = ".,:;!?\"'()[]{}<>*#-\u2013\u2014\u2018\u2019\u201c\u201d"
APART = "  "  # between two pieces that are not read together
HEDGED = 0.05  # how far off a number may be that is called a rough one

# Sources come from anybody: what runs over them tries nothing twice (`}+`), so it takes a time by their length.
LONGEST_NUMBER = 50  # characters
MOST_NUMBERS = 50_000  # different numbers before a scale, and as many different days, of one source
COUNTED = rf"(?<!\d)(?<!\d[.,])\d[\d.,]{{0,40}}+|\b(?=[a-z])(?:{'|'.join(NUMBER_WORDS)})\b"
SCALED = re.compile(rf"({COUNTED})[\s-]?(?=[tkmb])({'|'.join(SCALES)})\b", re.IGNORECASE)
SCALE = re.compile(r"[mbtr]illion|mill[oi\u00f3]|thousand|tausend|\d[\s-]?(?:k|mn?|bn|mio|mrd)\b", re.IGNORECASE)
CAPITALS = re.compile(
    r"(?<![A-Z])[A-Z][\w.]{0,30}+(?:\s{1,3}+(?:(?:of|the|and|for|&)\s{1,3}+){0,2}[A-Z][\w.]{0,30}+){1,8}"
)
BEGINS_WITH_SCALE = re.compile(rf"(?:{'|'.join(SCALES)})\b", re.IGNORECASE)
# No character has a number of more digits, and Python refuses to read much longer ones.
ENTITY = re.compile(r"&(?:#(?:[0-9]{1,39}(?![0-9])|[xX][0-9a-fA-F]{1,39}(?![0-9a-fA-F]))|[A-Za-z][A-Za-z0-9]{1,31}+);?")
SELF = re.compile(r"\b(?:I|i|[Mm]y|me)\b")


class Sources:
    """The sources of one answer, read for the stems in `wanted`.

    Only what that answer can ask for is looked at closely, and each different piece of text between two spaces once.

    Attributes:
        seen: the stems in them, as far as they can matter for those wanted.
        places: for a wanted stem the blocks it stands in; it is not there where they are too many to tell.
        pairs: wanted stems that follow each other, with nothing but stopwords between them.
        affirmed: stems that somewhere follow no negation.
        denied: those that somewhere follow one.
    """

    def __init__(self, texts: Sequence[str], wanted: Collection[str]) -> None:
        clipped = list(_clipped(texts))
        self._texts = tuple(map(_unescaped, clipped))
        self._wanted = frozenset(wanted)
        self._numbers = any(each[0].isdecimal() for each in self._wanted if each)
        self._needed = _beginnings_of(self._wanted.union(MONTHS_OF) if self._numbers else self._wanted)
        self._pieces: dict[str, Sequence[str]] = {}
        self._each: dict[str, Sequence[str]] = {}
        self._lookups = LOOKUPS
        self._around: dict[tuple[str, int], set[int]] = {}
        self.seen: set[str] = set()
        self.places: dict[str, set[int]] = {}
        self.pairs: set[tuple[str, str]] = set()
        self.affirmed: set[str] = set()
        self.denied: set[str] = set()
        first = 0
        for text in self._texts:
            first = self._read(text, first)
        self.seen.update(chain.from_iterable(self._pieces.values()))
        for text in clipped:
            if "&" in text:  # an answer may quote what stands for a character
                self.seen |= stems(*{piece for piece in text.split() if "&" in piece})
        self.seen -= {"", OTHER, NEGATION, ONLY}
        for each in [each for each, blocks in self.places.items() if len(blocks) > COMMON]:
            del self.places[each]

    def _read(self, text: str, first: int) -> int:
        """Read one source, whose first block has the number `first`; returns that of the next source."""
        pieces = self._bounded(text.split())
        self._pieces.update((piece, self._stems(piece)) for piece in set(pieces).difference(self._pieces))
        found = list(chain.from_iterable(map(self._pieces.__getitem__, pieces)))
        if self._numbers or not self._wanted.isdisjoint(MONTHS_OF):
            self._read_numbers(pieces)
        found = self._read_negations(found)
        before = -2
        for place in [place for place, each in enumerate(found) if each in self._wanted]:
            each = found[place]
            self.places.setdefault(each, set()).add(first + place // BLOCK)
            if before == place - 1:
                self.pairs.add((found[before], each))
            before = place
        return first + len(found) // BLOCK + 3  # so that two sources never stand together

    def _bounded(self, pieces: list[str]) -> list[str]:
        """As many of these pieces as come before there are more than `MOST_PIECES` different ones."""
        left = MOST_PIECES - len(self._pieces)
        if len(pieces) <= left:
            return pieces
        fresh = dict.fromkeys(piece for piece in pieces if piece not in self._pieces)
        beyond = next(islice(fresh, left, None), None)
        return pieces if beyond is None else pieces[: pieces.index(beyond)]

    def _read_numbers(self, pieces: Sequence[str]) -> None:
        """Note days, and numbers before a scale: of each different piece of text, or two that follow each other."""
        different = list(dict.fromkeys(pieces))
        days = {(day.year, day.days): day for day in islice(numeric_dates(APART.join(different)), MOST_NUMBERS)}
        self.seen.update(chain.from_iterable(map(date_stems, days.values())))
        if self._numbers:
            scales = set(filter(BEGINS_WITH_SCALE.match, different))
            two = dict.fromkeys(pair for pair in pairwise(pieces) if pair[1] in scales) if scales else {}
            found = _scaled_in(APART.join(chain(different, map(" ".join, two))))
            self.seen.update(scaled(value, word) for value, word in found)

    def _read_negations(self, found: list[str]) -> list[str]:
        """Note what is denied and what is not. Returns the stems without the negations."""
        marks = [place for place, each in enumerate(found) if each in (NEGATION, ONLY)]
        at = {place for place in marks if found[place] == NEGATION and found[place + 1 : place + 2] != [ONLY]}
        reached = {place + step for place in at for step in range(1, REACH + 1)}
        self.denied.update(found[place] for place in reached if place < len(found))
        self.affirmed.update(each for place, each in enumerate(found) if each != OTHER and place - 1 not in at)
        return [each for each in found if each != NEGATION and each != ONLY] if marks else found

    def _stems(self, piece: str) -> Sequence[str]:
        """The stems in a piece of text without spaces; `OTHER` for each word that cannot matter."""
        plain = piece.strip(AROUND)
        if plain.isascii() and plain.isalpha():
            return self._of_word(plain)
        if plain.isascii() and plain.isdecimal() and len(plain) < LONGEST_NUMBER - 10:
            return (number(plain) if self._numbers else OTHER,)
        found: list[str] = []
        for word in (ASCII_WORD if piece.isascii() else WORD).findall(piece):
            if word not in self._each:
                self._each[word] = self._within(word)
            found += self._each[word]
        return found

    def _within(self, word: str) -> Sequence[str]:
        """The same of one word, number or run of a script without spaces within such a piece."""
        if RUN.match(word):
            return [pair if pair in self._wanted else OTHER for pair in pairs(word)]
        if word.isdecimal() and not self._numbers:
            return (OTHER,)
        if negates(word):
            return (NEGATION,)
        if word.isascii() and word.isalpha():
            return self._of_word(word)
        found = stem(word)
        return (found,) if found else ()

    def _of_word(self, word: str) -> Sequence[str]:
        plain = word.lower()
        if plain in NEGATIONS:
            return (NEGATION,)
        if plain == "only":
            return (ONLY,)
        if plain[:SHORTEST] in self._needed or (self._numbers and plain in NUMBER_WORDS):
            return (stem(word),) if stem(word) else ()
        return () if len(plain) < SHORTEST or plain in stopwords() else (OTHER,)

    def number(self, value: str, following: str, *, rough: bool) -> bool:
        """Whether a number stands there, however it is written or rounded.

        `2 million` and `2,000,000` are the same; 3.5 stands for 3.49, and "about 3.5" for 3.6.
        """
        written = scaled(value, following) or stem(value)
        if written in self.seen:
            return True
        exact = _float(written)
        if exact is None:
            return False
        factor = SCALES.get(following.lower(), 1.0)
        digits = len(stem(value).partition(".")[2])
        tolerance = max(0.5 * factor * 10.0**-digits, HEDGED * exact if rough else 0.0)
        above = bisect_left(self._values, exact)
        return any(abs(each - exact) <= tolerance for each in self._values[max(0, above - 1) : above + 1])

    def parted(self, one: str, other: str) -> int:
        """How far two words are from each other that follow each other in the answer: 0 where they do so here as well,
        1 in one place, 2 not far from it, 3 farther. A word that stands everywhere is in any place.
        """
        if (one, other) in self.pairs:
            return 0
        others = self.places.get(other)
        if one not in self.places or others is None:
            return 1
        for distance, reach in enumerate((NEAR, FAR), 1):
            if not others.isdisjoint(self._reached(one, reach)):
                return distance
        return 3

    def _reached(self, each: str, reach: int) -> set[int]:
        """The blocks no more than `reach` from a stem."""
        if (each, reach) not in self._around:
            steps = range(-reach, reach + 1)
            self._around[each, reach] = {block + step for block in self.places[each] for step in steps}
        return self._around[each, reach]

    def following(self, wanted: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
        """Which of these runs of two or three plain words stand here, whatever their content."""
        runs, found = set(wanted), set[tuple[str, ...]]()
        three = any(len(run) == 3 for run in runs)
        for text in self._texts:
            said = list(words(plainly(text)))
            found |= runs.intersection(pairwise(said))
            if three:
                found |= runs.intersection(zip(said, islice(said, 1, None), islice(said, 2, None), strict=False))
        return found

    def alike(self, each: str, word: str) -> bool:
        """Whether a word stands there in another form: one that begins alike, is written apart, or its initials."""
        self._lookups -= 1
        if self._lookups < 0:
            return False
        if any(_alike(each, other) for other in self._beginnings.get(each[:NEAREST], ())):
            return True
        if word.isupper() and 2 <= len(word) <= 6:
            return word in self._initials
        plain = word.lower()
        return any(plain[:cut] in self._words and plain[cut:] in self._words for cut in range(3, len(plain) - 2))

    @cached_property
    def speaks(self) -> bool:
        """Whether somebody speaks of themselves there."""
        return any(map(SELF.search, self._texts))

    @cached_property
    def _values(self) -> list[float]:
        return sorted(value for each in self.seen if each[0].isdecimal() and (value := _float(each)) is not None)

    @cached_property
    def _words(self) -> set[str]:
        return set(words(" ".join(self._pieces).lower()))

    @cached_property
    def _initials(self) -> str:
        runs = (run for text in self._texts for run in CAPITALS.findall(text))
        return " ".join("".join(word[0] for word in run.split() if word[0].isupper()) for run in runs)

    @cached_property
    def _beginnings(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for each in self.seen:
            if len(each) >= NEAREST and not each[0].isdecimal():
                found.setdefault(each[:NEAREST], []).append(each)
        return {beginning: sorted(alike)[:ALIKE] for beginning, alike in found.items()}


def _scaled_in(text: str) -> Sequence[tuple[str, str]]:
    """The first different numbers in a text that a scale follows, and the scale."""
    found: dict[tuple[str, str], None] = {}
    for begin, end in _around_scales(text):
        found |= dict.fromkeys(SCALED.findall(text, begin, end))
        if len(found) >= MOST_NUMBERS:
            break
    return list(islice(found, MOST_NUMBERS))


def _around_scales(text: str) -> Iterator[tuple[int, int]]:
    """Where a number with its scale may stand; no two places overlap, so that nothing is read twice."""
    begin = end = 0
    for scale in SCALE.finditer(text):
        first, last = max(0, scale.start() - LONGEST_NUMBER), scale.end() + len("en") + 1
        if first > end:
            if end:
                yield begin, end
            begin = first
        end = last
    if end:
        yield begin, end


def _beginnings_of(wanted: Collection[str]) -> frozenset[str]:
    """How words begin whose stems can matter for those wanted: as they do, or as their opposites or synonyms."""
    others = chain.from_iterable(chain(opposites().get(each, ()), synonyms().get(each, ())) for each in wanted)
    return frozenset(each[:SHORTEST] for each in chain(wanted, others))


def scaled(value: str, word: str) -> str:
    """`2` before `million` as `2000000`; empty where that is no number with a scale."""
    factor, plain = SCALES.get(word.lower()), _float(stem(value)) if stem(value) else None
    return f"{plain * factor:.15g}" if factor is not None and plain is not None else ""


def _float(written: str) -> float | None:
    try:
        return float(written) if len(written) < 30 else None
    except ValueError:
        return None


def _alike(one: str, other: str) -> bool:
    shared = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    return (min(len(one), len(other)) if shared is None else shared) >= SHARED * max(len(one), len(other))


def _clipped(texts: Sequence[str]) -> Iterator[str]:
    left = LONGEST
    for text in texts:
        yield text[:left]
        left -= len(text[:left])


def _unescaped(text: str) -> str:
    """HTML's entities as characters; a number that no character has stays as it is written."""
    if "&" not in text:
        return text
    once: dict[str, str] = {each: html.unescape(each) for each in set(ENTITY.findall(text))}
    return ENTITY.sub(lambda found: once[found.group()], text)
