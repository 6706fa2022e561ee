"""Every signal counts good and total events: an SLO on it burns while the signal is bad, and recovers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burnline.detectors.build import DETECTORS
from burnline.detectors.engine import DetectorEngine
from burnline.detectors.profile import save_reference
from burnline.events import Burn, PredictionBatch, SloState, Source
from burnline.slo.engine import EmbeddedEngine
from burnline.spec.load import load_service
from burnline.store.database import Database, open_database
from burnline.store.predictions import keep_batch
from tests.detectors.samples import START, make_batch, make_reference
from tests.detectors.test_every_detector import about_answers

WINDOW, HOUR = timedelta(minutes=10), timedelta(hours=1)
EVENTS, FEW = 300, 120  # of a window, when all is well and when it is not
REFERENCE = make_reference(5000)
LEAST = 14.4 * 0.02  # the share of bad events at which the first tier pages


def predictions(rng: np.random.Generator, *, well: bool) -> PredictionBatch:
    if well:
        return make_batch(rng, EVENTS)
    far: list[bytes | None] = [np.array([40, -40, 9, 1], dtype=np.float32).tobytes()] * FEW
    batch = make_batch(rng, FEW, changes={"age": [400.0] * FEW, "amount": [1e9] * FEW, "city": [None] * FEW})
    return replace(batch, prediction=["fraud"] * FEW, confidence=[0.02] * FEW, embedding=far)


def labels(rng: np.random.Generator, *, well: bool) -> PredictionBatch:
    batch = make_batch(rng, EVENTS)
    wrong: list[float | str | None] = ["ok" if answer == "fraud" else "fraud" for answer in batch.prediction]
    return replace(batch, features={}, label=batch.label if well else wrong, embedding=[])


def samples(rng: np.random.Generator, *, well: bool) -> PredictionBatch:
    differ: list[Any] = [False if well else "other"] * EVENTS
    return replace(make_batch(rng, EVENTS), features=dict.fromkeys(REFERENCE.features, differ))


SPOILT: dict[str, float | str | bool] = {
    "ungrounded": 0.99,
    "characters": 100_000,
    "refused": True,
    "language": "tlh",
    "guardrail": "block",
    "toxic": True,
    "retrieved": 0,
    "logprob": -9.0,
    "inconsistent": 0.99,
}


def about(rng: np.random.Generator, *, well: bool) -> PredictionBatch:
    found = about_answers(rng, EVENTS)
    if not well:
        found |= {name: [value] * EVENTS for name, value in SPOILT.items()}
    return replace(make_batch(rng, EVENTS), features=found)


MAKERS: dict[Source, Callable[..., PredictionBatch]] = {
    Source.PREDICTIONS: predictions,
    Source.LABELS: labels,
    Source.SAMPLES: samples,
    Source.ANSWERS: about,
}


class Service:
    """A service whose file promises every signal it has, as burnline runs it."""

    def __init__(self, folder: Path, database: Database) -> None:
        save_reference(REFERENCE, folder / "ref.json")
        section: dict[str, Any] = {"window": "10m", "min_events": 100}
        signals = {name: dict(section) for name in DETECTORS}
        signals["volume"]["least"] = EVENTS - 50
        signals["toxicity"]["bad"] = ["block"]
        written = {
            "apiVersion": "burnline/v1",
            "service": "shop",
            "owner": "team",
            "model": {"name": "m", "reference": str(folder / "ref.json")},
            "signals": signals,
            "slos": [
                {"name": name.replace("_", "-"), "objective": "98%", "window": "30d", "sli": {"signal": name}}
                for name in DETECTORS
            ],
        }
        (folder / "shop.yaml").write_text(json.dumps(written))  # JSON is YAML too
        spec = load_service(folder / "shop.yaml")
        self._db, self._rng, self.now = database, np.random.default_rng(5), START
        self._detectors = DetectorEngine(database, [spec])
        self._engine = EmbeddedEngine(database, [spec], recount=self._detectors.recounter)

    def pages(self, hours: int, *, well: bool) -> dict[str, Burn]:
        """After so many hours: by signal the tier that pages fastest."""
        for _ in range(hours * HOUR // WINDOW):
            for source, make in MAKERS.items():
                batch = replace(make(self._rng, well=well), received_at=self.now)
                self._db.write(lambda tx, batch=batch, of=source: keep_batch(tx, batch, self.now, of.value))  # type: ignore[misc]
            self.now += WINDOW
            self._detectors.run_once(self.now)
        self._engine.run_once(self.now)
        assert {status.state for status in self._engine.statuses()} <= {SloState.OK, SloState.BREACHED}
        return {status.slo.replace("-", "_"): status.burns[0] for status in self._engine.statuses()}


@pytest.fixture(scope="module")
def phases(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Burn]]:
    folder = tmp_path_factory.mktemp("every-signal")
    service = Service(folder, open_database(f"sqlite:///{folder / 'signals.db'}"))
    return [service.pages(2, well=True), service.pages(1, well=False), service.pages(2, well=True)]


@pytest.mark.parametrize("signal", DETECTORS)
def test_an_slo_on_a_signal_pages_while_it_is_bad_and_not_before_or_after(
    phases: list[dict[str, Burn]], signal: str
) -> None:
    before, during, after = (burns[signal] for burns in phases)

    assert [burn.firing for burn in (before, during, after)] == [False, True, False]
    assert before.long_sli is not None
    assert during.long_sli is not None
    assert before.long_sli > 1 - LEAST > during.long_sli
