"""What counters grew by between two turns."""

from __future__ import annotations

from collections.abc import Iterable

from burnline.events import Collection
from burnline.spec.selector import Selector

MOST = 100_000  # series that are remembered; beyond, only those that are still there
Key = tuple[str, str, frozenset[tuple[str, str]]]


class Growth:
    """The growth of the series of one selector over all pages of a service.

    A series seen for the first time grew by nothing: how much of it is new is not known. One that fell was reset, and
    grew by what it is now.
    """

    def __init__(self, selector: Selector) -> None:
        self._selector = selector
        self._last: dict[Key, float] = {}

    def take(self, turns: Iterable[Collection]) -> float | None:
        """What all series grew by since the last time; None when none is there."""
        grown, seen = 0.0, set[Key]()
        for turn in turns:
            for sample in turn.samples:
                if not self._selector.matches(sample.name, sample.labels):
                    continue
                key = (f"{turn.collector} {turn.target}", sample.name, frozenset(sample.labels.items()))
                last = self._last.get(key)
                self._last[key] = sample.value
                seen.add(key)
                if last is not None:
                    grown += sample.value - last if sample.value >= last else sample.value
        if len(self._last) > MOST:
            self._last = {key: self._last[key] for key in seen}
        return grown if seen else None
