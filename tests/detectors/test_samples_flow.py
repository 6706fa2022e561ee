"""From both doors to a finding: silence, and features that training has otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from burnline.collectors.predictions.door import accept_predictions
from burnline.collectors.predictions.events import Sent
from burnline.collectors.predictions.rules import Rules, rules_of
from burnline.collectors.predictions.samples import accept_samples
from burnline.detectors.engine import DetectorEngine
from burnline.detectors.profile import save_reference
from burnline.detectors.profiling.build import build_profile
from burnline.events import Finding, Verdict
from burnline.spec.service import ServiceSpec
from burnline.store import signals
from burnline.store.database import Database

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Watched:
    """One service behind its doors, and the engine that reads what they keep."""

    def __init__(self, db: Database, signals: Mapping[str, Any], reference: Path | None = None) -> None:
        model = {"model": {"name": "m", "reference": str(reference)}} if reference else {}
        self.spec = ServiceSpec.model_validate(
            {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "signals": signals, **model}
        )
        self.db = db
        self.known: dict[str, Rules] = {"shop": rules_of(self.spec, ["amount", "city"] if reference else None)}
        self.engine = DetectorEngine(db, [self.spec])

    def predict(self, ids: range, at: datetime, version: str = "7") -> None:
        events = [{"id": f"tx-{n}", "features": {"amount": n / 100, "city": "Oslo"}} for n in ids]
        body = json.dumps({"service": "shop", "version": version, "events": events}).encode()
        accept_predictions(self.db, Sent(body), now=at, known=self.known)

    def train(self, ids: range, at: datetime, times: float = 1) -> None:
        samples = [{"id": f"tx-{n}", "features": {"amount": n / 100 * times, "city": "Oslo"}} for n in ids]
        body = json.dumps({"service": "shop", "samples": samples}).encode()
        accept_samples(self.db, Sent(body), now=at, known=self.known)

    def found(self, now: datetime, signal: str) -> list[Finding]:
        self.engine.run_once(now)
        with self.db.read() as tx:
            return signals.findings_between(tx, "shop", signal, START - timedelta(days=1), now)


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    columns: dict[str, list[Any]] = {
        "amount": [n / 100 for n in range(1, 500)],
        "city": ["Oslo", "Graz", "Lyon"] * 166 + ["Oslo"],
    }
    path = tmp_path / "reference.json"
    save_reference(build_profile(columns, name="t"), path)
    return path


SKEW = {"skew": {"window": "10m", "sample": "100%", "min_events": 100}}


def test_a_feature_that_training_has_otherwise_is_found(database: Database, reference: Path) -> None:
    watched = Watched(database, SKEW, reference)
    watched.engine.run_once(START)
    watched.predict(range(1, 400), START)

    watched.train(range(1, 400), START + MINUTE, times=100)

    (said,) = watched.found(START + 11 * MINUTE, "skew")
    assert said.verdict is Verdict.ALARM
    assert said.contributors[0].feature == "amount"
    assert "a hundredth of what training has" in said.reason
    assert (said.counts.bad, said.counts.total) == (399, 399)


def test_it_is_found_without_a_reference_and_whichever_side_is_first(database: Database) -> None:
    watched = Watched(database, SKEW)
    watched.engine.run_once(START)
    watched.train(range(1, 400), START, times=100)

    watched.predict(range(1, 400), START + MINUTE)

    (said,) = watched.found(START + 11 * MINUTE, "skew")
    assert said.verdict is Verdict.ALARM


def test_a_version_that_reads_the_features_otherwise_is_told_apart(database: Database, reference: Path) -> None:
    watched = Watched(database, SKEW, reference)
    watched.engine.run_once(START)
    watched.predict(range(1, 400), START, version="7")
    watched.predict(range(400, 800), START, version="8")
    watched.train(range(1, 400), START)
    watched.train(range(400, 800), START, times=-1)
    watched.engine.run_once(START + 11 * MINUTE)

    with database.read() as tx:
        rows = {one.part: one for one in signals.latest_parts(tx, "shop", "skew", START)}

    assert rows["version=7"].verdict is Verdict.OK
    assert rows["version=8"].verdict is Verdict.ALARM


def test_without_the_training_side_there_is_no_data(database: Database, reference: Path) -> None:
    watched = Watched(database, SKEW, reference)
    watched.engine.run_once(START)

    watched.predict(range(1, 400), START)

    (said,) = watched.found(START + 11 * MINUTE, "skew")
    assert said.verdict is Verdict.NO_DATA


def test_silence_is_an_alarm_over_a_restart(database: Database) -> None:
    """Ten windows of as many events, a crash, silence: what was usual is known from the database."""
    volume = {"volume": {"window": "10m", "min_events": 50}}
    watched = Watched(database, volume)
    watched.engine.run_once(START)
    for number in range(12):
        watched.predict(range(number * 1000, number * 1000 + 300), START + number * 10 * MINUTE)
        watched.engine.run_once(START + (number + 1) * 10 * MINUTE)

    after = Watched(database, volume)

    *before, said = after.found(START + 131 * MINUTE, "volume")
    assert {one.verdict for one in before[6:]} == {Verdict.OK}
    assert said.verdict is Verdict.ALARM
    assert "0 events in the window, 100% fewer than the 300 lately" in said.reason
