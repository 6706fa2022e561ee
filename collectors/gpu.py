"""NVIDIA GPUs through NVML (the `pynvml` module of nvidia-ml-py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pynvml

from burnline.errors import CollectorError, NoData
from burnline.events import Sample
from burnline.metrics import gpu as names

# What a GPU, its driver or our rights do not offer is absent. Any other error means that the GPU is in trouble.
ABSENT = (
    pynvml.NVMLError_NotSupported,
    pynvml.NVMLError_FunctionNotFound,
    pynvml.NVMLError_NoPermission,
    pynvml.NVMLError_NoData,
    pynvml.NVMLError_InvalidArgument,
    pynvml.NVMLError_ArgumentVersionMismatch,
    pynvml.NVMLError_Deprecated,
)
NO_DRIVER = (pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError_DriverNotLoaded, pynvml.NVMLError_FunctionNotFound)
NOT_AVAILABLE = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)  # NVML_VALUE_NOT_AVAILABLE, in 32 and 64 bits

THROTTLE_REASONS = {  # bit of nvmlClocksEventReasons, in nvml.h
    "applications_clocks": 0x2,
    "power_cap": 0x4,
    "hw_slowdown": 0x8,
    "sync_boost": 0x10,
    "sw_thermal": 0x20,
    "hw_thermal": 0x40,
    "hw_power_brake": 0x80,
    "display_clocks": 0x100,
}
ECC_KINDS = {
    "corrected": pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED,
    "uncorrected": pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
}


Reading = tuple[str, dict[str, str], float]  # name, labels beside the GPU's own, value


class GpuCollector:
    """One set of samples per GPU, labelled gpu, uuid and model.

    A GPU the driver cannot talk to gives `burnline_gpu_up` 0 and nothing else; the others go on.
    """

    service = ""
    name = "gpu"
    target = "nvml"
    measured = True

    def __init__(self, *, interval: timedelta) -> None:
        self.interval = interval
        self._open = False
        self._labels: dict[int, dict[str, str]] = {}  # a lost GPU no longer says who it is

    def collect(self, now: datetime) -> Sequence[Sample]:
        """Read every GPU, under the names `burnline_gpu_*` of metrics/gpu.py.

        Raises: NoData without driver or GPU; CollectorError when the driver as a whole fails.
        """
        try:
            if not self._open:
                pynvml.nvmlInit()
                self._open = True
            count = pynvml.nvmlDeviceGetCount()
        except NO_DRIVER as error:
            self.close()
            raise NoData(f"NVML: {error}") from error
        except pynvml.NVMLError as error:
            self.close()  # a driver that was loaded anew needs a new start
            raise CollectorError(f"NVML: {error}") from error
        if not count:
            raise NoData("no GPU")
        return [sample for index in range(count) for sample in self._gpu(index)]

    def close(self) -> None:
        """Let the driver's library go."""
        if self._open:
            self._open = False
            with suppress(pynvml.NVMLError):  # it may be gone already
                pynvml.nvmlShutdown()

    def _gpu(self, index: int) -> list[Sample]:
        try:
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            labels = self._identify(index, handle)
            readings = [reading for read in READERS for reading in _offered(read, handle)]
        except pynvml.NVMLError:
            labels = self._labels.get(index, {"gpu": str(index), "uuid": "", "model": ""})
            return [Sample(names.UP, labels, 0)]
        up = Sample(names.UP, labels, 1)
        return [up, *(Sample(name, {**labels, **extra}, value) for name, extra, value in readings)]

    def _identify(self, index: int, handle: Any) -> dict[str, str]:
        uuid = pynvml.nvmlDeviceGetUUID(handle)
        if self._labels.get(index, {}).get("uuid") != uuid:
            self._labels[index] = {"gpu": str(index), "uuid": uuid, "model": pynvml.nvmlDeviceGetName(handle)}
        return self._labels[index]


def _offered(read: Callable[[Any], Iterator[Reading]], handle: Any) -> Iterator[Reading]:
    try:
        yield from read(handle)
    except ABSENT:
        return


def _one(name: str, call: Callable[..., int], *arguments: Any, scale: float = 1) -> Callable[[Any], Iterator[Reading]]:
    """Reads one number; `scale` brings NVML's unit to the base unit."""

    def read(handle: Any) -> Iterator[Reading]:
        value = call(handle, *arguments)
        if value not in NOT_AVAILABLE:
            yield name, {}, value * scale

    return read


def _utilization(handle: Any) -> Iterator[Reading]:
    rates = pynvml.nvmlDeviceGetUtilizationRates(handle)
    yield names.UTILIZATION, {}, rates.gpu / 100
    yield names.MEMORY_BUSY, {}, rates.memory / 100


def _memory(handle: Any) -> Iterator[Reading]:
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
        reserved = memory.reserved
    except ABSENT:  # drivers before 510 fold what is reserved into what is used
        memory, reserved = pynvml.nvmlDeviceGetMemoryInfo(handle), None
    yield names.MEMORY_SIZE, {}, memory.total
    yield names.MEMORY_USED, {}, memory.used
    if reserved is not None:
        yield names.MEMORY_RESERVED, {}, reserved


def _temperature(handle: Any) -> Iterator[Reading]:
    try:
        degrees = pynvml.nvmlDeviceGetTemperatureV(handle, pynvml.NVML_TEMPERATURE_GPU)
    except ABSENT:  # drivers before 570; newer ones drop the old call
        degrees = pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)
    yield names.TEMPERATURE, {}, degrees


def _ecc_errors(handle: Any) -> Iterator[Reading]:
    for kind, code in ECC_KINDS.items():
        count = pynvml.nvmlDeviceGetTotalEccErrors(handle, code, pynvml.NVML_AGGREGATE_ECC)
        yield names.ECC_ERRORS, {"kind": kind}, count


def _throttled(handle: Any) -> Iterator[Reading]:
    try:
        reasons = pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
    except ABSENT:  # drivers before 535 have it under its old name
        reasons = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    for reason, bit in THROTTLE_REASONS.items():
        yield names.THROTTLED, {"reason": reason}, float(bool(reasons & bit))


READERS = (
    _utilization,
    _memory,
    _temperature,
    _one(names.POWER, pynvml.nvmlDeviceGetPowerUsage, scale=1e-3),  # milliwatts
    _one(names.ENERGY, pynvml.nvmlDeviceGetTotalEnergyConsumption, scale=1e-3),  # millijoules
    _one(names.SM_CLOCK, pynvml.nvmlDeviceGetClockInfo, pynvml.NVML_CLOCK_SM, scale=1e6),  # megahertz
    _one(names.MEMORY_CLOCK, pynvml.nvmlDeviceGetClockInfo, pynvml.NVML_CLOCK_MEM, scale=1e6),
    _ecc_errors,
    _throttled,
    _one(names.PCIE_REPLAYS, pynvml.nvmlDeviceGetPcieReplayCounter),
)
