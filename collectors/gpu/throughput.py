"""What goes over PCI Express, of GPUs that have no better counter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pynvml

from burnline.collectors.gpu.session import Reading, offered
from burnline.metrics import gpu as names

KB = 1000.0  # NVML says KB/s

_WAYS = (
    (names.PCIE_SENT, pynvml.NVML_PCIE_UTIL_TX_BYTES),
    (names.PCIE_RECEIVED, pynvml.NVML_PCIE_UTIL_RX_BYTES),
)


def read_pcie(handle: Any) -> Iterator[Reading]:
    """Bytes per second over the last 20 ms: the driver itself waits that long, so GPUs with GPM are not asked this."""
    for name, way in _WAYS:
        found = offered(pynvml.nvmlDeviceGetPcieThroughput, handle, way)
        if found is not None:
            yield name, {}, found * KB
