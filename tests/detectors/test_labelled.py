"""Answers whose truth is known: cells, accuracy, area under the curve, calibration."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.detectors.labelled.cells import (
    FIXED,
    Cells,
    Tally,
    auc_variance,
    calibration_error,
    is_right,
    rates,
)
from burnline.detectors.labelled.reference import build_labelled
from burnline.detectors.profile import Calibration


def model(events: int, seed: int = 1, limit: float = 0.5) -> tuple[list[float], np.ndarray, list[float]]:
    """Answers, chances of class 1 and labels of a model whose chances are true."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(0.7, 0.9, events)
    labels = (rng.random(events) < chance).astype(float).tolist()
    return (chance > limit).astype(float).tolist(), chance, labels


def of_answer(answers: list[float], chance: np.ndarray) -> list[float]:
    return [p if answer == 1 else 1 - p for answer, p in zip(answers, chance.tolist(), strict=True)]


def area_by_pairs(scores: np.ndarray, labels: list[float]) -> float:
    """The definition: the share of pairs of one of each class in which the positive one has the higher score."""
    ones, others = (scores[np.array(labels) == value] for value in (1, 0))
    return float(((ones[:, None] > others) + (ones[:, None] == others) / 2).mean())


@pytest.mark.parametrize("limit", [0.5, 0.15, 0.8])
def test_the_area_of_fifty_bins_is_that_of_all_pairs_nearly(limit: float) -> None:
    answers, chance, labels = model(3000, limit=limit)

    _, performance = build_labelled(answers, of_answer(answers, chance), labels)

    assert performance is not None
    assert performance.auc == pytest.approx(area_by_pairs(chance, labels), abs=0.004)


@pytest.mark.parametrize("limit", [0.5, 0.15])
def test_whether_confidence_is_of_the_answer_or_of_one_class_is_found_by_what_ranks_better(limit: float) -> None:
    answers, chance, labels = model(3000, limit=limit)

    of_answers = build_labelled(answers, of_answer(answers, chance), labels)
    of_class = build_labelled(answers, chance.tolist(), labels)
    of_other = build_labelled(answers, (1 - chance).tolist(), labels)

    assert [found.scored for found, _ in (of_answers, of_class, of_other) if found] == ["", "1", "0"]
    assert of_class[1] == of_answers[1]
    assert of_other[1] is not None
    assert of_answers[1] is not None
    assert of_other[1].auc == pytest.approx(of_answers[1].auc, abs=1e-9)


def test_a_hand_worked_area() -> None:
    """Class a says .9 (right) and .6 (wrong), class b says .7 (right): of the pairs a > b one of one is right."""
    cells = Cells(("a", "b"), (0.65, 0.8))
    tally = cells.tally(["a", "a", "b"], np.array([0.9, 0.6, 0.7]), ["a", "b", "b"])

    assert (tally.events, tally.wrong) == (3, 1)
    assert cells.auc(tally) == (1.0, 1, 2)


@pytest.mark.parametrize("sure", [0.55, 0.7, 0.95])
def test_an_answer_that_is_right_more_often_than_not_ranks_above_its_opposite_however_unsure(sure: float) -> None:
    cells = Cells(["a", "b"], [0.6, 0.8])
    said, truth = ["a", "b"] * 50, (["a", "b"] * 4 + ["b", "a"]) * 10

    area = cells.auc(cells.tally(said, np.full(100, sure), truth))

    assert area is not None
    assert area[0] == pytest.approx(0.8)


def test_the_deviation_of_an_area_is_that_of_many_samples() -> None:
    rng = np.random.default_rng(3)
    scores = [(rng.normal(1, 1, 60), rng.normal(0, 1, 140)) for _ in range(400)]

    areas = [float((ones[:, None] > others).mean()) for ones, others in scores]

    assert np.std(areas) == pytest.approx(auc_variance(float(np.mean(areas)), 60, 140) ** 0.5, rel=0.15)


def test_three_classes_have_an_accuracy_and_no_area() -> None:
    known, performance = build_labelled(list("abcabc"), [0.9] * 6, list("abcbca"))

    assert known is not None
    assert performance is not None
    assert (performance.events, performance.wrong, performance.auc) == (6, 3, None)
    assert performance.ece == pytest.approx(0.4)


def test_a_model_that_says_what_is_true_has_no_calibration_error_and_one_that_boasts_has() -> None:
    answers, chance, labels = model(20_000)
    honest = np.array(of_answer(answers, chance))
    boasting = 1 - (1 - honest) / 4

    found = [build_labelled(answers, each.tolist(), labels)[1] for each in (honest, boasting)]

    errors = [each.ece for each in found if each]
    assert errors == [pytest.approx(0, abs=0.02), pytest.approx(0.75 * (1 - honest.mean()), abs=0.01)]


def test_the_calibration_error_of_one_bin_is_worked_by_hand() -> None:
    """Ten answers, 0.8 sure each, six of them right: 0.2."""
    cells = Cells(("a",), ())
    tally = cells.tally(["a"] * 10, np.full(10, 0.8), ["a"] * 6 + ["b"] * 4)

    error, gaps, weights = calibration_error(cells, tally)

    assert error == pytest.approx(0.2, abs=1 / FIXED)
    assert gaps.tolist() == [pytest.approx(-0.2, abs=1 / FIXED)]
    assert weights.tolist() == [1.0]


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 200), max_size=4), seed=st.integers(0, 1000))
def test_cells_add_up_over_any_batches(cuts: list[int], seed: int) -> None:
    answers, chance, labels = model(200, seed)
    known, _ = build_labelled(*(column for column in (answers, of_answer(answers, chance), labels)))
    assert known is not None
    cells = Cells.of(known)

    parts = [
        cells.tally(answers[start:end], chance[start:end], labels[start:end])
        for start, end in pairwise([0, *sorted(cuts), 200])
    ]
    whole = cells.tally(answers, chance, labels)

    for place, column in enumerate(whole):
        assert np.sum([part[place] for part in parts], axis=0).tolist() == column.tolist()


def test_answers_and_labels_that_are_missing_are_in_no_cell() -> None:
    cells = Cells(("a",), (0.5,))

    tally = cells.tally(["a", None, "a", "z"], np.array([np.nan, 0.4, 0.4, 0.9]), ["a", "a", None, "z"])

    assert tally.counts.tolist() == [0, 0, 1, 0, 1, 0]
    assert tally.right.tolist() == [0, 0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("answer", "label", "right"),
    [(1.0, "1", True), ("1", 1.0, True), ("a", "a", True), ("a", "b", False), (0.0, 1.0, False), (None, "a", False)],
)
def test_a_number_and_its_text_are_the_same_class(answer: Any, label: Any, right: bool) -> None:
    assert is_right(answer, label) is right


def test_amounts_have_errors_and_no_classes() -> None:
    answers = np.arange(200.0)

    known, performance = build_labelled(answers.tolist(), None, (answers + np.arange(200) / 10).tolist())

    assert known is None
    assert performance is not None
    assert performance.mean_error == pytest.approx(9.95)
    assert performance.limit == pytest.approx(18.9)
    assert (performance.events, performance.wrong) == (200, 10)


@pytest.mark.parametrize("labels", [[0.5] * 3, [1e308, -1e308, 0.0], [True, False, True], ["1", "", "y"]])
def test_odd_labels_give_numbers_that_json_can_write(labels: list[Any]) -> None:
    _, performance = build_labelled([1.0, -1e308, 1e308], [0.5, None, float("nan")], labels)

    assert all(
        value is None or np.isfinite(value) for value in (performance.mean_error, performance.limit, performance.ece)
    )


@pytest.mark.parametrize(
    ("answers", "labels", "reason"),
    [
        (["fraud", "fine"], [1, 0], r"nothing in common \(fine, fraud and 0, 1\)"),
        ([1.0, 2.0], ["x", "y"], "nothing in common"),
        (["a", None], [None, "a"], "no row has a prediction and a label"),
        ([], [], "no row"),
    ],
)
def test_labels_that_are_of_no_use_are_refused_with_the_reason(
    answers: list[Any], labels: list[Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        build_labelled(answers, None, labels)


def test_a_cell_of_few_rows_borrows_from_its_bin() -> None:
    """Class b has no row at all: its rate is that of its bin, 9 + 2 x 0.9 of 12."""
    known = Calibration(("a", "b"), (), (10, 0, 0, 0, 0, 0), (9, 0, 0, 0, 0, 0))

    rate, variance = rates(known)

    assert rate[0] == pytest.approx((9 + 2 * 0.9) / 12)
    assert rate[2] == pytest.approx(0.9)
    assert variance[2] == pytest.approx(0.9 * 0.1 / 2)


def test_a_tally_counts_what_is_wrong() -> None:
    assert Tally(np.array([3, 2]), np.array([3, 1]), np.array([0, 0])).wrong == 1
