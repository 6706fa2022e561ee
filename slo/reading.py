"""Which samples feed which SLO, and what one scrape tells each of them.

Counter SLIs are linear: bad and total are weighted sums of what series grew by. `good` counters and the histogram
bucket at the threshold weigh -1 on bad, against the total's +1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from burnline.events import Collection
from burnline.slo.increments import MAX_GROWTH, Counters, Series, series
from burnline.spec.selector import Selector
from burnline.spec.sli import FreshnessSli, LatencySli, RatioSli, SliSpec, ThresholdSli

MAX_ROUTES = 100_000


@dataclass(frozen=True, slots=True)
class Weight:
    """What one event of a series adds to one SLO."""

    slo: str
    bad: float
    total: float
    bound: float | None = None  # of a histogram bucket


@dataclass(slots=True)
class Reading:
    """What one scrape tells one SLO; `refused` when none of a histogram's `bounds` is the threshold.

    `doubt` says what cannot be true of it: then nothing of the scrape counts for this SLO.
    """

    covered: timedelta
    bad: float = 0.0
    total: float = 0.0
    refused: bool = False
    bounds: tuple[float, ...] = ()
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class _Source:
    slo: str
    selector: Selector
    bad: float
    total: float
    below: float | None = None  # of a latency SLO, in seconds


@dataclass(frozen=True, slots=True)
class _Gauge:
    """A gauge at which is looked; the SLI is that of a threshold or of freshness."""

    slo: str
    selector: Selector
    threshold: ThresholdSli | None = None
    freshness: FreshnessSli | None = None

    def bad(self, value: float, at: datetime) -> bool:
        if self.freshness:
            return at.timestamp() - value > self.freshness.max_age.total_seconds()
        above, below = (self.threshold.above, self.threshold.below) if self.threshold else (None, None)
        return (above is not None and value > above) or (below is not None and value < below)


class Reader:
    """The SLOs of one service, by the samples they are made of."""

    def __init__(self, slis: Mapping[str, SliSpec]) -> None:
        sources = [source for slo, sli in slis.items() for source in _sources(slo, sli)]
        self._sources: dict[str, list[_Source]] = {}
        for source in sources:
            self._sources.setdefault(source.selector.metric, []).append(source)
        self._gauges = [gauge for slo, sli in slis.items() for gauge in _gauges(slo, sli)]
        self._latency = {source.slo: source.below for source in sources if source.below is not None}
        self._routes: dict[Series, tuple[Weight, ...]] = {}
        self.slos = tuple(slis)
        self.counter_names = frozenset(self._sources)
        self.names = self.counter_names | {gauge.selector.metric for gauge in self._gauges}

    def read(self, collection: Collection, counters: Counters) -> dict[str, Reading]:
        """What a successful scrape tells each SLO whose total (or gauge) it shows; `counters` are its target's."""
        found = {
            series(sample.name, sample.labels): sample.value
            for sample in collection.samples
            if sample.name in self.counter_names
        }
        growth = counters.take(collection.at, found)
        usable = [key for key, value in found.items() if 0 <= value < math.inf]
        readings = self._count(usable, growth.by_series, growth.covered)
        self._miss(found, usable, readings)
        self._refuse_bounds(found, readings)
        self._doubt(growth.jumps, readings)
        readings.update(self._look(collection, growth.covered))
        return readings

    def _count(self, found: Iterable[Series], growth: Mapping[Series, float], covered: timedelta) -> dict[str, Reading]:
        readings: dict[str, Reading] = {}
        others: list[tuple[Weight, float]] = []
        for key in found:
            grown = growth.get(key, 0.0)
            for weight in self._route(key):
                if weight.total:
                    reading = readings.setdefault(weight.slo, Reading(covered))
                    reading.bad += weight.bad * grown
                    reading.total += weight.total * grown
                elif weight.bad:
                    others.append((weight, grown))
        for weight, grown in others:  # errors without a total mean nothing
            if weight.slo in readings:
                readings[weight.slo].bad += weight.bad * grown
        return readings

    def _miss(self, found: Mapping[Series, float], usable: Sequence[Series], readings: dict[str, Reading]) -> None:
        """Say of an SLO whose total shows nothing that counts (NaN, infinite, negative) that it was not observed."""
        for key in found.keys() - set(usable):
            for weight in self._route(key):
                if weight.total and weight.slo not in readings:
                    doubt = f"{key[0]} is {found[key]:g}, which no counter can be"
                    readings[weight.slo] = Reading(timedelta(0), doubt=doubt)

    def _refuse_bounds(self, found: Iterable[Series], readings: Mapping[str, Reading]) -> None:
        if not self._latency.keys() & readings.keys():
            return
        bounds: dict[str, set[float]] = {slo: set() for slo in self._latency}
        for key in found:
            for weight in self._route(key):
                if weight.bound is not None:
                    bounds[weight.slo].add(weight.bound)
        for slo, below in self._latency.items():
            if slo in readings and not any(_same(bound, below) for bound in bounds[slo]):
                readings[slo].bounds = tuple(sorted(bound for bound in bounds[slo] if bound < math.inf))
                readings[slo].refused = True

    def _doubt(self, jumps: Mapping[Series, float], readings: Mapping[str, Reading]) -> None:
        for key, grown in jumps.items():
            for weight in self._route(key):
                if weight.slo in readings and (weight.bad or weight.total):
                    readings[weight.slo].doubt = f"a series of {key[0]} jumped by {grown:g}: not counted"
        for reading in readings.values():
            if reading.total > MAX_GROWTH and not reading.doubt:
                reading.doubt = f"{reading.total:g} events between two scrapes: not counted"

    def _look(self, collection: Collection, covered: timedelta) -> dict[str, Reading]:
        readings: dict[str, Reading] = {}
        for gauge in self._gauges:
            values = [
                sample.value
                for sample in collection.samples
                if gauge.selector.matches(sample.name, sample.labels) and not math.isnan(sample.value)
            ]
            if values:
                bad = any(gauge.bad(value, collection.at) for value in values)
                readings[gauge.slo] = Reading(covered, float(bad), 1.0)
        return readings

    def _route(self, key: Series) -> tuple[Weight, ...]:
        if key not in self._routes:
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()  # series come and go; a cache must not grow with them
            name, labels = key[0], dict(key[1])
            weights = (_weight(source, name, labels) for source in self._sources.get(name, ()))
            self._routes[key] = tuple(weight for weight in weights if weight)
        return self._routes[key]


def metric_of(sli: SliSpec) -> str:
    """The metric without which this SLI has no data."""
    if sli.ratio:
        return str(sli.ratio.total)
    if sli.latency:
        return str(_buckets(sli.latency))
    if sli.throughput:
        return str(sli.throughput.counter)
    return next((str(gauge.selector) for gauge in _gauges("", sli)), "")


def _sources(slo: str, sli: SliSpec) -> list[_Source]:
    if sli.ratio:
        return _ratio_sources(slo, sli.ratio)
    if sli.latency:
        return [_Source(slo, _buckets(sli.latency), 0, 0, sli.latency.below.total_seconds())]
    return [_Source(slo, sli.throughput.counter, 0, 1)] if sli.throughput else []


def _gauges(slo: str, sli: SliSpec) -> list[_Gauge]:
    if sli.threshold:
        return [_Gauge(slo, sli.threshold.gauge, threshold=sli.threshold)]
    return [_Gauge(slo, sli.freshness.timestamp, freshness=sli.freshness)] if sli.freshness else []


def _ratio_sources(slo: str, ratio: RatioSli) -> list[_Source]:
    if ratio.bad:
        return [_Source(slo, ratio.total, 0, 1), _Source(slo, ratio.bad, 1, 0)]
    if ratio.good:
        return [_Source(slo, ratio.total, 1, 1), _Source(slo, ratio.good, -1, 0)]
    return []


def _buckets(latency: LatencySli) -> Selector:
    return Selector(f"{latency.histogram.metric}_bucket", latency.histogram.matchers)


def _weight(source: _Source, name: str, labels: Mapping[str, str]) -> Weight | None:
    if not source.selector.matches(name, labels):
        return None
    if source.below is None:
        return Weight(source.slo, source.bad, source.total)
    try:
        bound = float(labels.get("le", ""))  # "0.25", "0.250" and "2.5e-1" are one bound
    except ValueError:
        return None
    if bound == math.inf:
        return Weight(source.slo, 1, 1, bound)
    return Weight(source.slo, -1 if _same(bound, source.below) else 0, 0, bound)


def _same(bound: float, threshold: float) -> bool:
    return math.isclose(bound, threshold, rel_tol=1e-9)
