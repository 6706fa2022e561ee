"""SLOs on signals whose bad events do not add up: every window is counted anew, in what is told and what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from burnline.events import Counts, Finding, SloState, Verdict
from burnline.slo.engine import EmbeddedEngine
from burnline.spec.service import ServiceSpec
from burnline.store import signals
from burnline.store.database import Database
from burnline.store.slo import ENDED, tiles

NOW = datetime.fromisoformat("2026-01-05T12:00:00Z")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WINDOW = 10 * MINUTE
STEADY = {"name": "steady", "objective": "95%", "window": "30d", "sli": {"signal": "drift"}}
SURE = {"name": "sure", "objective": "95%", "window": "30d", "sli": {"signal": "confidence"}}


class Shifts:
    """Events that come evenly, a hundred a minute until they end; of those since `since` chance hides a part.

    A shift shows with what it is of a window, less what chance explains there: sqrt(1 / events).
    """

    def __init__(self, since: datetime, until: datetime = NOW + 100 * DAY, begins: datetime = NOW - 100 * DAY) -> None:
        self.since, self.until, self.begins = since, until, begins
        self.asked: list[tuple[datetime, datetime]] = []
        self.least = 500.0

    def recounts(self, service: str, signal: str) -> bool:
        return (service, signal) == ("shop", "drift")

    def count(
        self,
        service: str,
        signal: str,
        since: datetime,
        until: datetime,
        without: Sequence[tuple[datetime, datetime]] = (),
    ) -> Counts | None:
        self.asked.append((since, until))
        total = self._events(max(since, self.begins), until, without)
        if total < self.least:
            return None
        share = self._events(max(since, self.since), until, without) / total - float(np.sqrt(1 / total))
        return Counts(total * max(0.0, share), total)

    def _events(self, since: datetime, until: datetime, without: Sequence[tuple[datetime, datetime]] = ()) -> float:
        left_out = sum(self._events(max(start, since), min(end, until)) for start, end in without)
        return 100 * max(0.0, (min(until, self.until) - since) / MINUTE) - left_out


class World:
    """An engine, what detectors find every ten minutes, and the time."""

    def __init__(self, db: Database, shifts: Shifts | None, *slos: dict[str, Any], **more: Any) -> None:
        self.db, self.shifts, self.now = db, shifts, NOW
        body = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "slos": slos or (STEADY,)}
        self.spec = ServiceSpec.model_validate({**body, "signals": {"drift": {}, "confidence": {}}, **more})
        self.start()

    def start(self) -> None:
        self.engine = EmbeddedEngine(self.db, [self.spec], recount=self.shifts)

    def go(self, length: timedelta, *, verdict: Verdict = Verdict.OK) -> None:
        """Let time pass; findings say that nothing is bad."""
        for _ in range(length // MINUTE):
            self.now += MINUTE
            if (self.now - NOW) % WINDOW == timedelta(0):
                counts = Counts(0, 0 if verdict is Verdict.NO_DATA else 1000)
                for signal in ("drift", "confidence"):
                    found = Finding("shop", signal, self.now - WINDOW, self.now, verdict, None, counts, "few events")
                    self.db.write(lambda tx, found=found: signals.record_finding(tx, found))  # type: ignore[misc]
            self.engine.run_once(self.now)

    def status(self, slo: str = "steady") -> Any:
        return next(status for status in self.engine.statuses() if status.slo == slo)

    def firing(self) -> list[str]:
        return [burn.tier for burn in self.status().burns if burn.firing]


def test_a_shift_that_no_finding_shows_pages(database: Database) -> None:
    world = World(database, Shifts(NOW + HOUR))
    world.go(HOUR)
    assert world.firing() == []

    world.go(59 * MINUTE)

    assert "page-fast" in world.firing()
    assert world.status().state is SloState.BREACHED
    page = next(burn for burn in world.status().burns if burn.tier == "page-fast")
    anew = world.shifts.count("shop", "drift", world.now - HOUR, world.now) if world.shifts else None
    assert anew is not None
    assert page.long_rate == pytest.approx(anew.bad / anew.total / 0.05, rel=1e-4)


def test_other_signals_are_added_up_as_before(database: Database) -> None:
    world = World(database, Shifts(NOW), SURE)

    world.go(2 * HOUR)

    assert world.status("sure").counts == Counts(0, 12_000)
    assert world.shifts is not None
    assert world.shifts.asked == []


def test_without_a_recount_findings_are_added_up(database: Database) -> None:
    world = World(database, None)

    world.go(HOUR)

    assert world.status().counts == Counts(0, 6000)


def test_the_budget_is_of_the_whole_window_counted_anew(database: Database) -> None:
    world = World(database, Shifts(NOW, begins=NOW))

    world.go(4 * HOUR)

    total = 24_000.0
    assert world.status().counts.total == total
    assert world.status().counts.bad == pytest.approx(total * (1 - total**-0.5), rel=1e-4)
    assert world.status().sli == pytest.approx(total**-0.5, rel=1e-3)


def test_no_window_is_shorter_than_the_detectors(database: Database) -> None:
    world = World(database, Shifts(NOW))

    world.go(HOUR)

    assert world.shifts is not None
    assert min(until - since for since, until in world.shifts.asked) == WINDOW


def test_too_few_events_are_no_data_and_not_good_ones(database: Database) -> None:
    shifts = Shifts(NOW)
    shifts.least = 10**9
    world = World(database, shifts)

    world.go(HOUR, verdict=Verdict.NO_DATA)

    assert world.status().state is SloState.UNKNOWN
    assert world.status().sli is None
    assert world.status().budget_remaining is None
    assert world.engine.read_sli("shop", "steady", NOW, world.now) is None


def test_a_page_goes_on_while_events_are_too_few_to_tell(database: Database) -> None:
    shifts = Shifts(NOW + HOUR)
    world = World(database, shifts)
    world.go(3 * HOUR)
    assert "page-fast" in world.firing()

    shifts.until = world.now  # nobody sends anything any more
    world.go(12 * MINUTE, verdict=Verdict.NO_DATA)

    assert "page-fast" in world.firing()


def test_a_service_that_went_silent_is_unknown(database: Database) -> None:
    shifts = Shifts(NOW + DAY)
    world = World(database, shifts)
    world.go(HOUR)

    shifts.until = world.now
    world.go(HOUR, verdict=Verdict.NO_DATA)

    assert world.status().state is SloState.UNKNOWN
    assert "few events" in world.status().cause


def test_maintenance_counts_for_nothing(database: Database) -> None:
    starts = (NOW + HOUR).isoformat()
    exclusion = {"from": starts, "to": (NOW + 2 * HOUR).isoformat(), "reason": "new shelves", "slos": ["steady"]}
    shifts = Shifts(NOW + HOUR, NOW + 2 * HOUR)  # nothing else comes later
    world = World(database, shifts, exclude=[exclusion])

    world.go(3 * HOUR)

    assert world.firing() == []
    assert world.status().counts.bad == 0


def test_history_and_the_read_sli_are_counted_anew_too(database: Database) -> None:
    world = World(database, Shifts(NOW + HOUR))
    world.go(3 * HOUR)

    history = world.engine.history("shop", "steady", NOW)
    read = world.engine.read_sli("shop", "steady", world.now - HOUR, world.now)

    assert read == Counts(pytest.approx(6000 * (1 - 6000**-0.5)), 6000)  # type: ignore[arg-type]
    assert history.budget_remaining[-1] == pytest.approx(world.status().budget_remaining, abs=1e-3)
    page = next(burn for burn in world.status().burns if burn.tier == "page-fast")
    assert history.burn_rate[HOUR][-1] == pytest.approx(page.long_rate, rel=1e-3)
    assert np.nanmax(history.burn_rate[HOUR][: len(history.at) // 3]) == 0
    assert len(history.at) <= 60


def test_a_composite_takes_its_members_as_they_are_counted(database: Database) -> None:
    both = {**STEADY, "name": "both", "sli": {"composite": {"worst_of": ["steady", "sure"]}}}
    world = World(database, Shifts(NOW + HOUR), STEADY, SURE, both)

    world.go(3 * HOUR)

    assert [burn.tier for burn in world.status("both").burns if burn.firing] == world.firing()
    assert "page-fast" in world.firing()


def test_slices_are_judged_by_what_they_hold_counted_anew(database: Database) -> None:
    sliced = {**STEADY, "slices": {"length": "1h", "target": "95%"}}
    world = World(database, Shifts(NOW + 2 * HOUR), sliced)

    world.go(4 * HOUR)

    assert world.status().counts == Counts(2, 4)


def test_a_calendar_period_that_ended_is_kept_as_counted_anew(database: Database) -> None:
    daily = {**STEADY, "window": {"calendar": "day", "tz": "UTC"}}
    world = World(database, Shifts(NOW), daily)

    world.now += 11 * HOUR
    world.go(2 * HOUR)

    with database.read() as tx:
        [ended] = tiles(tx, ["shop/steady"], ENDED, NOW)
    assert ended.bad > 0.4 * ended.total > 0
    assert world.status().resets_at == NOW + 36 * HOUR


def test_a_restart_changes_nothing(database: Database) -> None:
    world = World(database, Shifts(NOW + HOUR))
    world.go(2 * HOUR)
    before = world.status()

    world.start()

    assert world.status().burns == before.burns
    assert world.status().counts == before.counts
