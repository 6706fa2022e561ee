"""AMD GPUs through the `amdsmi` module, an extra; the same series where they mean the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from burnline.collectors.gpu.collector import EACH, TURN, silent
from burnline.collectors.gpu.patience import Patience
from burnline.collectors.gpu.processes import NO_INSTANCE, ProcessReader
from burnline.collectors.gpu.session import Reading
from burnline.errors import CollectorError, NoData
from burnline.events import Sample
from burnline.metrics import gpu as names

VENDOR = "0x1002"
MIB = 1 << 20
PERCENT, MICRO, MEGA = 0.01, 1e-6, 1e6
_LARGEST = 1 << 62  # the library says "not available" by the largest number of a type, here and there


def is_present(sys: Path = Path("/sys")) -> bool:
    """Whether the kernel's driver holds an AMD GPU."""
    return any(_text(file) == VENDOR for file in sys.glob("class/drm/card*/device/vendor"))


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


class AmdCollector:
    """One set of samples per AMD GPU, labelled gpu, uuid and model. What a GPU does not support is absent.

    `load` gives the library; the real one fails in many ways to be imported where there is no driver.
    """

    service = ""
    name = "gpu-amd"
    target = "amdsmi"
    measured = True
    made: frozenset[str] = frozenset()

    def __init__(
        self,
        *,
        interval: timedelta,
        proc: Path = Path("/proc"),
        load: Callable[[], Any] = lambda: import_module("amdsmi"),
        each: timedelta = EACH,
        turn: timedelta = TURN,
    ) -> None:
        self.interval = interval
        self.notes: tuple[str, ...] = ()
        self._load = load
        self._smi: Any = None  # while it is open
        self._labels: dict[int, dict[str, str]] = {}
        self._patience = Patience(each=each, turn=turn)
        self._processes = ProcessReader(proc)

    def collect(self, now: datetime) -> Sequence[Sample]:
        """Read every GPU, under the names `burnline_gpu_*` of metrics/gpu.py.

        Raises: NoData without GPU; CollectorError without the library, or when the driver as a whole fails.
        """
        self.notes = ()
        handles = self._handles()
        found = self._patience.read_all(range(len(handles)), lambda index: self._read(index, handles[index]))
        samples = [sample for index in range(len(handles)) for sample in found.get(index) or self._down(index)]
        self.notes = silent(samples)
        return samples

    def close(self) -> None:
        """Let the library go; while a call hangs in it, it stays."""
        if self._smi is not None and not self._patience.is_held:
            smi, self._smi = self._smi, None
            try:
                smi.amdsmi_shut_down()
            except smi.AmdSmiException:  # it may be gone already
                return

    def _handles(self) -> list[Any]:
        smi = self._smi or self._open()
        try:
            handles = list(smi.amdsmi_get_processor_handles())
        except smi.AmdSmiException as error:
            self.close()
            raise CollectorError(f"amdsmi: {_said(error)}") from error
        if not handles:
            raise NoData("no AMD GPU")
        return handles

    def _open(self) -> Any:
        try:
            smi = self._load()
        except ModuleNotFoundError as error:
            raise CollectorError("amdsmi is not installed: pip install burnline[amd]") from error
        except (ImportError, OSError, KeyError, AttributeError) as error:
            raise CollectorError(f"amdsmi finds no libamd_smi.so: {error}") from error
        try:
            smi.amdsmi_init()
        except smi.AmdSmiException as error:
            raise CollectorError(f"amdsmi: {_said(error)}") from error
        self._smi = smi
        return smi

    def _read(self, index: int, handle: Any) -> list[Sample]:
        smi = self._smi
        try:
            labels = self._identify(index, handle)
        except smi.AmdSmiException:
            return self._down(index)
        readings = [reading for read in READERS for reading in _offered(smi, read, handle)]
        readings += _offered(smi, lambda smi, handle: self._processes.tell(_processes(smi, handle)), handle)
        up = Sample(names.UP, labels, 1)
        return [up, *(Sample(name, {**labels, **extra}, value) for name, extra, value in readings)]

    def _identify(self, index: int, handle: Any) -> dict[str, str]:
        """The call that tells whether the GPU still answers."""
        uuid = str(self._smi.amdsmi_get_gpu_device_uuid(handle))
        if self._labels.get(index, {}).get("uuid") != uuid:
            model = str(self._smi.amdsmi_get_gpu_asic_info(handle).get("market_name", ""))
            self._labels[index] = {"gpu": str(index), "uuid": uuid, "model": model}
        return self._labels[index]

    def _down(self, index: int) -> list[Sample]:
        return [Sample(names.UP, self._labels.get(index, {"gpu": str(index), "uuid": "", "model": ""}), 0)]


Told = tuple[str, dict[str, str], float | None]
Reader = Callable[[Any, Any], Iterable[Told]]


def _offered(smi: Any, read: Reader, handle: Any) -> list[Reading]:
    """What one reader gives; a number that is none is left out, and so is what this library or GPU does not have."""
    try:
        return [(name, labels, value) for name, labels, value in read(smi, handle) if value is not None]
    except (smi.AmdSmiException, AttributeError, KeyError, TypeError, UnicodeDecodeError):
        return []


def _number(value: object, scale: float = 1) -> float | None:
    """The value in base units; None for "N/A" and other words for unknown."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value * scale if abs(value) < _LARGEST else None


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _activity(smi: Any, handle: Any) -> Iterator[Told]:
    activity = smi.amdsmi_get_gpu_activity(handle)
    yield names.UTILIZATION, {}, _number(activity["gfx_activity"], PERCENT)
    yield names.MEMORY_BUSY, {}, _number(activity["umc_activity"], PERCENT)


def _memory(smi: Any, handle: Any) -> Iterator[Told]:
    vram = smi.amdsmi_get_gpu_vram_usage(handle)
    size, used = _number(vram["vram_total"], MIB), _number(vram["vram_used"], MIB)
    yield names.MEMORY_SIZE, {}, size
    yield names.MEMORY_USED, {}, used
    yield names.MEMORY_FREE, {}, None if size is None or used is None else size - used


def _temperature(smi: Any, handle: Any) -> Iterator[Told]:
    """Instinct accelerators have no sensor at the edge of the die."""
    for place in (smi.AmdSmiTemperatureType.EDGE, smi.AmdSmiTemperatureType.HOTSPOT):
        try:
            degrees = smi.amdsmi_get_temp_metric(handle, place, smi.AmdSmiTemperatureMetric.CURRENT)
        except smi.AmdSmiException:
            continue
        yield names.TEMPERATURE, {}, _number(degrees)
        return


def _memory_temperature(smi: Any, handle: Any) -> Iterator[Told]:
    place = smi.AmdSmiTemperatureType.VRAM
    yield (
        names.MEMORY_TEMPERATURE,
        {},
        _number(smi.amdsmi_get_temp_metric(handle, place, smi.AmdSmiTemperatureMetric.CURRENT)),
    )


def _power(smi: Any, handle: Any) -> Iterator[Told]:
    """Watts: MI300 and newer tell the current power, older ones an average."""
    power = smi.amdsmi_get_power_info(handle)
    for kind in ("current_socket_power", "average_socket_power"):
        watts = _number(power.get(kind))
        if watts:
            yield names.POWER, {}, watts
            return


def _power_limit(smi: Any, handle: Any) -> Iterator[Told]:
    yield names.POWER_LIMIT, {}, _number(smi.amdsmi_get_power_cap_info(handle)["power_cap"], MICRO)


def _energy(smi: Any, handle: Any) -> Iterator[Told]:
    energy = smi.amdsmi_get_energy_count(handle)
    counted = energy.get("energy_accumulator", energy.get("power"))  # its name before 6.1
    yield names.ENERGY, {}, _number(counted * energy["counter_resolution"], MICRO)


def _clocks(smi: Any, handle: Any) -> Iterator[Told]:
    for name, kind in ((names.SM_CLOCK, smi.AmdSmiClkType.GFX), (names.MEMORY_CLOCK, smi.AmdSmiClkType.MEM)):
        clock = smi.amdsmi_get_clock_info(handle, kind)
        yield name, {}, _number(clock.get("clk", clock.get("cur_clk")), MEGA)  # cur_clk before 6.1


def _ecc(smi: Any, handle: Any) -> Iterator[Told]:
    errors = smi.amdsmi_get_gpu_total_ecc_count(handle)
    yield names.ECC_VOLATILE, {"kind": "corrected"}, _number(errors["correctable_count"])
    yield names.ECC_VOLATILE, {"kind": "uncorrected"}, _number(errors["uncorrectable_count"])


def _pcie(smi: Any, handle: Any) -> Iterator[Told]:
    yield names.PCIE_REPLAYS, {}, _number(smi.amdsmi_get_pcie_info(handle)["pcie_metric"]["pcie_replay_count"])


def _info(smi: Any, handle: Any) -> Iterator[Told]:
    yield names.INFO, {"pci_bus_id": str(smi.amdsmi_get_gpu_device_bdf(handle)).lower()}, 1


def _throttled(smi: Any, handle: Any) -> Iterator[Told]:
    """MI300 and newer."""
    active = smi.amdsmi_get_violation_status(handle)
    for reason, kind in (("power_cap", "active_ppt_pwr"), ("hw_thermal", "active_socket_thrm")):
        if isinstance(active[kind], bool):
            yield names.THROTTLED, {"reason": reason}, float(active[kind])


def _processes(smi: Any, handle: Any) -> dict[tuple[int, int], float | None]:
    listed = smi.amdsmi_get_gpu_process_list(handle)
    return {(each["pid"], NO_INSTANCE): _number(each["memory_usage"]["vram_mem"]) for each in listed}


READERS: tuple[Reader, ...] = (
    _info,
    _activity,
    _memory,
    _temperature,
    _memory_temperature,
    _power,
    _power_limit,
    _energy,
    _clocks,
    _ecc,
    _pcie,
    _throttled,
)
