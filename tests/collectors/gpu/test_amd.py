"""AMD GPUs against a small fake of AMD's module."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import pytest

from burnline.collectors.gpu.amd import AmdCollector, is_present
from burnline.errors import CollectorError, NoData
from burnline.events import Sample
from burnline.metrics import gpu as names
from burnline.metrics.register import MEASURED
from tests.collectors.gpu.machine import PATIENCE, of
from tests.fakes.amd import MI300X, RADEON, AmdSmi

INSTINCT = {"gpu": "0", "uuid": "c4ff74a1-0000-1000-80ff-000000000001", "model": "AMD Instinct MI300X"}


@pytest.fixture
def smi() -> AmdSmi:
    return AmdSmi(dict(MI300X), dict(RADEON))


@pytest.fixture
def amd(smi: AmdSmi, tmp_path: Path) -> Iterator[AmdCollector]:
    (tmp_path / "77").mkdir()
    (tmp_path / "77" / "comm").write_text("python3\n")
    collector = AmdCollector(
        interval=timedelta(seconds=15), proc=tmp_path, load=lambda: smi, each=PATIENCE, turn=4 * PATIENCE
    )
    yield collector
    collector.close()


def test_a_gpu_is_read_in_base_units(amd: AmdCollector, now: datetime) -> None:
    found = of(list(amd.collect(now)), 0)

    assert found == {
        names.UP: 1,
        f"{names.INFO}:0000:05:00.0": 1,
        names.UTILIZATION: pytest.approx(0.91),
        names.MEMORY_BUSY: pytest.approx(0.12),
        names.MEMORY_SIZE: 196592 * 2**20,
        names.MEMORY_USED: 20 * 2**30,
        names.MEMORY_FREE: (196592 - 20480) * 2**20,
        names.TEMPERATURE: 67,
        names.MEMORY_TEMPERATURE: 52,
        names.POWER: 612,
        names.POWER_LIMIT: pytest.approx(750),
        names.ENERGY: pytest.approx(15.26),
        names.SM_CLOCK: 2.1e9,
        names.MEMORY_CLOCK: 1.3e9,
        f"{names.ECC_VOLATILE}:corrected": 2,
        f"{names.ECC_VOLATILE}:uncorrected": 0,
        names.PCIE_REPLAYS: 4,
        f"{names.THROTTLED}:power_cap": 1,
        f"{names.THROTTLED}:hw_thermal": 0,
        names.PROCESSES: 1,
        f"{names.PROCESS_MEMORY}:77:python3": 20 * 2**30,
    }


def test_an_older_library_and_a_card_that_has_less_give_what_they_have(amd: AmdCollector, now: datetime) -> None:
    found = of(list(amd.collect(now)), 1)

    assert found == {
        names.UP: 1,
        f"{names.INFO}:0000:0a:00.0": 1,
        names.UTILIZATION: pytest.approx(0.05),
        names.MEMORY_SIZE: 49136 * 2**20,
        names.MEMORY_USED: 2**30,
        names.MEMORY_FREE: 48112 * 2**20,
        names.TEMPERATURE: 41,
        names.POWER: 30,
        names.ENERGY: pytest.approx(30.52),
        names.SM_CLOCK: 5e8,
        names.MEMORY_CLOCK: 9.6e7,
        names.PROCESSES: 0,
    }


def test_samples_say_which_gpu_they_are_of_and_have_declared_names(amd: AmdCollector, now: datetime) -> None:
    samples = amd.collect(now)

    assert Sample(names.POWER, INSTINCT, 612) in samples
    assert {sample.name for sample in samples} <= set(MEASURED)


@pytest.mark.parametrize("value", ["N/A", None, float("nan"), float("inf"), 2**64 - 1, True, {}, "612"])
def test_what_is_no_number_is_absent(amd: AmdCollector, smi: AmdSmi, now: datetime, value: object) -> None:
    smi.gpus[0]["gpu_activity"] = {"gfx_activity": value, "umc_activity": 12}

    found = of(list(amd.collect(now)), 0)

    assert names.UTILIZATION not in found
    assert found[names.MEMORY_BUSY] == pytest.approx(0.12)


@pytest.mark.parametrize("function", [name for name in MI300X if name != "gpu_device_uuid"])
def test_no_single_function_is_indispensable(amd: AmdCollector, smi: AmdSmi, now: datetime, function: str) -> None:
    del smi.gpus[0][function]
    if function == "gpu_asic_info":
        smi.gpus[0][function] = {}

    assert of(list(amd.collect(now)), 0)[names.UP] == 1


def test_a_lost_gpu_is_down_and_the_other_goes_on(amd: AmdCollector, smi: AmdSmi, now: datetime) -> None:
    amd.collect(now)
    del smi.gpus[0]["gpu_device_uuid"]

    samples = list(amd.collect(now))

    assert [sample for sample in samples if sample.labels["gpu"] == "0"] == [Sample(names.UP, INSTINCT, 0)]
    assert of(samples, 1)[names.POWER] == 30


def test_a_call_that_hangs_costs_one_gpu_its_samples(amd: AmdCollector, smi: AmdSmi, now: datetime) -> None:
    released = threading.Event()
    smi.gpus[0]["power_info"] = released

    samples = list(amd.collect(now))
    again = list(amd.collect(now))
    released.set()

    assert of(samples, 0) == of(again, 0) == {names.UP: 0}
    assert of(again, 1)[names.POWER] == 30


def test_a_host_without_amd_gpus_has_no_data(amd: AmdCollector, smi: AmdSmi, now: datetime) -> None:
    smi.gpus = []

    with pytest.raises(NoData, match="no AMD GPU"):
        amd.collect(now)


def test_a_driver_that_fails_is_a_failure_and_is_opened_anew(amd: AmdCollector, smi: AmdSmi, now: datetime) -> None:
    amd.collect(now)
    smi.fails = "Error code:\n\t34 | AMDSMI_STATUS_DRIVER_NOT_LOADED"

    with pytest.raises(CollectorError, match=r"amdsmi: Error code: 34 \| AMDSMI_STATUS_DRIVER_NOT_LOADED") as caught:
        amd.collect(now)

    smi.fails = None
    assert not isinstance(caught.value, NoData)
    assert of(list(amd.collect(now)), 0)[names.UP] == 1


def test_the_library_is_let_go(amd: AmdCollector, smi: AmdSmi, now: datetime) -> None:
    amd.collect(now)

    amd.close()
    amd.close()

    assert not smi.is_open


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("amdsmi"), r"pip install burnline\[amd\]"),
        (KeyError("libamd_smi.so"), "finds no libamd_smi.so"),
        (OSError("libamd_smi.so: cannot open"), "finds no libamd_smi.so"),
    ],
)
def test_without_the_library_the_error_says_what_to_do(now: datetime, error: Exception, said: str) -> None:
    def load() -> NoReturn:
        raise error

    with pytest.raises(CollectorError, match=said):
        AmdCollector(interval=timedelta(seconds=15), load=load).collect(now)


@pytest.mark.skipif(find_spec("amdsmi") is None, reason="amdsmi is not installed")
@pytest.mark.skipif(any(Path("/opt").glob("rocm*")), reason="AMD's driver is here")
def test_the_real_module_without_a_driver_is_a_failure_and_no_crash(now: datetime, capfd: Any) -> None:
    with pytest.raises(CollectorError, match="amdsmi"):
        AmdCollector(interval=timedelta(seconds=15)).collect(now)


@pytest.mark.parametrize(("vendor", "present"), [("0x1002\n", True), ("0x10de\n", False), ("", False)])
def test_an_amd_gpu_is_known_by_its_vendor(tmp_path: Path, vendor: str, present: bool) -> None:
    device = tmp_path / "class/drm/card0/device"
    device.mkdir(parents=True)
    (device / "vendor").write_text(vendor)

    assert is_present(tmp_path) is present


def test_a_host_without_graphics_has_none(tmp_path: Path) -> None:
    assert not is_present(tmp_path)
