"""How far an answer goes beyond its sources: tier 0, for every answer, without a model.

Untrained: the weights below are fixed, and small changes of any of them change little on each of three kinds of sets
(questions, dialogue, claims). docs/detectors/grounding.md has what was measured. What it cannot see: an answer that
puts its sources' own words together to something else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, chain, islice, pairwise
from math import ceil, exp, inf, sqrt

from burnline.detectors.grounding.dates import is_held, numeric_dates
from burnline.detectors.grounding.sentences import sentences
from burnline.detectors.grounding.sources import BLOCK, Sources
from burnline.detectors.grounding.statements import stated
from burnline.detectors.grounding.words import (
    SCALES,
    Token,
    contraries,
    negates,
    opposites,
    plainly,
    stemmed,
    synonyms,
    tokens,
)

LONGEST = 200_000  # characters of an answer that are looked at
MOST_WORDS = 20_000  # of an answer, for each costs some work; a character of Chinese is about a word
TIER = 0

# What a word weighs in an answer.
NAME = 1.6  # a name or a number
COMMON = 0.7  # one of the most common words
TALK = 0.2  # of the sources, or of the answer itself: "the passage mentions"
# How much of a word is not held up when it stands in the sources ...
ALIKE = 0.5  # only in another form
SAME = 0.4  # only in another word that says about the same
ASKED = 0.6  # nowhere, but in the question
DENIED = 1.0  # otherwise denied, or denied here alone
# What else counts against an answer.
APART = 0.2  # a word that stands in the sources, elsewhere than the rest of its sentence
JOINED = (
    0.2  # two words that follow each other here, and in the sources stand in one place at best; see `Sources.parted`
)
LONE = 0.5  # a name or number that stands in the sources, but in no place with any of the words around it
AROUND, FEWEST = 3, 2  # those words before and after it, and how many of them must stand in the sources to tell
ANEW = 0.4  # two words of any kind that follow each other nowhere in the sources, as a share of all such pairs
TURNED = 0.6  # a word whose opposite stands in the sources in its very place, between the same words; as often as names
NAMES = 0.6  # a name or number that the sources do not hold, whatever the length of the answer
MOST_NAMES = 8
ASKS = 0.6  # it asks something
SELF = 0.3  # it speaks of itself, and nobody does in the sources
STEEP = 0.45  # score = 1 - exp(-STEEP x evidence)

POOR = 0.5  # share of a sentence that is not held up, from which the whole sentence is marked
ROUGH = frozenset(
    ["about", "around", "approximately", "roughly", "nearly", "almost", "over", "some", "than", "circa", "up"]
)
BEGINS = frozenset(":*#|\u2022\u2013\u2014")
GERMAN = frozenset(["auf", "das", "dem", "den", "der", "die", "ein", "eine", "f\u00fcr", "im", "ist", "mit", "nicht"])
GERMAN |= {"sie", "und", "von", "vom", "wird", "wurde", "zu", "zum", "zur"}
FEW_GERMAN = 2
SAYS = frozenset(["says", "states", "explains", "describes", "notes", "reports", "shows", "indicates", "suggests"])
FIRST_PERSON = frozenset(["i", "me", "my", "i'm", "i've", "i'd", "i'll", "mine", "myself"])


@dataclass(frozen=True, slots=True)
class Span:
    """A part of an answer that the sources do not hold up.

    Attributes:
        start, end: characters of the answer, `answer[start:end]`.
        kind: `number`, `name`, `words`, or `sentence`.
    """

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Grounding:
    """What tier 0 says of one answer.

    Attributes:
        score: from 0 (the sources hold all of it) to 1; a rank, a probability only after `burnline calibrate`.
        unsupported: what they do not hold, in the order of the answer; a sentence comes before its words.
        support: share of the answer's different content words, numbers and names (by their stems) that stand somewhere
            in the sources; None for an answer without any.
        missing: how many of them do not.
        truncated: the answer was longer than what is looked at.
    """

    score: float
    unsupported: tuple[Span, ...]
    support: float | None
    missing: int
    truncated: bool = False


@dataclass(slots=True)
class _Word:
    token: Token
    name: bool
    number: bool
    weight: float
    lacking: float

    @property
    def marked(self) -> bool:
        """Whether it is shown as not held up."""
        return self.lacking > ALIKE and self.weight != TALK


@dataclass(slots=True)
class _Evidence:
    weight: float = 0.0
    lacking: float = 0.0
    apart: float = 0.0
    joined: int = 0
    lone: float = 0.0
    anew: int = 0
    pairs: int = 0
    names: int = 0
    turned: int = 0
    asks: bool = False
    speaks: bool = False
    spans: list[Span] = field(default_factory=list)
    counted: set[str] = field(default_factory=set)

    @property
    def sum(self) -> float:
        """Words are held against the root of their number: between a count and a share, it holds for short and long."""
        placed = APART * self.apart + JOINED * self.joined + LONE * self.lone
        of_words = (self.lacking + placed) / sqrt(max(self.weight, 1.0)) + ANEW * self.anew / max(self.pairs, 1)
        of_words += NAMES * min(self.names, MOST_NAMES) + TURNED * min(self.turned, MOST_NAMES)
        return of_words + ASKS * self.asks + SELF * self.speaks


def ground(sources: Sequence[str], question: str, answer: str) -> Grounding:
    """Score one answer against the documents it was to be built on.

    >>> ground(["The bridge opened in 1932."], "When?", "It opened in 1932.").score
    0.0
    >>> found = ground(["The bridge opened in 1932."], "When?", "It opened in 1943.")
    >>> [(span.kind, "It opened in 1943."[span.start : span.end]) for span in found.unsupported]
    [('sentence', 'It opened in 1943.'), ('number', '1943')]
    """
    text = answer[:LONGEST]
    read, all_of_it = _read(text)
    wanted = {token.stem for sentence in read for token in sentence.tokens} - {""}
    known = Sources(sources, wanted)
    for day in numeric_dates(text):
        if is_held(day, known.seen):
            known.seen.update(token.stem for token in tokens(text, day.start, day.end))
    asked = {token.stem for token in islice(tokens(question[:LONGEST]), MOST_WORDS)}
    evidence, said = _Evidence(), known.following(chain.from_iterable(sentence.runs for sentence in read))
    for sentence in read:
        _weigh(evidence, sentence, known, asked, said)
    missing = len(wanted - known.seen)
    return Grounding(
        score=round(1 - exp(-STEEP * evidence.sum), 6),
        unsupported=tuple(evidence.spans),
        support=1 - missing / len(wanted) if wanted else None,
        missing=missing,
        truncated=len(answer) > LONGEST or not all_of_it,
    )


def _read(text: str) -> tuple[list[_Sentence], bool]:
    """The sentences of an answer as far as its first `MOST_WORDS` words, and whether that is all of them."""
    read, left = list[_Sentence](), MOST_WORDS
    for start, end in chain.from_iterable(_parts(text, *each) for each in sentences(text)):
        found = list(islice(tokens(text, start, end), left + 1))
        if len(found) > left:
            cut = found[:left]
            return [*read, *(_Sentence(text, start, cut[-1].end, cut) for _ in cut[:1])], False
        read.append(_Sentence(text, start, end, found))
        left -= len(found)
    return read, True


def _parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """What a sentence states; of one that also declines or offers something, nothing that is mere talk."""
    idle = stemmed("talk") | stemmed("courtesy") | {""}
    for part in stated(text, start, end):
        if part == (start, end) or any(token.stem not in idle for token in tokens(text, *part)):
            yield part


@dataclass(frozen=True)
class _Sentence:
    text: str
    start: int
    end: int
    tokens: list[Token]

    @property
    def asks(self) -> bool:
        """Whether it is a question."""
        return self._written.endswith(("?", "\uff1f"))

    def _begins(self, place: int) -> bool:
        """Whether a word begins something anew after a colon, a bullet or a mark of a heading: then it is no name."""
        return not BEGINS.isdisjoint(self.text[self.tokens[place - 1].end : self.tokens[place].start])

    @property
    def _german(self) -> bool:
        """Whether nouns that are no names begin with a capital here."""
        return len(GERMAN & {token.word.lower() for token in self.tokens}) >= FEW_GERMAN

    @property
    def _written(self) -> str:
        return self.text[self.start : self.end].rstrip("\"')]")

    @cached_property
    def lead(self) -> int:
        """How many words it begins with that only say where the rest is from: `According to passage 2,`."""
        found, named = 0, False
        for place, token in enumerate(self.tokens):
            if token.stem in stemmed("talk") or (found and token.stem and _refers(self, place)):
                found, named = place + 1, named or token.stem in stemmed("texts")
            elif token.stem:
                break
        if not named:
            return 0
        found += found < len(self.tokens) and self.plain[found] in SAYS
        return found + (found < len(self.tokens) and self.plain[found] == "that")

    @property
    def pairs(self) -> Iterator[tuple[str, str]]:
        """Each two words of any kind that follow each other in it."""
        return pairwise(self.plain[self.lead :])

    @cached_property
    def plain(self) -> Sequence[str]:
        """Its words in small letters."""
        return [plainly(token.word) for token in self.tokens]

    @property
    def runs(self) -> Iterator[tuple[str, ...]]:
        """The words in a row that are looked for in the sources: pairs, and what would contradict them."""
        for place in range(len(self.tokens)):
            for run, turned in self._places(place):
                yield run
                yield from turned
        yield from self.pairs

    def contradicts(self, place: int, said: Collection[tuple[str, ...]]) -> bool:
        """Whether the opposite of a word stands in the sources in its very place, and itself in none such."""
        around = self._places(place)
        return not any(run in said for run, _ in around) and any(
            each in said for _, turned in around for each in turned
        )

    def _places(self, place: int) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
        """A word that has opposites with the words up to the next one with content, on either side of it; and the same
        with each opposite."""
        others = contraries().get(self.plain[place], ())
        found = []
        for step in (-1, 1) if others else ():
            far = next((each for each in (step, 2 * step) if self._has_content(place + each)), 0)
            first, last = min(place, place + far), max(place, place + far) + 1
            if far:
                before, after = tuple(self.plain[first:place]), tuple(self.plain[place + 1 : last])
                turned = [(*before, other, *after) for other in sorted(others)]
                found.append(((*before, self.plain[place], *after), turned))
        return found

    def _has_content(self, place: int) -> bool:
        return 0 <= place < len(self.tokens) and self.tokens[place].stem != ""

    @property
    def speaks(self) -> bool:
        return not FIRST_PERSON.isdisjoint(self.plain)

    def _turned(self, place: int, known: Sources) -> bool:
        """Whether a word that stands in the sources is denied here and nowhere there, or the other way round."""
        token, before = self.tokens[place], ""
        if token.stem[0].isdecimal():  # as in `No. 1`
            return False
        for other in reversed(self.tokens[:place]):
            if before != "only" and negates(other.word):
                return token.stem not in known.denied
            if other.stem:
                break
            before = other.word.lower()
        return token.stem in known.denied and token.stem not in known.affirmed

    def words(self, known: Sources, asked: set[str]) -> Iterator[_Word]:
        """Its words with content, but for numbers that number the answer's own lines, or its sources."""
        counted, german = False, self._german
        for place, token in enumerate(self.tokens):
            if not token.stem or _refers(self, place):
                continue
            number = token.stem[0].isdecimal()
            name = not number and place > 0 and token.word[0].isupper() and not (self._begins(place) or german)
            weight = NAME if number or name else _weight(token.stem)
            after = self.tokens[place + 1].word if place + 1 < len(self.tokens) else ""
            if token.word.lower() in ROUGH:
                continue
            rough = place > 0 and self.tokens[place - 1].word.lower() in ROUGH
            if counted and token.word.lower() in SCALES:
                lacking = 0.0
            elif number:
                lacking = 0.0 if known.number(token.word, after, rough=rough) else 1.0
            else:
                lacking = _lacking(token, known, asked)
            if not lacking and token.stem in known.seen and self._turned(place, known):
                lacking = DENIED
            counted = number and not lacking
            yield _Word(token, name, number, weight, lacking)


def _weight(stem: str) -> float:
    if stem in stemmed("talk"):
        return TALK
    return COMMON if stem in stemmed("common") else 1.0


def _lacking(token: Token, known: Sources, asked: set[str]) -> float:
    if token.stem in known.seen:
        return 0.0
    if not known.seen.isdisjoint(synonyms().get(token.stem, ())):
        return SAME
    if its := known.seen & opposites().get(token.stem, frozenset()):
        return SAME if its <= known.denied - known.affirmed else 1.0
    if known.alike(token.stem, token.word):
        return ALIKE
    return ASKED if token.stem in asked else 1.0


def _refers(sentence: _Sentence, place: int) -> bool:
    """Whether a word is the number of a line (`2.`), of a source (`passage 2`), or a reference (`[2]`)."""
    token, text = sentence.tokens[place], sentence.text
    if not token.stem[0].isdecimal() or len(token.word) > 2:
        return False
    before, after = text[max(0, token.start - 1) : token.start], text[token.end : token.end + 1]
    if (place == 0 and token.start == sentence.start and after in (".", ")", ":")) or (before == "[" and after in "],"):
        return True
    return place > 0 and sentence.tokens[place - 1].stem in stemmed("numbered")


def _weigh(
    evidence: _Evidence, sentence: _Sentence, known: Sources, asked: set[str], said: Collection[tuple[str, ...]]
) -> None:
    words = list(sentence.words(known, asked))
    if words and all(word.weight == TALK or word.token.stem in stemmed("courtesy") for word in words):
        return
    begin = sentence.tokens[sentence.lead].start if sentence.lead < len(sentence.tokens) else sentence.end
    words = [word for word in words if word.token.start >= begin]
    pairs = list(sentence.pairs)
    evidence.pairs += len(pairs)
    evidence.anew += sum(pair not in said for pair in pairs)
    held = {word.token.stem: word.weight for word in words if not word.lacking}
    evidence.apart += _apart(held, sum(token.stem != "" for token in sentence.tokens), known)
    evidence.joined += sum(
        known.parted(one.token.stem, other.token.stem)
        for one, other in pairwise(words)
        if not one.lacking and not other.lacking
    )
    evidence.lone += sum(word.weight for place, word in enumerate(words) if _is_lone(words, place, known))
    evidence.asks = evidence.asks or sentence.asks
    evidence.speaks = evidence.speaks or (sentence.speaks and not known.speaks)
    for word in words:
        evidence.names += word.lacking >= 1 and (word.name or word.number)
        if word.token.stem not in evidence.counted:
            evidence.counted.add(word.token.stem)
            evidence.weight += word.weight
            evidence.lacking += word.weight * word.lacking
    turned = [token for place, token in enumerate(sentence.tokens) if sentence.contradicts(place, said)]
    evidence.turned += len(turned)
    marked = {word.token for word in words if word.marked}
    spans = [Span(token.start, token.end, "words") for token in turned if token not in marked]
    evidence.spans += sorted([*_spans(sentence, words), *spans], key=lambda span: (span.start, -span.end))


def _apart(held: dict[str, float], long: int, known: Sources) -> float:
    """The weight of what stands in the sources, but not in the one place that holds most of a sentence of `long` words.

    A place has as many blocks as that many words in a row can touch, so that a copy is never apart.
    """
    placed = {stem: weight for stem, weight in held.items() if stem in known.places}
    wide = 1 + max(1, ceil((long - 1) / BLOCK))
    change: dict[int, float] = {}  # of the weight within a place, by the block that it begins with
    for stem, weight in placed.items():
        end = -inf
        for block in sorted(known.places[stem]):
            change[block + 1] = change.get(block + 1, 0.0) - weight
            begin = block - wide + 1
            if begin <= end:
                change[int(end) + 1] += weight
            else:
                change[begin] = change.get(begin, 0.0) + weight
            end = block
    best = max(accumulate(change[block] for block in sorted(change)), default=0.0)
    return max(0.0, sum(placed.values()) - best)


def _is_lone(words: Sequence[_Word], place: int, known: Sources) -> bool:
    """Whether a name or number stands in the sources, but in no place with any of the words around it."""
    word = words[place]
    if word.lacking or not (word.name or word.number) or word.token.stem not in known.places:
        return False
    near = [*words[max(0, place - AROUND) : place], *words[place + 1 : place + 1 + AROUND]]
    stems = [each.token.stem for each in near if not each.lacking and each.token.stem in known.places]
    return len(stems) >= FEWEST and all(known.parted(word.token.stem, stem) > 1 for stem in stems)


def _spans(sentence: _Sentence, words: Sequence[_Word]) -> Iterator[Span]:
    weight = sum(word.weight for word in words)
    if weight and sum(word.weight * word.lacking for word in words) >= POOR * weight:
        yield Span(sentence.start, sentence.end, "sentence")
    run: list[_Word] = []
    for word in [*words, None]:
        if word and word.marked and (not run or not _between(sentence, run[-1], word)):
            run.append(word)
            continue
        if run:
            yield Span(run[0].token.start, run[-1].token.end, _kind(run))
        run = [word] if word and word.marked else []


def _between(sentence: _Sentence, one: _Word, other: _Word) -> bool:
    """Whether there is more than a space or so between two words."""
    return sentence.text[one.token.end : other.token.start].strip(" -\u2013'\u2019") != ""


def _kind(run: Sequence[_Word]) -> str:
    if any(word.number for word in run):
        return "number"
    return "name" if all(word.name for word in run) else "words"
