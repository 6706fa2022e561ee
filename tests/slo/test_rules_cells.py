"""Drift of the answers and drift from the training data, in the compiled rules: what their detectors find."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from burnline.detectors.drift import Drift, PredictionDrift
from burnline.detectors.profile import Reference, save_reference
from burnline.detectors.seasons import build_slots
from burnline.detectors.training import TrainingSkew
from burnline.events import PredictionBatch
from burnline.spec.quality import TrainingSkewSpec
from burnline.spec.service import ServiceSpec
from burnline.spec.signals import DriftSpec, PredictionSpec
from tests.detectors.samples import START
from tests.slo.promtool import Simulation, firing, service
from tests.slo.replicas import SECTION, Replicas, close_to, draw, make_reference, over

SIGNALS = ("prediction", "training_skew")
MINUTES = 40


def make_service() -> ServiceSpec:
    slos = [f"{{name: {name}, objective: 98%, window: 30d, sli: {{signal: {name}}}}}" for name in SIGNALS]
    return service(f"[{', '.join(slos)}]", signals=dict.fromkeys(SIGNALS, SECTION))


def counted(name: str, folder: Path) -> Replicas:
    """Replicas whose inputs move after half the time, and their answers with them; training's were others always."""
    training = folder / "training.json"
    save_reference(make_reference(seed=8), training)
    detector = (
        PredictionDrift(make_reference(), PredictionSpec.model_validate(SECTION))
        if name == "prediction"
        else TrainingSkew(make_reference(), TrainingSkewSpec.model_validate({**SECTION, "reference": str(training)}))
    )
    return Replicas(MINUTES, lambda minute: 1.0 if minute >= 20 else 0.0, detector=detector)


@pytest.mark.integration
def test_prometheus_finds_what_each_signals_detector_finds(tmp_path: Path) -> None:
    replicas = {name: counted(name, tmp_path) for name in SIGNALS}
    pages = {key: text for each in replicas.values() for key, text in each.series().items()}
    simulation = Simulation([make_service()], pages)

    for minute, window, since in ((19, "1h", 0), (24, "5m", 19), (39, "30m", 9), (39, "3d", 0)):
        for name, each in replicas.items():
            said = each.detector.judge(each.over(since, minute)).counts
            simulation.holds(f"{minute}m", close_to(over(window, "bad", name), said.bad))
            simulation.holds(f"{minute}m", close_to(over(window, "total", name), said.total))
    simulation.absent("19m", *(firing("page-fast", name) for name in SIGNALS))

    assert all(each.detector.judge(each.over(9, 39)).counts.bad > 300 for each in replicas.values())
    simulation.run(tmp_path)


@pytest.mark.integration
def test_a_slice_of_time_is_judged_by_all_that_it_holds(tmp_path: Path) -> None:
    replicas = Replicas(MINUTES, lambda minute: 0.4 if 10 <= minute < 20 else 0.0)
    slos = [
        f"{{name: {name}, objective: 90%, window: 30d, sli: {{signal: drift}}, slices: {{length: {written}}}}}"
        for name, written in (("shares", "10m"), ("few", "2m"), ("judged", "10m, target: 98%"))
    ]
    spec = service(f"[{', '.join(slos)}]", signals={"drift": SECTION})
    simulation = Simulation([spec], replicas.series(), t2=False)
    found = 'slo:events:increase1m{{slo="{}",event="{}"}}'.format

    for minute, bad in ((10, 0), (20, 1), (30, 0)):
        at, share = f"{minute}m", score(replicas, minute - 10, minute)
        simulation.holds(at, close_to(found("shares", "bad"), share), f"{found('shares', 'total')} == 1")
        simulation.holds(at, f"{found('judged', 'bad')} == {bad}", f"{found('judged', 'total')} == 1")
        simulation.holds(at, close_to(found("few", "bad"), score(replicas, minute - 5, minute)))  # the detector's 5m
        simulation.holds(f"{minute + 1}m", f"{found('shares', 'total')} == 0", f"{found('shares', 'bad')} == 0")

    assert score(replicas, 10, 20) > 0.05
    simulation.run(tmp_path)


@pytest.mark.integration
def test_a_reference_that_differs_by_hour_is_compared_at_the_hours_of_the_events(tmp_path: Path) -> None:
    """One replica's events are of an hour in which amounts are larger, the other's change hours: no drift, until 25."""
    detector = Drift(by_the_hour(), DriftSpec.model_validate(SECTION))
    replicas = Replicas(
        MINUTES,
        lambda minute: 0.0 if minute < 25 else 1.5,
        detector=detector,
        hour=lambda minute, replica: 1 if replica and minute % 3 else 0,
    )
    spec = service("[{name: steady, objective: 98%, window: 30d, sli: {signal: drift}}]", signals={"drift": SECTION})
    simulation = Simulation([spec], replicas.series())

    for minute, window, since in ((24, "5m", 19), (29, "5m", 24), (39, "30m", 9), (39, "3d", 0)):
        said = detector.judge(replicas.over(since, minute)).counts
        simulation.holds(f"{minute}m", close_to(over(window, "bad"), said.bad))
        simulation.holds(f"{minute}m", close_to(over(window, "total"), said.total))

    assert detector.judge(replicas.over(24, 29)).counts.bad > 100
    simulation.run(tmp_path)


def by_the_hour() -> Reference:
    """Two hours of rows: amounts are larger in the second."""
    reference, random = make_reference(), np.random.default_rng(7)
    batches = [
        PredictionBatch("r", "", START + timedelta(hours=hour), draw(random, rows, shift), ["yes"] * rows, [], [])
        for hour, rows, shift in ((0, 3000, 0.0), (1, 2000, 0.6))
    ]
    return msgspec.structs.replace(reference, slots=build_slots(reference, "hour-of-day", batches))


def score(replicas: Replicas, since: int, until: int) -> float:
    return replicas.detector.judge(replicas.over(since, until)).score or 0.0


def test_without_a_profile_of_the_training_data_nothing_is_shown(tmp_path: Path) -> None:
    spec = TrainingSkewSpec(reference=str(tmp_path / "gone.json"))
    detector = TrainingSkew(make_reference(), spec)

    assert list(detector.cells(detector.empty())) == []


def test_a_model_without_answers_shows_no_cells_of_them() -> None:
    detector = PredictionDrift(msgspec.structs.replace(make_reference(), prediction=None), PredictionSpec())

    assert list(detector.cells(detector.empty())) == []
