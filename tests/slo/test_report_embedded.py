"""A report from what a running engine kept a moment ago: exact to the base interval."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from burnline.events import AlertEvent, Counts
from burnline.slo.report.embedded import Kept
from burnline.slo.report.kept import SloReport, Verdict
from burnline.slo.report.period import parse_period
from burnline.store.incidents import start_episode, start_incident
from tests.slo.conftest import AVAILABILITY

MINUTE = timedelta(minutes=1)


def reported(world: Any, period: str = "1h") -> dict[str, SloReport]:
    with world.db.read() as tx:
        report = Kept(tx, world.specs, parse_period(period, world.now), "UTC").report(world.now)
    return {slo.slo: slo for slo in report.services[0].slos}


def fire(world: Any, began: datetime, ended: datetime | None = None) -> None:
    labels = {"alertname": "ErrorBudgetBurn", "slo": "availability", "tier": "page-fast", "severity": "page"}
    alert = AlertEvent("embedded", "f", "firing", labels, {}, began, ended)

    def keep(tx: Any) -> None:
        incident = start_incident(tx, service="shop", title="", now=began)
        start_episode(tx, alert, incident_id=incident.id, service="shop", now=began)

    world.db.write(keep)


def test_the_counts_are_those_of_the_engine(world: Any) -> None:
    engine = world.promise()
    since = world.now
    world.run(50 * MINUTE, MINUTE, ok=100)
    world.run(10 * MINUTE, MINUTE, ok=90, failed=10)

    found = reported(world)["availability"]

    assert Counts(found.bad, found.total) == engine.read_sli("shop", "availability", since, world.now)
    assert found.bad == 100
    assert found.verdict is Verdict.MISSED


def test_the_time_to_detect_is_exact_while_base_intervals_are_kept(world: Any) -> None:
    world.promise()
    world.run(30 * MINUTE, MINUTE, ok=100)
    failed_at = world.now
    world.run(7 * MINUTE, MINUTE, failed=100)
    fire(world, failed_at + 2.5 * MINUTE, failed_at + 9 * MINUTE)
    world.run(23 * MINUTE, MINUTE, ok=100)

    [episode] = reported(world)["availability"].episodes

    assert episode.detected_in == 2.5 * MINUTE
    assert not episode.at_most
    assert episode.recovered_in == 6.5 * MINUTE


def test_an_engine_that_never_ran_has_kept_nothing(world: Any) -> None:
    world.promise()

    found = reported(world)["availability"]

    assert found.verdict is Verdict.NO_DATA
    assert "has `burnline up` watched it" in found.trouble


def test_an_slo_that_prometheus_alone_can_read_says_so(world: Any) -> None:
    world.promise(AVAILABILITY, {**AVAILABILITY, "name": "any", "sli": {"promql": {"error_ratio": "x[$window]"}}})
    world.run(5 * MINUTE, MINUTE, ok=100)

    assert reported(world)["any"].trouble == "only Prometheus reads a promql SLI: set BURNLINE_PROMETHEUS_URL"


@pytest.mark.parametrize("calendar", ["day", "month"])
def test_a_calendar_period_that_ended_is_known_by_its_own_sum(world: Any, calendar: str) -> None:
    world.promise({**AVAILABILITY, "window": {"calendar": calendar}})
    world.now = world.now.replace(month=1, day=31, hour=23, minute=0)
    world.run(60 * MINUTE, MINUTE, ok=99, failed=1)
    world.run(5 * MINUTE, MINUTE, ok=100)
    world.db.write(lambda tx: tx.exec_driver_sql("DELETE FROM slo_tile WHERE step_seconds > 0"))

    found = reported(world, "2026-01" if calendar == "month" else "2026-01-31")["availability"]

    assert (found.bad, found.total) == (59, 5900)
    assert found.observed == 59 * MINUTE
