"""The replay decides at every moment what the embedded engine's group decides tick by tick."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from burnline.events import SloStatus
from burnline.slo.backtest.replay import STATES, Replay, replay
from burnline.slo.burn import budget_remaining
from burnline.slo.group import Evaluation, Group, groups_of
from burnline.slo.promise import promises_of
from burnline.slo.ring import Array
from burnline.slo.status import Snapshot, Watch, cause, silence, told
from burnline.spec.service import ServiceSpec

START = datetime(2026, 3, 28, 22, 43, tzinfo=UTC)  # the night on which clocks go forward in Berlin
RATIO = {"ratio": {"bad": "b", "total": "t"}}
HOLDS = [
    {"name": "held", "severity": "page", "long": "1m", "short": "5s", "factor": 3, "for": "7s"},
    {"name": "slow", "severity": "ticket", "long": "30m", "factor": 1, "min_events": 900},
]
SHORT: list[dict[str, Any]] = [
    {"name": "plain", "sli": RATIO},
    {"name": "strict", "sli": RATIO, "objective": "99.9%", "min_events": 400, "min_bad_events": 0},
    {"name": "own", "sli": RATIO, "tiers": HOLDS},
    {"name": "gauge", "sli": {"threshold": {"gauge": "g", "above": 1}}},
    {"name": "share", "sli": {"threshold": {"gauge": "g", "above": 1, "for": "50%"}}},
    {"name": "flow", "sli": {"throughput": {"counter": "c", "at_least": 300, "per": "30s"}}},
    {"name": "sliced", "sli": RATIO, "slices": {"length": "10s", "target": "90%"}},
    {"name": "by-ratio", "sli": RATIO, "slices": {"length": "10s"}},
    {"name": "weighted", "sli": {"composite": {"weighted": {"plain": 3, "strict": 1}}}},
    {"name": "worst", "sli": {"composite": {"worst_of": ["plain", "sliced"]}}},
    {"name": "all", "sli": {"composite": {"all_of": ["plain", "strict"]}}},
]
EXCLUDE = [{"from": "2026-03-28T22:53:00Z", "for": "4m", "reason": "work", "slos": ["plain", "flow"]}]


def service(*slos: dict[str, Any], window: Any = "12h", **more: Any) -> ServiceSpec:
    whole = [{"objective": "95%", "window": window, **slo} for slo in slos]
    body = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "slos": whole, **more}
    return ServiceSpec.model_validate(body)


def history(group: Group, seed: int, ticks: int) -> None:
    """Bursts of errors, idle times, gaps; counted into the group as the engine counts."""
    random = np.random.default_rng(seed)
    level, mode, until = 0.0, 0, 0
    for tick in range(ticks):
        if tick >= until:
            mode, until = int(random.integers(0, 5)), tick + int(random.integers(5, 400))
            level = float(random.choice([0, 0.001, 0.02, 0.3, 1.0]))
        if mode:  # else nothing is observed
            for feed in group.plan.feeds:
                total = float(random.poisson(12)) if mode > 1 else 0.0  # else it is idle
                bad = float(random.binomial(int(total), level))
                at, threshold = START + tick * group.base, feed.promise.sli.threshold
                if threshold and threshold.share is None:
                    group.slice(at, feed.column, bad=bad > 0, seen=1)
                else:
                    group.count(at, feed.column, bad=bad, total=total, seen=1)


def statuses(group: Group, seen: Evaluation) -> tuple[tuple[SloStatus, ...], tuple[str, ...]]:
    """What the engine says of the group now, and why of those that are unknown."""
    why = group.excluded.why(group.closed)
    causes = []
    for column, promise in enumerate(group.promises):
        last = int(seen.last_seen[column])
        heard = group.time_of(last) if last >= 0 else None
        quiet = cause(promise, Watch(), heard, at=group.closed_at, after=silence(promise, group.base))
        causes.append(told(why.get(column)) or quiet)
    return Snapshot(group, seen, tuple(causes), why).statuses, tuple(causes)


def alike(spec: ServiceSpec, seed: int, ticks: int) -> None:
    """Live through every tick of one group, and look at the same moment of the replay of another."""
    replayed, lived = (groups_of(list(promises_of(spec))) for _ in range(2))
    for one, other in zip(replayed, lived, strict=True):
        history(one, seed, ticks)
        history(other, seed, ticks)
        until = START + ticks * one.base
        compare(other, replay(one, until), until)


def near(one: float, other: float) -> bool:
    """As `pytest.approx(other, nan_ok=True)` has it, of which a test here would make half a million."""
    return one == other or abs(one - other) <= max(1e-6 * abs(other), 1e-12) or bool(np.isnan(one) and np.isnan(other))


def compare(group: Group, found: dict[str, Replay], until: datetime) -> None:
    first = group.time_of(min(group.pending))
    out = np.zeros((len(group.schedule), len(group.promises)), bool)
    for index in range((until - first) // group.base + 1):
        group.close_upto(first + index * group.base)
        seen = group.evaluate()
        assert seen is not None
        whole, causes = statuses(group, seen)
        for column, status in enumerate(whole):
            each = found[status.slo]
            assert each.at[index] == status.at.timestamp()
            assert STATES[each.state[index]] is status.state, (status.slo, status.at)
            left = np.nan if status.budget_remaining is None else status.budget_remaining
            assert near(each.remaining[index], left), (status.slo, status.at)
            compare_tiers(group, each, seen, status, column=column, index=index, out=out, known=not causes[column])


def compare_tiers(
    group: Group, each: Replay, seen: Evaluation, status: SloStatus, *, column: int, index: int, out: Any, known: bool
) -> None:
    rows = [row for row in range(len(group.schedule)) if group.tiers.usable[row, column]]
    for row, tier, burn in zip(rows, each.tiers, status.burns, strict=True):
        place = (status.slo, burn.tier, status.at)
        assert near(tier.long[index], seen.long[row, column]), place
        assert near(tier.short[index], seen.short[row, column]), place
        assert tier.firing[index] == burn.firing, place
        below = any(rate is not None and rate < burn.factor for rate in (burn.long_rate, burn.short_rate))
        below |= burn.long_rate is None
        out[row, column] = burn.firing or (out[row, column] and not (below and known))
        assert tier.alert[index] == out[row, column], place


@pytest.mark.parametrize("seed", range(2))
def test_every_kind_is_decided_as_the_engine_decides(seed: int) -> None:
    alike(service(*SHORT, exclude=EXCLUDE), seed, ticks=900)  # a minute longer than what is excluded


def test_a_calendar_day_begins_again_where_its_clocks_say() -> None:
    day = {"calendar": "day", "tz": "Europe/Berlin"}

    alike(service({"name": "plain", "sli": RATIO}, window=day), seed=7, ticks=1200)


def test_a_month_of_minutes_is_decided_as_the_engine_decides() -> None:
    alike(
        service({"name": "plain", "sli": RATIO, "objective": "99.5%"}, window="30d"), seed=11, ticks=1700
    )  # over a day


def test_nothing_counted_gives_nothing() -> None:
    [group] = groups_of(list(promises_of(service({"name": "plain", "sli": RATIO}))))

    assert replay(group, START + timedelta(hours=1)) == {}


def test_remaining_budget_is_the_formula() -> None:
    [group] = groups_of(list(promises_of(service({"name": "plain", "sli": RATIO}))))
    group.count(START, 0, bad=3, total=10, seen=1)

    found: Array = replay(group, START)["plain"].remaining

    assert found[-1] == pytest.approx(budget_remaining(3, 10, 0.95, observed=1 / 43_200))
