"""A driver call that hangs costs one GPU its samples."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from time import monotonic

import pytest

from burnline.collectors.gpu.patience import Patience
from burnline.events import Sample
from burnline.metrics import gpu as names
from tests.collectors.gpu.machine import Machine, host, of

SHORT, LONG = timedelta(seconds=0.1), timedelta(seconds=5)


class Gpus:
    """Some of them hang until they are released."""

    def __init__(self, *hanging: int) -> None:
        self.hanging = set(hanging)
        self.released = threading.Event()
        self.asked: list[int] = []

    def read(self, index: int) -> list[Sample]:
        self.asked.append(index)
        if index in self.hanging:
            self.released.wait()
        return [Sample("up", {"gpu": str(index)}, 1)]


@pytest.fixture
def gpus() -> Iterator[Gpus]:
    found = Gpus()
    yield found
    found.released.set()


def test_every_gpu_that_answers_is_read(gpus: Gpus) -> None:
    found = Patience(each=LONG, turn=LONG).read_all(range(8), gpus.read)

    assert sorted(found) == list(range(8))
    assert gpus.asked == list(range(8))


@pytest.mark.parametrize("hanging", [{0}, {3}, {7}, {0, 1}])
def test_those_after_one_that_hangs_are_read(gpus: Gpus, hanging: set[int]) -> None:
    gpus.hanging = hanging

    found = Patience(each=SHORT, turn=LONG).read_all(range(8), gpus.read)

    assert set(found) == set(range(8)) - hanging


def test_one_that_hangs_is_not_asked_again_and_costs_no_second_wait(gpus: Gpus) -> None:
    gpus.hanging = {0}
    patience = Patience(each=SHORT, turn=LONG)
    patience.read_all(range(2), gpus.read)
    began = monotonic()

    found = patience.read_all(range(2), gpus.read)

    assert set(found) == {1}
    assert gpus.asked.count(0) == 1
    assert monotonic() - began < SHORT.total_seconds()
    assert patience.is_held


def test_one_that_answers_in_the_end_is_asked_again(gpus: Gpus) -> None:
    gpus.hanging = {0}
    patience = Patience(each=SHORT, turn=LONG)
    patience.read_all(range(2), gpus.read)
    gpus.released.set()
    for thread in patience._hanging.values():
        thread.join(5)

    assert set(patience.read_all(range(2), gpus.read)) == {0, 1}
    assert not patience.is_held


def test_the_thread_that_was_given_up_reads_nothing_more(gpus: Gpus) -> None:
    gpus.hanging = {0}
    patience = Patience(each=SHORT, turn=LONG)
    patience.read_all(range(3), gpus.read)
    held = list(patience._hanging.values())
    gpus.released.set()
    held[0].join(5)

    assert gpus.asked == [0, 1, 2]


def test_a_turn_has_an_end_however_many_hang(gpus: Gpus) -> None:
    gpus.hanging = set(range(8))
    began = monotonic()

    found = Patience(each=SHORT, turn=2 * SHORT).read_all(range(8), gpus.read)

    assert found == {}
    assert monotonic() - began < 8 * SHORT.total_seconds()
    assert len(gpus.asked) <= 3


def test_a_bug_is_raised_where_the_turn_is_waited_for() -> None:
    def read(index: int) -> list[Sample]:
        raise ZeroDivisionError(index)

    with pytest.raises(ZeroDivisionError):
        Patience(each=LONG, turn=LONG).read_all(range(2), read)


@pytest.mark.integration
@pytest.mark.parametrize("how", ["hang 1", "power_mw !hang", "fi_82 !hang", "handle !hang", "mig_mode !hang"])
def test_a_gpu_whose_driver_call_hangs_is_down_and_the_other_goes_on(machine: Machine, now: datetime, how: str) -> None:
    machine.set(host("h100", "a100"))
    machine.read(now)
    machine.say(0, *how.split())

    samples = machine.read(now + timedelta(seconds=15))

    assert {name: value for name, value in of(samples, 0).items() if not name.startswith(names.XID_ERRORS)} == {
        names.UP: 0
    }
    assert names.POWER in of(samples, 1)


@pytest.mark.integration
def test_a_gpu_that_hung_is_read_again_when_the_call_has_ended(machine: Machine, now: datetime) -> None:
    machine.say(0, "hang", "1")
    machine.read(now)
    machine.set(host("h100"))
    for thread in list(machine.collector._patience._hanging.values()):
        thread.join(5)

    assert of(machine.read(now), 0)[names.UP] == 1


@pytest.mark.integration
def test_the_driver_is_not_closed_under_a_call_that_hangs(machine: Machine, now: datetime) -> None:
    machine.say(0, "hang", "1")
    machine.read(now)

    machine.collector.close()

    assert machine.collector._session.is_open
