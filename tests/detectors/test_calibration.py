"""Calibration: whether what the model says of its answers is so, by labels."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from burnline.detectors.contract import Judgement
from burnline.detectors.labelled.calibration import Miscalibration
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.sketch import Sketch
from burnline.events import PredictionBatch, Verdict
from burnline.spec.signals import CalibrationSpec
from tests.detectors.labelled_samples import amounts_reference, labelled_batch, labelled_reference, read

REFERENCE = labelled_reference()
DETECTOR = Miscalibration(REFERENCE, CalibrationSpec())


def judge(batch: PredictionBatch) -> Judgement:
    return DETECTOR.judge(DETECTOR.fold(read(REFERENCE, batch)))


def test_a_model_that_is_too_sure_raises_an_alarm_that_names_the_bins() -> None:
    batch = labelled_batch(5, 3000, truth=lambda chance: 0.25 + 0.5 * chance)

    said = judge(batch)

    stated, right = np.mean(np.array(batch.confidence, dtype=float)), np.mean(np.array(batch.prediction) == batch.label)
    assert said.verdict is Verdict.ALARM
    assert said.score == pytest.approx(stated - right, abs=0.1)
    assert "surer than it is right" in said.reason
    assert re.fullmatch(r"[\d.]+% of the answers, [\d.]+% of them right, [\d.]+% stated", said.contributors[0].detail)
    assert said.counts.bad == pytest.approx(3000 * (said.score or 0))


def test_versions_of_one_population_are_never_told_apart() -> None:
    """Of a model that is always right and too modest only the mix of its confidences varies, which counts too."""
    small = [DETECTOR.fold(read(REFERENCE, labelled_batch(seed, 100, truth=np.round))).counts for seed in range(60)]
    rng, of = np.random.default_rng(1), DETECTOR.empty().of

    for _ in range(300):
        order = rng.permutation(60)
        halves = (
            Sketch(of, sum((small[at] for at in half), DETECTOR.empty().counts)) for half in (order[:30], order[30:])
        )
        assert DETECTOR.compare(*halves).score == 0


def test_a_model_that_is_right_more_often_than_it_says_is_as_far_off() -> None:
    said = judge(labelled_batch(5, 3000, truth=np.round))

    assert said.verdict is Verdict.ALARM
    assert "right more often than it says" in said.reason


@pytest.mark.parametrize("events", [500, 3000])
def test_chance_alone_passes_never_in_as_many_windows(events: int) -> None:
    assert all(judge(labelled_batch(seed, events)).score == 0 for seed in range(1, 40))


def test_versions_are_compared_beyond_the_chance_of_both() -> None:
    good, bad = (
        DETECTOR.fold(read(REFERENCE, labelled_batch(5, 3000, truth=truth)))
        for truth in (lambda chance: chance, lambda chance: 0.25 + 0.5 * chance)
    )

    assert DETECTOR.compare(good, bad).verdict is Verdict.ALARM
    assert DETECTOR.compare(bad, good).score == 0
    assert "are of the baseline" in DETECTOR.compare(DETECTOR.empty(), bad).reason


def test_only_events_with_answer_confidence_and_label_count() -> None:
    batch = labelled_batch(5, 1000)
    fewer = replace(
        batch, confidence=[*[None] * 100, *batch.confidence[100:]], label=[*batch.label[:950], *[None] * 50]
    )

    assert DETECTOR.fold(read(REFERENCE, fewer)).events == 1000
    assert judge(fewer).counts.total == 850


def test_without_labelled_confidences_there_is_no_data_and_the_reason_says_what_to_do() -> None:
    for reference in (build_profile({"age": [1.0]}, name="t"), amounts_reference(300)):
        detector = Miscalibration(reference, CalibrationSpec())

        said = detector.judge(detector.fold(read(reference, labelled_batch(5, 1000))))

        assert said.verdict is Verdict.NO_DATA
        assert "--label" in said.reason
