"""From the inbox to the counts of any window: the engine keeps them, whatever breaks, and judges them anew."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from burnline.detectors.build import DETECTORS
from burnline.detectors.burn.recount import ladders
from burnline.detectors.contract import Detector
from burnline.detectors.drift import Drift
from burnline.detectors.engine import DetectorEngine
from burnline.detectors.profile import save_reference
from burnline.errors import StoreError
from burnline.events import Counts
from burnline.slo.engine import EmbeddedEngine
from burnline.slo.recount import Recount
from burnline.spec.service import ServiceSpec
from burnline.spec.signals import SignalsSpec
from burnline.store import inbox
from burnline.store.database import Database
from burnline.store.predictions import keep_batch
from tests.detectors.samples import START, make_batch, make_reference

REFERENCE = make_reference()
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STEADY = {"name": "steady", "objective": "98%", "window": "30d", "sli": {"signal": "drift"}}


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    save_reference(REFERENCE, tmp_path / "ref.json")
    return tmp_path / "ref.json"


def spec(reference: Path, **more: Any) -> ServiceSpec:
    body = {
        "apiVersion": "burnline/v1",
        "service": "shop",
        "owner": "team",
        "model": {"name": "m", "reference": str(reference)},
        "signals": {"drift": {"window": "10m", "min_events": 100}, "confidence": {}},
        "slos": [STEADY],
    }
    return ServiceSpec.model_validate({**body, **more})


def send(db: Database, at: datetime, events: int = 100, shift: float = 0.0) -> None:
    batch = make_batch(np.random.default_rng(int(at.timestamp()) % 997), events, at)
    batch.features["age"][:] = [float(str(value)) + shift for value in batch.features["age"]]
    db.write(lambda tx: keep_batch(tx, batch, at))


def count(engine: DetectorEngine, length: timedelta, until: datetime) -> Counts | None:
    return engine.recounter.count("shop", "drift", until - length, until)


def test_a_window_holds_what_was_sent_in_it(database: Database, reference: Path) -> None:
    engine = DetectorEngine(database, [spec(reference)])
    for minute in range(20):
        send(database, START + minute * MINUTE)

    engine.run_once(START + 20 * MINUTE)

    until = START + 20 * MINUTE
    assert [counts and counts.total for counts in (count(engine, 5 * MINUTE, until), count(engine, HOUR, until))] == [
        500,
        2000,
    ]
    assert count(engine, HOUR, START) is None


def test_a_shift_that_chance_hides_in_a_minute_shows_in_an_hour(database: Database, reference: Path) -> None:
    engine = DetectorEngine(database, [spec(reference)])
    for minute in range(60):
        send(database, START + minute * MINUTE, shift=4.0)
    engine.run_once(START + HOUR)

    short, long = (count(engine, length, START + HOUR) for length in (MINUTE, HOUR))

    assert short == Counts(0, 100)
    assert long is not None
    assert 0.05 < long.bad / long.total < 0.2


def test_too_few_events_say_nothing(database: Database, reference: Path) -> None:
    engine = DetectorEngine(database, [spec(reference)])
    send(database, START, events=99)
    engine.run_once(START + MINUTE)

    assert count(engine, HOUR, START + MINUTE) is None


def test_only_signals_that_do_not_add_up_are_counted_anew(database: Database, reference: Path) -> None:
    recounter: Recount = DetectorEngine(database, [spec(reference)]).recounter

    assert recounter.recounts("shop", "drift")
    assert not recounter.recounts("shop", "confidence")
    assert not recounter.recounts("other", "drift")


def test_what_is_kept_goes_with_the_batches_that_are_consumed(
    database: Database, reference: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = DetectorEngine(database, [spec(reference)])
    send(database, START)

    with monkeypatch.context() as broken:
        broken.setattr("burnline.detectors.engine.forget_upto", lambda *_: 0)
        with pytest.raises(StoreError):
            engine.run_once(START + MINUTE)
    again = DetectorEngine(database, [spec(reference)])
    assert count(again, HOUR, START + MINUTE) is None
    engine.run_once(START + MINUTE)

    for each in (engine, DetectorEngine(database, [spec(reference)])):
        assert count(each, HOUR, START + MINUTE) == Counts(0, 100)
    with database.read() as tx:
        assert not inbox.waiting(tx, inbox.PREDICTIONS, 10)


def test_counters_go_on_after_a_restart(database: Database, reference: Path) -> None:
    for hours in range(2):
        engine = DetectorEngine(database, [spec(reference)])
        send(database, START + hours * HOUR)
        engine.run_once(START + hours * HOUR + MINUTE)

    [(key, detector, total)] = DetectorEngine(database, [spec(reference)]).counted()

    assert (key, total.events) == (("shop", "drift"), 200)
    assert isinstance(detector, Drift)


def test_another_reference_starts_from_nothing(database: Database, reference: Path, tmp_path: Path) -> None:
    engine = DetectorEngine(database, [spec(reference)])
    send(database, START)
    engine.run_once(START + MINUTE)
    save_reference(msgspec.structs.replace(REFERENCE, name="retrained"), tmp_path / "new.json")

    retrained = DetectorEngine(database, [spec(tmp_path / "new.json")])

    assert count(retrained, HOUR, START + MINUTE) is None
    assert [total.events for _, _, total in retrained.counted()] == [0]


def test_without_its_reference_a_signal_says_nothing(database: Database, tmp_path: Path) -> None:
    engine = DetectorEngine(database, [spec(tmp_path / "lost.json")])

    assert engine.recounter.recounts("shop", "drift")
    assert count(engine, HOUR, START) is None
    assert list(engine.counted()) == []


def test_days_are_kept_for_as_long_as_the_longest_period(reference: Path) -> None:
    yearly = spec(reference, slos=[{**STEADY, "window": {"calendar": "year", "tz": "UTC"}}])

    [(key, rungs)] = ladders([yearly]).items()

    assert key == ("shop", "drift")
    assert rungs.kept[-1] >= 366 * 86_400


def test_an_slo_on_drift_pages_from_predictions_alone(database: Database, reference: Path) -> None:
    service = spec(reference)
    detectors = DetectorEngine(database, [service])
    slos = EmbeddedEngine(database, [service], recount=detectors.recounter)
    fired: list[tuple[str, int]] = []
    for minute in range(1, 100):
        now = START + minute * MINUTE
        send(database, now - timedelta(seconds=30), events=60, shift=30.0 if minute > 50 else 0.0)
        detectors.run_once(now)
        slos.run_once(now)
        fired += [(burn.tier, minute) for burn in slos.statuses()[0].burns if burn.firing]

    pages = [minute for tier, minute in fired if tier == "page-fast"]

    assert 65 < pages[0] < 80  # 28.8 % of an hour, and what chance may explain of it
    assert all(minute > 50 for _, minute in fired)


def test_the_service_file_knows_which_signals_do_not_add_up() -> None:
    sections = SignalsSpec.model_validate({name: {} for name in DETECTORS}).sections()

    found = {name: cast(type[Detector], make).additive for name, make in DETECTORS.items()}

    assert found == {name: section.additive for name, section in sections.items()}
    assert sorted(name for name, section in sections.items() if section.anew) == sorted(
        name for name, adds_up in found.items() if not adds_up
    )
