"""A driver that hangs costs its own part, once a second, and is not asked again while it hangs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from threading import Event
from time import monotonic

import pytest

from burnline.collectors.host.drivers import Guarded
from burnline.collectors.host.files import Files
from burnline.events import Sample
from burnline.metrics import host as names
from tests.collectors.host.tree import collector, values

FOLDER = "sys/class/infiniband"
ONE = Sample(names.INFINIBAND_STATE, {"device": "mlx5_0", "port": "1"}, 4)


class Card:
    """One whose firmware hangs until it is reset."""

    def __init__(self) -> None:
        self.asked = 0
        self.hangs = True
        self._reset = Event()

    def read(self, files: Files) -> list[Sample]:
        self.asked += 1
        if self.hangs:
            self._reset.wait(30)
        files.refuse(f"{FOLDER}/mlx5_0/ports/1/rate", "no number")
        return [ONE]

    def reset(self) -> None:
        self.hangs = False
        self._reset.set()


@pytest.fixture
def card() -> Iterator[Card]:
    card = Card()
    yield card
    card.reset()


@pytest.fixture
def files(tree: Path) -> Files:
    return Files(proc=tree / "proc", sys=tree / "sys")


def test_what_a_driver_tells_in_time_is_told_with_what_it_could_not(card: Card, files: Files) -> None:
    card.reset()

    samples = Guarded(FOLDER, card.read)(files)

    assert samples == [ONE]
    assert files.unreadable == {f"/{FOLDER}/mlx5_0/ports/1/rate": "no number"}


def test_a_driver_that_hangs_is_named_and_asked_once(card: Card, files: Files) -> None:
    guarded = Guarded(FOLDER, card.read, patience=0.2)
    begun = monotonic()

    told = [list(guarded(files)) for _ in range(20)]

    assert told == [[]] * 20
    assert files.unreadable == {f"/{FOLDER}": "its driver does not answer"}
    assert card.asked == 1
    assert monotonic() - begun < 20 * 0.2


def test_a_driver_that_answers_in_the_end_is_asked_again(card: Card, files: Files) -> None:
    guarded = Guarded(FOLDER, card.read, patience=0.5)
    guarded(files)

    card.reset()
    assert guarded._reading is not None
    guarded._reading.join(30)

    assert guarded(files) == [ONE]


def test_what_is_not_there_is_not_asked(card: Card, tmp_path: Path) -> None:
    guarded = Guarded(FOLDER, card.read)

    assert guarded(Files(proc=tmp_path, sys=tmp_path)) == []
    assert card.asked == 0


def test_a_mistake_in_reading_is_raised_where_the_turn_can_say_of_it(files: Files) -> None:
    def read(_: Files) -> list[Sample]:
        raise TypeError("a mistake")

    with pytest.raises(TypeError, match="a mistake"):
        Guarded(FOLDER, read)(files)


def test_the_rest_of_the_host_is_told_while_a_driver_hangs(tree: Path, now: datetime, card: Card) -> None:
    host = collector(tree)
    host._infiniband = Guarded(FOLDER, card.read, patience=0.05)

    samples = host.collect(now)

    assert values(samples, names.CPUS) == {(): 2}
    assert values(samples, names.UNREADABLE, "file") == {(f"/{FOLDER}",): 1}
    assert host.notes == (f"/{FOLDER}: its driver does not answer",)
