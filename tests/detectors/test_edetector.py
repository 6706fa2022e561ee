"""Evidence over windows: what it may cost in false alarms is a theorem, and here it is counted."""

from __future__ import annotations

from datetime import timedelta
from math import comb, exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from burnline.detectors.statistics.edetector import ENDS, ODDS, Evidence, Watch, log_e, log_level, most

SHARES = st.floats(0.001, 0.999)
LEVEL = log(100)


def run(watch: Watch, bad: list[int], events: int, allowed: float) -> list[Evidence]:
    """One feature with one kind of bad events; the evidence after each window."""
    known, seen = watch.start(), []
    for each in bad:
        known = watch.read(watch.write(watch.step(known, bad=[each], events=[events], allowed=[allowed])))
        seen.append(known)
    return seen


def onsets(watch: Watch, bad: NDArray[np.int64], events: NDArray[np.int64], allowed: float, effect: float = 1.0) -> int:
    """How many alarms begin in windows (t, streams), every stream a feature of its own."""
    known, count = watch.start(), 0
    for each, of in zip(bad, events, strict=True):
        now = watch.step(known, bad=each, events=of, allowed=np.full(len(each), allowed), design_effect=effect)
        count += int((now.on & ~known.on).sum())
        known = now
    return count


@given(share=SHARES, events=st.integers(1, 40))
def test_a_window_multiplies_what_was_staked_by_one_on_average_while_all_that_is_allowed_is_bad(
    share: float, events: int
) -> None:
    """Summed over every count there can be: the expectation is 1, not about 1."""
    chances = [comb(events, bad) * share**bad * (1 - share) ** (events - bad) for bad in range(events + 1)]

    expected = sum(chance * np.exp(log_e(bad, events, share)) for bad, chance in enumerate(chances))

    assert expected == pytest.approx(np.ones(len(ODDS)), rel=1e-9)


def test_a_window_by_hand() -> None:
    """3 bad of 10, 20 % allowed, odds 4: 4**3 / 1.6**10 = 64 / 109.95."""
    at = ODDS.tolist().index(4.0)

    assert exp(float(log_e(3, 10, 0.2)[at])) == pytest.approx(64 / 109.951, rel=1e-4)


@pytest.mark.parametrize("sizes", [(50, 50), (5, 2000)], ids=["like windows", "windows of very different sizes"])
def test_streams_at_the_very_limit_alarm_no_more_often_than_promised(sizes: tuple[int, int]) -> None:
    """400 streams of 500 windows, level 100: at most 2,000 alarms are to be expected."""
    rng, shape = np.random.default_rng(5), (500, 400)
    events = np.where(rng.random(shape) < 0.5, *sizes)

    found = onsets(Watch([1] * 400, LEVEL, "t"), rng.binomial(events, 0.1), events, 0.1)

    assert 20 < found <= 2000


def test_events_that_come_in_equal_clusters_keep_the_promise_with_their_size_and_break_it_without() -> None:
    rng, shape, of = np.random.default_rng(5), (500, 100), 20
    bad, events = of * rng.binomial(10, 0.1, shape), np.full(shape, 10 * of)

    kept, broken = (onsets(Watch([1] * 100, LEVEL, "t"), bad, events, 0.1, effect) for effect in (of, 1.0))

    assert kept <= 500 < broken


def test_a_feature_with_many_kinds_alarms_no_more_often_than_one_with_one() -> None:
    rng, kinds = np.random.default_rng(7), 10
    bad = np.repeat(rng.binomial(50, 0.1, (600, 20)), kinds, axis=1)
    known, watch, count = None, Watch([kinds] * 20, LEVEL, "t"), 0
    known = watch.start()

    for each in bad:
        now = watch.step(known, bad=each, events=np.full(len(each), 50), allowed=np.full(len(each), 0.1))
        count += int((now.on & ~known.on).sum())
        known = now

    assert count <= 20 * 600 / 100


def test_what_no_single_window_shows_is_seen_in_several() -> None:
    """8 % instead of the allowed 5 %, 100 events a window: no window is telling."""
    rng = np.random.default_rng(1)

    seen = run(Watch([1], LEVEL, "t"), rng.binomial(100, 0.08, 60).tolist(), 100, 0.05)

    assert not seen[0].on[0]
    assert seen[-1].on[0]


def test_windows_of_one_event_are_evidence_as_well() -> None:
    seen = run(Watch([1], LEVEL, "t"), [1] * 12, 1, 0.1)

    assert 2 <= [bool(one.on[0]) for one in seen].index(True) <= 6


def test_it_says_since_when_it_has_been_growing() -> None:
    seen = run(Watch([1], LEVEL, "t"), [2] * 30 + [20] * 4, 100, 0.06)

    assert [int(one.since[0]) for one in seen[-5:]] == [0, 1, 2, 3, 4]


def test_an_alarm_ends_soon_after_its_cause_however_long_that_lasted() -> None:
    watch = Watch([1], LEVEL, "t")
    for long in (5, 500):
        seen = run(watch, [30] * long + [3] * 6, 100, 0.06)

        assert seen[long - 1].on[0]
        assert not seen[long + 2].on[0]


def test_an_alarm_that_has_ended_begins_again_only_with_new_evidence() -> None:
    watch = Watch([1], LEVEL, "t")
    known = run(watch, [30] * 50 + [3] * 3, 100, 0.06)[-1]

    ended = watch.step(known, bad=[8], events=[100], allowed=[0.06])

    assert not known.on[0]
    assert not ended.on[0]
    assert ended.total[0] < LEVEL - log(ENDS)


def test_no_events_change_nothing() -> None:
    watch = Watch([1], LEVEL, "t")
    known = run(watch, [9, 9], 100, 0.06)[-1]

    assert watch.write(watch.step(known, bad=[0], events=[0], allowed=[0.06])) == watch.write(known)


@settings(max_examples=30)
@given(windows=st.lists(st.integers(0, 100), min_size=1, max_size=20), seed=st.integers(0, 99))
def test_memory_is_read_as_it_was_written_and_never_says_more_than_was_known(windows: list[int], seed: int) -> None:
    watch = Watch([1, 2], LEVEL, "t")
    known = watch.start()
    for bad in windows:
        known = watch.step(known, bad=[bad, seed, 100 - bad], events=[100] * 3, allowed=[0.3] * 3)

    again = watch.read(watch.write(known))

    assert watch.write(again) == watch.write(known)
    assert np.all(again.wealth <= known.wealth + 1e-12)
    assert np.all(again.wealth > known.wealth - 0.01)
    assert again.on.tolist() == known.on.tolist()
    assert again.since.tolist() == known.since.tolist()


@pytest.mark.parametrize(
    "memory", [b"", b"x", b"\xff" * 40, Watch([1], LEVEL, "other").write(Watch([1], 1, "o").start())]
)
def test_memory_of_something_else_is_none(memory: bytes) -> None:
    watch = Watch([1], LEVEL, "t")

    assert watch.write(watch.read(memory)) == watch.write(watch.start())


def test_the_level_is_the_windows_of_thirty_days_times_the_features() -> None:
    assert log_level(25, timedelta(minutes=5)) == pytest.approx(log(25 * 8640))
    assert log_level(25, timedelta(minutes=5), 0.5) == pytest.approx(log(2 * 25 * 8640))
    assert log_level(1, timedelta(days=60)) == 0


@settings(max_examples=20, deadline=None)
@given(share=SHARES, rows=st.integers(10, 5000))
def test_a_reference_of_few_rows_allows_more(share: float, rows: int) -> None:
    """The true share is beyond what is allowed in one reference of e**4 = 55 at most."""
    rng = np.random.default_rng(rows)

    beyond = share > most(rng.binomial(rows, share, 2000) / rows, rows, 4.0)

    assert np.mean(beyond) < 0.03


def test_no_rows_allow_everything() -> None:
    assert most([0.0, 0.3], [0, 0], 3.0).tolist() == [1.0, 1.0]
