"""Two engines, one history: the same events and the same alert episodes, for every kind that both can count.

Prometheus' side is its own engine in promtool, with the stale markers that it writes when a scrape fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from burnline.events import Sample
from tests.slo.conftest import World
from tests.slo.promtool import Simulation, firing

pytestmark = pytest.mark.integration

SCRAPE = timedelta(seconds=15)
MINUTES = 100
PER_MINUTE = 4
RATIO = {"ratio": {"bad": 'http_requests_total{status="500"}', "total": "http_requests_total"}}
EVERY = {"objective": "99%", "window": "30d"}
SLOS: list[dict[str, Any]] = [
    {"name": "availability", **EVERY, "sli": RATIO},
    {"name": "fast", **EVERY, "sli": {"latency": {"histogram": "wait_seconds", "below": "1s"}}},
    {"name": "minutes", **EVERY, "slices": {"length": "5m", "target": "95%"}, "sli": RATIO},
    {"name": "parts", **EVERY, "slices": {"length": "5m"}, "sli": RATIO},
    {"name": "weighted", **EVERY, "sli": {"composite": {"weighted": {"availability": 3, "fast": 1}}}},
    {"name": "worst", **EVERY, "sli": {"composite": {"worst_of": ["availability", "fast"]}}},
    {"name": "all", **EVERY, "sli": {"composite": {"all_of": ["availability", "fast"]}}},
]
LOST = 0.05
TIERS = ("page-fast", "page-slow", "ticket-fast")
Series = tuple[str, str]  # name, label as PromQL writes it


class Pod:
    """One target: its counters, whether it answers, and until when it lives."""

    def __init__(self, number: int, born: int, random: Random) -> None:
        self.number, self.born = number, born
        self.dies = born + random.randrange(60, 400)
        self.silent = 0  # scrapes still to fail
        self.start(random.randrange(10_000))

    def start(self, ok: int) -> None:
        self.counts: dict[Series, int] = {
            ("http_requests_total", 'status="200"'): ok,
            ("wait_seconds_bucket", 'le="1"'): ok,
            ("wait_seconds_bucket", 'le="+Inf"'): ok,
            ("wait_seconds_count", ""): ok,
        }

    def serve(self, requests: int, failed: int, slow: int) -> None:
        for key, more in {
            ("http_requests_total", 'status="200"'): requests - failed,
            ("http_requests_total", 'status="500"'): failed,
            ("wait_seconds_bucket", 'le="1"'): requests - slow,
            ("wait_seconds_bucket", 'le="+Inf"'): requests,
            ("wait_seconds_count", ""): requests,
        }.items():
            if more or key in self.counts:  # the first failure makes the series
                self.counts[key] = self.counts.get(key, 0) + more


def history(seed: int) -> Iterator[list[tuple[Pod, bool]]]:
    """The pods alive at each scrape, and whether theirs succeeds: churn, restarts, misses, idle times and bursts."""
    random = Random(seed)
    pods, born = [Pod(number, 0, random) for number in range(3)], 3
    left, share, rate = 0, 0.0, 20
    for step in range(MINUTES * PER_MINUTE + 1):
        if left == 0:
            left = random.randrange(20, 80)
            share, rate = random.choice([0, 0, 0.004, 0.2, 1]), random.choice([0, 5, 20, 20])
        left -= 1
        if any(pod.dies == step for pod in pods):
            pods = [pod for pod in pods if pod.dies != step]
            pods.append(Pod(born, step, random))
            born += 1
        for pod in pods:
            if random.random() < 0.004:
                pod.start(0)
            if step > pod.born:
                pod.serve(rate, round(rate * share), round(rate * share / 4))
            pod.silent = pod.silent - 1 if pod.silent else random.choice([0] * 150 + [1, 2, 5])
        yield [(pod, step < PER_MINUTE or not pod.silent) for pod in pods]


def played(
    world: World, seed: int, slos: Sequence[Mapping[str, Any]] = SLOS
) -> tuple[dict[str, str], dict[tuple[str, str], list[bool]]]:
    """Both sides' history: the series for promtool, and what fires in the embedded engine at each minute."""
    world.promise(*slos)
    values: dict[str, list[str]] = {}
    fires: dict[tuple[str, str], list[bool]] = {}
    for step, alive in enumerate(history(seed)):
        world.now += SCRAPE if step else timedelta(0)
        seen: dict[str, int] = {}
        for pod, answers in alive:
            if not answers:
                continue
            where = f'job="shop",instance="{pod.number}:1"'
            seen |= {
                f"{name}{{{f'{label},' if label else ''}{where}}}": count for (name, label), count in pod.counts.items()
            }
            samples = [Sample(name, _labels(label), float(count)) for (name, label), count in pod.counts.items()]
            world.scrape(samples, target=f"http://{pod.number}:1/metrics")
        for key in seen.keys() | values.keys():
            kept = values.setdefault(key, ["_"] * step)
            gone = bool(kept) and kept[-1] not in ("_", "stale")
            kept.append(str(seen[key]) if key in seen else "stale" if gone else "_")
        if step % PER_MINUTE == 0:
            world.engine.run_once(world.now)
            for status in world.engine.statuses():
                for burn in status.burns:
                    fires.setdefault((status.slo, burn.tier), []).append(burn.firing)
    return {key: " ".join(kept) for key, kept in values.items()}, fires


def _labels(written: str) -> dict[str, str]:
    name, _, value = written.partition("=")
    return {name: value.strip('"')} if name else {}


@pytest.mark.parametrize("seed", [1, 2])
def test_both_engines_count_the_same_events_and_fire_in_the_same_minutes(
    tmp_path: Path, world: World, seed: int
) -> None:
    """Rates at the very threshold, and a young SLO's age after a missed scrape, may differ by a minute.

    What a pod counts in its first and its last minute is partly lost to the rules, which look once a minute.
    """
    series, fires = played(world, seed)
    simulation = Simulation(world.specs, series, sampling="15s")

    for slo in SLOS:
        status = world.status(str(slo["name"]))
        for event, count in (("bad", status.counts.bad), ("total", status.counts.total)):
            recorded = f'slo:events:increase_window{{slo="{slo["name"]}",event="{event}"}}'
            simulation.holds(f"{MINUTES}m", f"abs({count!r} - {recorded}) <= {LOST} * {count!r} + 1e-6")
        for tier in TIERS:
            steady(simulation, str(slo["name"]), tier, fires[str(slo["name"]), tier])

    assert sum(any(each) for each in fires.values()) >= 3
    simulation.run(tmp_path)


def steady(simulation: Simulation, slo: str, tier: str, fires: list[bool]) -> None:
    """At every minute whose neighbours say the same, Prometheus says it too."""
    for minute in range(2, len(fires) - 1):
        if fires[minute - 1] == fires[minute] == fires[minute + 1]:
            check = simulation.holds if fires[minute] else simulation.absent
            check(f"{minute}m", firing(tier, slo))
