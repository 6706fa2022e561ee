"""Of what kinds answers are, in counts that only ever add up: numbers between fixed edges, and names."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from burnline.detectors.names import SIZE, count_names, read_names
from burnline.detectors.sketch import Counter64
from burnline.events import Cell

OTHERS = "others"
MOST_NAMES = 12  # that are told apart in a finding; the rest are `OTHERS`
NAMED = 3  # bad kinds that a sentence names


class Kind(NamedTuple):
    """Answers of one kind, and whether they are bad for it."""

    what: str
    times: int
    bad: bool


class Kinds(Protocol):
    """How what answers say is counted: `size` numbers, whatever comes."""

    @property
    def size(self) -> int: ...

    def count(self, said: Sequence[Any]) -> Counter64:
        """The counts of those answers."""
        ...

    def read(self, counts: Counter64, known: int) -> list[Kind]:
        """The kinds of `known` answers."""
        ...


class Steps:
    """Numbers between edges; each is counted from its lower edge on. What is bad is so between two edges throughout."""

    def __init__(self, edges: Iterable[float], words: str, bad: Callable[[float], bool], *, whole: bool) -> None:
        """`words`: of a cell, with `{}` for its numbers. `whole`: there are whole numbers alone, of 0 and more."""
        self._edges, self._words, self._bad, self._whole = sorted(set(edges)), words, bad, whole

    @property
    def size(self) -> int:
        return len(self._edges) + 1

    def count(self, said: Sequence[Any]) -> Counter64:
        """Also of numbers that no float holds."""
        cells = [bisect_right(self._edges, each) for each in said]
        return np.bincount(np.array(cells, dtype=np.intp), minlength=self.size).astype(np.int64)

    def read(self, counts: Counter64, known: int) -> list[Kind]:
        lows = [float("-inf"), *self._edges]
        between = [self._between(at) for at in range(self.size)]
        words = [self._words.format(each).removesuffix("s" if each == "1" else "") for each in between]
        return [
            Kind(what, times, self._bad(low)) for what, times, low in zip(words, counts.tolist(), lows, strict=True)
        ]

    def _between(self, at: int) -> str:
        edges = self._edges
        if at == len(edges):
            return f"{edges[-1]:,} and more"
        if not self._whole:
            return f"below {edges[0]:,}" if at == 0 else f"{edges[at - 1]:,} to {edges[at]:,}"
        low, high = edges[at - 1] if at else 0, edges[at] - 1
        return f"{low:,}" if low == high else f"{low:,} to {high:,}"


class Names:
    """Names: those that are `known` are counted each; of all others, some thirty can be read back."""

    def __init__(self, known: Iterable[str], bad: Callable[[str], bool]) -> None:
        self._at: Mapping[str, int] = {name: at for at, name in enumerate(dict.fromkeys(known))}
        self._bad = bad

    @property
    def size(self) -> int:
        return len(self._at) + SIZE

    def count(self, said: Sequence[Any]) -> Counter64:
        counts, others = np.zeros(len(self._at), dtype=np.int64), Counter[str]()
        for name, times in Counter(said).items():
            if name in self._at:
                counts[self._at[name]] += times
            else:
                others[_printable(name)] += times
        return np.concatenate([counts, count_names(others)])

    def read(self, counts: Counter64, known: int) -> list[Kind]:
        """The most frequent first; what cannot be told apart, and what is seldom, stands together at the end."""
        plain = len(self._at)
        found = Counter({name: times for name, times in zip(self._at, counts[:plain].tolist(), strict=True) if times})
        found.update(read_names(counts[plain:])[0])
        kinds = [Kind(name, times, self._bad(name)) for name, times in found.items()]
        kinds = sorted(kinds, key=lambda kind: (-kind.times, kind.what))[:MOST_NAMES]
        rest = known - sum(kind.times for kind in kinds)
        return [*kinds, Kind(OTHERS, rest, self._bad(OTHERS))] if rest > 0 else kinds


def cells(kinds: Sequence[Kind], before: Sequence[Kind] | None = None) -> tuple[Cell, ...]:
    """The kinds for a picture, beside what they were `before`, in another version; else with nothing beside them."""
    live, usual = _shares(kinds), _shares(before or ())
    what = dict.fromkeys([*live, *usual])
    return tuple(Cell(each, None if before is None else usual.get(each, 0.0), live.get(each, 0.0)) for each in what)


def worst(kinds: Sequence[Kind]) -> str:
    """Which bad kinds there are most of, in words; where there are none, what most answers are."""
    shares = _shares(kinds)
    bad = sorted((kind for kind in kinds if kind.bad and kind.times), key=lambda kind: -kind.times)
    if bad:
        more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        return ", ".join(f"{kind.what} {shares[kind.what]:.1%}" for kind in bad[:NAMED]) + more
    most = max(kinds, key=lambda kind: kind.times, default=None)
    return f"most are {most.what} ({shares[most.what]:.1%})" if most else ""


def _shares(kinds: Sequence[Kind]) -> dict[str, float]:
    events = max(1, sum(kind.times for kind in kinds))
    found: dict[str, float] = {}
    for kind in kinds:
        found[kind.what] = found.get(kind.what, 0.0) + kind.times / events
    return found


def _printable(name: str) -> str:
    """What a page can show and a database hold."""
    return "".join(each if each.isprintable() else "?" for each in name) or "(empty)"
