"""XIDs: counted as they come, on a thread that nobody waits for."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from datetime import datetime
from threading import Thread
from time import monotonic

import pytest

from burnline.collectors.gpu import xid
from burnline.events import Sample
from burnline.metrics import gpu as names
from tests.collectors.gpu.machine import Machine, Without, host, of, say

pytestmark = pytest.mark.integration


def listening(machine: Machine, now: datetime) -> list[Sample]:
    """Read until the thread has registered."""
    return until(machine, now, lambda found: any(name.startswith(names.XID_ERRORS) for name in found))


def until(machine: Machine, now: datetime, ready: Callable[[dict[str, float]], bool], *, gpu: int = 0) -> list[Sample]:
    ends = monotonic() + 10
    while not ready(of(samples := machine.read(now), gpu)):
        assert monotonic() < ends, of(samples, gpu)
        threading.Event().wait(0.01)
    return samples


def happen(machine: Machine, *codes: int, gpu: int = 0) -> None:
    machine.set(machine.scenario + "".join(f"{gpu} xid {code}\n" for code in codes))


def errors(samples: list[Sample], gpu: int = 0) -> dict[str, float]:
    """Code -> count, of those that came."""
    return {
        sample.labels["xid"]: sample.value
        for sample in samples
        if sample.name == names.XID_ERRORS and sample.labels["gpu"] == str(gpu) and sample.value
    }


def test_an_xid_is_counted_under_its_code_with_the_time_it_came(machine: Machine, now: datetime) -> None:
    listening(machine, now)
    happen(machine, 79)

    samples = until(machine, now, lambda found: found.get(f"{names.XID_ERRORS}:79", 0) > 0)

    assert errors(samples) == {"79": 1}
    assert of(samples, 0)[f"{names.XID_LAST}:79"] == now.timestamp()


def test_the_same_xid_again_is_seen(machine: Machine, now: datetime) -> None:
    listening(machine, now)
    happen(machine, 31, 31, 13)
    until(machine, now, lambda found: found.get(f"{names.XID_ERRORS}:13", 0) == 1)
    happen(machine, 31)

    samples = until(machine, now, lambda found: found[f"{names.XID_ERRORS}:31"] == 3)

    assert errors(samples) == {"31": 3, "13": 1}


def test_the_grave_ones_are_zero_before_they_come_so_that_an_increase_sees_the_first(
    machine: Machine, now: datetime
) -> None:
    found = of(listening(machine, now), 0)

    counts = {name: value for name, value in found.items() if name.startswith(names.XID_ERRORS)}
    assert counts == {f"{names.XID_ERRORS}:{code}": 0 for code in xid.GRAVE}
    assert not any(name.startswith(names.XID_LAST) for name in found)


def test_an_xid_from_before_burnline_listened_is_not_counted(machine: Machine, now: datetime) -> None:
    happen(machine, 79)

    assert errors(listening(machine, now)) == {}


def test_each_gpu_has_its_own(machine: Machine, now: datetime) -> None:
    machine.set(host("h100", "a100"))
    until(machine, now, lambda found: f"{names.XID_ERRORS}:79" in found)
    until(machine, now, lambda found: f"{names.XID_ERRORS}:79" in found, gpu=1)
    happen(machine, 48, gpu=1)

    samples = until(machine, now, lambda found: found[f"{names.XID_ERRORS}:48"] == 1, gpu=1)

    assert (errors(samples, 1), errors(samples, 0)) == ({"48": 1}, {})


def test_a_lost_gpu_goes_on_saying_why(machine: Machine, now: datetime) -> None:
    listening(machine, now)
    happen(machine, 79)
    until(machine, now, lambda found: found[f"{names.XID_ERRORS}:79"] == 1)
    machine.say(0, "lost", "1")

    found = of(machine.read(now), 0)

    assert found[names.UP] == 0
    assert found[f"{names.XID_ERRORS}:79"] == 1


def test_a_gpu_that_comes_back_is_listened_to_again(machine: Machine, now: datetime) -> None:
    listening(machine, now)
    machine.say(0, "lost", "1")
    machine.read(now)
    machine.set(host("h100"))
    generation = machine.collector._xids.wanted()[0]
    machine.read(now)

    assert machine.collector._xids.wanted()[0] == generation + 1


def test_an_error_of_the_driver_is_survived(machine: Machine, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xid, "PAUSE_SECONDS", 0.01)
    listening(machine, now)
    well = machine.scenario
    machine.set(f"* event_wait !999\n{well}")
    machine.read(now)
    machine.set(well)

    def heard(found: dict[str, float]) -> bool:
        happen(machine, 62)  # again and again, for it listens again when it is ready
        return found[f"{names.XID_ERRORS}:62"] > 0

    assert errors(until(machine, now, heard))


@pytest.mark.parametrize("how", ["event_types 0", "register !4", "register !16"])
def test_a_gpu_that_cannot_be_listened_to_has_no_series(machine: Machine, now: datetime, how: str) -> None:
    machine.set(say(say(host("h100", "t4"), 0, *how.split()), 1, "uuid", "GPU-other"))

    samples = until(machine, now, lambda found: f"{names.XID_ERRORS}:79" in found, gpu=1)

    assert not any(name.startswith(names.XID_ERRORS) for name in of(samples, 0))


@pytest.mark.parametrize("missing", ["nvmlEventSetCreate", "nvmlEventSetWait_v2", "nvmlDeviceRegisterEvents"])
def test_a_driver_without_events_is_read_all_the_same(
    bare: Machine, library: ctypes.CDLL, now: datetime, missing: str
) -> None:
    bare.load(Without(library, missing))
    bare.set(host("h100"))

    assert of(bare.read(now), 0)[names.UP] == 1


def test_a_thread_that_hangs_in_the_driver_holds_up_neither_read_nor_close(machine: Machine, now: datetime) -> None:
    listening(machine, now)
    machine.set(f"* event_wait !hang\n{machine.scenario}")

    found = of(machine.read(now), 0)
    ended = machine.collector._xids.close(patience=0.05)

    assert found[names.UP] == 1
    assert not ended


def test_a_gpu_that_hangs_costs_the_others_no_xid(machine: Machine, now: datetime) -> None:
    machine.set(host("h100", "a100"))
    machine.say(0, "register", "!hang")
    machine.read(now)
    machine.say(0, "hang", "1")
    until(machine, now, lambda found: f"{names.XID_ERRORS}:79" in found, gpu=1)
    happen(machine, 79, gpu=1)

    samples = until(machine, now, lambda found: found[f"{names.XID_ERRORS}:79"] == 1, gpu=1)

    assert errors(samples, 1) == {"79": 1}


def test_codes_without_end_become_one_series(machine: Machine, now: datetime) -> None:
    listening(machine, now)
    happen(machine, *range(1000, 1000 + 2 * xid.MOST_CODES))

    total = sum
    samples = until(
        machine,
        now,
        lambda found: (
            total(value for name, value in found.items() if name.startswith(names.XID_ERRORS)) == 2 * xid.MOST_CODES
        ),
    )

    assert len([sample for sample in samples if sample.name == names.XID_ERRORS]) <= xid.MOST_CODES + 1
    assert xid.OTHERS in errors(samples)


def test_close_ends_the_thread(machine: Machine, now: datetime) -> None:
    listening(machine, now)

    machine.collector.close()

    assert not [thread for thread in threading.enumerate() if isinstance(thread, Thread) and thread.name == "xid"]
