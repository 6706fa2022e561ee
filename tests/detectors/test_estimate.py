"""Estimated accuracy: close to what labels would show, silent by chance, and honest about what it cannot see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from burnline.detectors.contract import Judgement
from burnline.detectors.labelled.cells import Cells, rates
from burnline.detectors.labelled.estimate import AccuracyEstimate, estimate
from burnline.detectors.profile import Reference
from burnline.detectors.profiling.build import build_profile
from burnline.events import PredictionBatch, Verdict
from burnline.spec.signals import EstimateSpec
from tests.detectors.labelled_samples import amounts_reference, labelled_batch, labelled_reference, read

REFERENCE = labelled_reference()
DETECTOR = AccuracyEstimate(REFERENCE, EstimateSpec())


def judge(batch: PredictionBatch, reference: Reference = REFERENCE) -> Judgement:
    detector = AccuracyEstimate(reference, EstimateSpec())
    return detector.judge(detector.fold(read(reference, batch)))


def accuracy(batch: PredictionBatch) -> float:
    return float(np.mean(np.array(batch.prediction) == np.array(batch.label)))


@pytest.mark.parametrize("unsure", [0.0, 0.2, 0.5, 1.0])
def test_the_estimate_is_what_labels_would_show(unsure: float) -> None:
    batch = labelled_batch(5, 20_000, unsure=unsure)

    said = judge(batch)

    assert 1 - said.counts.bad / said.counts.total == pytest.approx(accuracy(batch), abs=0.015)


def test_nineteen_of_twenty_intervals_hold_what_labels_show() -> None:
    assert REFERENCE.calibration is not None
    cells, counted = Cells.of(REFERENCE.calibration), []
    rate, variance = rates(REFERENCE.calibration)
    for seed in range(200):
        batch = labelled_batch(seed + 100, 800, unsure=0.3)
        found = estimate(cells.count(batch.prediction, np.array(batch.confidence, dtype=float)), rate, variance)
        counted.append(abs(found.accuracy - accuracy(batch)) < 1.96 * found.deviation)

    assert 0.9 <= np.mean(counted) <= 0.995


def test_a_service_that_is_unsure_more_often_raises_an_alarm_that_names_the_bins() -> None:
    said = judge(labelled_batch(5, 2000, unsure=0.5))

    assert said.verdict is Verdict.ALARM
    assert said.score == pytest.approx(0.1, abs=0.05)
    assert said.reason.startswith(
        "An estimated 70.9% (68.9% to 73.0%) of the answers are right, 82.2% on the reference"
    )
    assert "Most by confidence 0 to 0.517: 6.2% of the answers" in said.reason
    assert "Blind to a change of what is right" in said.reason
    assert said.contributors[0].feature == "(confidence)"
    assert said.contributors[0].detail.startswith(
        "confidence 0 to 0.517: 6.2% of the answers, 2.0% on the reference, 50% right"
    )


def test_the_picture_is_of_how_sure_the_answers_are() -> None:
    said = judge(labelled_batch(5, 2000, unsure=0.5))

    cells = said.contributors[0].cells
    assert sum(cell.reference or 0.0 for cell in cells) == pytest.approx(1)
    assert sum(cell.live for cell in cells) == pytest.approx(1)
    assert cells[0].live > 2 * (cells[0].reference or 0.0)


def test_a_change_of_what_is_right_is_not_seen_and_the_reason_says_so() -> None:
    batch = labelled_batch(5, 5000, truth=lambda chance: 1 - chance)

    said = judge(batch)

    assert accuracy(batch) < 0.25
    assert said.verdict is Verdict.OK
    assert "only labels show that" in said.reason


@pytest.mark.parametrize("events", [500, 2000])
def test_chance_alone_passes_never_in_as_many_windows(events: int) -> None:
    assert all(judge(labelled_batch(seed, events)).score == 0 for seed in range(1, 60))


def test_two_versions_are_compared_by_what_is_expected_of_each() -> None:
    sketches = [DETECTOR.fold(read(REFERENCE, labelled_batch(5, 2000, unsure=share))) for share in (0.1, 0.1, 0.6)]

    same, worse, better = (
        DETECTOR.compare(sketches[first], sketches[second]) for first, second in ((0, 1), (0, 2), (2, 0))
    )

    assert [said.verdict for said in (same, worse, better)] == [Verdict.OK, Verdict.ALARM, Verdict.OK]
    assert "of the baseline" in worse.reason


def test_a_comparison_with_too_few_events_says_whose() -> None:
    few, many = (DETECTOR.fold(read(REFERENCE, labelled_batch(5, events))) for events in (10, 1000))

    assert "the window are of the baseline; needs 500" in DETECTOR.compare(few, many).reason
    assert "the window are of the candidate; needs 500" in DETECTOR.compare(many, few).reason


def test_answers_without_a_confidence_are_in_no_count() -> None:
    batch = labelled_batch(5, 2000)
    half = replace(batch, confidence=[*batch.confidence[:1000], *[None] * 1000])

    assert judge(half).counts.total == 1000
    assert judge(replace(batch, confidence=[None] * 2000)).verdict is Verdict.NO_DATA


@pytest.mark.parametrize("unknown", ["zzz", 1.0, "1"])
def test_of_answers_that_the_reference_has_not_nothing_is_said(unknown: float | str) -> None:
    said = judge(replace(labelled_batch(5, 1000), prediction=[unknown] * 1000))

    assert said.verdict is Verdict.NO_DATA
    assert said.reason.startswith("0 events with a known answer and a confidence")


def test_beside_known_answers_unknown_ones_are_in_no_count_and_the_reason_says_so() -> None:
    batch = labelled_batch(5, 2000)
    known = judge(replace(batch, prediction=batch.prediction[:800], confidence=batch.confidence[:800]))

    said = judge(replace(batch, prediction=[*batch.prediction[:800], *["zzz"] * 1200]))

    assert said.counts == known.counts
    assert (
        "1200 of 2000 events are not in it: they have no confidence, or no answer that the reference has."
        in said.reason
    )


@pytest.mark.parametrize(
    ("name", "unknown"),
    [("class {}".format, ["class 31", 3.0]), (float, [31.0, 3.5, "class 3", "31"])],
    ids=["texts", "numbers"],
)
def test_of_many_classes_even_those_without_cells_of_their_own_are_known_by_name(
    name: Callable[[int], float | str], unknown: list[float | str]
) -> None:
    rng = np.random.default_rng(3)
    names: list[float | str | None] = [name(number) for number in rng.integers(0, 30, 6000).tolist()]
    sure, truths = rng.uniform(0.5, 1, 6000), [*names[:4500], *[name(40)] * 1500]
    reference = build_profile({}, names, sure.tolist(), label=truths, name="t")
    batch = replace(labelled_batch(5, 6000), prediction=names, confidence=sure.tolist())

    same = judge(batch, reference)
    new = [judge(replace(batch, prediction=[each] * 6000), reference) for each in unknown]

    assert (same.verdict, same.counts.total) == (Verdict.OK, 6000)
    assert {one.verdict for one in new} == {Verdict.NO_DATA}


@pytest.mark.parametrize(
    ("reference", "reason"),
    [(build_profile({"age": [1.0]}, name="t"), "--label"), (amounts_reference(500), "amounts")],
    ids=["no labels", "amounts"],
)
def test_without_labelled_classes_there_is_no_data_and_the_reason_says_what_to_do(
    reference: Reference, reason: str
) -> None:
    said = judge(labelled_batch(1, 1000), reference)

    assert said.verdict is Verdict.NO_DATA
    assert reason in said.reason
