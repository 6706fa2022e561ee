"""Drift: total variation against the reference, less what chance explains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Judgement
from burnline.detectors.drift import Drift, PredictionDrift
from burnline.detectors.profile import PREDICTION, Reference
from burnline.detectors.profiling.build import build_profile
from burnline.events import Counts, PredictionBatch, Verdict
from burnline.spec.signals import DriftSpec, PredictionSpec
from tests.detectors.samples import START, make_batch, make_reference

REFERENCE = make_reference()


def judge(reference: Reference, batch: PredictionBatch, threshold: float = 0.05) -> Judgement:
    detector = Drift(reference, DriftSpec(threshold=threshold))
    return detector.judge(detector.fold(ColumnReader(reference).read(batch)))


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
    """Half of the events moved out of range: TV is .5 less the 5 % that the last bin had; chance of both has .036."""
    batch = make_batch(np.random.default_rng(1), 20_000)
    batch.features["age"][:10_000] = [200.0] * 10_000

    said = judge(REFERENCE, batch)

    assert said.score == pytest.approx(0.475 - 0.036, abs=0.01)
    assert said.counts.bad == pytest.approx(20_000 * (said.score or 0))
    assert said.counts.total == 20_000


def test_it_names_the_worst_feature_first_in_plain_words() -> None:
    changes: dict[str, list[Any]] = {"age": [400.0] * 900, "city": (["Oslo"] * 2 + ["Bern"]) * 300}
    said = judge(REFERENCE, make_batch(np.random.default_rng(1), 900, changes=changes))

    assert [one.feature for one in said.contributors[:2]] == ["age", "city"]
    assert said.contributors[0].detail.startswith("100.0% of its values are above 56.")
    assert said.contributors[0].detail.endswith("in the reference 5.0%")
    assert said.reason.startswith("2 of 7 features drifted, age most: 100.0% of its values are above")
    assert "of its events would have to change (limit 5.0%)" in said.reason
    assert said.reason.endswith("At most one false alarm in 30 days is expected of all features.")


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
    assert said.reason.startswith("No feature drifted; age differs most, by ")


def test_of_what_chance_explains_nothing_is_said() -> None:
    said = judge(REFERENCE, make_batch(np.random.default_rng(1), 2000))

    assert (said.score, said.reason, said.contributors) == (0.0, "No feature drifted (limit 5.0%).", ())


def test_evidence_is_one_at_most() -> None:
    shown = windows(2.0, 4)[-1].contributors[0].shown

    assert shown["evidence"] == 1.0


def test_a_reference_without_columns_is_no_data() -> None:
    reference = build_profile({}, None, [0.5] * 10, name="t")

    assert judge(reference, make_batch(np.random.default_rng(1), 600)).verdict is Verdict.NO_DATA


def windows(shift: float, count: int, events: int = 300, seed: int = 5) -> list[Judgement]:
    """Windows in a row, each judged with what those before it left; `age` is moved by so many deviations."""
    detector, rng, memory, said = Drift(REFERENCE, DriftSpec(min_events=200)), np.random.default_rng(seed), b"", []
    for _ in range(count):
        batch = make_batch(rng, events)
        batch.features["age"][:] = rng.normal(40 + 10 * shift, 10, events).tolist()
        said.append(detector.judge(detector.fold(ColumnReader(REFERENCE).read(batch)), memory))
        memory = said[-1].memory
    return said


def test_what_no_window_shows_by_itself_all_of_them_together_do() -> None:
    """A shift of .3 deviations moves 12 % of the events, and one of .1 moves 4 %, less than the limit."""
    found = windows(0.3, 40)
    alone = [one.contributors[0].score for one in found if one.contributors]

    assert max(alone) < 0.05
    assert found[0].verdict is Verdict.OK
    assert (found[-1].verdict, found[-1].score) == (Verdict.ALARM, 0.05), "so much all of them show at least"
    assert "of them together do (limit 5.0%). It began about" in found[-1].reason
    assert " ago, not counting windows without events. At most one" in found[-1].reason
    assert {one.verdict for one in windows(0.1, 40)} == {Verdict.OK}


def test_one_window_too_small_for_a_score_says_what_it_shows_and_what_not() -> None:
    (said,) = windows(3.0, 1, events=120)

    assert (said.verdict, said.score) == (Verdict.ALARM, None)
    assert "its 120 events show that this is too much, but not by how much (limit 5.0%)" in said.reason


def test_small_windows_are_no_data_and_add_up_to_an_alarm_all_the_same() -> None:
    found = [one.verdict for one in windows(1.0, 12, events=40)]

    assert found[0] is Verdict.NO_DATA
    assert found[-1] is Verdict.ALARM
    assert {one.verdict for one in windows(0.0, 12, events=40)} == {Verdict.NO_DATA}


def test_an_alarm_ends_within_an_hour_of_its_cause() -> None:
    detector, rng = Drift(REFERENCE, DriftSpec(min_events=200)), np.random.default_rng(2)
    memory = windows(1.0, 50)[-1].memory
    verdicts: list[Verdict] = []
    for _ in range(6):
        said = detector.judge(detector.fold(ColumnReader(REFERENCE).read(make_batch(rng, 300))), memory)
        verdicts, memory = [*verdicts, said.verdict], said.memory

    assert verdicts[-1] is Verdict.OK


def test_a_reference_in_clusters_asks_for_more_before_it_alarms() -> None:
    clustered = msgspec.structs.replace(REFERENCE, design_effect=8.0)
    batch = make_batch(np.random.default_rng(1), 900)
    batch.features["age"][:] = np.random.default_rng(2).normal(45, 10, 900).tolist()

    assert judge(REFERENCE, batch).verdict is Verdict.ALARM
    assert judge(clustered, batch).verdict is Verdict.OK


def test_a_reference_of_ten_rows_is_silent_about_its_own_and_still_sees_a_landslide() -> None:
    tiny = make_reference(events=10)
    same = make_batch(np.random.default_rng(3), 5000)
    gone = make_batch(np.random.default_rng(3), 5000, changes={"age": [None] * 5000, "fee": [9.0] * 5000})

    assert judge(tiny, same).verdict is Verdict.OK
    assert {one.verdict for one in windows_of(tiny, same, 8)} == {Verdict.OK}
    assert Verdict.ALARM in {one.verdict for one in windows_of(tiny, gone, 8)}


def windows_of(reference: Reference, batch: PredictionBatch, count: int) -> list[Judgement]:
    """The same batch again and again."""
    detector, memory, said = Drift(reference, DriftSpec()), b"", []
    for _ in range(count):
        said.append(detector.judge(detector.fold(ColumnReader(reference).read(batch)), memory))
        memory = said[-1].memory
    return said


def test_a_contributor_has_a_picture_and_the_numbers_that_others_go_by() -> None:
    batch = make_batch(np.random.default_rng(1), 2000, changes={"city": ["Oslo"] * 2000, "age": [99.0] * 2000})

    age, city = judge(REFERENCE, batch).contributors[:2]

    assert [(cell.what, round(cell.live, 3)) for cell in city.cells if cell.live] == [("'Oslo'", 1.0)]
    assert sum(cell.reference or 0.0 for cell in age.cells) == pytest.approx(1)
    assert age.shown["ks"] == pytest.approx(0.95, abs=0.001)
    assert age.shown["psi"] > 3
    assert 0.5 < age.shown["js"] < 1
    assert set(city.shown) == {"psi", "js", "evidence"}


def test_a_picture_of_many_labels_ends_with_the_others() -> None:
    rng = np.random.default_rng(1)
    reference = build_profile({"word": [f"w{at}" for at in rng.integers(0, 60, 20_000)]}, name="t")
    nothing: list[Any] = [None] * 1000
    batch = PredictionBatch("t", "", START, {"word": ["w1"] * 1000}, [*nothing], [*nothing], [0] * 1000)

    cells = judge(reference, batch).contributors[0].cells

    assert len(cells) == 32
    assert cells[-1].what == "others"
    assert sum(cell.reference or 0.0 for cell in cells) == pytest.approx(1)


def test_the_answers_alone_are_a_signal_of_their_own() -> None:
    detector = PredictionDrift(REFERENCE, PredictionSpec())
    batch = make_batch(np.random.default_rng(1), 800, changes={"city": ["Bern"] * 800})
    reader = ColumnReader(REFERENCE)

    inputs, answers = (
        detector.judge(detector.fold(reader.read(each))) for each in (batch, replace(batch, prediction=["fraud"] * 800))
    )

    assert inputs.verdict is Verdict.OK
    assert answers.verdict is Verdict.ALARM
    assert inputs.reason == "The prediction has not drifted (limit 5.0%)."
    assert answers.reason.startswith("The prediction drifted: 100.0% of its values are 'fraud', in the reference ")
    assert answers.reason.endswith("(limit 5.0%). At most one false alarm in 30 days is expected.")


def test_answers_without_a_reference_are_no_data() -> None:
    detector = PredictionDrift(build_profile({"a": [1.0] * 10}, name="t"), PredictionSpec())

    assert detector.judge(detector.empty()).verdict is Verdict.NO_DATA


def test_events_that_all_lack_an_answer_are_no_data_of_the_answers() -> None:
    batch = replace(make_batch(np.random.default_rng(2), 1000), prediction=[None] * 1000)
    detector = PredictionDrift(REFERENCE, PredictionSpec())
    usual = make_batch(np.random.default_rng(3), 1000)
    silent, spoken = (detector.fold(ColumnReader(REFERENCE).read(each)) for each in (batch, usual))

    said, candidate, baseline = (
        detector.judge(silent),
        detector.compare(spoken, silent),
        detector.compare(silent, spoken),
    )

    assert {one.verdict for one in (said, candidate, baseline)} == {Verdict.NO_DATA}
    assert said.reason == candidate.reason == "0 events with an answer in the window; needs 500"
    assert baseline.reason == "nothing to compare with in the baseline"
    assert said.counts.total == 0


def test_an_alarm_by_evidence_counts_no_events_of_a_window_with_too_few() -> None:
    said = windows(1.0, 40, events=100)[-1]

    assert said.verdict is Verdict.ALARM
    assert said.counts.total == 0
    assert said.score is None


def test_of_the_answers_alone_only_events_that_have_one_count() -> None:
    detector = PredictionDrift(REFERENCE, PredictionSpec())
    batch = make_batch(np.random.default_rng(1), 2000)
    batch.prediction[:1200] = [None] * 1200

    assert detector.judge(detector.fold(ColumnReader(REFERENCE).read(batch))).counts == Counts(0, 800)


def test_an_alarm_of_answers_is_not_held_where_there_are_none() -> None:
    detector, reader = PredictionDrift(REFERENCE, PredictionSpec()), ColumnReader(REFERENCE)
    batch = make_batch(np.random.default_rng(1), 2000)
    wrong, silent = (detector.fold(reader.read(replace(batch, prediction=[said] * 2000))) for said in ("fraud", None))
    alarm = detector.judge(wrong)

    after = detector.judge(silent, alarm.memory)

    assert alarm.verdict is Verdict.ALARM
    assert after.verdict is Verdict.NO_DATA
    assert after.memory == alarm.memory


def test_memory_of_another_reference_is_forgotten() -> None:
    other = Drift(make_reference(seed=4), DriftSpec())
    memory = windows(0.3, 40)[-1].memory
    calm = other.fold(ColumnReader(make_reference(seed=4)).read(make_batch(np.random.default_rng(1), 600)))

    assert other.judge(calm, memory) == other.judge(calm)
