"""Parts of a page: isolation and deadlines."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from threading import Barrier, Event, Thread

import pytest

from burnline.errors import CollectorError
from burnline.exposition.parts import LONGEST_SECONDS, Part, TooSlow, gather, seconds_for


class Hanging:
    """Hangs until released."""

    def __init__(self) -> None:
        self.released = Event()
        self.begun = 0

    def __call__(self) -> str:
        self.begun += 1
        self.released.wait()
        return "late"


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    one = Hanging()
    yield one
    one.released.set()


def fail() -> str:
    raise ValueError("on fire")


def test_a_part_that_fails_costs_no_other() -> None:
    broken, well = gather([Part("broken", fail), Part("well", lambda: "good")], 5)

    assert (broken.ok, str(broken.error)) == (False, "on fire")
    assert (well.ok, well.given) == (True, "good")


def test_a_part_that_hangs_costs_its_deadline_and_no_more(hanging: Hanging) -> None:
    late, well = gather([Part("late", hanging), Part("well", lambda: "good")], 0.2)

    assert isinstance(late.error, TooSlow)
    assert 0.2 <= late.seconds < 5
    assert well.given == "good"


def test_a_part_that_hangs_is_not_begun_again_and_comes_back_when_it_can(hanging: Hanging) -> None:
    part = Part("late", hanging)
    for _ in range(3):
        gather([part], 0.01)
    assert hanging.begun == 1

    hanging.released.set()
    (answer,) = gather([part], 5)

    assert answer.given == "late"


def test_two_pages_at_once_read_a_part_once() -> None:
    together, begun = Barrier(2), []
    gate = Event()

    def read() -> str:
        begun.append(1)
        gate.wait()
        return "good"

    part = Part("slow", read)

    def ask() -> None:
        together.wait()
        attempt = part.start()
        together.wait()
        gate.set()
        attempt.join()

    askers = [Thread(target=ask) for _ in range(2)]
    for each in askers:
        each.start()
    for each in askers:
        each.join()

    assert len(begun) == 1


def test_the_log_tells_of_a_change_only(caplog: pytest.LogCaptureFixture) -> None:
    well = Event()
    part = Part("shaky", lambda: "good" if well.is_set() else fail())
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            gather([part], 5)
        well.set()
        for _ in range(3):
            gather([part], 5)

    assert [record.message for record in caplog.records] == [
        "part of the exposition failed",
        "part of the exposition well again",
    ]


def test_a_source_that_says_why_it_failed_fills_no_log_with_a_stack(caplog: pytest.LogCaptureFixture) -> None:
    def refuse() -> None:
        raise CollectorError("redis_list jobs: connection refused")

    parts: list[Part[object]] = [Part("queue", refuse), Part("surprise", fail)]

    gather(parts, 5)

    told = {vars(record)["part"]: record for record in caplog.records}
    assert vars(told["queue"])["error"] == "redis_list jobs: connection refused"
    assert told["queue"].exc_info is None
    assert told["surprise"].exc_info


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("10", 9.0), ("5", 4.5), ("0.25", 0.1), ("3600", LONGEST_SECONDS)]
    + [(nonsense, LONGEST_SECONDS) for nonsense in ("", "soon", "nan", "inf", "-1", "0", "1e999")],
)
def test_a_page_takes_a_little_less_than_the_scraper_waits(header: str, seconds: float) -> None:
    assert seconds_for(header) == seconds
