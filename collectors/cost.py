"""What a service costs: GPU hours at their price, divided by what the service did."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from burnline.collectors.fleet import Fleet
from burnline.collectors.growth import Growth
from burnline.errors import NoData
from burnline.events import Collection, Sample
from burnline.metrics import cost as names
from burnline.metrics import gpu, jobs
from burnline.spec.cost import REQUEST, CostSpec, GaugeUnit
from burnline.spec.selector import Selector
from burnline.spec.service import ServiceSpec

HOUR = timedelta(hours=1)
FRESH = timedelta(minutes=1)  # an older turn says nothing of the GPUs now
LONGEST_GAP = timedelta(minutes=5)  # more than this was not watched, and is not charged


@dataclass(slots=True)
class _Sums:
    """Since burnline started; money in the service's currency."""

    gpu_hours: float = 0.0
    idle: float | None = None
    saved: float | None = None
    units: dict[str, float] = field(default_factory=dict)


class CostCollector:
    """Adds up what one service costs, turn by turn, from what the other collectors read last."""

    name = "cost"
    target = "the GPUs' time at its price"
    measured = True

    def __init__(
        self, spec: ServiceSpec, cost: CostSpec, *, interval: timedelta, latest: Callable[[], Iterable[Collection]]
    ) -> None:
        self.service = spec.service
        self.interval = interval
        self._cost = cost
        self._latest = latest
        units = units_of(spec, cost)
        self._gauges = {name: unit.gauge for name, unit in units.items() if isinstance(unit, GaugeUnit)}
        self._growths = {name: Growth(unit) for name, unit in units.items() if isinstance(unit, Selector)}
        self._hits = Growth(cost.cache_hits) if cost.cache_hits else None
        self._first = next(iter(self._growths), "")
        self._fleet = Fleet(spec, idle_below=cost.idle_below)
        self._sums = _Sums()
        self._last: datetime | None = None
        self._past: deque[tuple[datetime, float, Mapping[str, float]]] = deque()  # at, GPU hours, units

    def collect(self, now: datetime) -> Sequence[Sample]:
        """What was spent since the last turn is added. Training has its price also where no GPU serves.

        Raises: NoData when it is not known how many GPUs serve, and no job told of GPU time.
        """
        turns = [turn for turn in self._latest() if turn.ok and now - turn.at <= FRESH]
        own = [turn for turn in turns if turn.service == self.service]
        training = list(self._jobs(own))
        try:
            gpus, idle = self._gpus(turns, now)
        except NoData:
            if training:
                return training
            raise
        hours = min(now - (self._last or now), LONGEST_GAP) / HOUR
        self._last = now
        self._sums.gpu_hours += gpus * hours
        if idle is not None:
            self._sums.idle = (self._sums.idle or 0.0) + idle * hours * self._price
        for name, growth in self._growths.items():
            if (grown := growth.take(own)) is not None:
                self._sums.units[name] = self._sums.units.get(name, 0.0) + grown
        each = self._each(now)
        if self._hits and (hits := self._hits.take(own)) is not None and self._first in each:
            self._sums.saved = (self._sums.saved or 0.0) + hits * each[self._first]
        each |= self._per_gauge(own, gpus)
        units = [self._sample(names.UNIT, value, per=name) for name, value in each.items()]
        return [*self._totals(), *units, *training]

    @property
    def _price(self) -> float:
        return self._cost.gpu_hour.amount

    def _gpus(self, turns: Iterable[Collection], now: datetime) -> tuple[float, float | None]:
        """How many serve, and how many of them are idle (None: not known)."""
        counted = self._fleet.count(turns, now)
        serving = self._cost.gpus or counted.gpus
        if not serving:
            raise NoData("nothing that is read tells of a GPU; write how many serve: cost.gpus")
        idle = None if counted.idle is None else counted.idle / counted.gpus * serving
        return serving, idle

    def _each(self, now: datetime) -> dict[str, float]:
        """The cost of one unit over the last hour, or since the beginning."""
        self._past.append((now, self._sums.gpu_hours, dict(self._sums.units)))
        while len(self._past) > 2 and now - self._past[1][0] >= HOUR:
            self._past.popleft()
        _, hours, units = self._past[0]
        spent = (self._sums.gpu_hours - hours) * self._price
        done = {name: count - units.get(name, 0.0) for name, count in self._sums.units.items()}
        return {name: spent / count for name, count in done.items() if count > 0 and spent > 0}

    def _per_gauge(self, own: Iterable[Collection], gpus: float) -> dict[str, float]:
        samples = [sample for turn in own for sample in turn.samples]
        sums = {
            name: sum(sample.value for sample in samples if selector.matches(sample.name, sample.labels))
            for name, selector in self._gauges.items()
        }
        return {name: gpus * self._price / count for name, count in sums.items() if count > 0}

    def _totals(self) -> Iterator[Sample]:
        yield Sample(names.GPU_SECONDS, {}, self._sums.gpu_hours * 3600)
        yield self._sample(names.SPENT, self._sums.gpu_hours * self._price)
        if self._sums.idle is not None:
            yield self._sample(names.IDLE, self._sums.idle)
        if self._sums.saved is not None:
            yield self._sample(names.SAVED, self._sums.saved)

    def _jobs(self, own: Iterable[Collection]) -> Iterator[Sample]:
        seconds: dict[str, float] = {}
        for turn in own:
            for sample in turn.samples:
                if sample.name == jobs.GPU_SECONDS:
                    job = sample.labels.get("job", "")
                    seconds[job] = seconds.get(job, 0.0) + sample.value
        for job, spent in seconds.items():
            yield self._sample(names.TRAINING, spent / 3600 * self._price, job=job)

    def _sample(self, name: str, value: float, **labels: str) -> Sample:
        return Sample(name, {**labels, "currency": self._cost.gpu_hour.currency}, value)


def units_of(spec: ServiceSpec, cost: CostSpec) -> Mapping[str, Selector | GaugeUnit]:
    """What the cost is divided by; nothing where `request` stands for an SLO that the service does not have."""
    if cost.per:
        return cost.per
    first = next((slo.sli.ratio for slo in spec.slos if slo.sli.ratio), None)
    return {REQUEST: first.total} if first else {}


def wanted(spec: ServiceSpec) -> frozenset[str]:
    """Metrics to read for the cost of a service; a page of another burnline may tell of GPUs."""
    if spec.cost is None:
        return frozenset()
    units = units_of(spec, spec.cost).values()
    selectors = [unit.gauge if isinstance(unit, GaugeUnit) else unit for unit in units]
    selectors += [spec.cost.cache_hits] if spec.cost.cache_hits else []
    return frozenset(selector.metric for selector in selectors) | {gpu.UP, gpu.UTILIZATION}
