"""Real measurements: the breast cancer data, held-out rows replayed as traffic, and a release that mis-scales them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from burnline.detectors.engine import DetectorEngine
from burnline.detectors.profile import save_reference
from burnline.detectors.profiling.build import build_profile
from burnline.events import Finding, PredictionBatch, Verdict
from burnline.spec.service import ServiceSpec
from burnline.store import signals
from burnline.store.database import Database
from burnline.store.predictions import keep_batch
from tests.detectors.samples import START

datasets = pytest.importorskip("sklearn.datasets")

WINDOW = timedelta(seconds=10)
ROWS = 500
Table = NDArray[np.float64]


def columns(rows: Table) -> dict[str, list[Any]]:
    return {f"f{at}": column.tolist() for at, column in enumerate(rows.T)}


def replay(db: Database, tmp_path: Path, windows: list[Table], reference: Table, threshold: str) -> list[Finding]:
    """The drift findings on `windows` of events, one after the other."""
    save_reference(build_profile(columns(reference), name="screening"), tmp_path / "ref.json")
    spec = ServiceSpec.model_validate(
        {
            "apiVersion": "burnline/v1",
            "service": "screening",
            "owner": "team",
            "model": {"name": "m", "reference": str(tmp_path / "ref.json")},
            "signals": {"drift": {"window": "10s", "threshold": threshold}},
        }
    )
    engine = DetectorEngine(db, [spec])
    for at, rows in enumerate(windows):
        nothing = [None] * len(rows)
        batch = PredictionBatch(
            "screening", "1", START + at * WINDOW, columns(rows), [*nothing], [*nothing], [0] * ROWS
        )
        db.write(lambda tx, batch=batch: keep_batch(tx, batch, START))  # type: ignore[misc]  # mypy: lambda defaults
        engine.run_once(START + (at + 1) * WINDOW)
    with db.read() as tx:
        return [found for _, found in signals.findings_after(tx, 0, 1000)]


def split(seed: int, held_out: float) -> tuple[Table, Table, np.random.Generator]:
    rng = np.random.default_rng(seed)
    rows = datasets.load_breast_cancer().data[rng.permutation(569)]
    cut = round(569 * (1 - held_out))
    return rows[:cut], rows[cut:], rng


@pytest.mark.parametrize("seed", range(5))
def test_replayed_held_out_rows_are_silent_and_a_mis_scaled_release_alarms_in_its_first_window(
    database: Database, tmp_path: Path, seed: int
) -> None:
    train, held_out, rng = split(seed, 0.4)
    healthy = [rng.choice(held_out, ROWS) for _ in range(10)]
    released = rng.choice(held_out, ROWS)
    released[:, :6] *= 10

    found = replay(database, tmp_path, [*healthy, released], train, "15%")

    assert [one.verdict for one in found] == [Verdict.OK] * 10 + [Verdict.ALARM]
    assert (found[-1].score or 0) > 0.65
    assert {one.feature for one in found[-1].contributors[:6]} == {f"f{at}" for at in range(6)}


def test_fresh_rows_of_the_same_population_are_silent_at_the_default_threshold(
    database: Database, tmp_path: Path
) -> None:
    """Rows drawn once each, not replayed: smoothed copies of the training rows, as many as the window needs."""
    train, _, rng = split(0, 0.0)
    noise = 0.05 * train.std(axis=0)

    def fresh() -> Table:
        rows = train[rng.integers(0, len(train), ROWS)]
        return np.asarray(rows + rng.normal(0, 1, rows.shape) * noise, dtype=np.float64)

    found = replay(database, tmp_path, [fresh() for _ in range(20)], train, "5%")

    assert {one.verdict for one in found} == {Verdict.OK}
