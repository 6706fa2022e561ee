"""A simulated service: the counters and gauges that its SLIs read, healthy or harmed, at any moment.

Everything is a rate per series, so what an SLO should see is read off the same selectors that its engine uses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from burnline.app.drills.labels import find_series
from burnline.events import Sample
from burnline.slo.increments import Series, series
from burnline.slo.promise import sli_of
from burnline.spec.selector import Selector
from burnline.spec.service import ServiceSpec
from burnline.spec.sli import LatencySli, RatioSli, SliSpec, ThresholdSli

EVENTS_PER_SECOND = 1000.0
PLENTY = 10  # times what a throughput SLO asks for
Rates = dict[Series, float]
Shares = Mapping[str, float]  # of bad events while harmed, by SLO


@dataclass(frozen=True, slots=True)
class Gauge:
    """One gauge: what it says while all is well and while it is harmed. `moment`: it says when it last was well."""

    slo: str
    series: Series
    healthy: float = 0.0
    harmed: float = 0.0
    lag: timedelta = timedelta(0)
    moment: bool = False


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a service shows: rates of its counters while healthy and while harmed, and its gauges.

    Attributes:
        unseen: SLOs for which no series could be made, with the reason.
    """

    healthy: Rates
    harmed: Rates
    gauges: tuple[Gauge, ...]
    unseen: Mapping[str, str] = field(default_factory=dict)


def traffic_of(spec: ServiceSpec, shares: Shares, *, lag: timedelta = timedelta(0)) -> Traffic:
    """The traffic of a service in which these SLOs are harmed; gauges that grow are bad `lag` after the fault."""
    slis = {slo.name: sli_of(spec, slo) for slo in spec.slos}
    unseen: dict[str, str] = {}
    healthy, harmed = _rates(slis, {}, unseen), _rates(slis, shares, unseen)
    gauges = tuple(_gauges(slis, shares, lag, unseen))
    return Traffic(healthy, harmed, gauges, unseen)


class Service:
    """The simulated service over time."""

    def __init__(self, traffic: Traffic, began: datetime) -> None:
        self._traffic = traffic
        self._counters: Rates = dict.fromkeys((*traffic.healthy, *traffic.harmed), 0.0)
        self._at = began
        self.harmed_at: datetime | None = None

    def break_down(self, at: datetime) -> None:
        """The fault begins."""
        self._advance(at)
        self.harmed_at = at

    def mend(self, at: datetime) -> None:
        """The fault ends."""
        self._advance(at)
        self.harmed_at = None

    def page(self, at: datetime) -> Iterator[Sample]:
        """What a scrape reads; a counter that never counted is not there, as in most clients."""
        self._advance(at)
        for (name, labels), value in self._counters.items():
            if value or (name, labels) in self._traffic.healthy:
                yield Sample(name, dict(labels), value)
        for gauge in self._traffic.gauges:
            name, labels = gauge.series
            yield Sample(name, dict(labels), self._value(gauge, at))

    def _advance(self, at: datetime) -> None:
        seconds = (at - self._at).total_seconds()
        rates = self._traffic.harmed if self.harmed_at is not None else self._traffic.healthy
        for key, rate in rates.items():
            self._counters[key] += rate * seconds
        self._at = at

    def _value(self, gauge: Gauge, at: datetime) -> float:
        since = self.harmed_at
        if gauge.moment:
            return (since if since is not None and gauge.harmed else at).timestamp()
        if since is None or gauge.harmed == gauge.healthy:
            return gauge.healthy
        return gauge.harmed if at - since > gauge.lag else gauge.healthy


def bad_share(sli: SliSpec, rates: Rates) -> float:
    """The share of an SLI's events that is bad at these rates; 0 for one that counts no events."""
    if sli.ratio:
        total = _sum(rates, sli.ratio.total)
        part = _sum(rates, sli.ratio.bad or sli.ratio.good)
        share = part / total if total else 0.0
        return share if sli.ratio.bad else 1 - share
    if sli.latency:
        buckets = _buckets(sli.latency)
        below = sli.latency.below.total_seconds()
        total = sum(rate for key, rate in rates.items() if _is(buckets, key) and _bound(key) == math.inf)
        fast = sum(rate for key, rate in rates.items() if _is(buckets, key) and math.isclose(_bound(key), below))
        return 1 - fast / total if total else 0.0
    return 0.0


def _rates(slis: Mapping[str, SliSpec], shares: Shares, unseen: dict[str, str]) -> Rates:
    rates: Rates = {}
    ratios: dict[str, dict[str, RatioSli]] = {}
    histograms: dict[str, dict[str, LatencySli]] = {}
    for name, sli in slis.items():
        if sli.ratio:
            ratios.setdefault(str(sli.ratio.total), {})[name] = sli.ratio
        elif sli.latency:
            histograms.setdefault(str(sli.latency.histogram), {})[name] = sli.latency
    for stream in ratios.values():
        _add(rates, _stream(stream, shares, unseen))
    for observed in histograms.values():
        _add(rates, _histogram(observed, shares, unseen))
    for name, sli in slis.items():
        if sli.throughput:
            key = _found(sli.throughput.counter, name, unseen)
            rate = PLENTY * sli.throughput.at_least / sli.throughput.per.total_seconds()
            if key and (name in shares or key not in rates):
                rates[key] = 0.0 if name in shares else rate
    return rates


def _stream(slis: Mapping[str, RatioSli], shares: Shares, unseen: dict[str, str]) -> Rates:
    """SLIs of one total share its events: each harmed one makes its share of them bad, the rest is good for all."""
    total = next(iter(slis.values())).total
    good = _good_event(total, list(slis.values()))
    rates: Rates = {}
    left = 1.0
    done: set[tuple[Series, ...]] = set()
    for name, ratio in slis.items():
        bad = _bad_event(ratio)
        if good is None or bad is None:
            unseen[name] = f"no series was found that {ratio.bad or ratio.good} and {ratio.total} tell apart"
            continue
        share = min(shares.get(name, 0.0), left)
        if share > 0 and bad not in done:
            done.add(bad)
            left -= share
            _add(rates, dict.fromkeys(bad, share * EVENTS_PER_SECOND))
    for key in good or ():
        rates[key] = rates.get(key, 0.0) + left * EVENTS_PER_SECOND
    return rates


def _good_event(total: Selector, slis: Sequence[RatioSli]) -> tuple[Series, ...] | None:
    """The series that an event counts which is good for all of `slis`."""
    bads = [each.bad for each in slis if each.bad]
    goods = [each.good for each in slis if each.good]
    same = [each for each in goods if each.metric == total.metric]
    counted = find_series(total.metric, [total, *same], [each for each in bads if each.metric == total.metric])
    others = [find_series(each.metric, [each]) for each in goods if each.metric != total.metric]
    return None if counted is None else (counted, *(each for each in others if each))


def _bad_event(sli: RatioSli) -> tuple[Series, ...] | None:
    """The series that a bad event counts."""
    total, bad, good = sli.total, sli.bad, sli.good
    if good:
        counted = find_series(total.metric, [total], [good] if good.metric == total.metric else [])
        return (counted,) if counted else None
    assert bad is not None  # noqa: S101 - one of the two
    both = find_series(total.metric, [total, bad]) if bad.metric == total.metric else None
    if both:
        return (both,)
    own, counted = find_series(bad.metric, [bad]), find_series(total.metric, [total])
    return (own, counted) if own and counted else None


def _histogram(slis: Mapping[str, LatencySli], shares: Shares, unseen: dict[str, str]) -> Rates:
    """Slow events are over every bound."""
    buckets = _buckets(next(iter(slis.values())))
    found = find_series(buckets.metric, [buckets])
    if found is None:
        unseen.update(dict.fromkeys(slis, f"no series was found that {buckets} matches"))
        return {}
    slow = max((shares.get(name, 0.0) for name in slis), default=0.0)
    bounds = sorted({each.below.total_seconds() for each in slis.values()})
    name, labels = found
    fast = {series(name, {**dict(labels), "le": f"{bound:.10g}"}): (1 - slow) * EVENTS_PER_SECOND for bound in bounds}
    return {**fast, series(name, {**dict(labels), "le": "+Inf"}): EVENTS_PER_SECOND}


def _gauges(slis: Mapping[str, SliSpec], shares: Shares, lag: timedelta, unseen: dict[str, str]) -> Iterator[Gauge]:
    seen: set[Series] = set()
    for name, sli in sorted(slis.items(), key=lambda pair: pair[0] not in shares):
        selector = sli.threshold.gauge if sli.threshold else sli.freshness.timestamp if sli.freshness else None
        key = _found(selector, name, unseen) if selector else None
        if key is None or key in seen:
            continue
        seen.add(key)
        if sli.freshness:
            yield Gauge(name, key, harmed=float(name in shares), moment=True)
        elif sli.threshold:
            healthy, harmed = _values(sli.threshold)
            yield Gauge(name, key, healthy, harmed if name in shares else healthy, lag)


def _values(rule: ThresholdSli) -> tuple[float, float]:
    """What the gauge says while it is well and while it is not."""
    above, below = rule.above, rule.below
    if above is not None:
        healthy = (above + below) / 2 if below is not None else above / 2 if above > 0 else above
        return healthy, above + max(abs(above), 1.0)
    assert below is not None  # noqa: S101 - one of the two
    return below + max(abs(below), 1.0), below - max(abs(below) / 2, 1.0)


def _found(selector: Selector, name: str, unseen: dict[str, str]) -> Series | None:
    key = find_series(selector.metric, [selector])
    if key is None:
        unseen[name] = f"no series was found that {selector} matches"
    return key


def _add(rates: Rates, more: Rates) -> None:
    for key, rate in more.items():
        rates[key] = rates.get(key, 0.0) + rate


def _sum(rates: Rates, selector: Selector | None) -> float:
    return sum(rate for key, rate in rates.items() if selector is not None and _is(selector, key))


def _is(selector: Selector, key: Series) -> bool:
    return selector.matches(key[0], dict(key[1]))


def _bound(key: Series) -> float:
    return float(dict(key[1]).get("le", "nan"))


def _buckets(sli: LatencySli) -> Selector:
    return Selector(f"{sli.histogram.metric}_bucket", sli.histogram.matchers)
