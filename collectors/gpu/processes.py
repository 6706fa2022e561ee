"""Who uses a GPU's memory: process ids from the driver, names from /proc."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pynvml

from burnline.collectors.gpu.session import ABSENT, Reading
from burnline.metrics import gpu as names

MOST = 20  # series per GPU; a host may run thousands of processes
OTHERS = "__other__"
NO_INSTANCE = 0xFFFFFFFF
Process = tuple[int, int]  # its number, and the MIG instance it is in or NO_INSTANCE

_LISTS = (
    (pynvml.nvmlDeviceGetComputeRunningProcesses_v3, pynvml.nvmlDeviceGetComputeRunningProcesses_v2),
    (pynvml.nvmlDeviceGetGraphicsRunningProcesses_v3, pynvml.nvmlDeviceGetGraphicsRunningProcesses_v2),
)


class ProcessReader:
    """Memory per process; `proc` is where the host's /proc is seen (another place inside a container)."""

    def __init__(self, proc: Path) -> None:
        self._proc = proc

    def read(self, handle: Any) -> Iterator[Reading]:
        """Of the driver's own lists; nothing when the GPU lists no processes at all."""
        found = _running(handle)
        if found is not None:
            yield from self.tell(found)

    def tell(self, found: Mapping[Process, float | None]) -> Iterator[Reading]:
        """The largest by name, the rest as one series, and how many there are.

        A process whose memory the driver does not tell (another container's) is counted and has no series.
        """
        yield names.PROCESSES, {}, len({pid for pid, _ in found})
        known = sorted(((used, key) for key, used in found.items() if used is not None), reverse=True)
        for used, (pid, instance) in known[:MOST]:
            yield names.PROCESS_MEMORY, self._labels(pid, instance), used
        if rest := known[MOST:]:
            yield names.PROCESS_MEMORY, {"pid": "", "process": OTHERS}, sum(used for used, _ in rest)

    def _labels(self, pid: int, instance: int) -> dict[str, str]:
        labels = {"pid": str(pid), "process": self._name(pid)}
        return labels if instance == NO_INSTANCE else {**labels, "gpu_instance": str(instance)}

    def _name(self, pid: int) -> str:
        """As the kernel calls it: at most 15 bytes that the process chose, so any bytes at all."""
        try:
            with open(f"{self._proc}/{pid}/comm", "rb") as file:  # noqa: PTH123 - pathlib takes as long as the kernel
                raw = file.read(64)
        except OSError:  # it has ended, or lives in another namespace of process ids
            return ""
        return "".join(each if each.isprintable() else "?" for each in raw.decode(errors="replace").rstrip("\n"))


def _running(handle: Any) -> dict[Process, float | None] | None:
    """Bytes, None where they are not told; None when the GPU lists no processes at all."""
    lists = [each for calls in _LISTS if (each := _first(calls, handle)) is not None]
    if not lists:
        return None
    found: dict[Process, float | None] = {}
    for each in (process for processes in lists for process in processes):
        key = each.pid, getattr(each, "gpuInstanceId", NO_INSTANCE)
        used = each.usedGpuMemory
        found[key] = used if found.get(key) is None else max(found[key] or 0, used or 0)
    return found


def _first(calls: tuple[Any, ...], handle: Any) -> Any:
    for call in calls:
        with suppress(*ABSENT, pynvml.NVMLError_InsufficientSize):  # it grew between asking for the size and reading
            return call(handle)
    return None
