"""A stand-in for the module `amdsmi` of AMD's driver: what the collector calls, of GPUs kept as data.

A GPU is a mapping from a function's name (without `amdsmi_get_`) to what it answers; one that is missing is not
supported, an exception is raised, and a `threading.Event` is waited for, as a driver call that hangs.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

Gpu = dict[str, Any]

MI300X: Gpu = {
    "gpu_device_uuid": "c4ff74a1-0000-1000-80ff-000000000001",
    "gpu_asic_info": {"market_name": "AMD Instinct MI300X"},
    "gpu_device_bdf": "0000:05:00.0",
    "gpu_activity": {"gfx_activity": 91, "umc_activity": 12, "mm_activity": "N/A"},
    "gpu_vram_usage": {"vram_total": 196592, "vram_used": 20480},
    "temp_metric": {"HOTSPOT": 67, "VRAM": 52},
    "power_info": {
        "socket_power": 0,
        "current_socket_power": 612,
        "average_socket_power": "N/A",
        "power_limit": 750,
    },
    "power_cap_info": {"power_cap": 750_000_000},
    "energy_count": {"energy_accumulator": 1_000_000, "counter_resolution": 15.26, "timestamp": 1},
    "clock_info": {"GFX": {"clk": 2100}, "MEM": {"clk": 1300}},
    "gpu_total_ecc_count": {"correctable_count": 2, "uncorrectable_count": 0, "deferred_count": 0},
    "pcie_info": {"pcie_metric": {"pcie_replay_count": 4}},
    "violation_status": {"active_ppt_pwr": True, "active_socket_thrm": False},
    "gpu_process_list": [{"pid": 77, "name": "python3", "mem": 0, "memory_usage": {"vram_mem": 21474836480}}],
}
RADEON: Gpu = {  # of a library before 6.1, on a card that has less
    "gpu_device_uuid": "aaff744c-0000-1000-8000-000000000002",
    "gpu_asic_info": {"market_name": "AMD Radeon PRO W7900"},
    "gpu_device_bdf": "0000:0A:00.0",
    "gpu_activity": {"gfx_activity": 5, "umc_activity": "N/A", "mm_activity": "N/A"},
    "gpu_vram_usage": {"vram_total": 49136, "vram_used": 1024},
    "temp_metric": {"EDGE": 41, "HOTSPOT": 48},
    "power_info": {"current_socket_power": "N/A", "average_socket_power": 30, "power_limit": 0xFFFFFFFF},
    "energy_count": {"power": 2_000_000, "counter_resolution": 15.26, "timestamp": 1},
    "clock_info": {"GFX": {"cur_clk": 500}, "MEM": {"cur_clk": 96}},
    "pcie_info": {"pcie_metric": {"pcie_replay_count": "N/A"}},
    "gpu_process_list": [],
}


class Temperature(IntEnum):
    EDGE, HOTSPOT, VRAM = 0, 1, 3


class Metric(IntEnum):
    CURRENT = 0


class Clock(IntEnum):
    GFX, MEM = 1, 5


class AmdSmi:
    """The module: what it is asked, it answers from its GPUs."""

    AmdSmiTemperatureType = Temperature
    AmdSmiTemperatureMetric = Metric
    AmdSmiClkType = Clock

    class AmdSmiException(Exception):
        """The root of what the module raises."""

    def __init__(self, *gpus: Gpu) -> None:
        self.gpus = list(gpus)
        self.is_open = False
        self.fails: str | None = None  # the driver as a whole

    def amdsmi_init(self) -> None:
        self._check()
        self.is_open = True

    def amdsmi_shut_down(self) -> None:
        self._check()
        self.is_open = False

    def amdsmi_get_processor_handles(self) -> list[Gpu]:
        self._check()
        assert self.is_open, "amdsmi_init comes first"
        return self.gpus

    def __getattr__(self, function: str) -> Any:
        kind = function.removeprefix("amdsmi_get_")

        def answer(gpu: Gpu, *which: IntEnum) -> Any:
            found = gpu.get(kind)
            if isinstance(found, threading.Event):
                found.wait()
                return self.amdsmi_get(gpu, kind)
            if which and isinstance(found, Mapping):
                found = found.get(which[0].name)
            if isinstance(found, Exception):
                raise found
            if found is None:
                raise self.AmdSmiException("AMDSMI_STATUS_NOT_SUPPORTED")
            return found

        return answer

    def amdsmi_get(self, gpu: Gpu, kind: str) -> Any:
        raise self.AmdSmiException(f"{kind} of {gpu['gpu_device_bdf']}: AMDSMI_STATUS_TIMEOUT")

    def _check(self) -> None:
        if self.fails:
            raise self.AmdSmiException(self.fails)
