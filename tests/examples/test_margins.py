"""The demo's service file on a slow machine: half the load must still be enough for every judgement."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from screening.registry import VERSIONS

from burnline.app.demo_stage import RATE
from burnline.slo.windows import tiers
from burnline.spec.load import load_service
from burnline.spec.slo import SloSpec

FILE = Path(__file__).parents[2] / "examples" / "services" / "tumour-screening.yaml"
SPEC = load_service(FILE)
SLOW_RATE = RATE / 2


@pytest.mark.parametrize("name", sorted(SPEC.signals.model_fields_set))
def test_half_the_load_on_the_bad_version_fills_a_window_of_every_signal(name: str) -> None:
    """Version 2 fails two requests in five, and a failed request predicts nothing; twice what is needed is margin."""
    signal = getattr(SPEC.signals, name)
    predictions_per_second = SLOW_RATE * (1 - VERSIONS["2"]["lookup"]["failure_share"])

    events = predictions_per_second * signal.window.total_seconds()

    assert events >= 2 * signal.min_events


@pytest.mark.parametrize("slo", [slo for slo in SPEC.slos if slo.sli.signal is None], ids=lambda slo: slo.name)
def test_half_the_load_is_enough_for_every_page(slo: SloSpec) -> None:
    assert isinstance(slo.window, timedelta)

    events = SLOW_RATE * tiers(slo.window, slo.objective)[0].long.total_seconds()

    assert events >= 2 * slo.min_events
