"""Data quality: what makes an event bad, and when that is an alarm."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Judgement
from burnline.detectors.declared import declared_reference
from burnline.detectors.profile import Reference
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.quality.detector import STALE, UNKNOWN, Quality
from burnline.detectors.sketch import Sketch
from burnline.detectors.statistics.rates import Share, beyond
from burnline.events import PredictionBatch, Verdict
from burnline.spec.events import SchemaSpec
from burnline.spec.signals import DataSpec
from burnline.store.schema import EPOCH, MICROSECOND
from tests.detectors.samples import START, make_batch, make_reference

REFERENCE = make_reference()


def judge(batch: PredictionBatch, reference: Reference = REFERENCE, **spec: Any) -> Judgement:
    detector = Quality(reference, DataSpec.model_validate(spec))
    return detector.judge(detector.fold(ColumnReader(reference).read(batch)))


def spoiled(feature: str, value: Any, events: int, of: int = 1000) -> PredictionBatch:
    batch = make_batch(np.random.default_rng(1), of)
    batch.features[feature][:events] = [value] * events
    return batch


@pytest.mark.parametrize(
    ("feature", "value", "words"),
    [
        ("age", None, "age: 30.0% of its values are missing"),
        ("city", None, "city: 30.0% of its values are missing"),
        ("age", "forty", "age: 30.0% of its values are of the wrong type"),
        ("age", True, "age: 30.0% of its values are of the wrong type"),
        ("city", 7.0, "city: 30.0% of its values are of the wrong type"),
        ("age", 4000.0, "age: 30.0% of its values are outside the range of the reference"),
        ("age", float("inf"), "age: 30.0% of its values are outside the range of the reference"),
        ("fee", 2.6, "fee: 30.0% of its values are outside the range of the reference"),
    ],
)
def test_each_defect_raises_an_alarm_that_names_it(feature: str, value: Any, words: str) -> None:
    said = judge(spoiled(feature, value, 300))

    assert said.verdict is Verdict.ALARM
    found, bad = said.reason.split("; ")
    assert found.partition(" (")[0] == words
    assert bad == "30.0% of the events are bad."
    assert said.contributors[0].feature == feature
    assert said.score == pytest.approx(beyond(Share(300, 1000), 0.01))
    assert said.counts.bad == 300


def test_an_alarm_names_the_range_and_the_other_features() -> None:
    rng = np.random.default_rng(2)
    batch = make_batch(
        rng, 1000, changes={"fee": [2.6] * 1000, "age": [None] * 1000, "city": [None] * 500 + ["Oslo"] * 500}
    )

    said = judge(batch)

    assert said.reason.startswith("age: 100.0% of its values are missing; it is not sent any more; also fee, city; ")
    assert said.contributors[1].detail == "100.0% of its values are outside the range of the reference (always 2.5)"


def test_whole_events_are_good() -> None:
    said = judge(make_batch(np.random.default_rng(1), 1000))

    assert said.verdict is Verdict.OK
    assert said.score == 0
    assert said.counts.bad <= 2
    assert said.contributors == ()


def test_values_a_little_outside_the_range_are_let_pass() -> None:
    reference = build_profile({"x": [0.0, 100.0] * 500}, name="t")
    column: list[Any] = [109.0, -9.0] * 100
    batch = replace(make_batch(np.random.default_rng(1), 200), features={"x": column})

    assert judge(batch, reference).counts.bad == 0
    assert judge(replace(batch, features={"x": [111.0] * 200}), reference).counts.bad == 200


def test_an_event_with_many_defects_is_one_bad_event() -> None:
    batch = spoiled("age", "forty", 300)
    batch.features["amount"][:300] = [1e12] * 300
    batch.features["city"][:300] = [None] * 300

    assert judge(batch).counts.bad == 300


def test_missing_values_add_to_events_that_are_bad_for_another_reason() -> None:
    batch = spoiled("age", "forty", 300)
    batch.features["city"][300:500] = [None] * 200

    assert judge(batch).counts.bad == 500


def test_features_that_go_missing_together_count_once() -> None:
    batch = spoiled("age", None, 300)
    batch.features["city"][:300] = [None] * 300

    assert judge(batch).counts.bad == 300


def test_as_many_missing_values_as_in_the_reference_are_no_defect() -> None:
    batch = make_batch(np.random.default_rng(1), 5000)

    assert batch.features["partly"].count(None) > 200
    assert judge(batch).counts.bad < 10


def test_a_few_missing_values_are_within_max_null() -> None:
    said = judge(spoiled("age", None, 10))

    assert said.verdict is Verdict.OK
    assert said.counts.bad == 0


def test_max_null_says_how_many_are_too_many() -> None:
    assert judge(spoiled("age", None, 300), max_null="40%").verdict is Verdict.OK
    assert judge(spoiled("age", None, 1), max_null="0%").verdict is Verdict.ALARM


def test_unknown_features_make_an_event_bad() -> None:
    batch = replace(make_batch(np.random.default_rng(1), 1000), unknown_features=[2] * 200 + [0] * 800)

    said = judge(batch)

    assert said.verdict is Verdict.ALARM
    assert said.contributors[0].feature == UNKNOWN
    assert said.counts.bad == 200


def test_without_a_schema_only_missing_values_count() -> None:
    batch = spoiled("age", "forty", 300)
    batch.features["amount"][:300] = [1e12] * 300
    batch = replace(batch, unknown_features=[1] * 1000)

    assert judge(batch, schema="off").verdict is Verdict.OK
    assert judge(batch, schema="off").counts.bad == 0
    assert judge(spoiled("age", None, 300), schema="off").counts.bad == 300


def test_a_small_reference_does_not_know_the_extremes() -> None:
    """Of 40 rows seen, 2 of 41 new ones lie outside the extremes by chance alone, whatever the distribution."""
    reference = build_profile({"x": [float(value) for value in range(40)]}, name="t")
    values: list[Any] = [500.0] * 40 + [20.0] * 960
    batch = replace(make_batch(np.random.default_rng(1), 1000), features={"x": values})

    assert judge(batch, reference).verdict is Verdict.OK
    assert judge(batch, reference).counts.bad == 0


@pytest.mark.parametrize("rows", [10, 30, 100])
def test_a_small_reference_is_silent_on_its_own_population(rows: int) -> None:
    """Two in a hundred are missing, counts have a tail, and a label is rare: some references have none of these."""
    rng = np.random.default_rng(rows)

    def columns(events: int) -> dict[str, list[Any]]:
        gone = rng.random(events) < 0.02
        return {
            "missing": [None if each else 1.0 for each in gone],
            "tail": rng.poisson(1.0, events).tolist(),
            "rare": rng.choice(["a", "b", "c"], events, p=[0.6, 0.37, 0.03]).tolist(),
        }

    batch = replace(make_batch(rng, 3000), features=columns(3000))
    said = [judge(batch, build_profile(columns(rows), name="t")) for _ in range(60)]

    assert {one.verdict for one in said} == {Verdict.OK}


def test_a_small_reference_still_tells_that_a_feature_is_gone() -> None:
    reference = build_profile({"x": [float(value) for value in range(30)]}, name="t")
    column: list[Any] = [None] * 1000
    batch = replace(make_batch(np.random.default_rng(1), 1000), features={"x": column})

    assert judge(batch, reference).verdict is Verdict.ALARM
    assert judge(replace(batch, features={"x": [500.0] * 1000}), reference).verdict is Verdict.ALARM
    assert judge(replace(batch, features={"x": ["a"] * 1000}), reference).verdict is Verdict.ALARM


def test_a_reference_without_features_is_no_data() -> None:
    said = judge(make_batch(np.random.default_rng(1), 600), build_profile({}, ["a", "b"], name="t"))

    assert said.verdict is Verdict.NO_DATA


def test_values_that_the_reference_does_not_have_are_named_as_new() -> None:
    said = judge(spoiled("city", "Atlantis", 300))

    assert said.verdict is Verdict.ALARM
    assert said.reason.startswith("city: 30.0% of its values are new, unlike any in the reference")
    assert said.counts.bad == 300


def test_as_many_new_values_as_the_reference_lets_one_expect_are_fine() -> None:
    ids: list[Any] = [f"id-{number}" for number in range(2000)]
    reference = build_profile({"id": ids}, name="t")
    batch = replace(make_batch(np.random.default_rng(1), 500), features={"id": [f"new-{n}" for n in range(500)]})

    assert judge(batch, reference).verdict is Verdict.OK


def test_a_picture_has_what_is_wrong_here_and_in_the_reference() -> None:
    batch = spoiled("partly", None, 1000)

    (said,) = [one for one in judge(batch).contributors if one.feature == "partly"]

    (cell,) = said.cells
    assert (cell.what, cell.live) == ("missing", 1.0)
    assert cell.reference == pytest.approx(0.05, abs=0.01)


def test_max_new_says_how_many_are_too_many() -> None:
    assert judge(spoiled("city", "Atlantis", 300), max_new="40%").verdict is Verdict.OK


@pytest.mark.parametrize("late", [0, 300])
def test_events_older_than_max_age_are_bad(late: int) -> None:
    ages = [timedelta(hours=3)] * late + [timedelta(minutes=9)] * (1000 - late)
    batch = replace(
        make_batch(np.random.default_rng(1), 1000), at=[(START - age - EPOCH) // MICROSECOND for age in ages]
    )

    said = judge(batch, max_age="10m")

    assert said.counts.bad == pytest.approx(late, abs=2)
    assert said.verdict is (Verdict.ALARM if late else Verdict.OK)
    if late:
        assert said.contributors[0].feature == STALE
        assert said.reason.startswith("(age): 30.0% of the events came later than 10m")


def test_events_without_a_time_are_as_fresh_as_they_are_received() -> None:
    assert judge(make_batch(np.random.default_rng(1), 1000), max_age="1s").verdict is Verdict.OK


def with_strangers(**shares: float) -> PredictionBatch:
    """A thousand events of which a share has a feature that nobody knows."""
    batch = make_batch(np.random.default_rng(1), 1000)
    had = {name: [n < 1000 * share for n in range(1000)] for name, share in shares.items()}
    return replace(batch, strangers=had, unknown_features=[sum(one) for one in zip(*had.values(), strict=True)])


def test_a_feature_that_was_added_is_named() -> None:
    said = judge(with_strangers(device=1.0, channel=0.4))

    assert said.contributors[0].feature == UNKNOWN
    assert said.reason.startswith(
        "(unknown features): 100.0% of the events carry features nobody knows: device, channel"
    )


def test_a_feature_that_was_dropped_is_named() -> None:
    said = judge(spoiled("age", None, 1000))

    assert said.reason.startswith("age: 100.0% of its values are missing; it is not sent any more")


@pytest.mark.parametrize("name", ["customer_age", "AGE", "x7"])
def test_a_feature_that_was_renamed_is_named_with_its_likely_new_name(name: str) -> None:
    batch = with_strangers(**{name: 1.0})
    batch.features["age"][:] = [None] * 1000

    said = judge(batch)

    details = {one.feature: one.detail for one in said.contributors}
    assert details["age"] == f"100.0% of its values are missing; the feature seems to be called {name} now"
    assert said.reason.startswith("age: ")


def test_of_several_only_names_that_are_alike_are_taken_for_one_another() -> None:
    batch = with_strangers(device=1.0, amount_eur=1.0)
    for name in ("age", "amount"):
        batch.features[name][:] = [None] * 1000

    details = {one.feature: one.detail for one in judge(batch).contributors}

    assert "amount_eur" in details["amount"]
    assert "not sent any more" in details["age"]


def fold(batch: PredictionBatch) -> Sketch:
    return Quality(REFERENCE, DataSpec()).fold(ColumnReader(REFERENCE).read(batch))


def test_a_candidate_is_compared_with_what_serves() -> None:
    detector = Quality(REFERENCE, DataSpec())
    baseline, candidate = fold(spoiled("age", None, 20)), fold(spoiled("age", None, 200))

    said = detector.compare(baseline, candidate)

    assert said.verdict is Verdict.ALARM
    assert said.reason == "age: 20.0% of its values are missing, 2.0% in the baseline."
    assert detector.compare(candidate, baseline).verdict is Verdict.OK


def test_what_ten_rows_of_a_reference_cannot_tell_is_neither_an_alarm_nor_a_bad_event() -> None:
    reference = make_reference(events=10)

    for seed in range(5):
        said = judge(make_batch(np.random.default_rng(seed), 1000), reference)

        assert (said.verdict, said.counts.bad) == (Verdict.OK, 0)
        assert said.reason == "Values are as whole as in the reference; 0.0% of the events are bad."


def test_values_outside_a_range_that_are_too_many_are_bad_beside_others_too() -> None:
    batch = spoiled("age", 4000.0, 300)
    batch.features["amount"][300:303] = [1e12] * 3
    batch.features["city"][500:700] = [None] * 200

    said = judge(batch)

    assert said.verdict is Verdict.ALARM
    assert said.counts.bad == 503


def test_a_calm_window_with_bad_events_does_not_call_its_values_whole() -> None:
    said = judge(spoiled("age", "forty", 5))

    assert said.verdict is Verdict.OK
    assert said.counts.bad == 5
    assert said.reason == "No feature is worse than its limits and chance allow; 0.5% of the events are bad."


def test_a_few_values_outside_a_well_known_range_are_bad_events_though_no_alarm() -> None:
    said = judge(spoiled("age", 4000.0, 8))

    assert (said.verdict, said.counts.bad) == (Verdict.OK, 8)


def test_values_outside_a_declared_range_are_bad_events_each() -> None:
    schema = SchemaSpec.model_validate({"features": {"x": {"type": "number", "min": 0, "max": 9}}})
    detector = Quality(declared_reference(schema), DataSpec(), schema.features)
    column: list[Any] = [10.0] * 3 + [5.0] * 997
    batch = replace(make_batch(np.random.default_rng(1), 1000), features={"x": column})

    assert detector.judge(detector.fold(ColumnReader(declared_reference(schema)).read(batch))).counts.bad == 3
