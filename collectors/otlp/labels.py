"""How many series a service may have by OTLP: what is too much is counted together, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from burnline.collectors.otlp.wire import Refused
from burnline.metrics.measured import OTHER
from burnline.store import streams
from burnline.store.database import Database

MOST_NAMES = 500  # metrics of one service
MOST_SETS = 1_000  # sets of labels of one counter or gauge
MOST_HISTOGRAMS = 100  # sets of labels of one histogram, each of which is some twenty series
MOST_BUCKETS = 1_900  # series of all sets of labels of one histogram
MOST_SERIES = 10_000  # sets of labels of one service
SUFFIXES = ("_bucket", "_count", "_sum")
Labels = tuple[tuple[str, str], ...]


class LabelSets:
    """The sets of labels that each service's series have, read from the store once and then remembered."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, dict[str, set[Labels]]] = {}

    def fold(self, service: str, name: str, labels: Mapping[str, str], *, most: int = MOST_SETS) -> Mapping[str, str]:
        """The labels themselves, or with OTHER for every value where the series has `most` sets already."""
        sets = self._of(service).setdefault(name, set())
        key = tuple(sorted(labels.items()))
        if key in sets or len(sets) < most:
            sets.add(key)
            return labels
        return dict.fromkeys(labels, OTHER)

    def check(self, service: str, name: str, labels: Mapping[str, str], *, most: int = MOST_SETS) -> None:
        """Raises: Refused for a series that would be one too many of its name or its service."""
        known = self._of(service)
        sets, key = known.get(name, set()), tuple(sorted(labels.items()))
        if key in sets:
            return
        if name not in known and len(known) >= MOST_NAMES:
            raise Refused("names", f"{service} has {MOST_NAMES} metrics already: {name} is not kept")
        if len(sets) >= most:
            raise Refused("series", f"{name} of {service} has {most:,} sets of labels already")
        if sum(map(len, known.values())) >= MOST_SERIES:
            raise Refused("series", f"{service} has {MOST_SERIES:,} sets of labels already: {name} is not kept")
        known.setdefault(name, set()).add(key)

    def _of(self, service: str) -> dict[str, set[Labels]]:
        if service not in self._known:
            with self._db.read() as tx:
                found = streams.label_sets(tx, service)
            known: dict[str, set[Labels]] = {}
            for name, labels in found:
                whole = tuple(sorted((key, value) for key, value in labels.items() if key != "le"))
                known.setdefault(base(name), set()).add(whole)
            self._known[service] = known
        return self._known[service]


def base(name: str) -> str:
    """A histogram's name without what its parts add to it."""
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)


def most_of(bounds: Sequence[float] | None) -> int:
    """How many sets of labels a counter (no bounds) or a histogram may have."""
    return MOST_SETS if bounds is None else min(MOST_HISTOGRAMS, MOST_BUCKETS // (len(bounds) + 1))
