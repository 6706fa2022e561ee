"""Late labels: accuracy, area under the curve and errors against the reference's, beyond chance."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from burnline.detectors.contract import Judgement
from burnline.detectors.labelled.performance import LARGEST, LatePerformance
from burnline.detectors.labelled.reference import build_labelled
from burnline.detectors.profile import Reference
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.sketch import Sketch
from burnline.events import PredictionBatch, Verdict
from burnline.spec.signals import PerformanceSpec
from tests.detectors.labelled_samples import (
    amounts_batch,
    amounts_reference,
    labelled_batch,
    labelled_reference,
    read,
)

REFERENCE = labelled_reference()
AMOUNTS = amounts_reference()


def judge(batch: PredictionBatch, reference: Reference = REFERENCE) -> Judgement:
    detector = LatePerformance(reference, PerformanceSpec())
    return detector.judge(detector.fold(read(reference, batch)))


def test_a_changed_world_raises_the_alarm_that_confidence_cannot() -> None:
    batch = labelled_batch(5, 2000, truth=lambda chance: 0.3 + 0.4 * chance)

    said = judge(batch)

    wrong = sum(answer != label for answer, label in zip(batch.prediction, batch.label, strict=True))
    assert said.verdict is Verdict.ALARM
    assert (said.counts.bad, said.counts.total) == (wrong, 2000)
    assert {one.feature for one in said.contributors} == {"(accuracy)", "(auc)"}
    assert "of the answers are wrong, 17." in said.reason
    assert "area under the ROC curve is" in said.reason


def test_a_ranking_that_is_lost_while_accuracy_stays_is_found_by_the_area() -> None:
    """Nearly all are fine: always saying so is 95 % right, and ranks nothing."""
    rng = np.random.default_rng(1)

    def batch(events: int, *, knows: bool) -> PredictionBatch:
        labels = rng.random(events) < 0.05
        sure = np.where(labels & knows, rng.uniform(0.5, 0.8, events), rng.uniform(0.7, 1.0, events))
        names: list[float | str | None] = ["fraud" if label else "fine" for label in labels]
        return replace(labelled_batch(1, events), prediction=["fine"] * events, confidence=sure.tolist(), label=names)

    known = batch(20_000, knows=True)
    calibration, performance = build_labelled(known.prediction, known.confidence, known.label)
    reference = replace_parts(calibration, performance)

    good, lost = (judge(batch(3000, knows=knows), reference) for knows in (True, False))

    assert (good.verdict, good.score) == (Verdict.OK, 0)
    assert lost.verdict is Verdict.ALARM
    assert [one.feature for one in lost.contributors] == ["(auc)"]


def replace_parts(calibration: object, performance: object) -> Reference:
    plain = build_profile({"age": [1.0]}, name="t")
    return msgspec.structs.replace(plain, calibration=calibration, performance=performance)


@pytest.mark.parametrize("events", [200, 1000])
def test_chance_alone_passes_never_in_as_many_windows(events: int) -> None:
    for seed in range(1, 60):
        assert judge(labelled_batch(seed, events)).score == 0
        assert judge(amounts_batch(seed, events), AMOUNTS).score == 0


def test_an_area_of_a_few_labels_of_the_rarer_class_says_nothing() -> None:
    """One positive, ranked below all others."""
    events = 300
    batch = labelled_batch(5, events)
    first, *_ = classes = sorted({str(label) for label in batch.label})
    labels: list[float | str | None] = [first, *[classes[1]] * (events - 1)]
    batch = replace(batch, label=labels, prediction=[classes[1]] * events, confidence=[0.99, *[0.9] * (events - 1)])

    said = judge(batch)

    assert "ROC" not in said.reason
    assert said.verdict is Verdict.OK


def test_errors_of_amounts_have_a_ratio_in_the_reason() -> None:
    said = judge(amounts_batch(3, 2000, error=2.0), AMOUNTS)

    assert said.verdict is Verdict.ALARM
    assert said.contributors[0].feature == "(error)"
    assert "of the errors are large, 5.0% on the reference" in said.reason
    assert "x 1.9" in said.reason or "x 2.0" in said.reason


def test_sums_of_errors_add_up_over_any_batches_and_do_not_overflow() -> None:
    detector = LatePerformance(AMOUNTS, PerformanceSpec())
    batch = amounts_batch(3, 900)
    batch = replace(batch, prediction=[1e308, *batch.prediction[1:]], label=[-1e308, *batch.label[1:]])
    parts = [batch.where([start <= place < end for place in range(900)]) for start, end in pairwise([0, 1, 300, 900])]

    whole = detector.fold(read(AMOUNTS, batch))
    summed = detector.empty()
    for part in parts:
        summed = summed + detector.fold(read(AMOUNTS, part))

    assert summed.encode() == whole.encode()
    assert LARGEST <= whole.counts[-1] < 2 * LARGEST


def test_slices_and_versions_are_compared_on_the_same_counts() -> None:
    detector = LatePerformance(REFERENCE, PerformanceSpec())
    good, bad = (
        detector.fold(read(REFERENCE, labelled_batch(5, 2000, truth=truth)))
        for truth in (lambda chance: chance, lambda chance: 0.3 + 0.4 * chance)
    )

    assert detector.compare(good, good).score == 0
    assert detector.compare(good, bad).verdict is Verdict.ALARM
    assert detector.compare(bad, good).verdict is Verdict.OK
    assert "of the baseline" in detector.compare(good, bad).reason
    few = "0 events with answer and label in the window are of the"
    assert f"{few} baseline" in detector.compare(detector.empty(), bad).reason
    assert f"{few} candidate" in detector.compare(good, detector.empty()).reason


def test_versions_of_one_population_are_never_told_apart_by_their_areas() -> None:
    """A baseline of few events that is ranked well by luck was granted too little chance."""
    detector = LatePerformance(REFERENCE, PerformanceSpec())
    small = [detector.fold(read(REFERENCE, labelled_batch(seed, 50))).counts for seed in range(100)]
    rng, of = np.random.default_rng(1), detector.empty().of

    def drawn(batches: int) -> Sketch:
        return Sketch(of, sum((small[at] for at in rng.permutation(100)[:batches]), detector.empty().counts))

    said = [detector.compare(drawn(4), drawn(60)) for _ in range(300)]

    assert {one.score for one in said} == {0}


def test_events_without_label_or_answer_are_in_no_count() -> None:
    batch = labelled_batch(5, 1000)
    without = replace(
        batch, label=[*[None] * 300, *batch.label[300:]], prediction=[*batch.prediction[:900], *[None] * 100]
    )

    assert judge(without).counts.total == 600


def test_a_reference_without_labels_is_no_data_and_says_what_to_do() -> None:
    said = judge(labelled_batch(1, 1000), build_profile({"age": [1.0]}, name="t"))

    assert said.verdict is Verdict.NO_DATA
    assert "--label" in said.reason


def test_labels_that_come_a_few_at_a_time_are_weighed_together() -> None:
    """Twenty an hour, of which a third is wrong instead of 18 %: no window could say so."""
    detector = LatePerformance(REFERENCE, PerformanceSpec())
    memory, verdicts = b"", []
    for hour in range(60):
        batch = labelled_batch(hour, 20, truth=lambda chance: 0.25 + 0.5 * chance)
        said = detector.judge(detector.fold(read(REFERENCE, batch)), memory)
        memory = said.memory
        verdicts.append(said.verdict)

    assert verdicts[0] is Verdict.NO_DATA
    assert verdicts[-1] is Verdict.ALARM
    assert "These 20 labels alone do not show it, all of about" in said.reason
    assert (said.score, said.counts.total) == (None, 0), "fewer than min_events are counted nowhere"


def test_what_windows_show_together_is_the_limit_at_least() -> None:
    detector = LatePerformance(REFERENCE, PerformanceSpec())
    bad = detector.fold(read(REFERENCE, labelled_batch(5, 2000, truth=lambda chance: 0.3 + 0.4 * chance)))
    less = detector.fold(read(REFERENCE, labelled_batch(6, 250, truth=lambda chance: 0.1 + 0.8 * chance)))

    said = detector.judge(less, detector.judge(bad).memory)

    assert said.verdict is Verdict.ALARM
    assert "This window alone does not show it" in said.reason
    assert said.score == 0.02, "a score of 0 is best, and would stand beside an alarm"
    assert said.counts.total == 250


@pytest.mark.parametrize("events", [20, 300])
def test_weighed_together_a_model_that_is_as_it_was_stays_quiet(events: int) -> None:
    detector = LatePerformance(REFERENCE, PerformanceSpec())
    memory = b""
    for hour in range(200):
        said = detector.judge(detector.fold(read(REFERENCE, labelled_batch(hour + 1, events))), memory)
        memory = said.memory
        assert said.verdict is not Verdict.ALARM


def test_an_hour_without_labels_is_no_data_whatever_was_before() -> None:
    detector = LatePerformance(REFERENCE, PerformanceSpec())
    bad = detector.fold(read(REFERENCE, labelled_batch(5, 2000, truth=lambda chance: 1 - chance)))
    memory = detector.judge(bad).memory

    assert detector.judge(detector.empty(), memory).verdict is Verdict.NO_DATA
    assert detector.judge(detector.empty(), memory).memory == memory


def test_too_few_labels_are_no_data() -> None:
    said = judge(labelled_batch(1, 50))

    assert said.reason == "50 events with answer and label in the window; needs 200"


def test_a_design_effect_asks_for_more() -> None:
    batch = labelled_batch(5, 400, truth=lambda chance: 0.2 + 0.6 * chance)

    plain, clustered = (
        judge(batch, msgspec.structs.replace(REFERENCE, design_effect=effect)) for effect in (1.0, 20.0)
    )

    assert (plain.score or 0) > (clustered.score or 0)
