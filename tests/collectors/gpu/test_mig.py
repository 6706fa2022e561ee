"""A GPU that is divided: memory of each part once, no utilization that would be another's."""

from __future__ import annotations

from datetime import datetime

import pytest

from burnline.events import Sample
from burnline.metrics import gpu as names
from tests.collectors.gpu.machine import Machine, host, of, say

pytestmark = pytest.mark.integration

GIB = 2**30
GPU = {"gpu": "0", "uuid": "GPU-a100-0", "model": "NVIDIA A100-SXM4-80GB"}


def divided(*parts: str) -> str:
    scenario = say(host("a100"), 0, "mig_mode", "1")
    return "".join(f"0 mig {part}\n" for part in parts) + scenario


def test_each_gpu_instance_has_its_memory_and_its_profile(machine: Machine, now: datetime) -> None:
    machine.set(divided(f"1 0 3g.40gb {40 * GIB} {7 * GIB}", f"5 0 1g.10gb {10 * GIB} 0"))

    samples = machine.read(now)

    large, small = {"gpu_instance": "1", "profile": "3g.40gb"}, {"gpu_instance": "5", "profile": "1g.10gb"}
    assert Sample(names.MIG_MEMORY_SIZE, {**GPU, **large}, 40 * GIB) in samples
    assert Sample(names.MIG_MEMORY_USED, {**GPU, **large}, 7 * GIB) in samples
    assert Sample(names.MIG_MEMORY_USED, {**GPU, **small}, 0) in samples


def test_compute_instances_that_share_a_gpu_instance_share_its_memory(machine: Machine, now: datetime) -> None:
    machine.set(divided(f"1 0 1c.3g.40gb {40 * GIB} {7 * GIB}", f"1 1 2c.3g.40gb {40 * GIB} {7 * GIB}"))

    samples = machine.read(now)

    infos = [sample.labels for sample in samples if sample.name == names.MIG_INFO]
    assert [(info["gpu_instance"], info["compute_instance"], info["profile"]) for info in infos] == [
        ("1", "0", "3g.40gb"),
        ("1", "1", "3g.40gb"),
    ]
    assert len({info["mig_uuid"] for info in infos}) == 2
    assert len([sample for sample in samples if sample.name == names.MIG_MEMORY_USED]) == 1


def test_utilization_of_the_whole_is_absent_and_the_rest_is_there(machine: Machine, now: datetime) -> None:
    machine.set(divided(f"1 0 3g.40gb {40 * GIB} 0"))

    found = of(machine.read(now), 0)

    assert names.UTILIZATION not in found
    assert not [name for name in found if name.startswith(names.VIDEO)]
    assert {names.POWER, names.TEMPERATURE, names.MEMORY_USED} <= found.keys()


def test_a_divided_gpu_without_instances_is_up(machine: Machine, now: datetime) -> None:
    machine.set(divided())

    found = of(machine.read(now), 0)

    assert found[names.UP] == 1
    assert not [name for name in found if "mig" in name]


def test_a_gpu_that_is_not_divided_has_no_instances(machine: Machine, now: datetime) -> None:
    assert not [name for name in of(machine.read(now), 0) if "mig" in name]


def test_a_process_is_of_its_instance(machine: Machine, now: datetime) -> None:
    machine.set(say(divided(f"5 0 1g.10gb {10 * GIB} {GIB}"), 0, "process", f"99 {GIB} 5"))

    assert of(machine.read(now), 0)[f"{names.PROCESS_MEMORY}:99::5"] == GIB
