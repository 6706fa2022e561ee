"""Did it help? Hand-worked windows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.events import Counts, Outcome
from burnline.runbooks.kinds import Verify
from burnline.runbooks.verify import closed_windows, judge, next_look
from tests.runbooks.scene import T0

RULE = Verify.model_validate({"settle": "1m", "window": "30s", "good": 2, "of": 3, "min_events": 10})
GOOD, BAD, WORSE, FEW = Counts(0, 100), Counts(20, 100), Counts(60, 100), Counts(0, 9)


@pytest.mark.parametrize(
    ("windows", "over", "outcome"),
    [
        ([], False, None),
        ([GOOD], False, None),
        ([GOOD, GOOD], False, Outcome.RECOVERED),
        ([GOOD, BAD, GOOD], False, Outcome.RECOVERED),
        ([GOOD, BAD, BAD], False, None),
        ([GOOD, GOOD, BAD, BAD, BAD], False, None),  # only the last three count
        ([GOOD, BAD, BAD], True, Outcome.NOT_RECOVERED),
        ([WORSE], False, None),
        ([WORSE, WORSE], False, Outcome.WORSE),
        ([WORSE, BAD], True, Outcome.NOT_RECOVERED),
        ([None, None], False, None),
        ([None, None, None], True, Outcome.NO_DATA),
        ([FEW, FEW, FEW], True, Outcome.NO_DATA),
        ([GOOD, None, None], True, Outcome.NO_DATA),  # one good window proves nothing
        ([Counts(0, 0)] * 3, True, Outcome.NO_DATA),
        ([], True, Outcome.NO_DATA),
    ],
)
def test_the_last_windows_decide(windows: list[Counts | None], over: bool, outcome: Outcome | None) -> None:
    verdict = judge(windows, RULE, max_bad=0.01, before=0.4, over=over)

    assert verdict.outcome is outcome


def test_a_bad_share_at_the_bound_is_good() -> None:
    verdict = judge([Counts(1, 100)] * 2, RULE, max_bad=0.01, before=None, over=False)

    assert verdict.outcome is Outcome.RECOVERED


def test_nothing_is_called_worse_than_the_unknown() -> None:
    assert judge([WORSE] * 3, RULE, max_bad=0.01, before=None, over=False).outcome is None


def test_windows_follow_each_other_from_the_end_of_settling() -> None:
    at = T0 + timedelta(seconds=125)

    windows = closed_windows(RULE, T0, at)

    assert windows == [
        (T0 + timedelta(seconds=60), T0 + timedelta(seconds=90)),
        (T0 + timedelta(seconds=90), T0 + timedelta(seconds=120)),
    ]
    assert next_look(RULE, T0, at) == T0 + timedelta(seconds=150)


def test_windows_end_with_the_deadline() -> None:
    assert len(closed_windows(RULE, T0, T0 + timedelta(days=1))) == 6
    assert next_look(RULE, T0, T0 + timedelta(days=1)) == T0 + timedelta(minutes=4)


def test_the_first_look_is_when_the_first_window_closes() -> None:
    assert closed_windows(RULE, T0, T0) == []
    assert next_look(RULE, T0, T0) == T0 + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"good": 4, "of": 3}, "4 good windows of 3"),
        ({"window": "0s"}, "longer than 0s"),
        ({"deadline": "30s"}, "ends before enough windows"),
    ],
)
def test_a_rule_that_can_never_hold_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Verify.model_validate({"window": "1m", "good": 2, "of": 3, **changes})


shares = st.none() | st.builds(
    lambda bad, total: Counts(min(bad, total), total), st.integers(0, 50), st.integers(0, 50)
)


@given(st.lists(shares, max_size=8), st.booleans())
def test_recovery_needs_enough_windows_with_enough_events(windows: list[Counts | None], over: bool) -> None:
    verdict = judge(windows, RULE, max_bad=0.01, before=0.1, over=over)

    good = [w for w in windows[-3:] if w is not None and w.total >= 10 and w.bad / w.total <= 0.01]
    assert (verdict.outcome is Outcome.RECOVERED) == (len(good) >= 2)
    assert not over or verdict.outcome is not None
