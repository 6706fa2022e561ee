"""SLOs taken together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from burnline.events import Counts, Sample, SloState
from tests.slo.conftest import AVAILABILITY

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
FAST = {
    **AVAILABILITY,
    "name": "fast",
    "objective": "90%",
    "window": "28d",
    "sli": {"ratio": {"bad": "slow_total", "total": "answered_total"}},
}
WEIGHTED = {**AVAILABILITY, "name": "both", "sli": {"composite": {"weighted": {"availability": 3, "fast": 1}}}}
WORST = {**AVAILABILITY, "name": "both", "sli": {"composite": {"worst_of": ["availability", "fast"]}}}
ALL = {**AVAILABILITY, "name": "both", "objective": "99%", "sli": {"composite": {"all_of": ["availability", "fast"]}}}


class Shop:
    """A service with two pairs of counters."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(("ok", "failed", "answered", "slow"), 0.0)

    def run(self, world: Any, minutes: int, **grown: float) -> None:
        for _ in range(minutes):
            world.now += MINUTE
            for name, count in grown.items():
                self.counts[name] += count
            world.scrape(self.samples())
        world.engine.run_once(world.now)

    def samples(self) -> list[Sample]:
        counts = self.counts
        return [
            Sample("http_requests_total", {"status": "200"}, counts["ok"]),
            Sample("http_requests_total", {"status": "500"}, counts["failed"]),
            Sample("answered_total", {}, counts["answered"]),
            Sample("slow_total", {}, counts["slow"]),
        ]


def run_both(twins: Any, shops: tuple[Shop, Shop], minutes: int, **grown: float) -> None:
    for world, shop in zip(twins.worlds, shops, strict=True):
        shop.run(world, minutes, **grown)
    twins.compare()


def test_a_weighted_slo_is_the_average_of_its_members_ratios(world: Any) -> None:
    world.promise(AVAILABILITY, FAST, WEIGHTED)

    Shop().run(world, 61, ok=98, failed=2, answered=20, slow=1)
    status = world.status("both")

    error = (3 * 0.02 + 1 * 0.05) / 4
    assert status.sli == pytest.approx(1 - error)
    assert status.counts.total == pytest.approx(60 * 120)
    assert status.counts.bad == pytest.approx(error * 60 * 120)
    assert status.burns[0].long_rate == pytest.approx(error / 0.001)
    assert status.burns[0].firing


def test_a_member_without_traffic_weighs_nothing(world: Any) -> None:
    world.promise(AVAILABILITY, FAST, WEIGHTED)

    Shop().run(world, 61, ok=98, failed=2)

    assert world.status("both").sli == pytest.approx(0.98)
    assert world.status("both").state is not SloState.UNKNOWN


def test_the_worst_member_decides(world: Any) -> None:
    world.promise(AVAILABILITY, FAST, WORST)

    Shop().run(world, 61, ok=98, failed=2, answered=20, slow=1)

    assert world.status("both").sli == pytest.approx(0.95)


def test_all_of_counts_minutes_in_which_any_member_missed_its_own_objective(world: Any) -> None:
    shop = Shop()
    world.promise(AVAILABILITY, FAST, ALL)
    shop.run(world, 11, ok=100, answered=100)
    shop.run(world, 3, ok=100, answered=100, slow=10)  # 90 % is kept at 90 %
    shop.run(world, 2, ok=100, answered=100, slow=11)
    shop.run(world, 1, ok=90, failed=10, answered=100)
    shop.run(world, 5)  # nobody is there

    assert world.status("both").counts == Counts(3, 16)


def test_a_member_without_data_makes_the_composite_unknown_and_is_named(world: Any) -> None:
    world.promise(AVAILABILITY, FAST, WEIGHTED)

    world.run(10 * MINUTE, MINUTE, ok=100)  # a page without answered_total

    assert world.status("both").state is SloState.UNKNOWN
    assert world.status("both").cause.startswith("fast: no sample of answered_total yet")


@pytest.mark.parametrize("composite", [WEIGHTED, WORST, ALL], ids=["weighted", "worst", "all"])
def test_a_killed_engine_takes_together_what_one_that_lived_does(twins: Any, composite: dict[str, Any]) -> None:
    shops = Shop(), Shop()
    twins.promise(AVAILABILITY, FAST, composite)

    for turn in range(6):
        run_both(twins, shops, 13, ok=100, failed=turn, answered=50, slow=3 * turn)
        twins.kill()
    assert twins.status("both").counts.bad > 0
    run_both(twins, shops, 2)
    twins.kill()


def test_a_month_of_members_is_counted_from_its_start(twins: Any) -> None:
    shops = Shop(), Shop()
    twins.go_to(twins.living.now.replace(day=31, hour=23, minute=30))
    twins.promise(AVAILABILITY, FAST, {**WEIGHTED, "window": {"calendar": "month"}})
    run_both(twins, shops, 30, failed=100, answered=50, slow=50)
    run_both(twins, shops, 45, ok=98, failed=2, answered=50)
    twins.kill()
    run_both(twins, shops, 45, ok=98, failed=2, answered=50)
    twins.kill()

    assert twins.status("both").counts.total == pytest.approx(90 * 150)
    assert twins.status("both").sli == pytest.approx(1 - 0.75 * 0.02)


def test_charts_and_reads_of_a_composite_agree_with_its_status(world: Any) -> None:
    engine = world.promise(AVAILABILITY, FAST, WEIGHTED)
    Shop().run(world, 181, ok=98, failed=2, answered=20, slow=1)
    status = world.status("both")

    read = engine.read_sli("shop", "both", world.now - HOUR, world.now)
    chart = engine.history("shop", "both", world.now - HOUR)

    assert read.bad / read.total == pytest.approx(1 - status.sli)
    assert chart.budget_remaining[-1] == pytest.approx(status.budget_remaining)
    assert chart.burn_rate[HOUR][-1] == pytest.approx(status.burns[0].long_rate)
    assert chart.sli[-1] == pytest.approx(status.sli)
    assert chart.known[5:].all()


def test_a_member_that_is_sliced_is_taken_by_its_slices(world: Any) -> None:
    sliced = {**AVAILABILITY, "slices": {"length": "5m", "target": "99%"}}
    world.promise(sliced, FAST, WORST)

    Shop().run(world, 60, ok=90, failed=10, answered=20, slow=1)

    assert world.status("both").sli == 0


def test_what_excludes_the_composite_leaves_its_members_alone(world: Any) -> None:
    noon = {"from": "2026-01-05T12:10:00Z", "to": "2026-01-05T12:20:00Z", "reason": "move", "slos": ["both"]}
    world.promise(AVAILABILITY, FAST, WEIGHTED, exclude=[noon])

    Shop().run(world, 15, ok=98, failed=2, answered=20)

    assert world.status("both").excluded == "excluded until 12:20:00 UTC: move"
    assert world.status("both").counts.total == pytest.approx(9 * 120)
    assert world.status("availability").counts.total == 14 * 100
