"""Skew against the training data: present from the first event, whatever was served before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from burnline.detectors.build import NOTHING
from burnline.detectors.columns import ColumnReader
from burnline.detectors.profile import save_reference
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.training import TrainingSkew
from burnline.events import Verdict
from burnline.spec.quality import TrainingSkewSpec
from tests.detectors.samples import draw, make_batch

SERVED = build_profile(draw(np.random.default_rng(1), 5000), name="served")


@pytest.fixture
def training(tmp_path: Path) -> str:
    """The training data had ages in months."""
    columns = draw(np.random.default_rng(2), 5000)
    columns["age"] = [age * 12 for age in columns["age"]]
    path = tmp_path / "training.json"
    save_reference(build_profile(columns, name="training"), path)
    return str(path)


def test_what_was_always_served_otherwise_is_found_in_the_first_window(training: str) -> None:
    detector = TrainingSkew(SERVED, TrainingSkewSpec(reference=training))

    said = detector.judge(detector.fold(ColumnReader(SERVED).read(make_batch(np.random.default_rng(3), 2000))))

    assert said.verdict is Verdict.ALARM
    assert said.contributors[0].feature == "age"
    assert not [one for one in said.contributors[1:] if one.score > 0.05]


def test_without_a_profile_of_its_own_it_takes_the_models() -> None:
    detector = TrainingSkew(SERVED, TrainingSkewSpec())

    said = detector.judge(detector.fold(ColumnReader(SERVED).read(make_batch(np.random.default_rng(3), 2000))))

    assert said.verdict is Verdict.OK


def test_a_profile_that_cannot_be_read_costs_this_signal_alone(tmp_path: Path) -> None:
    detector = TrainingSkew(SERVED, TrainingSkewSpec(reference=str(tmp_path / "none.json")))

    said = detector.judge(detector.fold(ColumnReader(SERVED).read(make_batch(np.random.default_rng(3), 2000))))

    assert said.verdict is Verdict.NO_DATA
    assert "none.json" in said.reason


def test_with_no_profile_at_all_it_says_what_to_write() -> None:
    detector = TrainingSkew(NOTHING, TrainingSkewSpec())

    assert "signals.training_skew.reference" in detector.judge(detector.empty()).reason
