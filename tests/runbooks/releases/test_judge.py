"""Guards: four verdicts, and what decides between them."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from burnline.events import Counts, GuardVerdict
from burnline.runbooks.releases.evidence import Block
from burnline.runbooks.releases.interval import interval_of
from burnline.runbooks.releases.judge import (
    judge_budget,
    judge_disagreement,
    judge_hard,
    judge_ranks,
    judge_sequential,
    judge_value,
)
from burnline.runbooks.releases.ranks import compare_ranks

PASS, FAIL, INCONCLUSIVE, NO_DATA = GuardVerdict
ALIKE = [Block(Counts(1, 100), Counts(9, 900))] * 10


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (None, NO_DATA),
        (Counts(0, 0), NO_DATA),
        (Counts(9, 10), INCONCLUSIVE),  # too few to stop a release for
        (Counts(5, 100), PASS),
        (Counts(11, 100), FAIL),
    ],
)
def test_a_hard_guard_needs_its_events_and_then_stops_at_once(seen: Counts | None, verdict: GuardVerdict) -> None:
    assert judge_hard(seen, above=0.1, min_events=50, what="availability").verdict is verdict


@pytest.mark.parametrize(("value", "verdict"), [(None, NO_DATA), (float("nan"), NO_DATA), (0.2, PASS), (0.31, FAIL)])
def test_a_score_is_compared_with_its_bound(value: float | None, verdict: GuardVerdict) -> None:
    assert judge_value(value, above=0.3, what="drift").verdict is verdict


@pytest.mark.parametrize(
    ("blocks", "min_events", "verdict"),
    [
        ([], 100, NO_DATA),
        ([Block(Counts(0, 0), Counts(9, 900))], 100, NO_DATA),
        ([Block(Counts(5, 100), Counts(0, 0))], 100, NO_DATA),
        (ALIKE, 5000, INCONCLUSIVE),
        (ALIKE, 1000, PASS),
        ([Block(Counts(4, 100), Counts(9, 900))] * 10, 100, FAIL),
        ([Block(Counts(4, 100), Counts(9, 900))], 100, INCONCLUSIVE),
    ],
)
def test_a_sequential_guard_says_which_of_four_it_is(
    blocks: list[Block], min_events: int, verdict: GuardVerdict
) -> None:
    judged = judge_sequential(
        blocks, tolerance=1, min_events=min_events, what="availability", history=Counts(500, 50_000)
    )

    assert judged.verdict is verdict


def test_a_release_that_was_proved_bad_once_stays_so() -> None:
    bad, then_good = [Block(Counts(20, 100), Counts(9, 900))] * 5, [Block(Counts(0, 100), Counts(9, 900))] * 200

    judged = judge_sequential([*bad, *then_good], tolerance=1, min_events=100, what="x", history=Counts(500, 50_000))

    assert judged.verdict is FAIL


def test_the_budget_a_release_burns_is_measured_on_the_whole_window() -> None:
    """By hand: 1 % of 30 d at 1,000 events an hour is 7,200 bad events; 360 of them are 5 %."""
    at = {
        "objective": 0.99,
        "window": timedelta(days=30),
        "elapsed": timedelta(hours=1),
        "above": 0.05,
        "min_events": 10,
        "what": "availability",
    }

    assert judge_budget(Counts(359, 400), Counts(400, 1000), **at).verdict is PASS  # type: ignore[arg-type]
    assert judge_budget(Counts(361, 400), Counts(400, 1000), **at).verdict is FAIL  # type: ignore[arg-type]
    assert judge_budget(Counts(0, 0), Counts(0, 0), **at).verdict is NO_DATA  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (Counts(0, 0), NO_DATA),
        (Counts(2, 50), INCONCLUSIVE),  # too few pairs
        (Counts(40, 1000), INCONCLUSIVE),  # the bound is inside the interval
        (Counts(10, 1000), PASS),
        (Counts(100, 1000), FAIL),
    ],
)
def test_disagreement_is_judged_by_its_interval(seen: Counts, verdict: GuardVerdict) -> None:
    assert judge_disagreement(seen, above=0.05, min_events=100, what="answers").verdict is verdict


def test_the_interval_covers_the_share_at_all_looks_together() -> None:
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(150):
        differing = np.cumsum(rng.binomial(50, 0.04, 40))
        intervals = [interval_of(Counts(int(k), 50 * (n + 1))) for n, k in enumerate(differing)]
        missed += any(not each.low <= 0.04 <= each.high for each in intervals)

    assert missed / 150 <= 0.05


def test_an_interval_without_and_with_only_differences_ends_at_the_border() -> None:
    assert interval_of(Counts(0, 100)).low == 0
    assert interval_of(Counts(100, 100)).high == 1


def test_ranks_agree_with_an_example_worked_by_hand() -> None:
    """All 64 pairs: 8 x 8 with U = 56, mean 32; ties 5,6,7,8 twice: variance 64/12 * (17 - 24/240)."""
    ranks = compare_ranks([5, 6, 7, 8, 9, 10, 11, 12], [1, 2, 3, 4, 5, 6, 7, 8])

    assert ranks.chance == 56 / 64
    assert ranks.p_over == pytest.approx(0.0066, abs=0.0003)
    assert ranks.p_under > 0.99


def test_ranks_of_two_alike_find_something_no_more_often_than_they_say() -> None:
    rng = np.random.default_rng(11)
    trials = [(rng.normal(size=20).tolist(), rng.normal(size=30).tolist()) for _ in range(2000)]

    stopped = [judge_ranks(a, b, fewer=True, what="quality").verdict is FAIL for a, b in trials]

    assert sum(stopped) / 2000 <= 0.025


def test_worse_scores_are_found_and_few_values_decide_nothing() -> None:
    good = [0.9 + n / 1000 for n in range(20)]
    worse = [each - 0.05 for each in good]

    assert judge_ranks(worse, good, fewer=True, what="quality").verdict is FAIL
    assert judge_ranks(good, worse, fewer=True, what="quality").verdict is PASS
    assert judge_ranks(worse[:5], good, fewer=True, what="quality").verdict is INCONCLUSIVE
    assert judge_ranks([], good, fewer=True, what="quality").verdict is NO_DATA
    assert judge_ranks([0.5] * 9, [0.5] * 9, fewer=True, what="quality").verdict is PASS
