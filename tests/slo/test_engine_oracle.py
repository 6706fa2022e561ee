"""The engine against a list of events added up the slow way."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from burnline.slo.windows import Tier, tiers
from burnline.store.schema import EPOCH, slo_memory, slo_tile

WINDOW = timedelta(hours=12)  # base interval 1 s; longer tiles of 5 s and 60 s
OBJECTIVE = 0.99
FIVE_MINUTES = timedelta(minutes=5)
SLO: dict[str, Any] = {
    "name": "availability",
    "objective": "99%",
    "window": "12h",
    "sli": {"ratio": {"bad": 'http_requests_total{status="500"}', "total": "http_requests_total"}},
}


@dataclass
class Oracle:
    """Every increment with the second it was seen in, and nothing else."""

    events: list[tuple[int, float, float, float]] = field(default_factory=list)  # second, bad, total, seconds covered
    last: dict[str, tuple[float, datetime]] = field(default_factory=dict)  # value and when, vanished ones too
    last_at: datetime | None = None

    def scrape(self, at: datetime, values: dict[str, float]) -> None:
        if self.last_at is None or at - self.last_at > FIVE_MINUTES:
            self.last = {}
        elif values:
            grown = {key: value - self.last.get(key, (0, at))[0] for key, value in values.items()}
            grown = {key: values[key] if grew < 0 else grew for key, grew in grown.items()}
            covered = (at - self.last_at).total_seconds()
            second = -(-(at - EPOCH) // timedelta(seconds=1))
            self.events.append((second, grown.get("500", 0), sum(grown.values()), covered))
        remembered = {key: pair for key, pair in self.last.items() if at - pair[1] <= FIVE_MINUTES}
        self.last_at, self.last = at, {**remembered, **{key: (value, at) for key, value in values.items()}}

    def window(
        self, now: datetime, length: timedelta, step: int, *, upto: int | None = None
    ) -> tuple[float, float, float]:
        end = (now - EPOCH) // timedelta(seconds=1)
        start = ((upto or end) - length // timedelta(seconds=1)) // step * step
        inside = [event for event in self.events if start < event[0] <= end]
        return sum(one[1] for one in inside), sum(one[2] for one in inside), sum(one[3] for one in inside)

    def long_rate(self, now: datetime, tier: Tier) -> float | None:
        step = 1 if tier.long <= timedelta(minutes=6) else 5
        return rate(*self.window(now, tier.long, step)[:2])

    def short_rate(self, now: datetime, tier: Tier) -> float | None:
        bad, total, seen = self.window(now, tier.short, 1)
        end = (now - EPOCH) // timedelta(seconds=1)
        past = [one[0] for one in self.events if one[0] <= end]
        if not seen and past and end - past[-1] <= 360 - tier.short.total_seconds():
            bad, total, _ = self.window(now, tier.short, 1, upto=past[-1])
        return rate(bad, total)


def rate(bad: float, total: float) -> float | None:
    return bad / total / (1 - OBJECTIVE) if total else None


@dataclass(frozen=True)
class Step:
    """What happens next."""

    seconds: float
    ok: int
    failed: int
    scrape: bool
    service_restarts: bool
    engine_restarts: bool


steps = st.lists(
    st.builds(
        Step,
        seconds=st.sampled_from([0.5, 1, 1, 2, 7, 45, 200, 299, 301, 2000]),
        ok=st.integers(0, 1000),
        failed=st.integers(0, 50),
        scrape=st.sampled_from([True, True, True, False]),
        service_restarts=st.sampled_from([False, False, False, True]),
        engine_restarts=st.sampled_from([False, False, False, True]),
    ),
    min_size=3,
    max_size=40,
)


def forget(tx: Any) -> None:
    tx.execute(delete(slo_tile))
    tx.execute(delete(slo_memory))


@given(steps)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_burn_rates_are_those_of_the_event_list(world: Any, story: list[Step]) -> None:
    world.db.write(forget)
    world.counters.clear()
    world.promise(SLO, interval="1s")
    oracle = saved = Oracle()

    for step in story:
        world.now += timedelta(seconds=step.seconds)
        if step.service_restarts:
            world.counters.clear()
        world.serve(ok=step.ok, failed=step.failed)
        if step.scrape:
            values = {dict(key)["status"]: value for key, value in world.counters.items()}
            world.scrape()
            oracle.scrape(world.now, values)
        if world.engine.run_once(world.now):
            saved = deepcopy(oracle)
        if step.engine_restarts:  # what came since the last save is counted again, by the next scrape
            world.restart()
            oracle = deepcopy(saved)
        compare(world, oracle)


def young(rate: float | None, seen: float, window: timedelta) -> float | None:
    """An SLO watched for less than the window has spent only its share."""
    return None if rate is None else rate * min(1, seen / window.total_seconds())


def compare(world: Any, oracle: Oracle) -> None:
    status = world.status()
    now = status.at
    bad, total, seen = oracle.window(now, WINDOW, 60)
    for burn, tier in zip(status.burns, tiers(WINDOW, OBJECTIVE), strict=True):
        assert burn.long_rate == pytest.approx(young(oracle.long_rate(now, tier), seen, tier.long))
        if not status.cause:
            assert burn.short_rate == pytest.approx(young(oracle.short_rate(now, tier), seen, tier.short))
    assert (status.counts.bad, status.counts.total) == (bad, total)
    remaining = None if not total else 1 - bad / total / (1 - OBJECTIVE) * min(1, seen / WINDOW.total_seconds())
    assert status.budget_remaining == pytest.approx(remaining, abs=1e-6)
