"""The sequential guard stops good releases rarely however often it looks, and bad ones soon."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.events import Counts
from burnline.runbooks.releases.evidence import Block, evidence_of
from burnline.runbooks.releases.judge import ALPHA

STOPS = -math.log(ALPHA)
HISTORY = Counts(540, 54_000)
LOOKS = 30


def binomial(k: int, n: int, p: float) -> float:
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


def mean_e_value(canary: float, baseline: float, *, tolerance: float, fewer: bool, history: Counts) -> float:
    """Over every outcome of one block of 6 and 9 events."""
    return sum(
        binomial(c, 6, canary)
        * binomial(b, 9, baseline)
        * math.exp(
            evidence_of([Block(Counts(c, 6), Counts(b, 9))], tolerance=tolerance, fewer=fewer, history=history).now
        )
        for c, b in itertools.product(range(7), range(10))
    )


def world(seed: int, canary: float, baseline: float, trials: int) -> list[list[Block]]:
    rng = np.random.default_rng(seed)
    c, b = rng.binomial(100, canary, (trials, LOOKS)), rng.binomial(900, baseline, (trials, LOOKS))
    return [
        [Block(Counts(int(x), 100), Counts(int(y), 900)) for x, y in zip(*trial, strict=True)]
        for trial in zip(c, b, strict=True)
    ]


def looks_until_stopped(blocks: list[Block]) -> int:
    return next(
        (n for n in range(1, LOOKS + 1) if evidence_of(blocks[:n], history=HISTORY).highest >= STOPS), LOOKS + 1
    )


@settings(max_examples=100, deadline=None)
@given(
    share=st.floats(0.001, 0.999),
    part=st.floats(0, 1),
    tolerance=st.floats(0.5, 3),
    history=st.tuples(st.integers(0, 50), st.integers(50, 1000)),
)
def test_a_block_is_worth_no_more_than_one_on_average_while_the_canary_is_good(
    share: float, part: float, tolerance: float, history: tuple[int, int]
) -> None:
    canary = min(1.0, tolerance * share) * part  # anywhere in the null

    mean = mean_e_value(canary, share, tolerance=tolerance, fewer=False, history=Counts(*history))

    assert mean <= 1 + 1e-9


@settings(max_examples=100, deadline=None)
@given(share=st.floats(0.001, 0.999), more=st.floats(0, 1), tolerance=st.floats(0.5, 1))
def test_the_same_holds_where_too_few_are_what_is_wrong(share: float, more: float, tolerance: float) -> None:
    least = tolerance * share
    canary = least + more * (1 - least)

    mean = mean_e_value(canary, share, tolerance=tolerance, fewer=True, history=Counts(300, 1000))

    assert mean <= 1 + 1e-9


@pytest.mark.parametrize("share", [0.001, 0.01, 0.3])
def test_a_good_release_is_stopped_in_less_than_two_of_a_hundred_over_thirty_looks(share: float) -> None:
    trials = world(20261126, share, share, 1000)

    stopped = sum(evidence_of(blocks, history=HISTORY).highest >= STOPS for blocks in trials)

    assert stopped / len(trials) < 0.02


def test_three_times_the_errors_are_found_in_about_four_looks() -> None:
    found = sorted(looks_until_stopped(blocks) for blocks in world(7, 0.03, 0.01, 200))

    assert found[len(found) // 2] <= 5
    assert found[int(len(found) * 0.99)] <= LOOKS


def test_ten_times_the_errors_are_found_at_the_first_look() -> None:
    found = sorted(looks_until_stopped(blocks) for blocks in world(7, 0.1, 0.01, 200))

    assert found[len(found) // 2] == 1


def test_no_history_costs_a_look_and_no_false_alarm() -> None:
    block = Block(Counts(10, 100), Counts(9, 900))

    assert evidence_of([block]).now == 0
    assert evidence_of([block, block]).now > STOPS


def test_a_bad_hour_that_hits_both_while_the_canary_grows_is_no_evidence() -> None:
    """Pooled shares would differ fourfold here: the canary got most of its traffic in the bad hour."""
    quiet = [Block(Counts(0, 10), Counts(10, 990))] * 20
    bad_hour = [Block(Counts(50, 500), Counts(50, 500))] * 10

    evidence = evidence_of([*quiet, *bad_hour], history=Counts(100, 10_000))

    assert evidence.highest < math.log(3)


def test_what_is_tolerated_is_no_evidence_and_what_is_not_is() -> None:
    twice = [Block(Counts(20, 1000), Counts(90, 9000))] * 20

    assert evidence_of(twice, tolerance=2.0, history=HISTORY).highest < STOPS
    assert evidence_of(twice, tolerance=1.2, history=HISTORY).highest >= STOPS


def test_fewer_conversions_are_found() -> None:
    fewer = [Block(Counts(30, 1000), Counts(450, 9000))] * 20
    alike = [Block(Counts(50, 1000), Counts(450, 9000))] * 20

    assert evidence_of(fewer, tolerance=0.95, fewer=True, history=Counts(500, 10_000)).highest >= STOPS
    assert evidence_of(alike, tolerance=0.95, fewer=True, history=Counts(500, 10_000)).highest < 1


def test_a_minute_without_events_on_one_side_says_nothing() -> None:
    silent = Block(Counts(0, 0), Counts(9, 900))

    assert evidence_of([silent] * 50, history=HISTORY).now == 0


@pytest.mark.parametrize("block", [Block(Counts(100, 100), Counts(900, 900)), Block(Counts(0, 100), Counts(0, 900))])
def test_shares_of_none_and_all_do_not_break_it(block: Block) -> None:
    evidence = evidence_of([block] * 10, history=Counts(0, 10))

    assert math.isfinite(evidence.now)
