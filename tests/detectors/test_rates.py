"""What chance alone explains of a share, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.detectors.statistics.rates import ALPHA, Share, beyond, lower, upper, worse


@given(events=st.integers(1, 10**6), part=st.floats(0, 1))
def test_the_bounds_hold_the_share_between_them(events: int, part: float) -> None:
    share = Share(round(events * part), events)

    assert 0 <= lower(share) <= share.ratio <= upper(share) <= 1


@pytest.mark.parametrize(("events", "allowed"), [(100, 0.01), (500, 0.001), (2000, 0.05), (50, 0.3)])
def test_chance_alone_passes_less_often_than_promised(events: int, allowed: float) -> None:
    """By the exact binomial, summed here, not by a simulation."""
    first = next(bad for bad in range(events + 1) if beyond(Share(bad, events), allowed) > 0)

    tail = 1.0 - _binomial_below(first, events, allowed)

    assert tail <= ALPHA


@pytest.mark.parametrize(("events", "usual"), [(500, 500), (200, 5000), (5000, 500)])
def test_two_samples_of_one_population_differ_by_chance_alone(events: int, usual: int) -> None:
    rng = np.random.default_rng(events)
    live, known = rng.binomial(events, 0.02, 20_000), rng.binomial(usual, 0.02, 20_000)

    found = sum(
        beyond(Share(a, events), 0.0, Share(b, usual)) > 0
        for a, b in zip(live.tolist(), known.tolist(), strict=True)
        if a / events > b / usual + 0.02
    )

    assert found <= 1


def test_what_is_far_above_is_found_and_measured() -> None:
    assert beyond(Share(500, 1000), 0.01, Share(20, 2000)) == pytest.approx(0.41, abs=0.01)


def test_more_events_leave_less_to_chance() -> None:
    found = [beyond(Share(events // 10, events), 0.01) for events in (100, 1000, 10_000, 1_000_000)]

    assert found == sorted(found)
    assert found[-1] == pytest.approx(0.09, abs=0.002)


def test_a_candidate_is_worse_only_beyond_the_chance_of_both() -> None:
    assert worse(Share(10, 1000), Share(18, 1000)) == 0
    assert worse(Share(10, 1000), Share(100, 1000)) > 0.03
    assert worse(Share(100, 1000), Share(10, 1000)) == 0


def test_nothing_is_said_of_no_events() -> None:
    assert beyond(Share(0, 0), 0.1) == worse(Share(0, 0), Share(5, 5)) == worse(Share(1, 5), Share(0, 0)) == 0


def test_clustered_events_say_less() -> None:
    share = Share(100, 1000)

    assert beyond(share.thinned(20), 0.01) == 0 < beyond(share, 0.01)


def _binomial_below(first: int, events: int, chance: float) -> float:
    term, total = (1 - chance) ** events, 0.0
    for bad in range(first):
        total += term
        term *= (events - bad) / (bad + 1) * chance / (1 - chance)
    return total
