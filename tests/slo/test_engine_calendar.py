"""Calendar periods in the engine: the budget is that of the month, the alerts do not notice its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from burnline.events import Counts, SloState
from burnline.store.slo import ENDED, tiles
from tests.slo.conftest import AVAILABILITY

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
BERLIN = {**AVAILABILITY, "window": {"calendar": "month", "tz": "Europe/Berlin"}}
KOLKATA = {**AVAILABILITY, "window": {"calendar": "month", "tz": "Asia/Kolkata"}}  # midnight is at 18:30 UTC
KATHMANDU = {**AVAILABILITY, "window": {"calendar": "week", "tz": "Asia/Kathmandu"}}  # 18:15 UTC


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_budget_is_whole_again_when_the_month_begins(world: Any) -> None:
    world.now = at("2026-03-31T20:00")  # two hours before April in Berlin, in summer time
    world.promise(BERLIN)
    march = world.run(2 * HOUR - MINUTE, MINUTE, ok=900, failed=100)

    april = world.run(MINUTE, MINUTE, ok=900, failed=100)

    assert march.period == "month (Europe/Berlin)"
    assert march.window == timedelta(days=30)
    assert march.resets_at == world.now
    assert march.counts == Counts(11_800, 118_000)  # the first scrape is a baseline
    assert march.budget_remaining == pytest.approx(1 - 100 * 118 / (31 * 24 * 60))
    assert april.resets_at == at("2026-04-30T22:00")
    assert april.counts == Counts(0, 0)
    assert april.budget_remaining is None


def test_alerts_do_not_notice_the_end_of_a_period(world: Any) -> None:
    world.now = at("2026-03-31T20:00")
    world.promise(BERLIN)
    world.run(2 * HOUR - 10 * MINUTE, MINUTE, ok=1000)
    world.run(10 * MINUTE, MINUTE, failed=1000)

    status = world.run(MINUTE, MINUTE, failed=1000)

    assert status.counts == Counts(1000, 1000)
    assert [burn.tier for burn in status.burns if burn.firing][:2] == ["page-fast", "page-slow"]
    assert status.state is SloState.BREACHED


@pytest.mark.parametrize(("slo", "start"), [(KOLKATA, "2026-04-30T18:30"), (KATHMANDU, "2026-05-03T18:15")])
def test_a_boundary_within_an_hour_is_exact_to_the_minute_after_any_restart(
    twins: Any, slo: dict[str, Any], start: str
) -> None:
    twins.go_to(at(start) - 40 * MINUTE)
    twins.promise(slo)
    twins.run(40 * MINUTE, MINUTE, ok=99, failed=1)

    for passed in (1, 20, 44, 45, 46, 120, 300):
        twins.run(at(start) + passed * MINUTE - twins.living.now, MINUTE, ok=98, failed=2)
        twins.kill()
        assert twins.status().counts == Counts(2 * passed, 100 * passed)


def test_a_killed_engine_that_slept_over_the_boundary_knows_which_month_it_is(twins: Any) -> None:
    twins.go_to(at("2026-04-30T18:00"))
    twins.promise(KOLKATA)
    twins.run(20 * MINUTE, MINUTE, ok=99, failed=1)
    twins.kill()

    for world in twins.worlds:
        world.now += 3 * HOUR
    twins.living.engine.run_once(twins.living.now - 2 * HOUR)
    status = twins.run(10 * MINUTE, MINUTE, ok=50)

    assert status.counts == Counts(0, 450)
    assert status.resets_at == at("2026-05-31T18:30")


def test_a_long_month_is_kept_whole(twins: Any) -> None:
    """Thirty-one days, and the alert windows' rings hold thirty."""
    twins.go_to(at("2026-05-01T00:00"))
    twins.promise({**AVAILABILITY, "window": {"calendar": "month"}})
    twins.run(10 * MINUTE, MINUTE, ok=90, failed=10)
    twins.go_to(at("2026-05-31T23:00"))
    twins.run(10 * MINUTE, MINUTE, ok=100)

    twins.kill()

    assert twins.status().counts == Counts(90, 1800)  # each first scrape is a baseline
    assert twins.run(60 * MINUTE, MINUTE, ok=100).counts == Counts(0, 1000)


def test_periods_that_ended_are_kept(world: Any) -> None:
    world.now = at("2026-03-31T21:00")
    world.promise(BERLIN)
    world.run(2 * HOUR, MINUTE, ok=99, failed=1)

    with world.db.read() as tx:
        kept = tiles(tx, ["shop/availability"], ENDED, at("2026-01-01T00:00"))

    assert [(tile.at, tile.bad, tile.total, tile.seen) for tile in kept] == [(at("2026-03-31T22:00"), 59, 5900, 59)]


def test_an_slo_that_was_rolling_before_counts_what_it_knows_of_the_month(world: Any) -> None:
    world.now = at("2026-04-01T00:00")
    world.promise()
    before = world.run(5 * HOUR, MINUTE, ok=99, failed=1)

    world.promise({**AVAILABILITY, "window": {"calendar": "month"}})

    assert world.status().counts == before.counts
    world.restart()
    assert world.status().counts == before.counts


def test_a_clock_set_back_over_the_boundary_is_in_the_old_month_again(twins: Any) -> None:
    twins.go_to(at("2026-03-31T21:00"))
    twins.promise(BERLIN)
    twins.run(50 * MINUTE, MINUTE, ok=99, failed=1)
    twins.run(60 * MINUTE, MINUTE, ok=100)

    twins.go_to(at("2026-03-31T21:50"))
    twins.kill()
    status = twins.run(2 * MINUTE, MINUTE, ok=100)

    assert status.resets_at == at("2026-03-31T22:00")
    assert status.counts.bad == 49


def test_the_chart_of_the_budget_begins_whole_with_the_month(world: Any) -> None:
    world.now = at("2026-03-31T21:00")
    engine = world.promise(BERLIN)
    world.run(HOUR, MINUTE, ok=90, failed=10)
    status = world.run(HOUR, MINUTE, ok=100)

    chart = engine.history("shop", "availability", world.now - 2 * HOUR)

    assert chart.budget_remaining[-1] == status.budget_remaining == 1
    assert chart.budget_remaining[-62] == pytest.approx(1 - 100 * 58 / (31 * 24 * 60))
