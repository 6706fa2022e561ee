"""Two engines, one definition: compiled rules and the embedded engine give the same burn rates on the same scrapes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from burnline.spec.units import format_duration
from tests.slo.conftest import AVAILABILITY, World
from tests.slo.promtool import Simulation, firing

pytestmark = pytest.mark.integration

MINUTE = timedelta(minutes=1)
LENGTH = 90  # minutes
SCRAPED_EVERY = "15s"


class Traffic:
    """Two pods with ordinary luck: calm, bursts of errors, silence, restarts, and now and then a missed scrape."""

    def __init__(self, seed: int, misses: float) -> None:
        self.random = Random(seed)
        self.misses = misses
        # one old request: the rules take a target's first series as a baseline, the embedded engine knows the target
        self.counters: dict[tuple[tuple[str, str], ...], int] = {(("pod", "a"), ("status", "200")): 1}
        self.share, self.rate, self.left = 0.0, 100, 0

    def minute(self) -> bool:
        """One minute of requests; whether the scrape at its end succeeds."""
        if self.left == 0:
            self.left = self.random.randint(4, 20)
            self.share = self.random.choice([0, 0, 0.002, 0.05, 1])
            self.rate = self.random.choice([0, 10, 100, 1000])
        self.left -= 1
        if self.random.random() < 0.03:  # pod b restarts
            self.counters = {key: 0 if ("pod", "b") in key else value for key, value in self.counters.items()}
        for pod in "ab":
            bad = round(self.rate * self.share)
            for status, count in (("200", self.rate - bad), ("500", bad)):
                key = (("pod", pod), ("status", status))
                if count or key in self.counters:
                    self.counters[key] = self.counters.get(key, 0) + count
        return self.random.random() >= self.misses


@pytest.mark.parametrize(("seed", "misses", "tolerance"), [(0, 0, 0), (1, 0, 0), (3, 0.05, 0.1), (5, 0.05, 0.1)])
def test_both_engines_give_the_same_burn_rates_and_pages(
    tmp_path: Path, world: World, seed: int, misses: float, tolerance: float
) -> None:
    """A missed scrape ages a young SLO by one interval less in the rules than in the embedded engine."""
    world.promise(AVAILABILITY, interval=SCRAPED_EVERY)
    traffic, scrapes = Traffic(seed, misses), []
    checks: list[tuple[str, str, float | None]] = []
    fired: list[tuple[str, bool]] = []
    missed = False
    for minute in range(LENGTH):
        # never two misses in a row: after two minutes the rules give up a gap, the embedded engine after five
        missed = not traffic.minute() and not missed and minute > 2
        scrapes.append(None if missed else dict(traffic.counters))
        world.counters = {key: float(value) for key, value in traffic.counters.items()}
        world.run(MINUTE if minute else timedelta(0), MINUTE, scrape=not missed)
        if not minute:
            world.scrape()
            world.engine.run_once(world.now)
        if minute > 1 and not missed:
            for burn in world.status().burns[:2]:
                checks.append((f"{minute}m", format_duration(burn.long_window), burn.long_rate))
                checks.append((f"{minute}m", format_duration(burn.short_window), burn.short_rate))
            fired.append((f"{minute}m", world.burn("page-fast").firing))

    simulation = Simulation(world.specs, _series(scrapes), t2=False)
    for at, window, rate in checks:
        recorded = f'burnline_slo_burn_rate{{window="{window}"}}'
        if rate is None:
            simulation.absent(at, recorded)
        else:
            simulation.holds(at, f"abs({recorded} - {rate!r}) <= {tolerance} * {rate!r} + 1e-6")
    for at, firing_now in fired:
        if firing_now:
            simulation.holds(at, firing("page-fast"))

    assert any(firing_now for _, firing_now in fired)
    simulation.run(tmp_path)


def _series(scrapes: list[dict[tuple[tuple[str, str], ...], int] | None]) -> dict[str, str]:
    keys = sorted({key for scrape in scrapes for key in scrape or {}})
    return {
        "http_requests_total{" + ",".join(f'{name}="{value}"' for name, value in key) + "}": " ".join(
            "_" if scrape is None or key not in scrape else str(scrape[key]) for scrape in scrapes
        )
        for key in keys
    }
