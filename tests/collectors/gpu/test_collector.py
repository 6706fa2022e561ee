"""The GPU collector against a small driver library built from tests/fakes/nvml."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pynvml
import pytest

from burnline.collectors.gpu.readers import THROTTLE_REASONS
from burnline.errors import CollectorError, NoData
from burnline.events import Sample
from burnline.metrics import gpu as names
from burnline.metrics.register import MEASURED
from tests.collectors.gpu.machine import PROFILES, Machine, Without, host, of, say

H100 = {"gpu": "0", "uuid": "GPU-h100-0", "model": "NVIDIA H100 80GB HBM3"}
T4 = {"gpu": "1", "uuid": "GPU-t4-1", "model": "Tesla T4"}
SECOND = timedelta(seconds=1)

integration = pytest.mark.integration


def without_xids(samples: list[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.name not in (names.XID_ERRORS, names.XID_LAST)]


@integration
def test_a_gpu_is_read_in_base_units(machine: Machine, now: datetime) -> None:
    said = {
        "utilization": 87,
        "memory_busy": 40,
        "temperature": 61,
        "power_mw": 654321,
        "sm_mhz": 1980,
        "fi_82": "ui:70",
    }
    for field, value in said.items():
        machine.say(0, field, str(value))

    found = of(machine.read(now), 0)

    expected = {
        names.UP: 1,
        names.UTILIZATION: 0.87,
        names.MEMORY_BUSY: 0.4,
        names.MEMORY_SIZE: 85520809984,
        names.MEMORY_USED: 60 * 2**30,
        names.MEMORY_RESERVED: 503316480,
        names.MEMORY_FREE: 85520809984 - (60 * 2**30 + 503316480),
        names.TEMPERATURE: 61,
        names.MEMORY_TEMPERATURE: 70,
        names.POWER: pytest.approx(654.321),
        names.POWER_LIMIT: 700,
        names.ENERGY: pytest.approx(9876543.21),
        names.SM_CLOCK: 1.98e9,
        names.MEMORY_CLOCK: 2.619e9,
        f"{names.ECC_ERRORS}:corrected": 7,
        f"{names.ECC_ERRORS}:uncorrected": 0,
        f"{names.ECC_VOLATILE}:corrected": 2,
        f"{names.REMAPPED_ROWS}:corrected": 1,
        names.REMAP_PENDING: 0,
        names.PCIE_REPLAYS: 3,
        names.NVLINK_SENT: 1000000 * 1024,
        names.NVLINK_RECEIVED: 2000000 * 1024,
        f"{names.THROTTLED_SECONDS}:power_cap": pytest.approx(30),
        f"{names.RECOVERY_ACTION}:none": 1,
        f"{names.INFO}:00000000:10:00.0": 1,
    }
    assert {name: found.get(name) for name in expected} == expected


@integration
def test_each_reason_for_low_clocks_is_a_series_of_its_own(machine: Machine, now: datetime) -> None:
    machine.say(0, "throttle_reasons", "0x24")

    found = of(machine.read(now), 0)

    throttled = {reason: found[f"{names.THROTTLED}:{reason}"] for reason in THROTTLE_REASONS}
    assert [reason for reason, value in throttled.items() if value] == ["power_cap", "sw_thermal"]


@integration
def test_samples_say_which_gpu_they_are_of(machine: Machine, now: datetime) -> None:
    machine.set(say(say(host("h100", "t4"), 0, "temperature", "61"), 1, "temperature", "40"))

    samples = machine.read(now)

    assert Sample(names.TEMPERATURE, H100, 61) in samples
    assert Sample(names.TEMPERATURE, T4, 40) in samples


@integration
def test_the_driver_and_the_newest_cuda_it_runs_are_told(machine: Machine, now: datetime) -> None:
    assert Sample(names.DRIVER_INFO, {"driver": "580.65.06", "cuda": "13.0"}, 1) in machine.read(now)


@integration
def test_what_a_gpu_does_not_support_is_absent_and_never_zero(machine: Machine, now: datetime) -> None:
    machine.set(
        "* count 1\n0 uuid GPU-geforce\n0 model NVIDIA GeForce RTX 4090\n0 temperature 40\n0 fans 2\n0 fan_percent 30\n"
    )

    found = of(machine.read(now), 0)

    assert {name: value for name, value in found.items() if not name.startswith(names.XID_ERRORS)} == {
        names.UP: 1,
        names.TEMPERATURE: 40,
        f"{names.FAN}:0": 0.3,
        f"{names.FAN}:1": 0.3,
        names.PROCESSES: 0,
    }


@integration
def test_a_value_the_driver_calls_not_available_is_absent(machine: Machine, now: datetime) -> None:
    machine.say(0, "power_mw", "0xFFFFFFFF")

    assert names.POWER not in of(machine.read(now), 0)


@integration
@pytest.mark.parametrize("code", [4, 2, 13])
def test_what_we_may_not_read_is_absent_and_the_rest_is_read(machine: Machine, now: datetime, code: int) -> None:
    machine.say(0, "ecc_corrected", f"!{code}")

    found = of(machine.read(now), 0)

    assert f"{names.ECC_ERRORS}:corrected" not in found
    assert found[names.UP] == 1


@integration
@pytest.mark.parametrize("how", ["lost 1", "lost_after 5", "handle !15", "handle !999"])
def test_a_lost_gpu_is_down_its_old_values_are_gone_and_the_other_goes_on(
    machine: Machine, now: datetime, how: str
) -> None:
    machine.set(host("h100", "t4"))
    machine.read(now)
    machine.say(0, *how.split())

    samples = without_xids(machine.read(now))

    assert [sample for sample in samples if sample.labels.get("gpu") == "0"] == [Sample(names.UP, H100, 0)]
    assert names.TEMPERATURE in of(samples, 1)


@integration
def test_a_gpu_that_was_lost_before_we_ever_saw_it_is_down_without_a_name(machine: Machine, now: datetime) -> None:
    machine.say(0, "lost", "1")

    assert Sample(names.UP, {"gpu": "0", "uuid": "", "model": ""}, 0) in machine.read(now)


@integration
def test_a_gpu_that_comes_back_is_read_again(machine: Machine, now: datetime) -> None:
    machine.say(0, "lost", "1")
    machine.read(now)
    machine.set(host("h100"))

    assert of(machine.read(now), 0)[names.UP] == 1


@integration
def test_a_gpu_that_is_no_longer_counted_is_down_and_those_that_move_up_keep_their_names(
    machine: Machine, now: datetime
) -> None:
    machine.set(host("h100", "t4"))
    machine.read(now)
    machine.set(host("t4").replace("GPU-t4-0", "GPU-t4-1"))

    samples = without_xids(machine.read(now))

    assert {sample.labels["uuid"]: sample.value for sample in samples if sample.name == names.UP} == {
        "GPU-h100-0": 0,
        "GPU-t4-1": 1,
    }
    assert {sample.labels["uuid"] for sample in samples if sample.name == names.POWER} == {"GPU-t4-1"}


@integration
def test_another_gpu_in_the_same_place_has_its_own_name_and_the_first_is_down_until_the_driver_is_opened_anew(
    machine: Machine, now: datetime
) -> None:
    machine.read(now)
    machine.set(host("a100"))
    samples = machine.read(now)
    machine.collector.close()

    again = machine.read(now)

    ups = [{s.labels["uuid"]: s.value for s in turn if s.name == names.UP} for turn in (samples, again)]
    assert ups == [{"GPU-h100-0": 0, "GPU-a100-0": 1}, {"GPU-a100-0": 1}]


@integration
@pytest.mark.parametrize("code", [999, 16, 10])
def test_half_a_gpu_is_no_gpu(machine: Machine, now: datetime, code: int) -> None:
    """An unknown error, a required reset or a timeout in the middle: no value of this GPU can be trusted."""
    machine.say(0, "sm_mhz", f"!{code}")

    assert of(without_xids(machine.read(now)), 0) == {names.UP: 0}


NEWER = (  # functions, by the driver that brought them
    "nvmlDeviceGetTemperatureV",  # 570
    "nvmlDeviceGetCurrentClocksEventReasons",  # 535
    "nvmlDeviceGetMemoryInfo_v2",  # 510
    "nvmlDeviceGetComputeRunningProcesses_v3",  # 510
    "nvmlDeviceGetJpgUtilization",
    "nvmlGpmQueryDeviceSupport",  # 520
    "nvmlDeviceGetRemappedRows",
    "nvmlSystemGetCudaDriverVersion_v2",
    "nvmlDeviceGetMigMode",
    "nvmlDeviceGetFieldValues",
    "nvmlEventSetWait_v2",
)


@integration
def test_an_old_driver_without_the_newer_functions_gives_what_it_has(
    bare: Machine, library: ctypes.CDLL, now: datetime
) -> None:
    bare.load(Without(library, *NEWER))
    bare.set(say(host("h100"), 0, "process", "7 1000"))

    samples = bare.read(now)

    found = of(samples, 0)
    assert found[names.UP] == 1
    assert names.TEMPERATURE in found
    assert found[names.MEMORY_USED] == 60 * 2**30 + 503316480
    assert found[f"{names.THROTTLED}:power_cap"] == 1
    assert found[f"{names.PROCESS_MEMORY}:7:"] == 1000
    assert {names.MEMORY_RESERVED, names.REMAP_PENDING, names.SM_ACTIVE, names.MEMORY_TEMPERATURE}.isdisjoint(found)
    assert Sample(names.DRIVER_INFO, {"driver": "580.65.06", "cuda": ""}, 1) in samples


@integration
@pytest.mark.parametrize("function", [*NEWER, "nvmlDeviceGetName", "nvmlDeviceGetPciInfo_v3", "nvmlEventSetCreate"])
def test_no_single_function_is_indispensable(bare: Machine, library: ctypes.CDLL, now: datetime, function: str) -> None:
    bare.load(Without(library, function))
    bare.set(host("h100"))

    assert of(bare.read(now), 0)[names.POWER] > 0


@integration
@pytest.mark.parametrize("name", PROFILES)
def test_every_kind_of_gpu_is_read_whole(machine: Machine, now: datetime, name: str) -> None:
    machine.set(host(name))
    machine.read(now)

    found = of(machine.read(now + SECOND), 0)

    has = {series.split(":")[0] for series in found}
    assert found[names.UP] == 1
    assert found[names.POWER] <= found[names.POWER_LIMIT]
    assert all(0 <= value <= 1 for series, value in found.items() if "_ratio" in series)
    assert (names.TENSOR_ACTIVE in has) == name.startswith("h")
    assert (names.REMAPPED_ROWS in has) == (name != "t4")
    assert (names.RETIRED_PAGES in has) == (name == "t4")
    assert (names.NVLINK_SENT in has) == (name in ("a100", "h100", "h200"))


@integration
def test_every_declared_name_is_read(machine: Machine, now: datetime) -> None:
    scenario = host("h100", "t4")
    for field, value in {"fans": "1", "fan_percent": "30", "process": "7 1000", "xid": "79"}.items():
        scenario = say(scenario, 1, field, value)
    machine.set(say(say(scenario, 0, "mig_mode", "1"), 0, "mig", "1 0 1g.10gb 1000 500"))
    whole = {sample.name for sample in machine.read(now)}
    machine.set(scenario)

    found = [sample for turn in (1, 2) for sample in machine.read(now + turn * SECOND)]

    heard_only = {names.XID_ERRORS, names.XID_LAST}  # in test_xid.py: they come when they come
    declared = {name for name in MEASURED if name.startswith("burnline_gpu_")}
    assert {sample.name for sample in found} | whole | heard_only == declared


@integration
def test_a_driver_without_gpus_has_no_data(machine: Machine, now: datetime) -> None:
    machine.set("* count 0\n")

    with pytest.raises(NoData, match="no GPU"):
        machine.read(now)


@integration
def test_a_driver_that_is_not_loaded_has_no_data(machine: Machine, now: datetime) -> None:
    machine.set("* init !9\n")

    with pytest.raises(NoData, match="Driver Not Loaded"):
        machine.read(now)


@integration
def test_a_driver_that_fails_is_a_failure_and_is_opened_anew(machine: Machine, now: datetime) -> None:
    machine.read(now)
    machine.set("* count !999\n")

    with pytest.raises(CollectorError, match="Unknown Error") as caught:
        machine.read(now)

    machine.set(host("h100"))
    assert not isinstance(caught.value, NoData)
    assert of(machine.read(now), 0)[names.UP] == 1


@integration
def test_closing_twice_is_closing_once(machine: Machine, now: datetime) -> None:
    machine.read(now)

    machine.collector.close()
    machine.collector.close()

    assert machine.read(now)


def read_in_a_process(**environment: str) -> dict[str, float]:
    """The first GPU as a fresh process finds it: this one may hold a fake library under the real one's name."""
    script = (
        "import json, datetime; from burnline.collectors.gpu.collector import GpuCollector; "
        "found = GpuCollector(interval=datetime.timedelta(seconds=15)).collect(datetime.datetime.now()); "
        "print(json.dumps({sample.name: sample.value for sample in found if sample.labels.get('gpu') == '0'}))"
    )
    argv = [sys.executable, "-c", script]
    done = subprocess.run(argv, env={**os.environ, **environment}, check=True, capture_output=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


@integration
def test_the_library_is_found_by_its_name_as_on_a_real_machine(driver: Path, tmp_path: Path) -> None:
    (tmp_path / "scenario").write_text(host("h100"))

    found = read_in_a_process(LD_LIBRARY_PATH=str(driver.parent), NVML_SCENARIO=str(tmp_path / "scenario"))

    assert found[names.MEMORY_USED] == 60 * 2**30


def test_a_machine_without_a_driver_has_no_data(bare: Machine, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    def no_library(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    bare.load(None)
    monkeypatch.setattr(pynvml, "CDLL", no_library)

    with pytest.raises(NoData, match="Shared Library Not Found"):
        bare.read(now)


def test_a_library_that_is_not_nvml_has_no_data(bare: Machine, now: datetime) -> None:
    bare.load(object())

    with pytest.raises(NoData, match="Function Not Found"):
        bare.read(now)


HOSTILE = "GPU\udcff\udcfe"  # bytes that are no text


@integration
def test_a_model_that_is_no_text_is_empty(machine: Machine, now: datetime) -> None:
    machine.say(0, "model", HOSTILE)

    assert {sample.labels["model"] for sample in machine.read(now) if "model" in sample.labels} == {""}


@integration
def test_a_gpu_whose_name_is_no_text_is_down_and_the_other_goes_on(machine: Machine, now: datetime) -> None:
    machine.set(host("h100", "t4"))
    machine.say(0, "uuid", HOSTILE)

    samples = machine.read(now)

    assert of(samples, 0) == {names.UP: 0}
    assert of(samples, 1)[names.UP] == 1


def test_the_collector_loads_neither_database_nor_numpy_nor_pydantic() -> None:
    """It can be tried on a machine that has pynvml and prometheus-client alone."""
    script = "import sys, burnline.collectors.gpu.collector; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    assert not {"sqlalchemy", "numpy", "pydantic", "msgspec", "httpx", "amdsmi"} & set(done.stdout.split())


@pytest.mark.gpu
@pytest.mark.skipif(not Path("/dev/nvidiactl").exists(), reason="no NVIDIA GPU here")
def test_a_real_gpu_can_be_read() -> None:
    found = read_in_a_process()

    assert found[names.UP] == 1
    assert 0 < found[names.TEMPERATURE] < 120
    assert 0 <= found[names.MEMORY_USED] <= found[names.MEMORY_SIZE]
