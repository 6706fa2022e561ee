"""What every detector that counts answers promises; a new one is found here by itself."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from burnline.detectors.build import DETECTORS, NOTHING, build_detectors
from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Detector
from burnline.detectors.sketch import Sketch
from burnline.events import PredictionBatch, Source, Verdict
from burnline.spec.service import ServiceSpec

NOW = datetime(2026, 1, 5, tzinfo=UTC)
SPEC = ServiceSpec.model_validate(
    {"apiVersion": "burnline/v1", "service": "bot", "owner": "team", "signals": {name: {} for name in DETECTORS}}
)
BUILT = build_detectors(SPEC, None)
NAMES = sorted(name for name, made in BUILT.items() if made.source is Source.ANSWERS)
READER = ColumnReader(NOTHING)
HOSTILE = [None, float("nan"), float("inf"), 10**400, -1.0, "", "12", "\x00\ud800", True, 0, 1e-320]


@pytest.fixture(params=NAMES)
def detector(request: pytest.FixtureRequest) -> Detector:
    return BUILT[request.param]


def answers(rng: np.random.Generator, size: int, **changes: list[Any]) -> PredictionBatch:
    """Answers with about one bad of a hundred in each way, or none where even that is too many."""
    columns: dict[str, list[Any]] = {
        "ungrounded": rng.beta(1, 8, size).tolist(),
        "characters": rng.integers(20, 2000, size).tolist(),
        "refused": (rng.random(size) < 0.01).tolist(),
        "toxic": [False] * size,
        "guardrail": ["passed"] * size,
        "language": rng.choice(["en", "en-GB", "de"], size, p=[0.9, 0.09, 0.01]).tolist(),
        "retrieved": rng.poisson(6, size).tolist(),
        "logprob": (-rng.beta(1, 8, size)).tolist(),
        "inconsistent": rng.beta(1, 8, size).tolist(),
    }
    return PredictionBatch("bot", "7", NOW, {**columns, **changes}, [None] * size, [None] * size, [0] * size)


def fold(detector: Detector, batch: PredictionBatch) -> Sketch:
    return detector.fold(READER.read(batch))


def test_they_need_no_reference_and_add_up() -> None:
    assert {"hallucination", "refusal", "toxicity", "retrieval", "answer_length", "language"} < set(NAMES)
    assert all(BUILT[name].additive for name in NAMES)


def test_order_and_sharding_do_not_change_a_bit(detector: Detector) -> None:
    batch = answers(np.random.default_rng(1), 300)
    parts = [
        fold(detector, batch.where([start <= at < end for at in range(300)]))
        for start, end in pairwise([0, 9, 80, 300])
    ]
    random.Random(1).shuffle(parts)

    merged = sum(parts[1:], parts[0])

    assert merged.encode() == fold(detector, batch).encode()
    assert detector.empty().decode(merged.encode()).encode() == merged.encode()
    assert detector.judge(merged) == detector.judge(fold(detector, batch))


def test_it_is_silent_on_a_healthy_population(detector: Detector) -> None:
    rng = np.random.default_rng(2)

    said = [detector.judge(fold(detector, answers(rng, 500))) for _ in range(40)]

    assert {each.verdict for each in said} == {Verdict.OK}
    assert all(each.counts.total == 500 for each in said)


def test_two_windows_of_one_population_compare_as_alike(detector: Detector) -> None:
    rng = np.random.default_rng(3)

    said = [detector.compare(fold(detector, answers(rng, 500)), fold(detector, answers(rng, 500))) for _ in range(20)]

    assert {each.verdict for each in said} == {Verdict.OK}


def test_nothing_is_no_data(detector: Detector) -> None:
    empty, few = detector.empty(), fold(detector, answers(np.random.default_rng(4), 40))
    bare = fold(detector, PredictionBatch("bot", "7", NOW, {}, [None] * 500, [None] * 500, [0] * 500))

    said = [detector.judge(empty), detector.judge(few), detector.judge(bare), detector.compare(empty, empty)]

    assert {each.verdict for each in said} == {Verdict.NO_DATA}
    assert {each.score for each in said} == {None}
    assert all("needs 100" in each.reason for each in said)


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:12])
def test_any_value_in_any_column_is_counted_once_at_most(detector: Detector, value: Any) -> None:
    batch = answers(np.random.default_rng(5), 200)

    hostile = fold(detector, answers(np.random.default_rng(5), 200, **{name: [value] * 200 for name in batch.features}))

    said = detector.judge(hostile)
    assert hostile.events == 200
    assert said.counts.total in (0, 200)
    assert said.score is None or 0 <= said.score <= 1
