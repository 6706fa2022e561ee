"""The text of series without their values, kept from one page to the next: escaped once, gone when the series is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice, takewhile
from operator import eq

from burnline.exposition.numbers import number_texts

Labels = Mapping[str, str]
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OTHER = re.compile(r"[^a-zA-Z0-9_]")
_BEGINNING = re.compile(r"^(?:_{2,}|[0-9]|$)")  # two underscores are Prometheus' own


class NotPlain(ValueError):
    """A name that has to be quoted or escaped: left to prometheus_client."""


@lru_cache(maxsize=10_000)
def is_plain(name: str) -> bool:
    """Whether a name is written the same in every format (colons are not)."""
    return _NAME.fullmatch(name) is not None


@lru_cache(maxsize=10_000)
def _is_plain_label(name: str) -> bool:
    return is_plain(name) and not name.startswith("__")


def series_text(name: str, labels: Labels) -> str:
    r"""A new line up to where the value goes, `\nname{label="value"} `.

    Raises: NotPlain.
    """
    if not is_plain(name) or not all(map(_is_plain_label, labels)):
        raise NotPlain(name)
    if not labels:
        return f"\n{name} "
    pairs = ",".join([f'{label}="{escaped(value)}"' for label, value in sorted(labels.items())])
    return f"\n{name}{{{pairs}}} "


def legal(labels: Labels) -> Labels:
    """The labels under names that every format takes, each once: one that is posted must not cost the page."""
    if all(map(_is_plain_label, labels)):
        return labels
    found: dict[str, str] = {}
    for name, value in sorted(labels.items()):
        written = _BEGINNING.sub("_", _OTHER.sub("_", name))
        while written in found:
            written += "x"
        found[written] = value
    return found


def escaped(value: str) -> str:
    """A label's value, for between its quotes."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


@dataclass(frozen=True, slots=True)
class Group:
    """Series that stand together below one heading; `places` says which of those given they are."""

    heading: str
    places: Sequence[int]


class Layout:
    """The series of one family or of one source, in the order of the page.

    Args:
        names, labels: of each series, as they are given each time.
        groups: what stands below which heading; every series once.
        extra: labels that each series has besides; given, names that are not plain are made so.
        before: the layout that this one takes over from: what both have at the beginning and at the end is kept.

    Raises: NotPlain.
    """

    def __init__(
        self,
        names: Sequence[str],
        labels: Sequence[Labels],
        groups: Sequence[Group],
        *,
        extra: Labels | None = None,
        before: Layout | None = None,
    ) -> None:
        self._names, self._labels = names, labels
        self.series = list(_texts(names, labels, extra, before))
        places = list(chain.from_iterable(group.places for group in groups))
        self._order = None if places == list(range(len(names))) else places
        self._blocks = [_pieces(group, self.series) for group in groups]

    def fits(self, names: Sequence[str], labels: Sequence[Labels]) -> bool:
        """Whether these are the same series in the same order."""
        return names == self._names and labels == self._labels

    def hold(self, labels: Sequence[Labels]) -> None:
        """Keep these, which are equal, instead of the ones kept so far, which nobody else may need any more."""
        self._labels = labels

    def shared(self, names: Sequence[str], labels: Sequence[Labels]) -> tuple[int, int]:
        """How many series these have in common with it from the start on, and how many up to the end."""
        before, after = list(zip(self._names, self._labels, strict=True)), list(zip(names, labels, strict=True))
        first = _same(before, after, len(after))
        return first, _same(reversed(before), reversed(after), min(len(before), len(after)) - first)

    def fill(self, values: Sequence[float], suffixes: Sequence[str] = ()) -> list[bytes]:
        """The text of each group with these values, in UTF-8; `suffixes` stand behind them."""
        if self._order is not None:
            values = [values[place] for place in self._order]
            suffixes = [suffixes[place] for place in self._order] if suffixes else ()
        texts = number_texts(values)
        if suffixes:
            texts = list(map(str.__add__, texts, suffixes))
        start, filled = 0, []
        for pieces in self._blocks:
            stop = start + len(pieces) // 2
            pieces[1::2] = texts[start:stop]
            filled.append("".join(pieces).encode())
            start = stop
        return filled


def _pieces(group: Group, series: Sequence[str]) -> list[str]:
    """Text at even places, values at odd ones."""
    if not group.places:
        return [group.heading]
    pieces = [""] * (2 * len(group.places))
    pieces[::2] = [series[place] for place in group.places]
    pieces[0] = group.heading + pieces[0]
    return pieces


def _texts(
    names: Sequence[str], labels: Sequence[Labels], extra: Labels | None, before: Layout | None
) -> Iterator[str]:
    first, last = before.shared(names, labels) if before is not None else (0, 0)
    stop = len(names) - last
    if before is not None:
        yield from before.series[:first]
    for name, own in zip(names[first:stop], labels[first:stop], strict=True):
        yield series_text(name, own if extra is None else legal({**extra, **own}))
    if before is not None and last:
        yield from before.series[-last:]


def _same(before: Iterable[tuple[str, Labels]], after: Iterable[tuple[str, Labels]], most: int) -> int:
    """How many from the start on are the same, `most` at most."""
    return sum(1 for _ in takewhile(bool, islice(map(eq, before, after), most)))
