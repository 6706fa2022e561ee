"""One tick of the embedded engine: 10,000 SLOs, each over its 8 alert windows and its period.

Beside it, in the same run, the same sums in a plain Python loop over the SLOs.
Run: python benchmarks/engine_tick.py [SLOS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from burnline.events import Collection, Sample
from burnline.slo.engine import EmbeddedEngine
from burnline.slo.group import Group
from burnline.slo.promise import promises_of
from burnline.slo.ring import Array
from burnline.slo.status import Snapshot
from burnline.slo.windows import all_tiers
from burnline.spec.service import ServiceSpec
from burnline.store.database import open_database

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PERIOD = timedelta(days=30)
WARM_TICKS = 300
TIMED_TICKS = 20


def spec_of(slos: int) -> ServiceSpec:
    promises = [
        {
            "name": f"slo-{number}",
            "objective": "99.9%",
            "window": "30d",
            "sli": {"ratio": {"bad": f"bad_{number}_total", "total": f"all_{number}_total"}},
        }
        for number in range(slos)
    ]
    body = {"apiVersion": "burnline/v1", "service": "bench", "owner": "team", "slos": promises}
    return ServiceSpec.model_validate(body)


def median_ms(work: Callable[[], object], turns: int = TIMED_TICKS) -> float:
    spent = []
    for _ in range(turns):
        start = time.perf_counter()
        work()
        spent.append((time.perf_counter() - start) * 1000)
    return statistics.median(spent)


class PlainLoop:
    """The same running sums and windows, one SLO after the other."""

    def __init__(self, slos: int, lengths: list[int], factors: list[float]) -> None:
        self.lengths, self.factors = lengths, factors
        rows = max(lengths) + 1
        self.bad = [[0.0] * rows for _ in range(slos)]
        self.total = [[0.0] * rows for _ in range(slos)]
        self.at = 0

    def tick(self, bad: list[float], total: list[float]) -> list[list[bool]]:
        rows = len(self.bad[0])
        before, self.at = self.at, (self.at + 1) % rows
        firing = []
        for slo in range(len(self.bad)):
            bads, totals = self.bad[slo], self.total[slo]
            bads[self.at] = bads[before] + bad[slo]
            totals[self.at] = totals[before] + total[slo]
            rates = []
            for length in self.lengths:
                start = (self.at - length) % rows
                events = totals[self.at] - totals[start]
                rates.append((bads[self.at] - bads[start]) / events / 0.001 if events else 0.0)
            pairs = zip(rates[::2], rates[1::2], self.factors, strict=True)
            firing.append([long > factor and short > factor for long, short, factor in pairs])
        return firing


def vectorised(spec: ServiceSpec, events: Array) -> tuple[float, float]:
    group = Group(list(promises_of(spec)))
    rings = group.start(0)
    for _ in range(WARM_TICKS):
        rings.push(events)

    def tick() -> None:
        rings.push(events)
        group.evaluate()

    evaluation = group.evaluate()
    assert evaluation is not None
    causes = ("",) * len(group.promises)
    return median_ms(tick), median_ms(lambda: Snapshot(group, evaluation, causes).statuses, turns=3)


def plain(slos: int, events: Array) -> float:
    tiers = all_tiers(PERIOD)
    lengths = [length // MINUTE for tier in tiers for length in (tier.long, tier.short)]
    loop = PlainLoop(slos, lengths, [tier.factor for tier in tiers])
    bad, total = events[0].tolist(), events[1].tolist()
    return median_ms(lambda: loop.tick(bad, total), turns=5)


def whole_turns(spec: ServiceSpec) -> tuple[float, float]:
    """A scrape of two series per SLO, and `run_once` with everything kept in SQLite (synchronous=FULL)."""
    turn = 0
    with tempfile.TemporaryDirectory() as folder:
        db = open_database(f"sqlite:///{folder}/bench.db")
        engine = EmbeddedEngine(db, (spec,))

        def observe() -> None:
            nonlocal turn
            turn += 1
            samples = []
            for number in range(len(spec.slos)):
                samples.append(Sample(f"bad_{number}_total", {}, turn))
                samples.append(Sample(f"all_{number}_total", {}, 100.0 * turn))
            at = START + turn * MINUTE
            engine.observe(Collection("bench", "scrape", "http://bench", at, 0.1, True, tuple(samples)))

        observing, running = [], []
        for _ in range(6):
            observing.append(median_ms(observe, turns=1))
            running.append(median_ms(lambda: engine.run_once(START + turn * MINUTE), turns=1))
        db.close()
    return statistics.median(observing[1:]), statistics.median(running[1:])


def main(slos: int) -> None:
    spec = spec_of(slos)
    rng = np.random.default_rng(1)
    total = rng.integers(100, 1000, slos).astype(float)
    events = np.array([np.floor(total * 0.002), total, np.ones(slos)])
    tick, status = vectorised(spec, events)
    loop = plain(slos, events)
    memory = Group(list(promises_of(spec_of(1)))).layout.bytes_per_slo
    observe, run = whole_turns(spec)
    print(f"{slos} SLOs x 8 windows, median of a tick")
    print(f"  engine: push, windows, rates, tiers     {tick:9.2f} ms")
    print(f"  plain Python loop, the same sums        {loop:9.2f} ms   {loop / tick:.0f} times as long")
    print(f"  engine: statuses for all, when asked    {status:9.2f} ms")
    print(f"  a scrape of {2 * slos} series             {observe:9.2f} ms")
    print(f"  run_once, all of it kept (fsync)        {run:9.2f} ms")
    print(f"  ring memory per SLO                     {memory:9d} bytes")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
