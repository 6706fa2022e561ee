"""The GPU collector against a small driver library built from tests/fakes/nvml."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pynvml
import pytest

from burnline.collectors.gpu import THROTTLE_REASONS, GpuCollector
from burnline.errors import CollectorError, NoData
from burnline.events import Sample
from burnline.metrics import gpu as names
from burnline.metrics.register import MEASURED
from tests.programs import program

SOURCE = Path(__file__).parents[1] / "fakes/nvml/nvml.c"
SCENARIO = """\
* count 2
0 uuid GPU-aaaa
0 model NVIDIA H100 80GB HBM3
0 utilization 87
0 memory_busy 40
0 memory_size 85899345920
0 memory_used 64424509440
0 memory_reserved 629145600
0 temperature 61
0 power_mw 654321
0 energy_mj 9876543210
0 sm_mhz 1980
0 memory_mhz 2619
0 ecc_corrected 7
0 ecc_uncorrected 0
0 throttle_reasons 0x24
0 pcie_replays 3
1 uuid GPU-bbbb
1 model NVIDIA GeForce RTX 4090
1 utilization 5
1 memory_busy 1
1 temperature 40
1 power_mw 20000
"""
H100 = {"gpu": "0", "uuid": "GPU-aaaa", "model": "NVIDIA H100 80GB HBM3"}
GEFORCE = {"gpu": "1", "uuid": "GPU-bbbb", "model": "NVIDIA GeForce RTX 4090"}

integration = pytest.mark.integration
Compile = Callable[..., Path]


@pytest.fixture(scope="session")
def compile_driver(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    def compile_driver(*flags: str) -> Path:
        library = tmp_path_factory.mktemp("nvml") / "libnvidia-ml.so.1"
        options = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-Wl,-soname,libnvidia-ml.so.1", *flags]
        subprocess.run([program("gcc"), *options, "-o", str(library), str(SOURCE)], check=True)
        return library

    return compile_driver


@pytest.fixture(scope="session")
def driver(compile_driver: Compile) -> Path:
    return compile_driver()


class Machine:
    """A machine whose GPUs are as its scenario file says."""

    def __init__(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file = file
        self._monkeypatch = monkeypatch
        self.collector = GpuCollector(interval=timedelta(seconds=15))
        monkeypatch.setenv("NVML_SCENARIO", str(file))
        self.set(SCENARIO)

    def load(self, library: object) -> None:
        """Make `library` the driver."""
        self._monkeypatch.setattr(pynvml, "nvmlLib", library)
        self._monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})

    def set(self, scenario: str) -> None:
        self._file.write_text(scenario)

    def read(self, now: datetime) -> list[Sample]:
        return list(self.collector.collect(now))


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path / "scenario", monkeypatch)


@pytest.fixture
def machine(bare: Machine, driver: Path) -> Machine:
    bare.load(ctypes.CDLL(str(driver)))
    return bare


def of(samples: list[Sample], gpu: str) -> dict[str, float]:
    """Values of one GPU by name; a label beside the GPU's own is appended."""
    return {
        ":".join([sample.name, *(value for name, value in sample.labels.items() if name not in H100)]): sample.value
        for sample in samples
        if sample.labels["gpu"] == gpu
    }


@integration
def test_a_gpu_is_read_in_base_units(machine: Machine, now: datetime) -> None:
    found = of(machine.read(now), "0")

    throttled = {name: value for name, value in found.items() if name.startswith(names.THROTTLED)}
    assert {name: value for name, value in found.items() if name not in throttled} == {
        names.UP: 1,
        names.UTILIZATION: 0.87,
        names.MEMORY_BUSY: 0.4,
        names.MEMORY_SIZE: 80 * 2**30,
        names.MEMORY_USED: 60 * 2**30,
        names.MEMORY_RESERVED: 600 * 2**20,
        names.TEMPERATURE: 61,
        names.POWER: pytest.approx(654.321),
        names.ENERGY: pytest.approx(9876543.21),
        names.SM_CLOCK: 1.98e9,
        names.MEMORY_CLOCK: 2.619e9,
        f"{names.ECC_ERRORS}:corrected": 7,
        f"{names.ECC_ERRORS}:uncorrected": 0,
        names.PCIE_REPLAYS: 3,
    }


@integration
def test_each_reason_for_low_clocks_is_a_series_of_its_own(machine: Machine, now: datetime) -> None:
    found = of(machine.read(now), "0")

    throttled = {reason: found[f"{names.THROTTLED}:{reason}"] for reason in THROTTLE_REASONS}
    assert [reason for reason, value in throttled.items() if value] == ["power_cap", "sw_thermal"]


@integration
def test_samples_say_which_gpu_they_are_of(machine: Machine, now: datetime) -> None:
    samples = machine.read(now)

    assert Sample(names.TEMPERATURE, H100, 61) in samples
    assert Sample(names.TEMPERATURE, GEFORCE, 40) in samples


@integration
def test_what_a_gpu_does_not_support_is_absent_and_never_zero(machine: Machine, now: datetime) -> None:
    found = of(machine.read(now), "1")

    assert found == {
        names.UP: 1,
        names.UTILIZATION: 0.05,
        names.MEMORY_BUSY: 0.01,
        names.TEMPERATURE: 40,
        names.POWER: 20,
    }


@integration
def test_a_value_the_driver_calls_not_available_is_absent(machine: Machine, now: datetime) -> None:
    machine.set(SCENARIO.replace("power_mw 654321", "power_mw 0xFFFFFFFF"))

    assert names.POWER not in of(machine.read(now), "0")


@integration
@pytest.mark.parametrize("code", [4, 2, 13])
def test_what_we_may_not_read_is_absent_and_the_rest_is_read(machine: Machine, now: datetime, code: int) -> None:
    machine.set(SCENARIO.replace("ecc_corrected 7", f"ecc_corrected !{code}"))

    found = of(machine.read(now), "0")

    assert f"{names.ECC_ERRORS}:corrected" not in found
    assert found[names.UP] == 1


@integration
def test_a_lost_gpu_is_down_its_old_values_are_gone_and_the_other_goes_on(machine: Machine, now: datetime) -> None:
    machine.read(now)
    machine.set("0 lost 1\n" + SCENARIO)

    samples = machine.read(now)

    assert [sample for sample in samples if sample.labels["gpu"] == "0"] == [Sample(names.UP, H100, 0)]
    assert of(samples, "1")[names.TEMPERATURE] == 40


@integration
def test_a_gpu_that_was_lost_before_we_ever_saw_it_is_down_without_a_name(machine: Machine, now: datetime) -> None:
    machine.set("0 lost 1\n" + SCENARIO)

    down, *_ = machine.read(now)

    assert down == Sample(names.UP, {"gpu": "0", "uuid": "", "model": ""}, 0)


@integration
def test_a_gpu_that_comes_back_is_read_again(machine: Machine, now: datetime) -> None:
    machine.set("0 lost 1\n" + SCENARIO)
    machine.read(now)
    machine.set(SCENARIO)

    assert of(machine.read(now), "0")[names.TEMPERATURE] == 61


@integration
@pytest.mark.parametrize("code", [999, 16, 10])
def test_half_a_gpu_is_no_gpu(machine: Machine, now: datetime, code: int) -> None:
    """An unknown error, a required reset or a timeout in the middle: no value of this GPU can be trusted."""
    machine.set(SCENARIO.replace("sm_mhz 1980", f"sm_mhz !{code}"))

    assert of(machine.read(now), "0") == {names.UP: 0}


@integration
def test_an_old_driver_without_the_newer_functions_gives_what_it_has(
    bare: Machine, compile_driver: Compile, now: datetime
) -> None:
    bare.load(ctypes.CDLL(str(compile_driver("-DOLD_DRIVER"))))

    found = of(bare.read(now), "0")

    assert found[names.TEMPERATURE] == 61
    assert found[names.MEMORY_USED] == 60 * 2**30
    assert names.MEMORY_RESERVED not in found
    assert found[f"{names.THROTTLED}:power_cap"] == 1


@integration
def test_every_declared_name_is_read(machine: Machine, now: datetime) -> None:
    assert {sample.name for sample in machine.read(now)} == {
        name for name in MEASURED if name.startswith("burnline_gpu_")
    }


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

    machine.set(SCENARIO)
    assert not isinstance(caught.value, NoData)
    assert of(machine.read(now), "0")[names.UP] == 1


@integration
def test_closing_twice_is_closing_once(machine: Machine, now: datetime) -> None:
    machine.read(now)

    machine.collector.close()
    machine.collector.close()

    assert machine.read(now)


def read_in_a_process(**environment: str) -> dict[str, float]:
    """The first GPU as a fresh process finds it: this one may hold a fake library under the real one's name."""
    script = (
        "import json, datetime; from burnline.collectors.gpu import GpuCollector; "
        "found = GpuCollector(interval=datetime.timedelta(seconds=15)).collect(None); "
        "print(json.dumps({sample.name: sample.value for sample in found if sample.labels['gpu'] == '0'}))"
    )
    argv = [sys.executable, "-c", script]
    done = subprocess.run(argv, env={**os.environ, **environment}, check=True, capture_output=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


@integration
def test_the_library_is_found_by_its_name_as_on_a_real_machine(driver: Path, tmp_path: Path) -> None:
    (tmp_path / "scenario").write_text(SCENARIO)

    found = read_in_a_process(LD_LIBRARY_PATH=str(driver.parent), NVML_SCENARIO=str(tmp_path / "scenario"))

    assert found[names.TEMPERATURE] == 61


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


@pytest.mark.gpu
@pytest.mark.skipif(not Path("/dev/nvidiactl").exists(), reason="no NVIDIA GPU here")
def test_a_real_gpu_can_be_read() -> None:
    found = read_in_a_process()

    assert found[names.UP] == 1
    assert 0 < found[names.TEMPERATURE] < 120
    assert 0 <= found[names.MEMORY_USED] <= found[names.MEMORY_SIZE]
