"""How well a score tells answers apart, and what that makes of a rate."""

from __future__ import annotations

from math import isnan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from burnline.detectors.grounding.accuracy import auroc, wilson
from burnline.detectors.grounding.calibration import calibrate, load_calibration, save_calibration
from burnline.errors import SpecError


def sample(rng: np.random.Generator, grounded: int, ungrounded: int) -> tuple[list[float], list[int], list[bool]]:
    """Scores of which the ungrounded ones are higher, and lengths that say nothing."""
    scores = [*rng.beta(2, 5, grounded), *rng.beta(4, 3, ungrounded)]
    return scores, [10] * len(scores), [False] * grounded + [True] * ungrounded


def test_auroc_is_the_share_of_pairs_in_the_right_order_and_ties_count_half() -> None:
    found = auroc([0.1, 0.5, 0.5, 0.9], [False, False, True, True])

    assert found.value == pytest.approx(3.5 / 4)
    assert isnan(auroc([0.1], [True]).value)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=40))
def test_auroc_agrees_with_counting_every_pair(rows: list[tuple[float, bool]]) -> None:
    pairs = [(one, other) for one, bad in rows if bad for other, worse in rows if not worse]

    found = auroc([score for score, _ in rows], [bad for _, bad in rows])

    if pairs:
        assert found.value == pytest.approx(np.mean([(a > b) + (a == b) / 2 for a, b in pairs]))
        assert 0 <= found.low <= found.value <= found.high <= 1


def test_wilsons_interval_is_the_one_in_the_books() -> None:
    # Newcombe 1998, table I: 81 of 263
    found = wilson(81, 263)

    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


@pytest.mark.parametrize("fpr", [0.02, 0.05, 0.2])
def test_the_threshold_keeps_false_alarms_within_what_was_asked(fpr: float) -> None:
    scores, lengths, labels = sample(np.random.default_rng(1), 400, 200)

    found = calibrate(scores, lengths, labels, fpr)

    flagged = np.array(scores[:400]) >= found.threshold
    assert flagged.sum() == found.false_alarms <= fpr * 400
    assert found.fpr.low < found.fpr.value < found.fpr.high
    assert found.tpr.value > found.fpr.value
    assert found.auroc_of_length.value == 0.5


def test_a_score_that_ties_with_a_grounded_answer_is_not_flagged() -> None:
    found = calibrate([0.0] * 50 + [0.5] * 20, [1] * 70, [False] * 50 + [True] * 20, 0.05)

    assert 0 < found.threshold <= 0.5
    assert (found.false_alarms, found.found) == (0, 20)


def test_the_probability_never_falls_as_the_score_rises() -> None:
    found = calibrate(*sample(np.random.default_rng(2), 300, 300), 0.05)

    said = [found.probability(score) for score in np.linspace(0, 1, 101)]

    assert said == sorted(said)
    assert said[0] < 0.3
    assert said[-1] > 0.8


def test_the_corrected_rate_is_right_on_average_and_its_interval_covers_it() -> None:
    rng = np.random.default_rng(3)
    covered, rates = 0, []
    for _ in range(200):
        found = calibrate(*sample(rng, 300, 150), 0.1)
        bad = rng.random(1000) < 0.2
        live = np.where(bad, rng.beta(4, 3, 1000), rng.beta(2, 5, 1000))
        rate = found.rate(int((live >= found.threshold).sum()), 1000)
        assert rate is not None
        rates.append(rate.value)
        covered += rate.low <= 0.2 <= rate.high

    assert np.mean(rates) == pytest.approx(0.2, abs=0.02)
    assert covered >= 184  # 92 % of 95


def test_a_rate_is_not_told_without_answers_or_by_a_scorer_that_tells_nothing() -> None:
    good = calibrate(*sample(np.random.default_rng(4), 50, 50), 0.05)
    blind = replace(good, found=2, false_alarms=2)

    assert blind.rate(5, 100) is None
    assert good.rate(0, 0) is None


def test_too_few_labelled_answers_are_refused() -> None:
    with pytest.raises(ValueError, match="9 grounded and 20 ungrounded answers; needs at least 10 of each"):
        calibrate(*sample(np.random.default_rng(5), 9, 20), 0.05)


@pytest.mark.parametrize(
    ("scores", "problem"),
    [
        ([0.5] * 40, r"AUROC 0\.500 .*: the score does not tell them apart beyond chance"),
        ([0.1, 0.3] * 10 + [0.2] * 20, "the score does not tell them apart"),
        ([0.9] * 20 + [0.1] * 20, r"AUROC 0\.000 .*: the grounded ones score higher; `ungrounded` is 1 where"),
        ([0.1] * 18 + [0.9] * 2 + [0.8] * 20, r"threshold 0\.900 on there are 0 of 20 ungrounded .* a larger --fpr"),
    ],
)
def test_scores_that_do_not_tell_the_labels_apart_are_refused(scores: list[float], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        calibrate(scores, [1] * 40, [False] * 20 + [True] * 20, 0.05)


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = calibrate(*sample(np.random.default_rng(6), 50, 50), 0.05)

    save_calibration(made, tmp_path / "calibration.json")

    assert load_calibration(tmp_path / "calibration.json") == made


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"version": "burnline/reference/v1"}', "\x00"])
def test_a_file_that_is_no_calibration_says_how_to_make_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text)

    with pytest.raises(SpecError, match="burnline calibrate"):
        load_calibration(tmp_path / "c.json")
