"""A report's numbers: verdict, budget, coverage, worst moments, and how soon a failure was found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from burnline.slo.history import Past
from burnline.slo.promise import promise_of
from burnline.slo.report.kept import Fired, SloReport, Verdict, first_bad, report_slo
from burnline.slo.report.period import parse_period
from burnline.spec.service import ServiceSpec
from burnline.store.slo import Tile

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
HOURS = 31 * 24


def reported(
    bad: dict[int, float] | None = None,
    *,
    total: float = 1000,
    hours: Sequence[int] = range(HOURS),
    now: datetime = datetime(2026, 11, 25, tzinfo=UTC),
    fired: Sequence[Fired] = (),
    service: dict[str, Any] | None = None,
    **slo: Any,
) -> SloReport:
    """A report on October: `total` events in each of `hours`, some of them bad."""
    one = {"name": "a", "objective": "99.9%", "window": "30d", "sli": {"ratio": {"bad": "b", "total": "t"}}, **slo}
    body = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "slos": [one], **(service or {})}
    spec = ServiceSpec.model_validate(body)
    tiles = [Tile("", 3600, OCTOBER + (hour + 1) * HOUR, (bad or {}).get(hour, 0), total, 60) for hour in hours]
    period = parse_period("2026-10", now)
    return report_slo(promise_of(spec, spec.slos[0]), period, Past(tiles), [(each, None) for each in fired])


def test_a_quiet_month_is_met_with_its_whole_budget() -> None:
    found = reported()

    assert found.verdict is Verdict.MET
    assert (found.sli, found.budget_spent, found.budget_left, found.coverage) == (1, 0, 1, 1)
    assert (found.worst_hours, found.worst_day) == ((), None)


def test_half_the_budget_in_one_hour_is_the_worst_hour_and_day() -> None:
    found = reported({100: 372})  # of 744 that a month of 744,000 events allows

    assert found.verdict is Verdict.MET
    assert found.budget_left == pytest.approx(0.5)
    [worst] = found.worst_hours
    assert worst.since == OCTOBER + 100 * HOUR
    assert worst.burn == pytest.approx(372)
    assert worst.spent == pytest.approx(0.5)
    assert found.worst_day is not None
    assert found.worst_day.since == OCTOBER + 96 * HOUR
    assert found.worst_day.total == 24_000
    assert found.line[99].left == 1
    assert found.line[-1].left == pytest.approx(0.5)


def test_one_event_too_many_is_missed() -> None:
    assert reported({1: 744}).verdict is Verdict.MET
    assert reported({1: 745}).verdict is Verdict.MISSED
    assert reported({1: 745}).budget_left == pytest.approx(1 - 745 / 744)


def test_no_data_is_never_healthy() -> None:
    found = reported(hours=())

    assert found.verdict is Verdict.NO_DATA
    assert (found.sli, found.budget_left, found.coverage) == (None, None, 0)
    assert {point.left for point in found.line} == {None}


def test_too_little_data_is_unknown_however_good() -> None:
    found = reported(hours=range(HOURS // 2))

    assert found.verdict is Verdict.UNKNOWN
    assert found.coverage == pytest.approx(0.5)
    assert found.line[-1].left is None


def test_an_outage_that_spends_the_budget_of_the_whole_month_is_missed_whatever_is_not_observed() -> None:
    found = reported({1: 1000}, hours=range(HOURS // 2))

    assert found.verdict is Verdict.MISSED
    assert found.budget_spent == pytest.approx(1000 / 372 / 2)


def test_observed_without_traffic_leaves_the_budget_whole() -> None:
    found = reported(total=0)

    assert found.verdict is Verdict.NO_TRAFFIC
    assert (found.sli, found.budget_left) == (None, 1)


def test_a_month_that_is_not_over_is_charged_as_a_whole() -> None:
    now = OCTOBER + timedelta(days=15.5)

    found = reported({1: 372}, hours=range(HOURS // 2), now=now)

    assert found.verdict is Verdict.OPEN
    assert found.coverage == 1
    assert found.budget_left == pytest.approx(0.5)


def test_maintenance_is_not_missing_data() -> None:
    exclude = [{"from": "2026-10-11T00:00:00Z", "to": "2026-10-21T00:00:00Z", "reason": "move"}]
    hours = [hour for hour in range(HOURS) if not 240 <= hour < 480]

    found = reported(hours=hours, service={"exclude": exclude})

    assert found.verdict is Verdict.MET
    assert found.coverage == 1
    assert found.excluded_time == timedelta(days=10)
    assert [span.reason for span in found.excluded] == ["move"]


def test_exclusions_that_overlap_count_once() -> None:
    exclude = [
        {"from": "2026-10-11T00:00:00Z", "to": "2026-10-12T00:00:00Z", "reason": "a"},
        {"from": "2026-10-11T12:00:00Z", "to": "2026-10-12T12:00:00Z", "reason": "b"},
        {"from": "2026-10-11T13:00:00Z", "to": "2026-10-11T14:00:00Z", "reason": "c"},
    ]

    assert reported(service={"exclude": exclude}).excluded_time == timedelta(hours=36)


def test_alerts_are_summed_up_by_severity() -> None:
    began = OCTOBER + 10 * HOUR
    fired = [
        Fired("ErrorBudgetBurn", "a", "page", "page-fast", began, began + 10 * MINUTE),
        Fired("ErrorBudgetBurn", "a", "page", "page-slow", began, began + 20 * MINUTE),
        Fired("ErrorBudgetBurn", "a", "ticket", "ticket-fast", began, None),
    ]

    page, ticket = reported(fired=fired).summaries

    assert (page.severity, page.count, page.recovered_in) == ("page", 2, 15 * MINUTE)
    assert (ticket.severity, ticket.count, ticket.recovered_in) == ("ticket", 1, None)


BEGAN = datetime(2026, 10, 5, 12, 34, 20, tzinfo=UTC)


def minutes(*bad: int, length: int = 1) -> Past:
    """Tiles of `length` minutes from 12:00 to 13:00; those that begin at these minutes have a bad event."""
    start = datetime(2026, 10, 5, 12, tzinfo=UTC)
    tiles = range(0, 60, length)
    return Past([Tile("", 60 * length, start + (at + length) * MINUTE, float(at in bad), 10, length) for at in tiles])


def test_a_failure_began_with_the_first_bad_minute_before_the_alert() -> None:
    found = first_bad(minutes(31, 32, 33, 34), None, BEGAN, MINUTE)

    assert found is not None
    assert BEGAN - found.at == timedelta(minutes=3, seconds=20)


def test_a_failure_that_was_over_for_longer_than_the_short_window_is_another() -> None:
    found = first_bad(minutes(5, 20, 25, 30, 33), None, BEGAN, MINUTE)

    assert found is not None
    assert found.at.minute == 20


def test_from_longer_tiles_the_beginning_is_known_to_the_tile() -> None:
    found = first_bad(minutes(30, length=30), None, BEGAN, 30 * MINUTE)

    assert found is not None
    assert (found.at.minute, found.grain) == (30, 30 * MINUTE)


def test_without_a_bad_minute_nobody_knows_when_it_began() -> None:
    assert first_bad(minutes(), None, BEGAN, MINUTE) is None
