"""Every kind of promise at once, a random life, and kills at random: the killed engine is the one that lived."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from burnline.events import Sample
from tests.slo.conftest import FAST

START = {"day": 5, "hour": 18, "minute": 23}  # seven minutes before midnight in Kolkata
MINE = {"name": "mine", "severity": "page", "long": "2m", "short": "20s", "factor": 2, "for": "15s", "min_events": 5}
OTHER: dict[str, Any] = {**FAST, "sli": {"ratio": {"good": "fast_total", "total": "answered_total"}}}
SLOS: list[dict[str, Any]] = [
    FAST,
    {**OTHER, "name": "own-tiers", "tiers": [MINE, "ticket-slow"]},
    {**FAST, "name": "day", "objective": "99.5%", "window": {"calendar": "day", "tz": "Asia/Kolkata"}},
    {**OTHER, "name": "other", "objective": "90%"},
    {**FAST, "name": "sliced", "slices": {"length": "20s", "target": "95%"}},
    {**FAST, "name": "by-ratio", "slices": {"length": "30s"}},
    {**FAST, "name": "share", "sli": {"threshold": {"gauge": "depth", "above": 50, "for": "40%"}}},
    {**FAST, "name": "fresh", "sli": {"freshness": {"timestamp": "done_seconds", "max_age": "30s"}}},
    {**FAST, "name": "flow", "sli": {"throughput": {"counter": "answered_total", "at_least": 150, "per": "15s"}}},
    {**FAST, "name": "weighted", "sli": {"composite": {"weighted": {"availability": 3, "other": 1, "sliced": 2}}}},
    {**FAST, "name": "worst", "sli": {"composite": {"worst_of": ["availability", "flow"]}}},
    {**FAST, "name": "all", "sli": {"composite": {"all_of": ["availability", "other", "fresh"]}}},
]
EXCLUDE = [
    {"from": "2026-01-05T18:24:10Z", "for": "95s", "reason": "move"},
    {"rrule": "FREQ=HOURLY", "from": "2026-01-01T00:33:00", "for": "1m", "reason": "hourly", "slos": ["other", "flow"]},
]


class Life:
    """What the service's page shows as time passes, the same for all who look."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.values = dict.fromkeys(("ok", "failed", "fast_total", "answered_total", "depth"), 0.0)
        self.done = 0.0

    def pass_by(self, now: float) -> list[Sample]:
        chance, values = self.random, self.values
        if chance.random() < 0.01:
            values.update(dict.fromkeys(values, 0.0))  # the service restarts
        burst = chance.random() < 0.2
        values["ok"] += chance.randint(0, 100)
        values["failed"] += chance.randint(0, 30) if burst else 0
        answered = chance.randint(0, 20)
        values["answered_total"] += answered
        values["fast_total"] += answered - (chance.randint(0, answered) if burst else 0)
        values["depth"] = chance.randint(0, 100)
        self.done = now if chance.random() < 0.1 else self.done
        return [
            Sample("http_requests_total", {"status": "200"}, values["ok"]),
            Sample("http_requests_total", {"status": "500"}, values["failed"]),
            *(Sample(name, {}, values[name]) for name in ("fast_total", "answered_total", "depth")),
            Sample("done_seconds", {}, self.done),
        ]


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_engine_is_the_one_that_lived(twins: Any, seed: int) -> None:
    life, chance = Life(seed), random.Random(seed + 1000)
    twins.go_to(twins.living.now.replace(**START))
    twins.promise(*SLOS, interval="1s", exclude=EXCLUDE)

    for _ in range(120):
        step = chance.choice([1, 1, 2, 3, 7, 20])  # each ends a tile, so each is kept
        now = twins.living.now + timedelta(seconds=step)
        twins.go_to(now)
        samples = life.pass_by(now.timestamp())
        for world in twins.worlds:
            world.scrape(samples)
            world.engine.run_once(now)
        twins.compare()
        if chance.random() < 0.15:
            twins.kill()

    assert len(twins.living.engine.statuses()) == len(SLOS)
    assert any(burn.firing for status in twins.living.engine.statuses() for burn in status.burns)


def test_an_engine_that_comes_back_late_is_the_one_that_lived_without_data(twins: Any) -> None:
    """The living one takes its turns while nothing can be scraped; the other is dead meanwhile."""
    life, chance = Life(7), random.Random(2007)
    twins.go_to(twins.living.now.replace(**START))
    twins.promise(*SLOS, interval="1s", exclude=EXCLUDE)

    for away in (200, 3, 30):
        for _ in range(chance.randint(5, 40)):
            now = twins.living.now + timedelta(seconds=1)
            twins.go_to(now)
            samples = life.pass_by(now.timestamp())
            for world in twins.worlds:
                world.scrape(samples)
                world.engine.run_once(now)
        twins.kill()
        for _ in range(away):
            twins.go_to(twins.living.now + timedelta(seconds=2))
            twins.living.engine.run_once(twins.living.now)
        twins.mortal.engine.run_once(twins.mortal.now)
        twins.compare()
