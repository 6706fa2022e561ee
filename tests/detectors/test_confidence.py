"""Confidence: more unsure answers than on the reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from burnline.detectors.columns import ColumnReader
from burnline.detectors.confidence import ConfidenceDrop
from burnline.detectors.contract import Judgement
from burnline.detectors.profile import Reference
from burnline.detectors.profiling.build import build_profile
from burnline.events import Verdict
from burnline.spec.signals import ConfidenceSpec
from tests.detectors.samples import make_batch, make_reference

REFERENCE = make_reference()


def judge(confidence: list[float | None], reference: Reference = REFERENCE) -> Judgement:
    detector = ConfidenceDrop(reference, ConfidenceSpec())
    batch = replace(make_batch(np.random.default_rng(1), len(confidence)), confidence=confidence)
    return detector.judge(detector.fold(ColumnReader(reference).read(batch)))


def sure(rng: np.random.Generator, events: int) -> list[float | None]:
    return list(rng.beta(8, 2, events).tolist())


def test_a_reference_of_ten_rows_is_silent_about_its_own() -> None:
    """None of them is under their 5 % quantile, and that of others like them are is no surprise."""
    rng = np.random.default_rng(5)
    references = [build_profile({}, None, sure(rng, 10), name="t") for _ in range(50)]

    assert {judge(sure(rng, 1000), reference).verdict for reference in references} == {Verdict.OK}


def test_a_model_that_says_nothing_but_its_least_is_unsure() -> None:
    """Some 6 % of the reference are at it, so that nothing can be below."""
    rng = np.random.default_rng(5)
    usual = [0.5] * 309 + rng.uniform(0.51, 1.0, 4691).tolist()
    reference = build_profile({}, None, usual, name="t")
    few: list[float | None] = [*[0.5] * 60, *[0.9] * 940]

    said, calm = judge([0.5] * 1000, reference), judge(few, reference)

    assert said.verdict is Verdict.ALARM
    assert said.counts.bad == 1000
    assert said.reason.startswith("100.0% of the answers are less sure than 0.5, in the reference 6.2%")
    assert (calm.verdict, calm.score) == (Verdict.OK, 0)


def test_about_one_in_twenty_answers_is_bad_even_when_all_is_well() -> None:
    said = judge(sure(np.random.default_rng(2), 10_000))

    assert said.verdict is Verdict.OK
    assert said.score == 0
    assert said.counts.bad == pytest.approx(500, abs=100)
    assert said.counts.total == 10_000


def test_an_unsure_model_raises_an_alarm() -> None:
    confidence = sure(np.random.default_rng(2), 1000)
    confidence[:300] = [0.2] * 300

    said = judge(confidence)

    assert said.verdict is Verdict.ALARM
    assert said.counts.bad >= 300
    assert said.reason.startswith("34.3%")
    assert said.contributors[0].feature == "(confidence)"
    assert said.contributors[0].cells[0].live > 0.3
    assert "of the answers are less sure than 0.575, in the reference 5.0%" in said.reason


def test_only_events_with_a_confidence_count() -> None:
    confidence = sure(np.random.default_rng(2), 1000)
    confidence[:400] = [None] * 400

    assert judge(confidence).counts.total == 600


def test_too_few_confidences_are_no_data() -> None:
    confidence: list[float | None] = [None] * 900 + [0.1] * 100

    said = judge(confidence)

    assert said.verdict is Verdict.NO_DATA
    assert said.reason == "100 events with a confidence in the window; needs 500"


@pytest.mark.parametrize("value", [1.0, 0.99, 0.8])
def test_a_model_that_is_as_sure_of_whatever_comes_is_stuck(value: float) -> None:
    said = judge([value] * 1000)

    assert said.verdict is Verdict.ALARM
    assert said.score is not None
    assert said.score > 0.8
    assert 900 < said.counts.bad <= 1000
    assert said.reason.startswith("The confidence is stuck: 100.0% of the answers have ")
    assert "in the reference" in said.reason


def test_a_model_that_was_nearly_always_as_sure_is_not_stuck() -> None:
    usual = [1.0] * 4950 + np.random.default_rng(5).uniform(0.5, 1.0, 50).tolist()
    reference = build_profile({}, None, usual, name="t")

    said = judge([1.0] * 1000, reference)

    assert (said.verdict, said.score, said.counts.bad) == (Verdict.OK, 0, 0)


def test_a_version_that_is_stuck_is_told_from_one_that_is_not() -> None:
    rng, detector = np.random.default_rng(2), ConfidenceDrop(REFERENCE, ConfidenceSpec())
    read = ColumnReader(REFERENCE).read
    same: list[float | None] = [0.9] * 1000
    well, stuck = (
        detector.fold(read(replace(make_batch(rng, 1000), confidence=confidence)))
        for confidence in (sure(rng, 1000), same)
    )

    assert detector.compare(well, stuck).verdict is Verdict.ALARM
    assert "in the baseline" in detector.compare(well, stuck).reason
    assert detector.compare(stuck, stuck).verdict is Verdict.OK


def test_a_reference_without_confidence_is_no_data_and_says_how_to_get_one() -> None:
    said = judge([0.1] * 1000, build_profile({"age": [1, 2]}, name="t"))

    assert said.verdict is Verdict.NO_DATA
    assert "--confidence" in said.reason


def test_a_model_that_is_always_sure_has_no_lower_answers_to_expect() -> None:
    reference = build_profile({}, None, [1.0] * 1000, name="t")

    assert judge([1.0] * 1000, reference).verdict is Verdict.OK
    assert judge([0.99] * 1000, reference).verdict is Verdict.ALARM
