"""Windows by event time: the order in which events come, and when, changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from burnline.detectors.engine import DetectorEngine
from burnline.detectors.profile import save_reference
from burnline.events import Finding, PredictionBatch, Verdict
from burnline.spec.service import ServiceSpec
from burnline.store import signals
from burnline.store.database import Database, open_database
from burnline.store.predictions import keep_batch
from burnline.store.schema import EPOCH, MICROSECOND
from tests.detectors.samples import START, make_batch, make_reference

REFERENCE = make_reference()
SECOND = timedelta(seconds=1)
WINDOW, LATENESS = 10 * SECOND, 20 * SECOND


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "ref.json"
    save_reference(REFERENCE, path)
    return path


def spec(reference: Path, **events: Any) -> ServiceSpec:
    return ServiceSpec.model_validate(
        {
            "apiVersion": "burnline/v1",
            "service": "shop",
            "owner": "team",
            "model": {"name": "m", "reference": str(reference)},
            "events": events,
            "signals": {"drift": {"window": "10s", "min_events": 20}, "data": {"window": "20s", "min_events": 20}},
        }
    )


def timed(batch: PredictionBatch, seconds: Sequence[float], received: datetime) -> PredictionBatch:
    """The batch with its events at these seconds after START."""
    at = [(START + timedelta(seconds=second) - EPOCH) // MICROSECOND for second in seconds]
    return replace(batch, at=at, received_at=received)


def findings(db: Database) -> list[Finding]:
    with db.read() as tx:
        return sorted(
            (found for _, found in signals.findings_after(tx, 0, 1000)), key=lambda f: (f.signal, f.window_start)
        )


def totals(db: Database, signal: str = "drift") -> dict[float, float]:
    """By start of the window, in seconds after START: events counted in it."""
    return {
        (found.window_start - START).total_seconds(): found.counts.total
        for found in findings(db)
        if found.signal == signal and found.verdict is not Verdict.NO_DATA
    }


def test_events_go_to_the_windows_of_their_own_time(database: Database, reference: Path) -> None:
    engine = DetectorEngine(database, [spec(reference, lateness="20s")])
    rng = np.random.default_rng(1)
    batch = timed(make_batch(rng, 60), [2.0] * 25 + [12.0] * 35, START + 15 * SECOND)
    database.write(lambda tx: keep_batch(tx, batch, START))

    engine.run_once(START + 29 * SECOND)
    before = totals(database)
    engine.run_once(START + 50 * SECOND)

    assert before == {}
    assert totals(database) == {0: 25, 10: 35}
    assert totals(database, "data") == {0: 60}


def test_without_lateness_windows_go_by_receipt(database: Database, reference: Path) -> None:
    engine = DetectorEngine(database, [spec(reference)])
    batch = timed(make_batch(np.random.default_rng(1), 60), [2.0] * 25 + [12.0] * 35, START + 15 * SECOND)
    database.write(lambda tx: keep_batch(tx, batch, START))

    engine.run_once(START + 20 * SECOND)

    assert totals(database) == {10: 60}


def test_a_window_is_judged_its_lateness_after_its_end_and_once(database: Database, reference: Path) -> None:
    engine = DetectorEngine(database, [spec(reference, lateness="20s")])
    for second in range(51):
        batch = timed(make_batch(np.random.default_rng(second), 30), [second] * 30, START + second * SECOND)
        database.write(lambda tx, batch=batch: keep_batch(tx, batch, batch.received_at))  # type: ignore[misc]
        engine.run_once(START + second * SECOND)

    assert totals(database) == {0: 300, 10: 300, 20: 300}


def test_silence_is_a_finding_all_the_same(database: Database, reference: Path) -> None:
    engine = DetectorEngine(database, [spec(reference, lateness="20s")])
    engine.run_once(START + 20 * SECOND)

    engine.run_once(START + 40 * SECOND)

    silent = [found for found in findings(database) if found.signal == "drift"]
    assert [found.window_start for found in silent] == [START, START + WINDOW]
    assert {found.verdict for found in silent} == {Verdict.NO_DATA}


EVENTS = 120


def events() -> list[tuple[float, PredictionBatch]]:
    """Single events over forty seconds, by their time; those of the third window drifted."""
    rng = np.random.default_rng(7)
    whole = make_batch(rng, EVENTS)
    found = []
    for place in range(EVENTS):
        second = 40 * place / EVENTS
        one = whole.where([each == place for each in range(EVENTS)])
        found.append((second, replace(one, features={**one.features, "age": [400.0]}) if 20 <= second < 30 else one))
    return found


def arrive(
    url: str, reference: Path, order: Sequence[int], delays: Sequence[float], *, restart: int = 0
) -> list[Finding]:
    """What is found when the events arrive in this order, each so long after the clock reached its time."""
    db = open_database(url)
    shop = [spec(reference, lateness="20s")]
    engine = DetectorEngine(db, shop)
    engine.run_once(START + LATENESS)
    known = events()
    arrivals = sorted((known[place][0] + delays[place], at, place) for at, place in enumerate(order))
    for number, (second, _, place) in enumerate(arrivals):
        received = START + timedelta(seconds=second)
        batch = timed(known[place][1], [known[place][0]], received)
        db.write(lambda tx, batch=batch, received=received: keep_batch(tx, batch, received))  # type: ignore[misc]
        if number % 7 == 0:
            engine.run_once(received)
        if restart and number % restart == 0:
            engine = DetectorEngine(db, shop)
    engine.run_once(START + timedelta(minutes=2))
    found = [each for each in findings(db) if each.window_start >= START]  # a restart may report silence before
    db.close()
    return found


@pytest.fixture(scope="module")
def ordered(tmp_path_factory: pytest.TempPathFactory, reference: Path) -> list[Finding]:
    """What is found when every event arrives at its time."""
    url = f"sqlite:///{tmp_path_factory.mktemp('ordered')}/burnline.db"
    return arrive(url, reference, range(EVENTS), [0.0] * EVENTS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=6, phases=[Phase.generate])
@given(seed=st.integers(0, 2**32), restart=st.sampled_from([0, 11]))
def test_shuffled_and_delayed_events_give_the_same_findings(
    tmp_path: Path, reference: Path, ordered: list[Finding], seed: int, restart: int
) -> None:
    random = Random(seed)
    order = list(range(EVENTS))
    random.shuffle(order)
    delays = [random.uniform(0, 19.9) for _ in order]
    shuffled = arrive(f"sqlite:///{tmp_path}/{seed}-{restart}.db", reference, order, delays, restart=restart)

    assert shuffled == ordered
    assert {found.window_start for found in ordered if found.verdict is Verdict.ALARM and found.signal == "drift"} == {
        START + 2 * WINDOW
    }
