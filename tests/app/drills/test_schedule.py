"""Drills that burnline makes by itself: when they are due, what they leave, and the tickets of those that fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from burnline.alerting.dispatch import PeopleDispatch
from burnline.alerting.inbox import AlertWorker
from burnline.app.drills.schedule import DrillSchedule
from burnline.app.drills.simulate import FOLDER, scratch, scratch_place
from burnline.errors import BurnlineError, DecisionRefused
from burnline.runbooks.load import load_catalogue
from burnline.runbooks.notify import Told
from burnline.spec.service import ServiceSpec
from burnline.store import incidents
from burnline.store.database import Database, open_database
from burnline.store.drills import SIMULATION, Drill, drills, last_drilled, record_drill
from tests.app.drills.scene import SERVICE, read

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
EVERY = SERVICE.replace("drill:", "drill:\n  every: 30d\n  scenarios: [errors]")
DONE = Drill("scoring", "errors", SIMULATION, NOW, True, 60.0, 120.0, 600.0, [], "0" * 64, {"back": "1" * 64})


class Scene:
    """A schedule with its database, and the worker that reads what it raises."""

    def __init__(self, db: Database, spec: ServiceSpec, folder: Path) -> None:
        catalogue = load_catalogue(folder / "runbooks")
        self.db = db
        self.schedule = DrillSchedule(db, [spec], catalogue)
        self._alerts = AlertWorker(db, [spec], catalogue)

    def turn(self, now: datetime) -> int:
        """One turn of both."""
        done = self.schedule.run_once(now)
        self._alerts.run_once(now)
        return done

    def keep(self, done: Drill) -> None:
        """As if that drill had been made."""
        self.db.write(lambda tx: record_drill(tx, done))

    def kept(self) -> list[Drill]:
        """Every drill, newest first."""
        with self.db.read() as tx:
            return drills(tx)

    def fires(self) -> list[dict[str, str]]:
        """The labels of the alerts that fire."""
        with self.db.read() as tx:
            return [dict(each.labels) for each in incidents.open_episodes(tx, "drills")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the files are."""
    return tmp_path


@pytest.fixture
def db(folder: Path) -> Iterator[Database]:
    """An empty database."""
    made = open_database(f"sqlite:///{folder}/burnline.db")
    yield made
    made.close()


def scene(db: Database, folder: Path, text: str = EVERY) -> Scene:
    """The schedule of the service of `text`."""
    return Scene(db, read(folder, text), folder)


def test_a_service_that_was_never_drilled_is_drilled_and_then_left_alone(db: Database, folder: Path) -> None:
    made = scene(db, folder)

    done = [made.turn(NOW), made.turn(NOW + MINUTE), made.turn(NOW + 29 * DAY), made.turn(NOW + 30 * DAY)]

    assert done == [1, 0, 0, 1]
    assert [(each.scenario, each.passed, each.at) for each in made.kept()] == [
        ("errors", True, NOW + 30 * DAY),
        ("errors", True, NOW),
    ]
    assert made.fires() == []


def test_what_is_kept_says_when_each_runbook_was_drilled(db: Database, folder: Path) -> None:
    made = scene(db, folder)
    made.turn(NOW)

    with db.read() as tx:
        assert last_drilled(tx) == {("scoring", "back"): NOW}
    [kept] = made.kept()
    assert kept.detect_seconds is not None
    assert {check["name"] for check in kept.checks} >= {"detected", "people told", "recovered", "recover in time"}


def test_a_service_without_a_schedule_is_not_drilled_and_nobody_is_told(db: Database, folder: Path) -> None:
    made = scene(db, folder, SERVICE)

    assert made.turn(NOW) == 0
    assert made.kept() == []
    assert made.fires() == []


def test_a_drill_that_fails_raises_a_ticket_until_a_later_one_passes(db: Database, folder: Path) -> None:
    made = scene(db, folder, SERVICE)
    made.keep(replace(DONE, passed=False, checks=[{"name": "recovered", "ok": False, "text": "nothing ran"}]))

    made.turn(NOW + MINUTE)
    made.turn(NOW + 3 * MINUTE)
    failed = made.fires()
    made.keep(replace(DONE, at=NOW + DAY))
    made.turn(NOW + DAY)

    about = {"alertname": "DrillFailed", "service": "scoring", "scenario": "errors", "severity": "ticket"}
    assert failed == [{**about, "owner": "scoring-ml"}]
    assert made.fires() == []


def test_people_are_told_of_the_ticket(db: Database, folder: Path) -> None:
    made = scene(db, folder, SERVICE)
    made.keep(replace(DONE, passed=False, checks=[{"name": "recovered", "ok": False, "text": "nothing ran"}]))
    told: list[str] = []

    def send(receivers: Sequence[str], body: Mapping[str, Any], /, *, key: str, at: datetime, whom: str) -> Told:
        told.extend(f"{whom} {receiver}" for receiver in receivers)
        return Told(tuple(receivers), {}, retryable=False)

    people = PeopleDispatch(db, [read(folder, SERVICE)], send=send)
    made.turn(NOW + MINUTE)
    people.run_once(NOW + MINUTE)
    people.run_once(NOW + 2 * MINUTE)

    assert told == ["ticket webhook:https://pager.invalid/ticket"]


def test_a_failure_of_what_applies_no_longer_is_resolved(db: Database, folder: Path) -> None:
    made = scene(db, folder, SERVICE)
    made.keep(replace(DONE, passed=False))
    made.turn(NOW)

    without = scene(db, folder, SERVICE.replace("drill:", "drill:\n  scenarios: [latency]"))
    without.turn(NOW + MINUTE)

    assert without.fires() == []


def test_a_service_that_was_drilled_once_may_not_go_without_for_ninety_days(db: Database, folder: Path) -> None:
    made = scene(db, folder, SERVICE)
    made.keep(DONE)

    made.turn(NOW + 90 * DAY)
    before = made.fires()
    made.turn(NOW + 91 * DAY)

    assert before == []
    assert [each["alertname"] for each in made.fires()] == ["DrillOverdue"]


def test_one_that_is_asked_for_is_made_in_the_next_turn_and_no_other_meanwhile(db: Database, folder: Path) -> None:
    made = scene(db, folder, SERVICE)

    made.schedule.ask("scoring", ["latency"])
    with pytest.raises(DecisionRefused, match="scoring is being drilled"):
        made.schedule.ask("scoring", [])
    with pytest.raises(BurnlineError, match="there is none"):
        made.schedule.ask("scoring", ["earthquake"])

    assert made.turn(NOW) == 1
    assert [each.scenario for each in made.kept()] == ["latency"]
    assert made.schedule.ask("scoring", []).scenarios == ()


def test_a_scenario_that_is_asked_for_many_times_is_drilled_once(db: Database, folder: Path) -> None:
    made = scene(db, folder, SERVICE)

    asked = made.schedule.ask("scoring", ["latency"] * 100)

    assert asked.scenarios == ("latency",)


def test_a_drill_that_is_killed_leaves_nothing_half_and_is_made_again(folder: Path, db: Database) -> None:
    read(folder, EVERY)
    program = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from burnline.app.drills.schedule import DrillSchedule\n"
        "from burnline.runbooks.load import load_catalogue\n"
        "from burnline.spec.load import load_service\n"
        "from burnline.store.database import open_database\n"
        "folder = Path(sys.argv[1]); db = open_database(f'sqlite:///{folder}/burnline.db')\n"
        "schedule = DrillSchedule(db, [load_service(folder / 'scoring.yaml')], load_catalogue(folder / 'runbooks'))\n"
        "print('begins', flush=True); schedule.run_once(datetime(2026, 3, 2, 9, tzinfo=UTC))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while not list(scratch_place().glob(f"{FOLDER}{process.pid}-*/drill.db")):
            assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
    left = list(scratch_place().glob(f"{FOLDER}{process.pid}-*"))

    made = scene(db, folder)
    before = made.kept()
    done = made.turn(NOW)

    assert left, "killed in the middle"
    assert before == []
    assert done == 1
    assert [each.passed for each in made.kept()] == [True]
    assert not list(scratch_place().glob(f"{FOLDER}{process.pid}-*")), "the next drill tidies up"


def test_what_a_drill_that_still_runs_has_on_disk_is_left_alone(folder: Path) -> None:
    with scratch() as one, scratch() as other:
        assert Path(str(one.url.database)).exists()
        assert one.url != other.url
