"""Who uses a GPU's memory."""

from __future__ import annotations

from datetime import datetime

import pytest

from burnline.collectors.gpu.processes import MOST, OTHERS
from burnline.metrics import gpu as names
from tests.collectors.gpu.machine import Machine, host, of, say

pytestmark = pytest.mark.integration


def running(*processes: str, kind: str = "process") -> str:
    return "".join(f"0 {kind} {process}\n" for process in processes) + host("h100")


def call(machine: Machine, pid: int, name: bytes) -> None:
    folder = machine.proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "comm").write_bytes(name + b"\n")


def test_a_process_has_its_memory_its_number_and_its_name(machine: Machine, now: datetime) -> None:
    call(machine, 4242, b"python3")
    machine.set(running("4242 1721761792"))

    found = of(machine.read(now), 0)

    assert found[f"{names.PROCESS_MEMORY}:4242:python3"] == 1721761792
    assert found[names.PROCESSES] == 1


def test_no_process_is_zero_processes(machine: Machine, now: datetime) -> None:
    assert of(machine.read(now), 0)[names.PROCESSES] == 0


def test_a_process_that_has_ended_has_no_name(machine: Machine, now: datetime) -> None:
    machine.set(running("4242 1000"))

    assert of(machine.read(now), 0)[f"{names.PROCESS_MEMORY}:4242:"] == 1000


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b'x"} 1\nup 0', 'x"} 1?up 0'),
        (b"\xff\xfe\x00\x1b[31m", "\ufffd\ufffd??[31m"),
        (b"", ""),
        (b"a" * 10_000, "a" * 64),
        ("übung".encode(), "übung"),
    ],
)
def test_a_hostile_name_is_text_on_one_line(machine: Machine, now: datetime, name: bytes, shown: str) -> None:
    call(machine, 7, name)
    machine.set(running("7 1000"))

    assert of(machine.read(now), 0)[f"{names.PROCESS_MEMORY}:7:{shown}"] == 1000


def test_memory_that_is_not_told_is_absent_and_the_process_is_counted(machine: Machine, now: datetime) -> None:
    machine.set(running("7 hidden", "8 1000"))

    found = of(machine.read(now), 0)

    assert found[names.PROCESSES] == 2
    assert [name for name in found if name.startswith(names.PROCESS_MEMORY)] == [f"{names.PROCESS_MEMORY}:8:"]


def test_the_largest_have_series_and_the_rest_is_one(machine: Machine, now: datetime) -> None:
    machine.set(running(*(f"{pid} {pid * 1000}" for pid in range(1, 101))))

    found = of(machine.read(now), 0)

    memory = {name: value for name, value in found.items() if name.startswith(names.PROCESS_MEMORY)}
    assert len(memory) == MOST + 1
    assert memory[f"{names.PROCESS_MEMORY}:100:"] == 100_000
    assert memory[f"{names.PROCESS_MEMORY}::{OTHERS}"] == sum(range(1, 101 - MOST)) * 1000
    assert found[names.PROCESSES] == 100


def test_a_process_that_computes_and_draws_is_counted_once(machine: Machine, now: datetime) -> None:
    machine.set(say(running("7 1000"), 0, "graphics_process", "7 1000"))

    found = of(machine.read(now), 0)

    assert (found[names.PROCESSES], found[f"{names.PROCESS_MEMORY}:7:"]) == (1, 1000)


def test_a_gpu_that_lists_no_processes_says_nothing_of_them(machine: Machine, now: datetime) -> None:
    machine.set(say(running("!4"), 0, "graphics_process", "!4"))

    assert names.PROCESSES not in of(machine.read(now), 0)
