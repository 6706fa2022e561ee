"""Two versions on one sketch each: what the newer one does worse is named, beyond the chance of both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from burnline.detectors.build import DETECTORS, build_detectors
from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Judgement
from burnline.detectors.sketch import Sketch
from burnline.events import PredictionBatch, Verdict
from burnline.spec.service import ServiceSpec
from tests.detectors.samples import make_batch, make_reference

REFERENCE = make_reference()
READER = ColumnReader(REFERENCE)
SPEC: dict[str, Any] = {
    "apiVersion": "burnline/v1",
    "service": "shop",
    "owner": "team",
    "signals": {name: {} for name in DETECTORS},
}
BUILT = build_detectors(ServiceSpec.model_validate(SPEC), REFERENCE)


def compare(signal: str, baseline: PredictionBatch, candidate: PredictionBatch) -> Judgement:
    detector = BUILT[signal]
    return detector.compare(*(detector.fold(READER.read(batch)) for batch in (baseline, candidate)))


def batches() -> tuple[PredictionBatch, PredictionBatch]:
    rng = np.random.default_rng(3)
    return make_batch(rng, 2000), make_batch(rng, 2000)


def test_a_version_that_answers_otherwise_has_drifted_from_the_baseline() -> None:
    baseline, candidate = batches()

    said = compare("drift", baseline, replace(candidate, prediction=["yes"] * 2000))

    assert said.verdict is Verdict.ALARM
    assert said.contributors[0].feature == "(prediction)"
    assert "in the baseline" in said.reason


def test_a_drift_that_both_versions_see_is_no_difference_between_them() -> None:
    baseline, candidate = (
        replace(batch, features={**batch.features, "city": ["Oslo"] * len(batch)}) for batch in batches()
    )

    assert BUILT["drift"].judge(BUILT["drift"].fold(READER.read(candidate))).verdict is Verdict.ALARM
    assert compare("drift", baseline, candidate).verdict is Verdict.OK


def test_a_version_that_is_less_sure_is_told_by_how_much() -> None:
    baseline, candidate = batches()

    unsure: list[float | None] = [*[0.1] * 1000, *candidate.confidence[1000:]]

    said = compare("confidence", baseline, replace(candidate, confidence=unsure))

    assert said.verdict is Verdict.ALARM
    assert said.score is not None
    assert 0.4 < said.score < 0.55
    assert "in the baseline" in said.reason


def test_what_is_beyond_chance_only_because_events_are_many_is_no_difference_between_versions() -> None:
    """A million answers each, of which 1.0 % and 1.2 % are refusals; 10 % may be."""
    refusal, many = BUILT["refusal"], 1_000_000

    def answers(refused: int) -> Sketch:
        counted = refusal.empty()
        counted.counts[:5] = [many, many, refused, refused, many - refused]
        return counted

    baseline, candidate, worse = answers(10_000), answers(12_000), answers(30_000)

    assert refusal.compare(baseline, candidate).verdict is Verdict.OK
    assert refusal.compare(baseline, worse).verdict is Verdict.ALARM
    assert "(limit 1.00% more, beyond chance)" in refusal.compare(baseline, worse).reason


def test_events_that_come_in_clusters_are_granted_more_on_every_signal_that_compares_shares() -> None:
    """Ten refusals more, or missing values, may be one user's."""
    clustered = build_detectors(ServiceSpec.model_validate(SPEC), msgspec.structs.replace(REFERENCE, design_effect=10))
    baseline, candidate = batches()
    lacking = {**candidate.features, "city": [None] * 150 + list(candidate.features["city"][150:])}
    worse = replace(candidate, features=lacking)
    answered: list[dict[str, list[Any]]] = [{"refused": [at < bad for at in range(2000)]} for bad in (20, 150)]

    found = {
        name: [
            detectors[name].compare(*(detectors[name].fold(READER.read(each)) for each in pair)).verdict
            for detectors in (BUILT, clustered)
        ]
        for name, pair in {
            "data": (baseline, worse),
            "refusal": tuple(replace(baseline, features=features) for features in answered),
        }.items()
    }

    assert found == {name: [Verdict.ALARM, Verdict.OK] for name in found}


def test_a_version_whose_callers_leave_out_a_feature_is_told_so() -> None:
    baseline, candidate = batches()
    lacking = {**candidate.features, "city": [None] * 200 + list(candidate.features["city"][200:])}

    said = compare("data", baseline, replace(candidate, features=lacking))

    assert said.verdict is Verdict.ALARM
    assert said.reason == "city: 10.0% of its values are missing, 0.0% in the baseline."
