"""The driver's library: opened once, and what its errors mean."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pynvml

from burnline.errors import CollectorError, NoData

Reading = tuple[str, dict[str, str], float]  # name, labels beside the GPU's own, value

# What a GPU, its driver or our rights do not offer is absent. Any other error means that the GPU is in trouble.
ABSENT = (
    pynvml.NVMLError_NotSupported,
    pynvml.NVMLError_FunctionNotFound,
    pynvml.NVMLError_NoPermission,
    pynvml.NVMLError_NoData,
    pynvml.NVMLError_NotFound,
    pynvml.NVMLError_InvalidArgument,
    pynvml.NVMLError_ArgumentVersionMismatch,
    pynvml.NVMLError_Deprecated,
    UnicodeDecodeError,  # a text that is none
)
NO_DRIVER = (pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError_DriverNotLoaded, pynvml.NVMLError_FunctionNotFound)
NVIDIA = "0x10de"  # its vendor id on PCI
DISPLAYS = ("0x0300", "0x0302")  # PCI classes: VGA controller, 3D controller
NOT_AVAILABLE = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)  # NVML_VALUE_NOT_AVAILABLE, in 32 and 64 bits


class Session:
    """NVML, opened when it is first needed."""

    def __init__(self, sys: Path = Path("/sys")) -> None:
        self.is_open = False
        self._sys = sys

    def count(self) -> int:
        """How many GPUs the driver has.

        Raises: NoData without driver or GPU; CollectorError when the driver as a whole fails, or is not loaded though
        there is a GPU.
        """
        try:
            if not self.is_open:
                pynvml.nvmlInit()
                self.is_open = True
            count: int = pynvml.nvmlDeviceGetCount()
        except NO_DRIVER as error:
            if there := installed(self._sys):
                told = f"NVML: {error}; yet an NVIDIA GPU is at {there}: load its driver"
                raise CollectorError(told) from error
            raise NoData(f"NVML: {error}") from error
        except pynvml.NVMLError as error:
            raise CollectorError(f"NVML: {error}") from error
        if not count:
            raise NoData("no GPU")
        return count

    def close(self) -> None:
        """Let the driver's library go."""
        if self.is_open:
            self.is_open = False
            with suppress(pynvml.NVMLError):  # it may be gone already
                pynvml.nvmlShutdown()


def installed(sys: Path) -> str:
    """The PCI address of an NVIDIA GPU, driver or not; empty where there is none."""
    for device in sorted((sys / "bus/pci/devices").glob("*")):
        with suppress(OSError):
            vendor, kind = (device / "vendor").read_text().strip(), (device / "class").read_text().strip()
            if vendor == NVIDIA and kind.startswith(DISPLAYS):
                return device.name
    return ""


def versions() -> dict[str, str]:
    """The versions of the driver and of the newest CUDA it runs; empty texts where it does not say."""
    cuda = offered(pynvml.nvmlSystemGetCudaDriverVersion_v2)
    return {
        "driver": offered(pynvml.nvmlSystemGetDriverVersion) or "",
        "cuda": f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else "",
    }


def offered(call: Callable[..., Any], *arguments: Any) -> Any:
    """What the call gives; None when the GPU, its driver or our rights do not offer it."""
    try:
        return call(*arguments)
    except ABSENT:
        return None
