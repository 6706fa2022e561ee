"""The clock was set back while burnline was down: what it found of times still to come hides nothing that comes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from burnline.detectors.engine import DetectorEngine
from burnline.detectors.profile import save_reference
from burnline.events import Verdict
from burnline.store.database import Database
from burnline.store.pages import page_starts, save_page
from tests.detectors.samples import START
from tests.detectors.test_engine import REFERENCE, SECOND, WINDOW, findings, send, spec

AHEAD = START + timedelta(days=400)


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    save_reference(REFERENCE, tmp_path / "ref.json")
    return tmp_path / "ref.json"


def run_ahead(db: Database, reference: Path) -> DetectorEngine:
    """Two windows of 200 events at a time that is still to come, and an open one."""
    engine = DetectorEngine(db, [spec(reference)])
    for window in range(3):
        send(db, AHEAD + window * WINDOW)
        engine.run_once(AHEAD + window * WINDOW)
    return engine


def test_windows_close_again_from_now_on_and_the_totals_never_fall(any_database: Database, reference: Path) -> None:
    ahead = run_ahead(any_database, reference)
    before = ahead.counters()["shop", "drift"]

    engine = DetectorEngine(any_database, [spec(reference)])
    engine.run_once(START)
    taken_back, totals = engine.latest(), engine.counters()["shop", "drift"]
    send(any_database, START + SECOND)
    engine.run_once(START + WINDOW)

    assert [(found.verdict, found.window_end) for found in taken_back] == [(Verdict.NO_DATA, START)]
    assert "clock was ahead" in taken_back[0].reason
    assert totals == before
    assert [found.window_start for found in findings(any_database)] == [START - WINDOW, START]
    assert findings(any_database)[-1].counts.total == 400  # those of the window that was open, and the new ones


def test_what_was_found_before_stays(any_database: Database, reference: Path) -> None:
    engine = DetectorEngine(any_database, [spec(reference)])
    send(any_database, START)
    engine.run_once(START + WINDOW)
    run_ahead(any_database, reference)
    any_database.write(lambda tx: save_page(tx, "shop", "drift", AHEAD, WINDOW, b"<p>page</p>"))

    DetectorEngine(any_database, [spec(reference)]).run_once(START + WINDOW)

    (found,) = findings(any_database)
    assert (found.window_start, found.verdict, found.counts.total) == (START, Verdict.OK, 600)
    with any_database.read() as tx:
        assert page_starts(tx, "shop", "drift") == []


def test_a_clock_that_is_a_little_behind_is_waited_for(any_database: Database, reference: Path) -> None:
    run_ahead(any_database, reference)
    before = findings(any_database)

    DetectorEngine(any_database, [spec(reference)]).run_once(AHEAD - timedelta(minutes=30))

    assert findings(any_database) == before
