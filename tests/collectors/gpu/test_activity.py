"""What the parts of a GPU do: the difference of two reads."""

from __future__ import annotations

import ctypes
from datetime import datetime, timedelta

import pytest

from burnline.metrics import gpu as names
from tests.collectors.gpu.machine import Machine, host, of, say

pytestmark = pytest.mark.integration

SECOND = timedelta(seconds=1)
ACTIVITY = {
    names.GRAPHICS_ACTIVE,
    names.SM_ACTIVE,
    names.SM_OCCUPANCY,
    names.TENSOR_ACTIVE,
    names.DRAM_ACTIVE,
    names.FP64_ACTIVE,
    names.FP32_ACTIVE,
    names.FP16_ACTIVE,
    names.PCIE_SENT,
    names.PCIE_RECEIVED,
    names.NVLINK_SENT_RATE,
    names.NVLINK_RECEIVED_RATE,
}


def test_the_first_read_has_no_activity_and_the_second_has_all(machine: Machine, now: datetime) -> None:
    first, second = of(machine.read(now), 0), of(machine.read(now + SECOND), 0)

    assert ACTIVITY.isdisjoint(first)
    assert second.keys() >= ACTIVITY


def test_percent_and_mebibytes_become_ratios_and_bytes(machine: Machine, now: datetime) -> None:
    machine.say(0, "gpm_5", "40")
    machine.say(0, "gpm_21", "100")
    machine.read(now)
    machine.say(0, "gpm_5", "60")

    found = of(machine.read(now + SECOND), 0)

    assert found[names.TENSOR_ACTIVE] == pytest.approx(0.5)
    assert found[names.PCIE_RECEIVED] == 100 * 2**20


def test_reads_that_are_too_close_to_each_other_wait_for_the_next(machine: Machine, now: datetime) -> None:
    machine.read(now)

    close = of(machine.read(now + timedelta(milliseconds=50)), 0)
    later = of(machine.read(now + SECOND), 0)

    assert names.SM_ACTIVE not in close
    assert names.SM_ACTIVE in later


def test_a_clock_set_back_is_no_matter(machine: Machine, now: datetime) -> None:
    machine.read(now)

    assert names.SM_ACTIVE in of(machine.read(now - 3600 * SECOND), 0)


def test_what_is_not_counted_is_absent(machine: Machine, now: datetime) -> None:
    machine.say(0, "gpm_11", "!3")
    machine.read(now)

    found = of(machine.read(now + SECOND), 0)

    assert names.FP64_ACTIVE not in found
    assert names.FP32_ACTIVE in found


def test_a_gpu_without_nvlink_has_no_nvlink_series_though_the_driver_counts_zero(
    machine: Machine, now: datetime
) -> None:
    machine.set(host("h100-alone"))
    machine.read(now)

    found = of(machine.read(now + SECOND), 0)

    assert not [name for name in found if "nvlink" in name]
    assert found[names.PCIE_SENT] == pytest.approx(465.628 * 2**20, rel=1e-3)


def test_after_a_loss_it_begins_anew(machine: Machine, now: datetime) -> None:
    machine.read(now)
    machine.say(0, "lost", "1")
    machine.read(now + SECOND)
    machine.set(host("h100"))

    found = of(machine.read(now + 2 * SECOND), 0)

    assert found[names.UP] == 1
    assert names.SM_ACTIVE not in found


def test_samples_are_given_back(machine: Machine, library: ctypes.CDLL, now: datetime) -> None:
    before = library.nvmlFakeLiveSamples()
    for turn in range(5):
        machine.read(now + turn * SECOND)
    held = library.nvmlFakeLiveSamples() - before

    machine.collector.close()

    assert (held, library.nvmlFakeLiveSamples()) == (2, before)


DIVIDED = say(say(host("h100"), 0, "mig_mode", "1"), 0, "mig", "1 0 3g.40gb 42949672960 1000000")


def test_a_divided_gpu_tells_the_activity_of_each_instance(machine: Machine, now: datetime) -> None:
    scenario = say(DIVIDED, 0, "mig", "2 0 1g.10gb 10737418240 0")
    machine.set(say(say(scenario, 0, "gpm_5.1", "40"), 0, "gpm_5.2", "10"))
    machine.read(now)

    found = of(machine.read(now + SECOND), 0)

    assert found[f"{names.TENSOR_ACTIVE}:1"] == pytest.approx(0.4)
    assert found[f"{names.TENSOR_ACTIVE}:2"] == pytest.approx(0.1)
    assert names.TENSOR_ACTIVE not in found


def test_an_instance_that_is_taken_away_gives_its_samples_back(
    machine: Machine, library: ctypes.CDLL, now: datetime
) -> None:
    before = library.nvmlFakeLiveSamples()
    machine.set(DIVIDED)
    machine.read(now)
    machine.read(now + SECOND)
    machine.set(host("h100"))

    found = of(machine.read(now + 2 * SECOND), 0)

    assert names.UP in found
    assert library.nvmlFakeLiveSamples() - before == 1  # of the GPU as a whole
