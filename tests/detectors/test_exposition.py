"""What /metrics says of the signals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from burnline.detectors.engine import DetectorEngine
from burnline.detectors.exposition import exposition
from burnline.detectors.profile import save_reference
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database
from burnline.store.predictions import keep_batch
from tests.detectors.samples import START, make_batch, make_reference

WINDOW = timedelta(seconds=10)


class Page(Collector):
    def __init__(self, engine: DetectorEngine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        yield from exposition(self._engine)


def page(engine: DetectorEngine) -> str:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Page(engine))
    return generate_latest(registry).decode()


def test_a_drifted_signal_shows_score_alarm_worst_features_and_events(database: Database, tmp_path: Path) -> None:
    save_reference(make_reference(), tmp_path / "ref.json")
    spec = ServiceSpec.model_validate(
        {
            "apiVersion": "burnline/v1",
            "service": "shop",
            "owner": "team",
            "model": {"name": "m", "reference": str(tmp_path / "ref.json")},
            "signals": {"drift": {"window": "10s"}, "confidence": {"window": "20s"}},
        }
    )
    engine = DetectorEngine(database, [spec])
    batch = make_batch(np.random.default_rng(1), 1000, START, {"age": [400.0] * 1000})
    database.write(lambda tx: keep_batch(tx, batch, START))
    before = page(engine)

    engine.run_once(START + WINDOW)
    drifted = page(engine)
    engine.run_once(START + 2 * WINDOW)
    silent = page(engine)

    assert "shop" not in before
    assert 'burnline_signal_alarm{service="shop",signal="drift"} 1.0' in drifted
    assert 'burnline_signal_score_ratio{service="shop",signal="drift"} 0.8' in drifted
    assert 'burnline_signal_feature_score_ratio{feature="age",service="shop",signal="drift"} 0.8' in drifted
    assert 'burnline_signal_part_score_ratio{part="version=1",service="shop",signal="drift"} 0.8' in drifted
    assert 'burnline_signal_part_alarm{part="version=1",service="shop",signal="drift"} 1.0' in drifted
    assert 'burnline_signal_part_alarm{part="version=1",service="shop",signal="drift"}' not in silent
    assert 'burnline_signal_events_total{service="shop",signal="drift"} 1000.0' in drifted
    assert 'burnline_signal_bad_events_total{service="shop",signal="drift"} 8' in drifted
    assert 'burnline_signal_alarm{service="shop",signal="drift"}' not in silent
    assert 'burnline_signal_score_ratio{service="shop",signal="drift"}' not in silent
    assert 'burnline_signal_events_total{service="shop",signal="drift"} 1000.0' in silent
    assert 'burnline_signal_events_total{service="shop",signal="confidence"} 1000.0' in silent


def test_an_alarm_that_goes_on_in_a_window_too_small_to_judge_has_no_score(database: Database, tmp_path: Path) -> None:
    save_reference(make_reference(), tmp_path / "ref.json")
    spec = ServiceSpec.model_validate(
        {
            "apiVersion": "burnline/v1",
            "service": "shop",
            "owner": "team",
            "model": {"name": "m", "reference": str(tmp_path / "ref.json")},
            "signals": {"drift": {"window": "10s"}},
        }
    )
    engine = DetectorEngine(database, [spec])
    for at, events in ((START, 1000), (START + WINDOW, 40)):
        batch = make_batch(np.random.default_rng(1), events, at, {"age": [400.0] * events})
        database.write(partial(keep_batch, batch=batch, now=at))
        engine.run_once(at + WINDOW)

    shown = page(engine)

    assert 'burnline_signal_alarm{service="shop",signal="drift"} 1.0' in shown
    assert 'burnline_signal_part_alarm{part="version=1",service="shop",signal="drift"} 1.0' in shown
    assert "burnline_signal_score_ratio{" not in shown
    assert "burnline_signal_part_score_ratio{" not in shown
    assert 'burnline_signal_events_total{service="shop",signal="drift"} 1000.0' in shown
