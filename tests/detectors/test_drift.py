"""Drift: total variation against the reference, less what chance explains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Judgement
from burnline.detectors.drift import PREDICTION, Drift, chance, total_variation
from burnline.detectors.profile import Reference
from burnline.detectors.profiling import build_profile
from burnline.events import PredictionBatch, Verdict
from burnline.spec.signals import DriftSpec
from tests.detectors.samples import START, make_batch, make_reference

REFERENCE = make_reference()


def judge(reference: Reference, batch: PredictionBatch, threshold: float = 0.05) -> Judgement:
    detector = Drift(reference, DriftSpec(threshold=threshold))
    return detector.judge(detector.fold(ColumnReader(reference).read(batch)))


def test_total_variation_is_the_share_of_events_that_would_have_to_change() -> None:
    assert total_variation(np.array([75, 25]), np.array([50, 50])) == 0.25
    assert total_variation(np.array([0, 10]), np.array([10, 0])) == 1
    assert total_variation(np.array([30, 70]), np.array([3000, 7000])) == 0


def test_the_mean_that_chance_explains_is_that_of_half_normals() -> None:
    """20 equal bins, n = 1000, a large reference: mean .0550 by formula and by simulation, deviation .30 / sqrt(n)."""
    equal = np.full(20, 10**9)

    assert chance(equal, 1000) == pytest.approx(0.0550 + 4.5 * 0.294 / np.sqrt(1000), abs=0.0005)


def test_two_equal_cells_get_the_binomial_bound() -> None:
    assert chance(np.full(2, 10**9), 400) == pytest.approx(4.5 * 0.5 / 20, rel=1e-6)


def test_a_small_reference_counts_as_noise_too() -> None:
    assert chance(np.full(20, 25), 500) == pytest.approx(chance(np.full(20, 10**9), 250), rel=0.01)


@pytest.mark.parametrize(
    "shares",
    [np.full(2, 1 / 2), np.full(5, 1 / 5), np.full(20, 1 / 20), np.full(66, 1 / 66), np.array([0.8] + [0.01] * 20)],
    ids=["2 equal", "5 equal", "20 equal", "66 equal", "one large"],
)
@pytest.mark.parametrize("rows", [400, 20_000])
def test_chance_alone_passes_its_bound_less_than_once_in_a_thousand_windows(
    shares: NDArray[np.float64], rows: int
) -> None:
    """The bound itself, threshold 0: at most 3e-4 a window and feature. With the default threshold: never here."""
    rng, windows, events = np.random.default_rng(7), 20_000, 500
    live, reference = rng.multinomial(events, shares, windows), rng.multinomial(rows, shares, windows)
    found = np.abs(live / events - reference / rows).sum(axis=1) / 2

    beyond = found - np.array([chance(counts, events) for counts in reference])

    assert np.mean(beyond > 0) < 0.001
    assert not np.any(beyond > 0.05)


@pytest.mark.parametrize(
    ("sigmas", "verdict"), [(0.0, Verdict.OK), (0.1, Verdict.OK), (0.5, Verdict.ALARM), (2.0, Verdict.ALARM)]
)
def test_it_alarms_on_the_size_of_the_shift_not_on_the_number_of_events(sigmas: float, verdict: Verdict) -> None:
    """A shift of 0.1 sigma is a total variation of .04: below the limit, however many events show it."""
    rng = np.random.default_rng(3)
    reference = build_profile({"x": rng.normal(0, 1, 100_000).tolist()}, name="t")
    for events in (5_000, 200_000):
        values = rng.normal(sigmas, 1, events).tolist()
        batch = PredictionBatch("t", "", START, {"x": values}, [None] * events, [None] * events, [0] * events)

        assert judge(reference, batch).verdict is verdict


def test_the_score_is_the_share_that_would_have_to_change() -> None:
    """Half of the events moved out of range: TV is .5 less the 5 % that the last bin had."""
    batch = make_batch(np.random.default_rng(1), 20_000)
    batch.features["age"][:10_000] = [200.0] * 10_000

    said = judge(REFERENCE, batch)

    assert said.score == pytest.approx(0.475 - 0.026, abs=0.01)
    assert said.counts.bad == pytest.approx(20_000 * (said.score or 0))
    assert said.counts.total == 20_000


def test_it_names_the_worst_feature_first_in_plain_words() -> None:
    changes: dict[str, list[Any]] = {"age": [400.0] * 900, "city": (["Oslo"] * 2 + ["Bern"]) * 300}
    said = judge(REFERENCE, make_batch(np.random.default_rng(1), 900, changes=changes))

    assert [one.feature for one in said.contributors[:2]] == ["age", "city"]
    assert said.contributors[0].detail.startswith("100.0% of its values are above 56.")
    assert said.contributors[0].detail.endswith("in the reference 5.0%")
    assert said.reason.startswith("2 of 7 features drifted, age most: 100.0% of its values are above")
    assert said.reason.endswith("(limit 5.0%).")


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("city", ["Bern"] * 600, "100.0% of its values are new, in the reference 0.0%"),
        ("city", [None] * 600, "100.0% of its values are missing"),
        ("city", [3] * 600, "100.0% of its values are not labels"),
        ("city", ["Graz"] * 600, "100.0% of its values are 'Graz'"),
        ("age", ["old"] * 600, "100.0% of its values are not numbers"),
        ("age", [None] * 600, "100.0% of its values are missing"),
        ("age", [-3.0] * 600, "100.0% of its values are up to 23."),
        ("fee", [2.4] * 600, "100.0% of its values are up to 2.5"),
        ("items", [2] * 600, "100.0% of its values are exactly 2"),
    ],
)
def test_each_kind_of_change_is_said_in_words(column: str, values: list[Any], words: str) -> None:
    batch = make_batch(np.random.default_rng(1), 600, changes={column: values})

    said = judge(REFERENCE, batch)

    assert said.verdict is Verdict.ALARM
    assert said.contributors[0].feature == column
    assert words in said.contributors[0].detail


def test_a_changed_share_of_missing_values_is_drift() -> None:
    batch = make_batch(np.random.default_rng(1), 2000)
    batch.features["partly"][:1000] = [None] * 1000

    assert judge(REFERENCE, batch).contributors[0].feature == "partly"


def test_the_prediction_drifts_like_a_feature() -> None:
    batch = replace(make_batch(np.random.default_rng(1), 800), prediction=["fraud"] * 800)

    said = judge(REFERENCE, batch)

    assert said.verdict is Verdict.ALARM
    assert said.contributors[0].feature == PREDICTION
    assert "'fraud'" in said.contributors[0].detail


def test_requests_without_an_answer_are_no_drift_of_the_prediction() -> None:
    batch = make_batch(np.random.default_rng(1), 2000)
    batch.prediction[:1200] = [None] * 1200

    assert judge(REFERENCE, batch).verdict is Verdict.OK


def test_predictions_of_another_type_are_drift() -> None:
    batch = replace(make_batch(np.random.default_rng(1), 800), prediction=[1.0] * 800)

    said = judge(REFERENCE, batch)

    assert said.contributors[0].detail == "100.0% of its values are not labels, in the reference 0.0%"


def test_a_raised_threshold_keeps_quiet_but_still_counts() -> None:
    batch = make_batch(np.random.default_rng(1), 2000)
    batch.features["age"][:400] = [200.0] * 400

    said = judge(REFERENCE, batch, threshold=0.3)

    assert said.verdict is Verdict.OK
    assert said.counts.bad > 100
    assert said.reason.startswith("No feature drifted; age differs most")


def test_a_reference_without_columns_is_no_data() -> None:
    reference = build_profile({}, None, [0.5] * 10, name="t")

    assert judge(reference, make_batch(np.random.default_rng(1), 600)).verdict is Verdict.NO_DATA
