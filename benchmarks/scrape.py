"""The cost of a scrape: 10,000 and 100,000 series of queues, against prometheus_client's `generate_latest`.

Ratios of CPU time in the same run, the best of several turns. Collecting counts on both sides: the client's objects
are made from the same samples, or are its own instruments. Before each page every value has changed (`new values`), or
none has (`same turn`, as for the second of two Prometheus). Beside it, what packing costs, and what a part of the page
does to it that hangs (by the clock, as nothing is computed meanwhile).
Run: python benchmarks/scrape.py [SERIES...]
"""

from __future__ import annotations

import gc
import gzip
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry, Gauge, Metric, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from burnline.collectors.exposition import Turns, families, register
from burnline.events import Collection, Sample
from burnline.exposition.negotiate import choose_format
from burnline.exposition.parts import Part, gather
from burnline.exposition.renderer import Renderer
from burnline.metrics import queues

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
NAMES = (queues.READY, queues.INFLIGHT, queues.OLDEST_AGE, queues.ARRIVED)
TURNS = 7


def turn(series: int, number: int, rng: random.Random) -> Collection:
    """One collector's turn: counters, whole numbers and measured ones, four labels each."""
    samples = []
    for each in range(series // len(NAMES)):
        labels = {"queue": f"transactions-{each}", "backend": "redis", "group": f"scorers-{each % 7}"}
        values = (rng.randrange(10_000), rng.randrange(100), rng.random() * 300, rng.randrange(10**9))
        samples += [Sample(name, dict(labels), float(value)) for name, value in zip(NAMES, values, strict=True)]
    at = START + timedelta(seconds=15 * number)
    return Collection("card-fraud", "redis", "", at, 0.1, True, tuple(samples), measured=True)


class FromTurns(Collector):
    """A registry's view of the newest turn, as it was before the renderer."""

    def __init__(self) -> None:
        self.turn: Collection | None = None

    def collect(self) -> Iterator[Metric]:
        return families([self.turn] if self.turn else [])

    def describe(self) -> list[Metric]:
        return []


def best_ms(prepare: Callable[[int], object], work: Callable[[], object]) -> float:
    """CPU milliseconds of the cheapest turn; what `prepare` does is not counted, nor the first turn."""
    best = float("inf")
    for number in range(TURNS + 1):
        prepare(number)
        gc.collect()
        start = time.process_time()
        work()
        if number:
            best = min(best, time.process_time() - start)
    return best * 1000


def instruments(series: int) -> tuple[CollectorRegistry, list[object]]:
    """As many gauges of the client's own."""
    registry = CollectorRegistry()
    gauge = Gauge("burnline_bench", "Gauges.", ["service", "queue", "backend", "group"], registry=registry)
    return registry, [
        gauge.labels("card-fraud", f"transactions-{n}", "redis", f"scorers-{n % 7}") for n in range(series)
    ]


def measure(series: int) -> None:
    """One size, with all its rows."""
    rng = random.Random(1)
    turns = [turn(series, number, rng) for number in range(TURNS + 1)]
    source, now, renderer = FromTurns(), [turns[0]], Renderer(register())
    sources, text, openmetrics = Turns(), choose_format(""), choose_format(OPENMETRICS)
    registry = CollectorRegistry()
    registry.register(source)

    def take(number: int) -> None:
        source.turn = now[0] = turns[number]

    theirs = best_ms(take, lambda: generate_latest(registry))
    theirs_open = best_ms(take, lambda: generate_openmetrics(registry))  # type: ignore[no-untyped-call] # its own gap
    ours = best_ms(take, lambda: renderer.render(text, [], sources.sources(now)))
    ours_open = best_ms(take, lambda: renderer.render(openmetrics, [], sources.sources(now)))
    again = best_ms(lambda _: None, lambda: renderer.render(text, [], sources.sources(now)))
    first = best_ms(take, lambda: Renderer(register()).render(text, [], Turns().sources(now)))
    own, gauges = instruments(series)

    def set_all(number: int) -> None:
        for gauge in gauges:
            gauge.set(rng.random() * number)  # type: ignore[attr-defined] # children of a gauge

    theirs_own = best_ms(set_all, lambda: generate_latest(own))
    ours_own = best_ms(set_all, lambda: renderer.render(text, own.collect()))
    page = renderer.render(text, [], sources.sources(now))
    print(f"{series:,} series, {len(page) / 1e6:.1f} MB")
    row("generate_latest, from samples", theirs)
    row("  burnline, new values", ours, theirs)
    row("  burnline, same turn", again, theirs)
    row("  burnline, first page (nothing kept)", first, theirs)
    row("OpenMetrics of the client, from samples", theirs_open)
    row("  burnline, new values", ours_open, theirs_open)
    row("generate_latest, of the client's gauges", theirs_own)
    row("  burnline, of the same gauges", ours_own, theirs_own)
    for level in (1, 6, 9):
        packed = gzip.compress(page, level)
        spent = best_ms(lambda _: None, lambda level=level: gzip.compress(page, level))  # type: ignore[misc]
        row(f"  gzip level {level}: {len(packed) / len(page):.1%} of the size", spent)


def wedged(deadline_seconds: float) -> None:
    """A page of three parts of which one hangs, and the next page while it still does."""
    ending = threading.Event()
    parts = [Part("host", bool), Part("queues", bool), Part("wedged", lambda: ending.wait(60))]
    for what in ("a part that hangs", "  the page after it, as it still hangs"):
        start = time.perf_counter()
        answers = gather(parts, deadline_seconds)
        spent, well = time.perf_counter() - start, sum(answer.ok for answer in answers)
        row(f"{what}: {well} of {len(parts)} parts", spent * 1000)
    ending.set()


def row(name: str, spent: float, against: float = 0.0) -> None:
    """One line."""
    print(f"  {name:44} {spent:9.2f} ms" + (f"  {against / spent:6.1f}x" if against else ""))


def main(sizes: list[int]) -> None:
    """Measure and print."""
    for size in sizes:
        measure(size)
    for deadline in (0.5, 2.0):
        print(f"a part of the page hangs, its deadline is {deadline:g} s")
        wedged(deadline)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [10_000, 100_000])
