"""When theory says that a fault is detected: burn rates, enough bad events, the turns of scrape and evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from burnline.app.drills.scenarios import Harm
from burnline.app.drills.simulate import scrape_interval
from burnline.app.drills.traffic import EVENTS_PER_SECOND, bad_share, traffic_of
from burnline.detectors.build import windows
from burnline.slo.explain import detection, slices_per_second
from burnline.slo.promise import Promise, promise_of
from burnline.slo.windows import tiers_of
from burnline.spec.service import ServiceSpec
from burnline.spec.slo import Severity

ZERO = timedelta(0)
TICK = timedelta(milliseconds=1)  # counts are kept to 1/1024 event


@dataclass(frozen=True, slots=True)
class Expected:
    """An alert that must come between `earliest` and `latest` after the fault.

    Attributes:
        subject: the SLO, or the signal.
        tier: the one that fires first; empty for a detector's alarm.
    """

    subject: str
    severity: Severity
    tier: str
    earliest: timedelta
    latest: timedelta


def expected(spec: ServiceSpec, harm: Harm) -> tuple[Expected, ...]:
    """What must fire for this harm, the first first."""
    found = (*_of_slos(spec, harm), *_of_signals(spec, harm))
    return tuple(sorted(found, key=lambda each: each.latest))


def _of_slos(spec: ServiceSpec, harm: Harm) -> Iterator[Expected]:
    harmed = traffic_of(spec, harm.shares).harmed
    for name, wanted in harm.shares.items():
        slo = spec.slo(name)
        if slo is None:
            continue
        promise = promise_of(spec, slo)
        counted = promise.sli.ratio or promise.sli.latency
        share = bad_share(promise.sli, harmed) if counted else wanted
        if slo.slices and slo.slices.target is not None:  # whole slices are bad, or none
            share = float(1 - share < slo.slices.target)
        if (first := _first(promise, share)) is not None:
            tier, severity, after = first
            after += _lag(promise, harm)
            unit = _unit(promise)
            early = unit or TICK  # a slice is bad as soon as any moment of it is
            late = promise.base + scrape_interval(spec) + (unit if unit != promise.base else ZERO) + _window(promise)
            yield Expected(name, severity, tier, max(ZERO, after - early), after + late)


def _first(promise: Promise, share: float) -> tuple[str, Severity, timedelta] | None:
    """The tier that fires first, of those that page where any does."""
    traffic = slices_per_second(promise) or EVENTS_PER_SECOND
    times = [
        (found.after, tier)
        for tier in tiers_of(promise.slo)
        if (found := detection(promise, tier, share, traffic)).after is not None
    ]
    pages = [(after, tier) for after, tier in times if tier.severity == "page"]
    after, tier = min(pages or times, key=lambda pair: pair[0] or ZERO, default=(None, None))
    return None if after is None or tier is None else (tier.name, tier.severity, after)


def _unit(promise: Promise) -> timedelta:
    """The length of what is bad as a whole; zero where events are counted."""
    if promise.sli.throughput:
        return promise.sli.throughput.per
    if promise.slo.slices:
        return promise.slo.slices.length
    return promise.base if promise.sli.threshold or promise.sli.freshness else ZERO


def _window(promise: Promise) -> timedelta:
    """What is found in windows is known at their end."""
    return windows(promise.spec.signals).get(promise.sli.signal or "", ZERO)


def _lag(promise: Promise, harm: Harm) -> timedelta:
    """From the fault until anything is bad."""
    if promise.sli.freshness:
        return promise.sli.freshness.max_age
    return harm.lag if promise.sli.threshold else ZERO


def _of_signals(spec: ServiceSpec, harm: Harm) -> Iterator[Expected]:
    lengths = windows(spec.signals)
    turn = scrape_interval(spec) + max((promise_of(spec, slo).base for slo in spec.slos), default=ZERO)
    for signal in harm.signals:
        threshold = getattr(getattr(spec.signals, signal), "threshold", 0.0)
        first = lengths[signal] * threshold
        yield Expected(signal, "ticket", "", first, first + lengths[signal] + turn)
