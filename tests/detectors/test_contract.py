"""What every registered detector promises; a new one is found here by itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.detectors.build import DETECTORS, build_detectors
from burnline.detectors.columns import ColumnReader, Columns
from burnline.detectors.contract import Detector
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.sketch import Sketch
from burnline.errors import PayloadError
from burnline.events import PredictionBatch, Verdict
from burnline.spec.service import ServiceSpec
from burnline.spec.signals import SignalsSpec
from tests.detectors.samples import START, draw, make_batch, make_reference

REFERENCE = make_reference()
READER = ColumnReader(REFERENCE)
SPEC = ServiceSpec.model_validate(
    {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "signals": {name: {} for name in DETECTORS}}
)
BUILT = build_detectors(SPEC, REFERENCE)
COMPARING = sorted(name for name, made in DETECTORS.items() if not made.alone)  # predictions with a reference


@pytest.fixture(params=COMPARING)
def detector(request: pytest.FixtureRequest) -> Detector:
    return BUILT[request.param]


def fold(detector: Detector, batch: PredictionBatch) -> Sketch:
    return detector.fold(READER.read(batch))


def total(detector: Detector, parts: list[Sketch]) -> Sketch:
    whole = detector.empty()
    for part in parts:
        whole = whole + part
    return whole


def cut(batch: PredictionBatch, start: int, end: int) -> PredictionBatch:
    return batch.where([start <= place < end for place in range(len(batch))])


def test_every_signal_a_service_may_ask_for_has_its_detector() -> None:
    assert set(BUILT) == set(DETECTORS) <= set(SignalsSpec.model_fields)
    assert all(made.signal == name for name, made in BUILT.items())


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 300), max_size=6), seed=st.integers(0, 2**31))
@pytest.mark.parametrize("name", COMPARING)
def test_order_and_sharding_do_not_change_a_bit(name: str, cuts: list[int], seed: int) -> None:
    detector = BUILT[name]
    batch = make_batch(np.random.default_rng(seed), 300)
    parts = [fold(detector, cut(batch, start, end)) for start, end in pairwise([0, *sorted(cuts), 300])]
    random.Random(seed).shuffle(parts)

    merged = total(detector, parts)

    assert merged.encode() == fold(detector, batch).encode()
    assert detector.judge(merged) == detector.judge(fold(detector, batch))


def test_a_sketch_survives_the_database(detector: Detector) -> None:
    sketch = fold(detector, make_batch(np.random.default_rng(2), 700))

    again = detector.empty().decode(sketch.encode())

    assert again.encode() == sketch.encode()
    assert again.events == 700
    assert detector.judge(again) == detector.judge(sketch)


def test_a_sketch_does_not_grow_with_the_events(detector: Detector) -> None:
    few, many = (fold(detector, make_batch(np.random.default_rng(2), events)) for events in (1, 5000))

    assert len(few.encode()) == len(many.encode()) < 10_000


@pytest.mark.parametrize("body", [b"", b"\xc1", b"not msgpack", b"\x92\xa1a\xc4\x01b"])
def test_a_damaged_sketch_is_refused(detector: Detector, body: bytes) -> None:
    with pytest.raises(PayloadError):
        detector.empty().decode(body)


@cache
def against_another_reference() -> Mapping[str, Detector]:
    return build_detectors(SPEC, make_reference(seed=9))


def test_counts_against_another_reference_are_refused(detector: Detector) -> None:
    other = against_another_reference()[detector.signal]

    with pytest.raises(PayloadError, match="counts"):
        detector.empty().decode(other.empty().encode())
    with pytest.raises(PayloadError, match="cannot add"):
        _ = detector.empty() + other.empty()


def test_folding_changes_no_sketch_in_place(detector: Detector) -> None:
    first = fold(detector, make_batch(np.random.default_rng(2), 10))
    before = first.encode()

    _ = first + fold(detector, make_batch(np.random.default_rng(3), 10))

    assert first.encode() == before
    assert detector.empty().events == 0


@cache
def population(events: int) -> list[Columns]:
    """100 windows for every detector: drawing them takes longer than judging them."""
    rng = np.random.default_rng(events)
    return [READER.read(make_batch(rng, events)) for _ in range(100)]


@pytest.mark.parametrize("events", [500, 2000])
def test_it_is_silent_on_its_own_population(detector: Detector, events: int) -> None:
    """200 windows of seven columns with the default limits: not one alarm."""
    verdicts = [detector.judge(detector.fold(columns)).verdict for columns in population(events)]

    assert set(verdicts) == {Verdict.OK}


def test_two_windows_of_one_population_compare_as_alike(detector: Detector) -> None:
    sketches = [detector.fold(columns) for columns in population(500)]

    verdicts = [detector.compare(first, second).verdict for first, second in pairwise(sketches[:31])]

    assert set(verdicts) == {Verdict.OK}


def test_nothing_compares_with_nothing(detector: Detector) -> None:
    full, empty = fold(detector, make_batch(np.random.default_rng(5), 1000)), detector.empty()

    said = [detector.compare(full, empty), detector.compare(empty, full), detector.compare(empty, empty)]

    assert {each.verdict for each in said} == {Verdict.NO_DATA}
    assert {each.score for each in said} == {None}


def test_a_window_without_events_is_no_data(detector: Detector) -> None:
    said = detector.judge(detector.empty())

    assert said.verdict is Verdict.NO_DATA
    assert said.score is None
    assert (said.counts.bad, said.counts.total) == (0, 0)
    assert "0 events" in said.reason


def test_a_window_with_too_few_events_is_no_data_and_says_so(detector: Detector) -> None:
    said = detector.judge(fold(detector, make_batch(np.random.default_rng(1), 40)))

    assert said.verdict is Verdict.NO_DATA
    assert "40 events" in said.reason
    assert "needs" in said.reason


def test_a_batch_without_rows_changes_nothing(detector: Detector) -> None:
    empty = PredictionBatch("shop", "1", START, {}, [], [], [])

    assert fold(detector, empty).encode() == detector.empty().encode()


HOSTILE: list[Any] = [
    None,
    float("nan"),
    float("inf"),
    float("-inf"),
    10**400,
    -1e308,
    "",
    "12",
    "\x00",
    True,
    0,
    1e-320,
]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_any_value_in_any_column_is_counted_once(detector: Detector, value: Any) -> None:
    columns = {name: [value] * 600 for name in REFERENCE.features}
    batch = make_batch(np.random.default_rng(1), 600, changes=columns)

    said = detector.judge(fold(detector, batch))

    assert said.counts.total in (600, 0)
    assert 0 <= said.counts.bad <= said.counts.total
    assert said.score is None or 0 <= said.score <= 1


def test_columns_the_batch_does_not_carry_are_missing(detector: Detector) -> None:
    batch = make_batch(np.random.default_rng(1), 600)
    bare = replace(batch, features={})
    empty = replace(batch, features={name: [None] * 600 for name in REFERENCE.features})

    assert fold(detector, bare).encode() == fold(detector, empty).encode()


def test_the_score_and_the_bad_events_agree_with_the_verdict(detector: Detector) -> None:
    changes: dict[str, list[Any]] = {"amount": [1e9] * 800, "city": [None] * 800}
    batch = make_batch(np.random.default_rng(1), 800, changes=changes)
    far: list[bytes | None] = [np.full(4, 9, "<f4").tobytes()] * 800
    batch = replace(batch, prediction=["fraud"] * 800, confidence=[0.55] * 800, label=["other"] * 800, embedding=far)

    said = detector.judge(fold(detector, batch))

    assert said.verdict is Verdict.ALARM
    assert said.score is not None
    assert said.score > 0.4
    assert said.counts.bad > 0.4 * said.counts.total
    assert [one.score for one in said.contributors] == sorted((one.score for one in said.contributors), reverse=True)


@pytest.mark.parametrize(
    "column",
    [
        lambda rng, n: [7] * n,
        lambda rng, n: [0] * (n - n // 50) + [1] * (n // 50),
        lambda rng, n: [None] * n,
        lambda rng, n: [f"id-{value}" for value in rng.integers(0, 10**12, n)],
        lambda rng, n: rng.zipf(1.3, n).astype(str).tolist(),
        lambda rng, n: (rng.random(n) < 0.5).tolist(),
        lambda rng, n: (rng.standard_cauchy(n)).tolist(),
    ],
    ids=["constant", "nearly constant", "all missing", "ids", "long tail", "truth values", "heavy tails"],
)
def test_odd_columns_are_silent_on_their_own_population(
    detector: Detector, column: Callable[[np.random.Generator, int], list[Any]]
) -> None:
    reference = build_profile({"odd": column(np.random.default_rng(0), 5000)}, name="odd")
    odd = build_detectors(SPEC, reference)[detector.signal]
    reader = ColumnReader(reference)
    rng = np.random.default_rng(5)

    for _ in range(20):
        batch = PredictionBatch("odd", "", START, {"odd": column(rng, 1000)}, [None] * 1000, [None] * 1000, [0] * 1000)
        said = odd.judge(odd.fold(reader.read(batch)))

        assert said.verdict is not Verdict.ALARM, said.reason


def test_the_same_events_give_the_same_judgement(detector: Detector) -> None:
    batch = make_batch(np.random.default_rng(4), 900)

    assert detector.judge(fold(detector, batch)) == detector.judge(fold(detector, batch))


def test_the_sample_population_has_every_kind_of_column() -> None:
    kinds = {REFERENCE.features[name].kind for name in draw(np.random.default_rng(1), 10)}

    assert kinds == {"number", "category"}
