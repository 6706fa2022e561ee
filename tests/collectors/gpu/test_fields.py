"""Numbered fields: types, units, and what the driver says of those it does not have."""

from __future__ import annotations

from datetime import datetime

import pytest

from burnline.collectors.gpu.fields import ACTIONS
from burnline.metrics import gpu as names
from tests.collectors.gpu.machine import Machine, host, of

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("written", ["d:71", "ui:71", "ul:71", "ull:71", "sll:71", "si:71"])
def test_a_field_is_read_whatever_its_type(machine: Machine, now: datetime, written: str) -> None:
    machine.say(0, "fi_82", written)

    assert of(machine.read(now), 0)[names.MEMORY_TEMPERATURE] == 71


@pytest.mark.parametrize("code", [2, 3, 4, 6, 13, 21, 25, 999])
def test_a_field_that_is_not_offered_is_absent_and_the_others_are_read(
    machine: Machine, now: datetime, code: int
) -> None:
    machine.say(0, "fi_82", f"!{code}")

    found = of(machine.read(now), 0)

    assert names.MEMORY_TEMPERATURE not in found
    assert f"{names.THROTTLED_SECONDS}:power_cap" in found


@pytest.mark.parametrize("code", [15, 16])
def test_a_field_that_says_that_the_gpu_is_lost_makes_it_lost(machine: Machine, now: datetime, code: int) -> None:
    machine.say(0, "fi_82", f"!{code}")

    assert of(machine.read(now), 0)[names.UP] == 0


@pytest.mark.parametrize("written", ["ui:4294967295", "ull:18446744073709551615"])
def test_a_field_that_is_not_available_is_absent(machine: Machine, now: datetime, written: str) -> None:
    machine.say(0, "fi_82", written)

    assert names.MEMORY_TEMPERATURE not in of(machine.read(now), 0)


@pytest.mark.parametrize(("number", "action"), ACTIONS.items())
def test_the_action_that_the_driver_asks_for_is_one_and_the_others_are_zero(
    machine: Machine, now: datetime, number: int, action: str
) -> None:
    machine.say(0, "fi_230", f"ui:{number}")

    found = of(machine.read(now), 0)

    asked = {name.split(":")[1]: value for name, value in found.items() if name.startswith(names.RECOVERY_ACTION)}
    assert asked == {each: float(each == action) for each in ACTIONS.values()}


def test_an_action_of_a_newer_driver_is_told_by_its_number(machine: Machine, now: datetime) -> None:
    machine.say(0, "fi_230", "ui:42")

    found = of(machine.read(now), 0)

    assert found[f"{names.RECOVERY_ACTION}:42"] == 1
    assert found[f"{names.RECOVERY_ACTION}:none"] == 0


def test_links_that_count_for_themselves_are_added_up(machine: Machine, now: datetime) -> None:
    """Blackwell's: no sum over the links, bytes per link."""
    links = "".join(f"0 fi_202.{link} ull:{1000 + link}\n0 fi_204.{link} ull:{link}\n" for link in range(1, 4))
    machine.set(f"0 fi_202 ull:1000\n0 fi_204 ull:0\n{links}0 fi_138 !3\n0 fi_139 !3\n0 fi_91 ui:4\n{host('h100')}")

    found = of(machine.read(now), 0)

    assert (found[names.NVLINK_SENT], found[names.NVLINK_RECEIVED]) == (4006, 6)


def test_pages_given_up_are_told_of_gpus_that_give_up_pages(machine: Machine, now: datetime) -> None:
    machine.set(host("t4"))

    found = of(machine.read(now), 0)

    assert (found[f"{names.RETIRED_PAGES}:corrected"], found[f"{names.RETIRED_PAGES}:uncorrected"]) == (1, 2)
    assert found[names.RETIRED_PENDING] == 0


def test_the_same_seed_gives_the_same_numbers_and_time_moves_them(machine: Machine, now: datetime) -> None:
    turns = []
    for tick in (1, 2, 1):
        machine.set(host("h100", seed=7, tick=tick))
        found = of(machine.read(now), 0)
        turns.append((found[names.POWER], found[names.ENERGY]))

    assert turns[0] == turns[2] != turns[1]
    assert turns[1][1] > turns[0][1]
