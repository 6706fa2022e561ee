"""Events of a part of an SLI, such as one version's, counted from the scraped pages while somebody asks for them."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from burnline.events import Collection, Counts
from burnline.slo.increments import Counters
from burnline.slo.reading import Reader
from burnline.spec.selector import Selector
from burnline.spec.slice import Slice

KEPT = timedelta(hours=6)
STALE_AFTER = timedelta(minutes=5)  # as in Prometheus


@dataclass(slots=True)
class _Counted:
    """One slice: what each target showed, and the events of each scrape."""

    reader: Reader
    targets: dict[str, Counters] = field(default_factory=dict)
    scrapes: deque[tuple[datetime, float, float]] = field(default_factory=deque)


@dataclass(slots=True)
class _Looked:
    """One gauge: the values of each target's newest scrape that showed any."""

    selector: Selector
    newest: dict[str, tuple[datetime, tuple[float, ...]]] = field(default_factory=dict)


class EmbeddedSlices:
    """Counts slices by the rules of the embedded engine, in memory.

    After a restart the first scrape of a target is a baseline, so what happened in between is not counted: whoever
    keeps counts adds up what was read, and loses a minute, never counts it twice.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: dict[str, _Counted] = {}
        self._looked: dict[str, _Looked] = {}
        self._services: dict[str, str] = {}

    def watch(self, slices: Iterable[Slice]) -> None:
        """From now on count these, and no others."""
        wanted = {each.key: each for each in slices}
        with self._lock:
            for kept in (self._counted, self._looked, self._services):
                for key in kept.keys() - wanted.keys():
                    del kept[key]
            for key, each in wanted.items():
                self._services[key] = each.service
                if each.sli is not None and key not in self._counted:
                    self._counted[key] = _Counted(Reader({key: each.sli}))
                elif each.gauge is not None and key not in self._looked:
                    self._looked[key] = _Looked(each.gauge)

    def observe(self, collection: Collection) -> None:
        """Take what a collector gave."""
        if not collection.ok:
            return
        with self._lock:
            for key, counted in self._counted.items():
                if self._services[key] == collection.service:
                    _count(key, counted, collection)
            for key, looked in self._looked.items():
                if self._services[key] == collection.service:
                    _look(looked, collection)

    def read_slice(self, of: Slice, since: datetime, until: datetime) -> Counts | None:
        """Events in (since, until], by scrapes; None when nothing of it was scraped."""
        with self._lock:
            counted = self._counted.get(of.key)
            scrapes = [] if counted is None else [one for one in counted.scrapes if since < one[0] <= until]
        if not scrapes:
            return None
        total = sum(one[2] for one in scrapes)
        return Counts(min(max(sum(one[1] for one in scrapes), 0.0), total), total)

    def read_values(self, of: Slice, at: datetime) -> tuple[float, ...]:
        """The newest values of a gauge's series, none of them older than five minutes."""
        with self._lock:
            looked = self._looked.get(of.key)
            newest = [] if looked is None else list(looked.newest.values())
        return tuple(value for seen, values in newest if at - seen < STALE_AFTER for value in values)


def _count(key: str, counted: _Counted, collection: Collection) -> None:
    target = f"{collection.collector}/{collection.target}"
    counters = counted.targets.setdefault(target, Counters(counted.reader.counter_names))
    reading = counted.reader.read(collection, counters).get(key)
    if reading is None or reading.refused or reading.doubt or not reading.covered:
        return
    counted.scrapes.append((collection.at, reading.bad, reading.total))
    while counted.scrapes[0][0] < collection.at - KEPT:
        counted.scrapes.popleft()


def _look(looked: _Looked, collection: Collection) -> None:
    values = [
        sample.value
        for sample in collection.samples
        if looked.selector.matches(sample.name, sample.labels) and not math.isnan(sample.value)
    ]
    if values:
        looked.newest[f"{collection.collector}/{collection.target}"] = (collection.at, tuple(values))
