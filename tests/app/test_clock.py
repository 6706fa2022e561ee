"""The steady clock: it follows the wall clock forward, never back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from burnline.app.clock import SteadyClock

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Hands:
    """A wall clock and a monotonic one, both in the test's hands."""

    def __init__(self) -> None:
        self.at, self.up = NOW.timestamp(), 100.0
        self.clock = SteadyClock(lambda: self.at, lambda: self.up)

    def wait(self, seconds: float) -> None:
        self.at += seconds
        self.up += seconds

    def step(self, by: timedelta) -> None:
        self.at += by.total_seconds()


@pytest.fixture
def hands() -> Hands:
    return Hands()


def test_it_starts_at_the_wall_clock_and_goes_on_with_it(hands: Hands) -> None:
    hands.wait(90)

    assert hands.clock() == NOW + timedelta(seconds=90)


def test_a_step_back_changes_nothing_and_is_told_once(hands: Hands, caplog: pytest.LogCaptureFixture) -> None:
    hands.step(-2 * HOUR)

    seen = []
    for _ in range(3):
        hands.wait(1)
        seen.append((hands.clock() - NOW).total_seconds())

    assert seen == [1, 2, 3]
    [told] = caplog.records
    assert told.levelname == "ERROR"
    assert "clock stepped back; going on at the steady pace" in told.message
    assert vars(told)["seconds"] == 7200


def test_a_second_step_back_is_told_again_after_the_first_was_made_good(
    hands: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    for step in (-HOUR, HOUR, -HOUR):
        hands.step(step)
        hands.clock()

    assert hands.clock() == NOW
    assert len(caplog.records) == 2


def test_a_step_forward_is_followed_at_once(hands: Hands) -> None:
    hands.step(HOUR)

    assert hands.clock() == NOW + HOUR


def test_a_suspend_stops_the_monotonic_clock_but_not_time(hands: Hands) -> None:
    hands.wait(10)
    hands.at += 600
    hands.clock()
    hands.wait(1)

    assert hands.clock() == NOW + timedelta(seconds=611)


def test_small_corrections_are_neither_followed_nor_told(hands: Hands, caplog: pytest.LogCaptureFixture) -> None:
    for correction in (0.4, -0.9, 0.8):
        hands.step(timedelta(seconds=correction))
        assert hands.clock() == NOW

    assert not caplog.records
