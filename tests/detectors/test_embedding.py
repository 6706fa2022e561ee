"""Embeddings: far from all that is known, or turned away, beyond chance."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.detectors.centroids import Rows, build_embedding
from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Judgement
from burnline.detectors.embedding import EmbeddingDrift, turned
from burnline.detectors.profile import Reference
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.sketch import Sketch
from burnline.events import PredictionBatch, Verdict
from burnline.spec.signals import EmbeddingSpec
from tests.detectors.samples import START
from tests.detectors.test_centroids import cloud

DIMENSION = 24
REFERENCE = msgspec.structs.replace(build_profile({"age": [1.0]}, name="t"), embedding=build_embedding(cloud(3000)))
READER = ColumnReader(REFERENCE)
DETECTOR = EmbeddingDrift(REFERENCE, EmbeddingSpec())


def batch(rows: Rows | list[bytes | None]) -> PredictionBatch:
    sent = [row.astype("<f4").tobytes() for row in rows] if isinstance(rows, np.ndarray) else rows
    nothing = [None] * len(sent)
    return PredictionBatch("t", "1", START, {}, list(nothing), list(nothing), [0] * len(sent), embedding=list(sent))


def fold(rows: Rows | list[bytes | None]) -> Sketch:
    return DETECTOR.fold(READER.read(batch(rows)))


def judge(rows: Rows) -> Judgement:
    return DETECTOR.judge(fold(rows))


def strangers(rows: int, seed: int = 3) -> Rows:
    """Around topics that the reference does not have."""
    centres = np.random.default_rng(99).normal(size=(5, DIMENSION))
    rng = np.random.default_rng(seed)
    points = centres[rng.integers(5, size=rows)] + rng.normal(0, 0.5, (rows, DIMENSION))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True), dtype=np.float32)


def mixed(share: float, rows: int = 1000, seed: int = 3) -> Rows:
    other = int(rows * share)
    return np.concatenate([cloud(rows - other, seed=seed), strangers(other, seed)])


def test_a_turn_is_one_less_the_cosine() -> None:
    assert turned(np.array([1.0, 0.0]), np.array([0.0, 2.0])) == 1.0
    assert turned(np.array([1.0, 0.0]), np.array([-1.0, 0.0])) == 1.0
    assert turned(np.array([0.0, 0.0]), np.array([1.0, 0.0])) == 0.0


@pytest.mark.parametrize("events", [200, 1000])
def test_chance_alone_passes_never_in_as_many_windows(events: int) -> None:
    assert all(judge(cloud(events, seed=seed)).score == 0 for seed in range(10, 50))


def test_a_fifth_of_what_was_never_seen_is_an_alarm_that_says_how_many_are_far() -> None:
    said = judge(mixed(0.3))

    assert said.verdict is Verdict.ALARM
    assert said.contributors[0].feature == "(far)"
    assert "of the embeddings are far from all that is known, 5.0% in the reference (limit 2.0% more)" in said.reason
    assert 100 < said.counts.bad < said.counts.total == 1000
    assert sum(cell.live for cell in said.contributors[0].cells) == pytest.approx(1)


def test_other_shares_of_known_topics_turn_the_mean_and_are_far_from_nothing() -> None:
    topics = cloud(4000, seed=8)
    one_sided = topics[topics @ topics[0] > 0.3][:600]

    said = judge(one_sided)

    assert said.verdict is Verdict.ALARM
    assert [one.feature for one in said.contributors] == ["(direction)"]


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 700), max_size=5))
def test_no_batching_changes_a_bit(cuts: list[int]) -> None:
    rows = mixed(0.5, 700)

    whole = fold(rows)
    summed = DETECTOR.empty()
    for start, end in pairwise([0, *sorted(cuts), 700]):
        summed = summed + fold(rows[start:end])

    assert summed.encode() == whole.encode()


def test_events_without_an_embedding_are_in_no_count() -> None:
    rows = [row.tobytes() for row in cloud(300, seed=4)]

    some, none = fold([*rows, None, None]), fold([None] * 300)

    assert (some.events, DETECTOR.judge(some).counts.total) == (302, 300)
    assert DETECTOR.judge(none).reason == "0 events with an embedding in the window; needs 200"


def test_versions_are_compared_with_each_other() -> None:
    usual, other = fold(cloud(1000, seed=4)), fold(mixed(0.4))

    assert DETECTOR.compare(usual, fold(cloud(1000, seed=5))).score == 0
    assert DETECTOR.compare(usual, other).verdict is Verdict.ALARM
    assert "of the baseline" in DETECTOR.compare(usual, other).reason
    assert DETECTOR.compare(DETECTOR.empty(), other).verdict is Verdict.NO_DATA


def test_absurd_coordinates_are_far_and_break_no_sum() -> None:
    said = judge(np.full((400, DIMENSION), 3e38, dtype=np.float32))

    assert said.counts.bad == 400
    assert said.verdict is Verdict.ALARM


def test_a_few_broken_vectors_do_not_turn_the_mean() -> None:
    rows = cloud(1000, seed=8)
    rows[:5] = np.float32(3e38) * np.sign(rows[:5] + np.float32(1e-9))

    said = judge(rows)

    assert (said.verdict, said.score) == (Verdict.OK, 0)
    assert fold(rows).counts[2] >= fold(rows[5:]).counts[2] + 5  # they are far


def test_a_reference_without_embeddings_is_no_data_and_says_what_to_do() -> None:
    plain = build_profile({"age": [1.0]}, name="t")
    detector = EmbeddingDrift(plain, EmbeddingSpec())

    said = detector.judge(detector.fold(ColumnReader(plain).read(batch(cloud(400)))))

    assert said.verdict is Verdict.NO_DATA
    assert "--embedding" in said.reason


def test_isotropic_embeddings_have_no_direction_to_lose() -> None:
    """Their mean is about zero and turns anywhere by chance."""
    rows = np.random.default_rng(1).normal(size=(4000, 16)).astype(np.float32)
    reference: Reference = msgspec.structs.replace(REFERENCE, embedding=build_embedding(rows[:2000]))
    detector, reader = EmbeddingDrift(reference, EmbeddingSpec()), ColumnReader(reference)

    scores = [
        detector.judge(detector.fold(reader.read(batch(rows[start : start + 200])))).score
        for start in range(2000, 4000, 200)
    ]

    assert scores == [0.0] * 10


def test_where_all_are_too_far_for_a_mean_none_is_told() -> None:
    usual, away = fold(cloud(400, seed=4)), fold(cloud(400, seed=4) + np.float32(50))

    for said in (DETECTOR.judge(away), DETECTOR.compare(usual, away)):
        assert said.verdict is Verdict.ALARM
        assert said.reason.endswith("more), beyond chance; none is near enough to count for a mean.")
        assert [one.feature for one in said.contributors] == ["(far)"]
