"""Signals whose bad events do not add up: their events are counted anew over every window that is looked at.

The share of events that differ from the reference beyond chance is such a count. Chance hides in each minute what an
hour shows, so verdicts on minutes cannot be summed; `Recount` says what a whole window holds. Everything else of such
an SLO, when it was observed above all, follows from findings as for any signal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from burnline.events import Counts
from burnline.slo.exclusions import excluded_between
from burnline.slo.promise import Promise
from burnline.slo.ring import SEEN, Array, grained
from burnline.spec.exclude import ExclusionSpec
from burnline.store.schema import EPOCH

Span = tuple[datetime, datetime]


class Recount(Protocol):
    """Who counts anew."""

    def recounts(self, service: str, signal: str) -> bool:
        """Whether this signal's bad events do not add up."""
        ...

    def count(
        self, service: str, signal: str, since: datetime, until: datetime, without: Sequence[Span] = ()
    ) -> Counts | None:
        """Bad and total events of (since, until] but for some spans in order; None where nothing can be said."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """What is counted anew for one column.

    Attributes:
        shortest: the detector's own window: over less nothing can be said, so no window is shorter.
    """

    service: str
    signal: str
    shortest: timedelta
    exclusions: tuple[ExclusionSpec, ...]


class Recounted:
    """The columns of a group that are counted anew; tiles are numbered by their ends in base intervals."""

    def __init__(self, recount: Recount | None, sources: Mapping[int, Source], base: timedelta) -> None:
        self._recount = recount
        self._sources = dict(sources)
        self._base = base

    def __contains__(self, column: int) -> bool:
        return column in self._sources

    @property
    def columns(self) -> list[int]:
        return list(self._sources)

    def over(self, events: Array, first: int, last: int) -> Array:
        """`events` [plane, column] of the tiles after `first` up to `last`, with bad and total taken anew."""
        if not self._sources:
            return events
        found = events.copy()
        for column in self._sources:
            found[:SEEN, column] = self.planes(column, first, last)
        return found

    def planes(self, column: int, first: int, last: int) -> tuple[float, float]:
        """Bad and total events of the tiles after `first` up to `last`; none where nothing can be said."""
        counts = self.between(column, EPOCH + first * self._base, EPOCH + last * self._base)
        return (0.0, 0.0) if counts is None else (grained(counts.bad), grained(counts.total))

    def between(self, column: int, since: datetime, until: datetime) -> Counts | None:
        """Events of (since, until], or of the detector's window before `until` where that is longer."""
        of = self._sources[column]
        since = min(since, until - of.shortest)
        if self._recount is None:
            return None
        excluded = excluded_between(of.exclusions, since, until)
        without = [(each.start, each.end) for each in excluded]
        return self._recount.count(of.service, of.signal, since, until, without)


def source_of(promise: Promise, exclusions: Sequence[ExclusionSpec], recount: Recount | None) -> Source | None:
    """What this SLO is counted anew from; None where its events add up."""
    service, signal = promise.spec.service, promise.sli.signal
    if not signal or recount is None or not recount.recounts(service, signal):
        return None
    return Source(service, signal, promise.signal_window or timedelta(0), tuple(exclusions))
