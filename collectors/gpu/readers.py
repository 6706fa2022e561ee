"""What one call of the driver says about one GPU: load, memory, heat, power, clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pynvml

from burnline.collectors.gpu.session import ABSENT, NOT_AVAILABLE, Reading, offered
from burnline.metrics import gpu as names

Reader = Callable[[Any], Iterator[Reading]]

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
_THROTTLE_LABELS = [({"reason": reason}, bit) for reason, bit in THROTTLE_REASONS.items()]
_ECC_KINDS = (
    ({"kind": "corrected"}, pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED),
    ({"kind": "uncorrected"}, pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED),
)
_ENGINES = (
    ({"engine": "encoder"}, pynvml.nvmlDeviceGetEncoderUtilization),
    ({"engine": "decoder"}, pynvml.nvmlDeviceGetDecoderUtilization),
    ({"engine": "jpeg"}, pynvml.nvmlDeviceGetJpgUtilization),
    ({"engine": "optical_flow"}, pynvml.nvmlDeviceGetOfaUtilization),
)


def read_all(handle: Any) -> Iterator[Reading]:
    """Everything of READERS that the GPU offers.

    Raises: pynvml.NVMLError when the GPU is in trouble.
    """
    for read in READERS:
        try:
            yield from read(handle)
        except ABSENT:
            continue


def _one(name: str, call: Callable[..., int], *arguments: Any, scale: float = 1) -> Reader:
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


def _video(handle: Any) -> Iterator[Reading]:
    for labels, call in _ENGINES:
        found = offered(call, handle)
        if found is not None:
            yield names.VIDEO, labels, found[0] / 100


def _memory(handle: Any) -> Iterator[Reading]:
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
        reserved = memory.reserved
    except ABSENT:  # drivers before 510 fold what is reserved into what is used
        memory, reserved = pynvml.nvmlDeviceGetMemoryInfo(handle), None
    yield names.MEMORY_SIZE, {}, memory.total
    yield names.MEMORY_USED, {}, memory.used
    yield names.MEMORY_FREE, {}, memory.free
    if reserved is not None:
        yield names.MEMORY_RESERVED, {}, reserved


def _temperature(handle: Any) -> Iterator[Reading]:
    try:
        degrees = pynvml.nvmlDeviceGetTemperatureV(handle, pynvml.NVML_TEMPERATURE_GPU)
    except ABSENT:  # drivers before 570; newer ones drop the old call
        degrees = pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)
    yield names.TEMPERATURE, {}, degrees


def _fans(handle: Any) -> Iterator[Reading]:
    for fan in range(pynvml.nvmlDeviceGetNumFans(handle)):
        yield names.FAN, {"fan": str(fan)}, pynvml.nvmlDeviceGetFanSpeed_v2(handle, fan) / 100


def _ecc(name: str, since: int) -> Reader:
    def read(handle: Any) -> Iterator[Reading]:
        for labels, kind in _ECC_KINDS:
            yield name, labels, pynvml.nvmlDeviceGetTotalEccErrors(handle, kind, since)

    return read


def _remapped(handle: Any) -> Iterator[Reading]:
    corrected, uncorrected, pending, failed = pynvml.nvmlDeviceGetRemappedRows(handle)
    yield names.REMAPPED_ROWS, {"kind": "corrected"}, corrected
    yield names.REMAPPED_ROWS, {"kind": "uncorrected"}, uncorrected
    yield names.REMAP_PENDING, {}, float(bool(pending))
    yield names.REMAP_FAILED, {}, float(bool(failed))


def _throttled(handle: Any) -> Iterator[Reading]:
    try:
        reasons = pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
    except ABSENT:  # drivers before 535 have it under its old name
        reasons = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    for labels, bit in _THROTTLE_LABELS:
        yield names.THROTTLED, labels, float(bool(reasons & bit))


READERS: tuple[Reader, ...] = (
    _utilization,
    _video,
    _memory,
    _temperature,
    _fans,
    _one(names.POWER, pynvml.nvmlDeviceGetPowerUsage, scale=1e-3),  # milliwatts
    _one(names.POWER_LIMIT, pynvml.nvmlDeviceGetEnforcedPowerLimit, scale=1e-3),
    _one(names.ENERGY, pynvml.nvmlDeviceGetTotalEnergyConsumption, scale=1e-3),  # millijoules
    _one(names.SM_CLOCK, pynvml.nvmlDeviceGetClockInfo, pynvml.NVML_CLOCK_SM, scale=1e6),  # megahertz
    _one(names.MEMORY_CLOCK, pynvml.nvmlDeviceGetClockInfo, pynvml.NVML_CLOCK_MEM, scale=1e6),
    _throttled,
    _ecc(names.ECC_ERRORS, pynvml.NVML_AGGREGATE_ECC),
    _ecc(names.ECC_VOLATILE, pynvml.NVML_VOLATILE_ECC),
    _remapped,
    _one(names.PCIE_REPLAYS, pynvml.nvmlDeviceGetPcieReplayCounter),
)
