"""PCI Express of GPUs whose driver takes its time to say it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from time import monotonic

import pynvml
import pytest

from burnline.collectors.gpu.throughput import PcieWatch
from burnline.metrics import gpu as names
from tests.collectors.gpu.machine import Machine, host, of

pytestmark = pytest.mark.integration

LONG, SHORT = timedelta(hours=1), timedelta(milliseconds=1)


def until_told(machine: Machine, now: datetime) -> dict[str, float]:
    ends = monotonic() + 10
    while names.PCIE_SENT not in (found := of(machine.read(now), 0)):
        assert monotonic() < ends, found
        threading.Event().wait(0.01)
    return found


@pytest.fixture
def watch() -> Iterator[PcieWatch]:
    found = PcieWatch(LONG)
    yield found
    found.close()


@pytest.mark.parametrize("name", ["a100", "l4", "t4"])
def test_a_gpu_before_hopper_is_asked_by_a_thread_and_told_at_a_later_read(
    machine: Machine, now: datetime, name: str
) -> None:
    machine.set(host(name))
    machine.say(0, "pcie_sent_kb", "2500")
    machine.say(0, "pcie_received_kb", "7000")

    found = until_told(machine, now)

    assert (found[names.PCIE_SENT], found[names.PCIE_RECEIVED]) == (2.5e6, 7e6)


def test_a_driver_that_hangs_in_it_holds_up_no_read(machine: Machine, now: datetime) -> None:
    machine.set(host("a100"))
    machine.say(0, "pcie_sent_kb", "!hang")
    machine.read(now)

    found = of(machine.read(now), 0)

    assert found[names.UP] == 1
    assert names.PCIE_SENT not in found


def test_a_gpu_that_cannot_say_it_has_no_series(machine: Machine, now: datetime) -> None:
    machine.set(host("a100"))
    machine.say(0, "pcie_sent_kb", "!3")
    machine.say(0, "pcie_received_kb", "7000")
    ends = monotonic() + 10

    while names.PCIE_RECEIVED not in (found := of(machine.read(now), 0)) and monotonic() < ends:
        threading.Event().wait(0.01)

    assert found[names.PCIE_RECEIVED] == 7e6
    assert names.PCIE_SENT not in found


def test_an_answer_that_is_old_is_not_told(machine: Machine, now: datetime) -> None:
    machine.read(now)  # opens the driver
    watch = PcieWatch(SHORT)
    watch.seconds = -1.0

    watch.follow([("GPU-a", pynvml.nvmlDeviceGetHandleByIndex(0))])
    watch.answered("GPU-a", ((names.PCIE_SENT, {}, 1.0),))

    assert watch.readings("GPU-a") == ()
    assert watch.close()


def test_a_gpu_that_is_followed_no_more_is_forgotten(watch: PcieWatch) -> None:
    watch.answered("GPU-a", ((names.PCIE_SENT, {}, 1.0),))

    assert watch.readings("GPU-a") == ()


def test_close_ends_the_thread(machine: Machine, now: datetime) -> None:
    machine.set(host("a100"))
    until_told(machine, now)

    machine.collector.close()

    assert "gpu-pcie" not in [thread.name for thread in threading.enumerate()]


def test_a_gpu_that_hangs_costs_the_others_nothing(machine: Machine, now: datetime) -> None:
    machine.set(host("a100", "t4"))
    machine.say(0, "pcie_sent_kb", "!hang")
    machine.read(now)
    machine.say(0, "hang", "1")
    ends = monotonic() + 10

    while names.PCIE_SENT not in (found := of(machine.read(now), 1)) and monotonic() < ends:
        threading.Event().wait(0.01)

    assert names.PCIE_SENT in found


def test_what_a_lost_gpu_sent_before_is_not_told_when_it_is_back(watch: PcieWatch) -> None:
    watch._handles = {"GPU-a": None}
    watch.answered("GPU-a", ((names.PCIE_SENT, {}, 1.0),))
    told = watch.readings("GPU-a")
    watch.follow([])

    assert told
    assert watch.readings("GPU-a") == ()
