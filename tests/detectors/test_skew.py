"""Training-serving skew: what is said of features that differ from training, and of those that do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from burnline.detectors.columns import ColumnReader
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.sketch import Sketch
from burnline.detectors.skew import Skew
from burnline.events import Cell, Mismatch, PredictionBatch, Verdict
from burnline.spec.quality import SkewSpec
from tests.detectors.samples import START

REFERENCE = build_profile({"amount": [1.0, 2.0, 3.0], "city": ["a", "b", "a"]}, name="shop")
DETECTOR = Skew(REFERENCE, SkewSpec())
READER = ColumnReader(REFERENCE)
Column = list[Any]


def fold(**features: Column) -> Sketch:
    events = len(next(iter(features.values())))
    batch = PredictionBatch("shop", "7", START, features, [None] * events, [None] * events, [0] * events)
    return DETECTOR.fold(READER.read(batch))


def some(kind: Any, times: int, of: int = 1000) -> Column:
    return [kind] * times + [False] * (of - times)


def test_a_feature_of_another_scale_is_named_with_its_scale() -> None:
    said = DETECTOR.judge(fold(amount=some(Mismatch.TIMES_100, 950), city=some(True, 0)))

    assert said.verdict is Verdict.ALARM
    assert said.contributors[0].feature == "amount"
    assert "95.0% of 1,000 values differ from training: 100 times what training has" in said.reason
    assert (said.counts.bad, said.counts.total) == (950, 1000)
    assert said.contributors[0].cells == (Cell("100 times what training has", 0.0, 0.95),)
    assert said.score is not None
    assert 0.88 < said.score < 0.95


def test_what_training_has_too_is_fine() -> None:
    said = DETECTOR.judge(fold(amount=some(False, 500), city=some(False, 500)))

    assert (said.verdict, said.score, said.contributors) == (Verdict.OK, 0.0, ())


def test_a_mismatch_in_a_thousand_is_allowed_and_chance_is_no_alarm() -> None:
    rng = np.random.default_rng(1)
    verdicts = {
        DETECTOR.judge(fold(amount=some(Mismatch.OTHER, int(bad)), city=some(False, 0))).verdict
        for bad in rng.binomial(1000, 0.001, 2000)
    }

    assert verdicts == {Verdict.OK}


def test_the_kind_that_most_mismatches_are_of_is_named() -> None:
    column = some(Mismatch.NOT_SERVED, 300)
    column[500:600] = [Mismatch.OTHER] * 100

    said = DETECTOR.judge(fold(amount=column))

    assert "40.0% of 1,000 values differ from training: missing when served in 75% of these" in said.reason


def test_a_feature_that_is_not_compared_says_nothing() -> None:
    said = DETECTOR.judge(fold(amount=[None] * 500, city=some(Mismatch.OTHER, 500, of=500)))

    assert [one.feature for one in said.contributors] == ["city"]


def test_features_that_nobody_declared_count_together() -> None:
    said = DETECTOR.judge(fold(strange=some(Mismatch.OTHER, 500)))

    assert said.verdict is Verdict.ALARM
    assert "together" in said.reason
    assert said.counts.bad == 500


def test_a_plain_true_is_a_mismatch_of_no_known_kind() -> None:
    assert "another value" in DETECTOR.judge(fold(amount=some(True, 500))).reason


def test_few_samples_are_no_data() -> None:
    said = DETECTOR.judge(fold(amount=some(False, 0, of=20)))

    assert said.verdict is Verdict.NO_DATA
    assert "20 sampled events" in said.reason


@pytest.mark.parametrize(("bad", "verdict"), [(10, Verdict.OK), (200, Verdict.ALARM)])
def test_a_candidate_is_compared_with_what_serves(bad: int, verdict: Verdict) -> None:
    baseline, candidate = fold(amount=some(Mismatch.OTHER, 5)), fold(amount=some(Mismatch.OTHER, bad))

    assert DETECTOR.compare(baseline, candidate).verdict is verdict
    assert DETECTOR.compare(candidate, baseline).verdict is Verdict.OK
