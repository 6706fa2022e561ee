"""The real evidently and alibi-detect, in environments of their own and without a network, on the same windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from burnline.detectors.contract import Judgement
from burnline.detectors.drift import Drift
from burnline.detectors.engines.catalogue import LIBRARIES
from burnline.detectors.engines.desk import Desk
from burnline.detectors.engines.drift import LibraryDrift
from burnline.events import PredictionBatch, Verdict
from burnline.spec.signals import DriftSpec
from tests.detectors.samples import CITIES, make_batch
from tests.detectors.test_engines import READER, REFERENCE, make_reference
from tests.programs import python_of

EVENTS = 2000
FEW = 200  # rows, where a test looks at every pair of them
pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    made = Desk({library: python_of(library) for library in LIBRARIES})
    yield made
    made.close()


def window(seed: int = 2, **changes: Any) -> PredictionBatch:
    return make_batch(np.random.default_rng(seed), EVENTS, changes=changes)


def judge(desk: Desk, batch: PredictionBatch, engine: str, *checks: Any, **section: Any) -> Judgement:
    spec = DriftSpec.model_validate({"engine": engine, "checks": checks, **section})
    detector = Drift(REFERENCE, spec) if engine == "burnline" else LibraryDrift(REFERENCE, spec, desk)
    return detector.judge(detector.fold(READER.read(batch)))


def ages(mean: float) -> list[float]:
    drawn: list[float] = np.random.default_rng(4).normal(mean, 10, EVENTS).tolist()
    return drawn


SPREAD = np.random.default_rng(5).normal(40, 25, EVENTS).tolist()
MOVED = np.random.default_rng(6).choice(CITIES, EVENTS, p=[0.1, 0.2, 0.3, 0.4]).tolist()
WINDOWS: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "nothing": ({}, Verdict.OK, ""),
    "a shift of no importance": ({"age": ages(40.5)}, Verdict.OK, ""),
    "a shift of one deviation": ({"age": ages(50)}, Verdict.ALARM, "age"),
    "spread": ({"age": SPREAD}, Verdict.ALARM, "age"),
    "other labels more often": ({"city": MOVED}, Verdict.ALARM, "city"),
    "a label never seen": ({"city": ["Nowhere"] * EVENTS}, Verdict.ALARM, "city"),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_the_same_windows_give_like_records(desk: Desk, name: str) -> None:
    changes, verdict, worst = WINDOWS[name]
    batch = window(**changes)

    said = {engine: judge(desk, batch, engine) for engine in ("burnline", "evidently", "alibi")}

    assert {engine: one.verdict for engine, one in said.items()} == dict.fromkeys(said, verdict), said
    assert all(one.counts.total == EVENTS for one in said.values())
    if worst:
        assert {one.contributors[0].feature for one in said.values()} == {worst}
        assert len({round(one.score or 0.0, 12) for one in said.values()}) == 1


def test_the_page_of_evidently_comes_with_an_alarm(desk: Desk) -> None:
    said = judge(desk, window(age=ages(50)), "evidently")

    assert b"<html" in said.page[:1000].lower()
    assert 100_000 < len(said.page) < 8 * 1024 * 1024
    assert judge(desk, window(), "evidently").page == b""


def test_conditions_of_evidently_are_judged(desk: Desk) -> None:
    never = {"MissingValueCount": {"column": "age", "tests": {"lte": 0}}}

    kept = judge(desk, window(), "evidently", never)
    broken = judge(desk, window(age=[None] * 20 + ages(40)[20:]), "evidently", "DataSummaryPreset", never)

    assert kept.verdict is Verdict.OK
    assert broken.verdict is Verdict.ALARM


def test_an_option_that_evidently_does_not_have_is_no_data(desk: Desk) -> None:
    said = judge(desk, window(), "evidently", {"DataDriftPreset": {"nonsense": 1}})

    assert said.verdict is Verdict.NO_DATA
    assert "evidently failed" in said.reason


@pytest.mark.parametrize("check", ["CVMDrift", "FETDrift", "MMDDrift", "LSDDDrift"])
def test_every_test_of_alibi_detect_is_silent_without_drift(desk: Desk, check: str) -> None:
    said = judge(desk, window(), "alibi", check, sample=FEW)

    assert said.verdict is Verdict.OK, said.reason


@pytest.mark.parametrize("check", ["MMDDrift", "LSDDDrift"])
def test_tests_of_all_features_together_see_what_moved_together(desk: Desk, check: str) -> None:
    said = judge(desk, window(age=ages(60), city=MOVED), "alibi", check, sample=FEW)

    assert said.verdict is Verdict.ALARM
    assert said.contributors[0].feature == "(all features)"


def test_online_tests_run_through_the_rows(desk: Desk) -> None:
    options = {"ert": 50, "window_sizes": [10], "n_bootstraps": 500}
    section = {"engine": "alibi", "checks": [{"CVMDriftOnline": options}], "sample": FEW}
    detector = LibraryDrift(make_reference(rows=FEW), DriftSpec.model_validate(section), desk)

    said = detector.judge(detector.fold(READER.read(window(age=ages(70)))))

    assert said.verdict is Verdict.ALARM, said.reason
    assert said.contributors[0].shown["raised"] > 0


def test_online_tests_go_on_from_window_to_window_and_say_where_they_began(desk: Desk) -> None:
    options = {"ert": 50, "window_sizes": [100], "n_bootstraps": 5000, "alternative": "less"}
    slow = {"FETDriftOnline": options}  # it needs a hundred rows, and a window has sixty
    spec = DriftSpec.model_validate({"engine": "alibi", "checks": [slow], "min_events": 50})
    detector, other = (LibraryDrift(REFERENCE, spec, desk, service) for service in ("shop", "another"))
    windows = [replace(make_batch(np.random.default_rng(seed), 60), prediction=["fraud"] * 60) for seed in (1, 2)]
    one, two = (detector.fold(READER.read(window)) for window in windows)

    first, second, again, alone = detector.judge(one), detector.judge(two), detector.judge(two), other.judge(two)

    began = "FETDriftOnline begins anew with this window."
    assert (first.verdict, second.verdict, alone.verdict) == (Verdict.OK, Verdict.ALARM, Verdict.OK)
    assert second.contributors[0].shown["windows"] == 2
    assert again == second, "a window asked about twice is followed once"
    assert [began in said.reason for said in (first, second, alone)] == [True, False, True]


def test_nothing_tries_to_talk_to_anybody(desk: Desk) -> None:
    """The workers can reach nobody and count whoever tries; with telemetry off nobody does."""
    for engine in LIBRARIES:
        spec = DriftSpec.model_validate({"engine": engine})
        detector = LibraryDrift(REFERENCE, spec, desk)
        sketch = detector.fold(READER.read(window(seed=9)))

        answer = desk.answer(engine, b"asked by a test", lambda: detector.question(sketch))  # noqa: B023

        assert answer.version
        assert answer.blocked == ()


def test_the_same_rows_give_the_same_answer(desk: Desk) -> None:
    batch = window(age=ages(45))

    for engine, check in (("evidently", "DataDriftPreset"), ("alibi", "LSDDDrift")):
        first, second = (judge(desk, batch, engine, check, sample=FEW) for _ in range(2))

        assert (first.verdict, first.score, first.reason) == (second.verdict, second.score, second.reason)
