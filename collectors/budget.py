"""How many series one collector may give under one name: a label that changes with every request must not fill memory.

Beyond the budget, series that only grow are added up in one whose labels' values are OTHER, so that sums stay whole. A
gauge cannot be added up, nor can its largest speak for the others: those beyond are left out. Both are counted.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from burnline.events import Sample
from burnline.exposition.source import family_name
from burnline.metrics.measured import MOST_SERIES, OTHER, kind_of

log = logging.getLogger(__name__)

BOUNDS = ("le", "quantile")  # part of what a series is, not of whom it is about

Key = frozenset[tuple[str, str]]


class Budget:
    """The series that one collector may give, from turn to turn. Those that were there stay; new ones fill the rest.

    The sum of the rest does not fall because one of them goes: Prometheus would take that for a restart and count anew.
    When it falls to less than half, it was one.

    Args:
        most: sets of labels under one name; the buckets, the sum and the count of a histogram are one.
    """

    def __init__(self, most: int = MOST_SERIES) -> None:
        self._most = most
        self._known: dict[str, set[Key]] = {}
        self._sums: dict[tuple[str, Key], float] = {}
        self.beyond: Mapping[str, int] = {}

    def fit(self, samples: Iterable[Sample]) -> tuple[Sample, ...]:
        """The samples with those beyond the budget folded or left out; `beyond` then says of how many, by name."""
        if isinstance(samples, Sequence) and not self._may_exceed(samples):
            self._known, self._sums, beyond = {}, {}, dict[str, int]()
            fitted = tuple(samples)
        else:
            beyond = {}
            fitted = tuple(self._fitted(samples, beyond))
        for name in sorted(set(beyond) - set(self.beyond)):
            about = {"metric": name, "series": beyond[name], "most": self._most}
            log.warning("series beyond the budget: does a label change with every request?", extra=about)
        self.beyond = beyond
        return fitted

    def _may_exceed(self, samples: Sequence[Sample]) -> bool:
        """Whether it is worth a look at each one."""
        return len(samples) > self._most and max(Counter(each.name for each in samples).values()) > self._most

    def _fitted(self, samples: Iterable[Sample], beyond: dict[str, int]) -> Iterator[Sample]:
        places = {family: set(known) for family, known in self._known.items()}
        seen: dict[str, set[Key]] = {}
        sums: dict[tuple[str, Key], float] = {}
        for sample in samples:
            family = family_name(sample.name)
            key = frozenset(pair for pair in sample.labels.items() if pair[0] not in BOUNDS)
            taken = places.setdefault(family, set())
            if key in taken or len(taken) < self._most:
                taken.add(key)
                seen.setdefault(family, set()).add(key)
                yield sample
                continue
            beyond[sample.name] = beyond.get(sample.name, 0) + 1
            if grows(sample.name):
                other = sample.name, _other(sample.labels)
                sums[other] = sums.get(other, 0.0) + sample.value
        self._known = seen
        yield from self._held(sums)

    def _held(self, sums: Mapping[tuple[str, Key], float]) -> Iterator[Sample]:
        before, self._sums = self._sums, {}
        for other, value in sums.items():
            last = before.get(other, 0.0)
            self._sums[other] = held = max(value, last) if 2 * value >= last else value
            yield Sample(other[0], dict(other[1]), held)


def grows(name: str) -> bool:
    """Whether series of that name only grow, so that they may be added up."""
    return kind_of(family_name(name)) != "gauge" or name.endswith(("_bucket", "_count", "_sum"))


def _other(labels: Mapping[str, str]) -> Key:
    return frozenset((name, value if name in BOUNDS else OTHER) for name, value in labels.items())
