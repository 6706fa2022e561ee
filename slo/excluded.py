"""Which of many SLOs are excluded in a base interval, from spans looked up a day at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from burnline.slo.exclusions import Excluded, excluded_between
from burnline.spec.exclude import ExclusionSpec
from burnline.store.schema import EPOCH

AHEAD = timedelta(days=1)
BEHIND = 420  # base intervals: more than the longest slice


@dataclass(frozen=True, slots=True)
class _Span:
    first: int  # base intervals, by their number, that it holds
    last: int
    columns: tuple[int, ...]
    excluded: Excluded


class ExcludedColumns:
    """The exclusions of columns; `exclusions` holds each column's own."""

    def __init__(self, exclusions: Sequence[Sequence[ExclusionSpec]], base: timedelta) -> None:
        self._base = base
        self._columns: dict[int, tuple[ExclusionSpec, list[int]]] = {}
        for column, specs in enumerate(exclusions):
            for spec in specs:
                self._columns.setdefault(id(spec), (spec, []))[1].append(column)
        self._spans: list[_Span] = []
        self._known = range(0)
        self._asked = -1
        self._answer: frozenset[int] = frozenset()

    def at(self, number: int) -> frozenset[int]:
        """The columns of which this base interval does not count."""
        if not self._columns:
            return self._answer
        if number != self._asked:
            spans = self._at(number)
            self._answer = frozenset(column for span in spans for column in span.columns)
            self._asked = number
        return self._answer

    def lately(self, number: int, length: int) -> frozenset[int]:
        """The columns of which any of the last `length` base intervals up to this one does not count."""
        if not self._columns:
            return self._answer
        self._at(number)
        spans = (span for span in self._spans if span.first <= number and span.last > number - length)
        return frozenset(column for span in spans for column in span.columns)

    def during(self, column: int, first: int, count: int) -> NDArray[np.bool_]:
        """Of which of `count` base intervals from `first` on the column does not count."""
        found = np.zeros(count, np.bool_)
        specs = [spec for spec, columns in self._columns.values() if column in columns]
        start, end = (EPOCH + edge * self._base for edge in (first - 1, first + count))
        for each in excluded_between(specs, start, end):
            span = self._span(each, ())
            found[max(0, span.first - first) : max(0, span.last + 1 - first)] = True
        return found

    def why(self, number: int) -> Mapping[int, Excluded]:
        """Column to the span that holds this base interval, the one that lasts longest."""
        if not self._columns:
            return {}
        spans = sorted(self._at(number), key=lambda span: span.last)
        return {column: span.excluded for span in spans for column in span.columns}

    def _at(self, number: int) -> list[_Span]:
        if number not in self._known:
            self._look_up(number)
        return [span for span in self._spans if span.first <= number <= span.last]

    def _look_up(self, number: int) -> None:
        since, until = number - BEHIND, number + AHEAD // self._base
        start, end = (EPOCH + edge * self._base for edge in (since, until))
        self._spans = [
            self._span(found, columns)
            for spec, columns in self._columns.values()
            for found in excluded_between((spec,), start, end)
        ]
        self._known = range(since + 1, until)

    def _span(self, found: Excluded, columns: Sequence[int]) -> _Span:
        first, last = (found.start - EPOCH) // self._base + 1, (found.end - EPOCH) // self._base
        return _Span(first, last, tuple(columns), found)
