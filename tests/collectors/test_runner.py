"""The runner: isolation, deadlines, turns."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from threading import Event
from typing import NoReturn

import pytest

from burnline.collectors.runner import Runner
from burnline.errors import CollectorError, NoData, NotAsked
from burnline.events import Collection, Sample

SECOND = timedelta(seconds=1)
UP = Sample("up", {}, 1.0)


class Source:
    """A collector that does what it is told."""

    target = "memory"
    measured = False

    def __init__(
        self, read: Callable[[], Sequence[Sample]], *, name: str = "fake", interval: timedelta = SECOND
    ) -> None:
        self.service = "card-fraud"
        self.name = name
        self.interval = interval
        self.read = read
        self.turns = 0
        self.closed = False

    def collect(self, now: datetime) -> Sequence[Sample]:
        self.turns += 1
        return self.read()

    def close(self) -> None:
        self.closed = True


class Hanging:
    """Hangs until released."""

    def __init__(self) -> None:
        self.released = Event()

    def __call__(self) -> Sequence[Sample]:
        self.released.wait()
        return [Sample("late", {}, 1.0)]


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    source = Hanging()
    yield source
    source.released.set()


def failing(error: BaseException) -> Callable[[], NoReturn]:
    def read() -> NoReturn:
        raise error

    return read


def runner(*sources: Source, seconds: float = 5.0) -> Runner:
    return Runner(sources, deadline=timedelta(seconds=seconds))


def test_a_turn_carries_the_samples_and_where_they_come_from(now: datetime) -> None:
    (turn,) = runner(Source(lambda: [UP])).run_once(now)

    assert turn == Collection("card-fraud", "fake", "memory", now, turn.duration_seconds, ok=True, samples=(UP,))
    assert turn.duration_seconds >= 0


def test_a_failing_collector_does_not_stop_the_others(now: datetime) -> None:
    sources = Source(failing(CollectorError("connection refused")), name="broken"), Source(lambda: [UP])

    broken, well = runner(*sources).run_once(now)

    assert (broken.ok, broken.samples, broken.error) == (False, (), "connection refused")
    assert well.samples == (UP,)


@pytest.mark.parametrize(
    "error", [TimeoutError("oops"), ZeroDivisionError("oops"), RecursionError("oops"), MemoryError("oops")]
)
def test_a_bug_in_a_collector_is_a_failure_that_names_it(error: Exception, now: datetime) -> None:
    (turn,) = runner(Source(failing(error))).run_once(now)

    assert not turn.ok
    assert turn.error == f"{type(error).__name__}: oops"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_collector_that_ends_its_thread_has_failed(now: datetime) -> None:
    (turn,) = runner(Source(failing(SystemExit(0)))).run_once(now)

    assert (turn.ok, turn.error) == (False, "ended without an answer")


def test_a_collector_with_nothing_to_say_is_no_failure(now: datetime, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        (turn,) = runner(Source(failing(NoData("no GPU")))).run_once(now)

    assert (turn.ok, turn.samples, turn.error, turn.nothing, turn.unasked) == (True, (), "", True, False)
    assert turn.notes == ("no GPU",)
    assert not caplog.records


def test_nothing_where_nothing_was_declared_is_marked_as_unasked(now: datetime) -> None:
    (turn,) = runner(Source(failing(NotAsked("no version was seen yet")))).run_once(now)

    assert (turn.ok, turn.nothing, turn.unasked) == (True, True, True)


def test_a_hanging_collector_is_failed_at_the_deadline_and_the_others_have_answered(
    now: datetime, hanging: Hanging
) -> None:
    hung, well = runner(Source(hanging, name="hung"), Source(lambda: [UP]), seconds=0.05).run_once(now)

    assert not hung.ok
    assert hung.error == "no answer since 12:00:00"
    assert hung.duration_seconds >= 0.05
    assert well.samples == (UP,)
    assert well.duration_seconds < hung.duration_seconds


def test_a_slow_collector_delays_nobody_and_is_handed_over_when_it_ends(now: datetime, hanging: Hanging) -> None:
    slow, quick = Source(hanging, name="slow"), Source(lambda: [UP], name="quick")
    run = runner(slow, quick, seconds=60)

    turns = [run.run_once(now + second * SECOND) for second in range(3)]
    hanging.released.set()
    attempt = run._slots[0]._attempt
    assert attempt is not None
    attempt.join(5)
    last = run.run_once(now + 3 * SECOND)

    assert [[turn.collector for turn in turns] for turns in turns] == [["quick"]] * 3
    assert (last[0].collector, last[0].at) == ("slow", now)
    assert (slow.turns, quick.turns) == (2, 4)


def test_several_hanging_collectors_share_one_deadline(now: datetime, hanging: Hanging) -> None:
    turns = runner(*[Source(hanging, name=f"hung-{n}") for n in range(8)], seconds=0.05).run_once(now)

    assert max(turn.duration_seconds for turn in turns) < 8 * 0.05


def test_a_hanging_collector_is_not_started_again_and_its_late_answer_is_dropped(
    now: datetime, hanging: Hanging
) -> None:
    source = Source(hanging)
    run = runner(source, seconds=0.05)

    first = run.run_once(now)
    second = run.run_once(now + SECOND)
    turns_while_hanging = source.turns
    hanging.released.set()
    attempt = run._slots[0]._attempt
    assert attempt is not None
    attempt.join(5)
    source.read = lambda: [UP]
    third = run.run_once(now + 2 * SECOND)

    assert [turn.ok for turn in first + second] == [False, False]
    assert second[0].error == "no answer since 12:00:00"
    assert turns_while_hanging == 1
    assert third[0].samples == (UP,)


def test_a_collector_gets_a_turn_when_its_interval_has_passed(now: datetime) -> None:
    often, seldom = Source(lambda: [UP], name="often"), Source(lambda: [UP], name="seldom", interval=15 * SECOND)
    run = runner(often, seldom)

    for second in range(31):
        run.run_once(now + second * SECOND)

    assert (often.turns, seldom.turns) == (31, 3)


def test_running_twice_at_one_moment_is_running_once(now: datetime) -> None:
    source = Source(lambda: [UP])
    run = runner(source)

    run.run_once(now)
    again = run.run_once(now)

    assert again == []
    assert source.turns == 1


def test_a_timer_that_ticks_a_little_early_loses_no_turn(now: datetime) -> None:
    source = Source(lambda: [UP])
    run = runner(source)

    for tick in range(10):
        run.run_once(now + tick * SECOND - timedelta(milliseconds=20 * (tick % 2)))

    assert source.turns == 10


def test_a_clock_set_back_does_not_stop_the_collectors(now: datetime) -> None:
    source = Source(lambda: [UP])
    run = runner(source)

    run.run_once(now)
    run.run_once(now - timedelta(days=1))

    assert source.turns == 2


def test_failing_and_being_well_again_are_logged_once_each(now: datetime, caplog: pytest.LogCaptureFixture) -> None:
    source = Source(lambda: [UP])
    run = runner(source)
    refused, well = failing(CollectorError("refused")), source.read

    for second, read in enumerate([well, refused, refused, refused, well, well]):
        source.read = read
        run.run_once(now + second * SECOND)

    assert [record.message for record in caplog.records] == ["collector failing", "collector well again"]


def test_closing_closes_every_collector_even_when_one_will_not_close(now: datetime) -> None:
    stubborn, willing = Source(lambda: [UP]), Source(lambda: [UP])
    stubborn.close = failing(OSError("busy"))  # type: ignore[method-assign]  # a fake that fails

    runner(stubborn, willing).close()

    assert willing.closed
