"""One GPU, as it is remembered from read to read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pynvml

from burnline.collectors.gpu import gpm, mig
from burnline.collectors.gpu.fields import read_fields
from burnline.collectors.gpu.processes import ProcessReader
from burnline.collectors.gpu.readers import read_all
from burnline.collectors.gpu.session import Reading, offered
from burnline.collectors.gpu.throughput import PcieWatch
from burnline.events import Sample
from burnline.metrics import gpu as names

# The driver counts 0 on links that a GPU does not have.
NVLINK = frozenset(
    {
        names.NVLINK_SENT,
        names.NVLINK_RECEIVED,
        names.NVLINK_SENT_RATE,
        names.NVLINK_RECEIVED_RATE,
        names.NVLINK_ERRORS,
    }
)


class Device:
    """The GPU at one index. Another one may be there after the driver was loaded anew."""

    def __init__(self, index: int, proc: Path, pcie: PcieWatch) -> None:
        self.index = index
        self.labels = {"gpu": str(index), "uuid": "", "model": ""}  # a lost GPU no longer says who it is
        self.handle: Any = None  # while the driver answers for it
        self._pci = ""
        self.has_gpm = self._has_links = False
        self._pcie = pcie
        self._processes = ProcessReader(proc)
        self._activities = gpm.Activities()

    def read(self, now: datetime) -> list[Sample]:
        """Everything it offers; when the driver cannot talk to it, that alone."""
        try:
            handle, labels = self._find(), self.labels
            samples = [
                Sample(name, labels | extra if extra else labels, value)
                for name, extra, value in self._readings(handle, now)
                if self._has_links or name not in NVLINK
            ]
        except (pynvml.NVMLError, UnicodeDecodeError):  # lost, or not even its name can be read
            self._activities.close()
            return self.down()
        return [Sample(names.UP, labels, 1), *samples]

    def down(self) -> list[Sample]:
        """What is said of a GPU that the driver does not answer for."""
        self.handle = None
        return [Sample(names.UP, self.labels, 0)]

    def close(self) -> None:
        """Give back what the driver keeps for us."""
        self._activities.close()

    def _find(self) -> Any:
        handle = pynvml.nvmlDeviceGetHandleByIndex(self.index)
        uuid = pynvml.nvmlDeviceGetUUID(handle)
        if self.labels["uuid"] != uuid:
            self._activities.close()
            model = offered(pynvml.nvmlDeviceGetName, handle) or ""
            self.labels = {"gpu": str(self.index), "uuid": uuid, "model": model}
            self._pci = offered(_bus_id, handle) or ""
            self.has_gpm = gpm.supported(handle)
            self._has_links = offered(pynvml.nvmlDeviceGetNvLinkState, handle, 0) is not None
        self.handle = handle
        return handle

    def _readings(self, handle: Any, now: datetime) -> Iterator[Reading]:
        if self._pci:
            yield names.INFO, {"pci_bus_id": self._pci}, 1
        yield from read_all(handle)
        yield from read_fields(handle)
        yield from self._processes.read(handle)
        divided = mig.is_divided(handle)
        parts = mig.instances(handle) if divided else []
        yield from mig.read_instances(parts)
        if self.has_gpm:
            yield from self._activities.read(handle, {part.gpu_instance for part in parts}, now)
        elif not divided:
            yield from self._pcie.readings(self.labels["uuid"])


def _bus_id(handle: Any) -> str:
    return str(pynvml.nvmlDeviceGetPciInfo(handle).busId).lower()
