"""Who uses a GPU's memory: process ids from the driver, names from /proc."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from ctypes import Structure, byref, c_uint
from itertools import chain
from pathlib import Path
from typing import Any

import pynvml

from burnline.collectors.gpu.session import ABSENT, Reading
from burnline.metrics import gpu as names

MOST = 20  # series per GPU; a host may run thousands of processes
OTHERS = "__other__"
NO_INSTANCE = 0xFFFFFFFF
NOT_TOLD = 0xFFFFFFFFFFFFFFFF  # NVML_VALUE_NOT_AVAILABLE
Process = tuple[int, int]  # its number, and the MIG instance it is in or NO_INSTANCE

ROOM = 64  # processes asked for at first; pynvml's own wrappers ask for their number before, which is a second call

_LISTS = (
    ("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"),
    ("nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v2"),
)


class _Entry(Structure):
    """As pynvml has it, the same in both versions, without its attributes in Python: they take longer than the call."""

    _fields_ = pynvml.c_nvmlProcessInfo_v2_t._fields_


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
    """Bytes, None where they are not told; None when the GPU lists no processes at all.

    Raises: pynvml.NVMLError when the GPU is in trouble.
    """
    lists = [entries for functions in _LISTS if (entries := _first(functions, handle)) is not None]
    if not lists:
        return None
    found: dict[Process, float | None] = {}
    for each in chain.from_iterable(lists):
        key = each.pid, each.gpuInstanceId
        used = each.usedGpuMemory if each.usedGpuMemory != NOT_TOLD else None
        found[key] = used if found.get(key) is None else max(found[key] or 0, used or 0)
    return found


def _first(functions: tuple[str, ...], handle: Any) -> list[_Entry] | None:
    """What the first of these that the driver has and the GPU offers lists."""
    for function in functions:
        if (call := getattr(pynvml.nvmlLib, function, None)) is None:
            continue
        code, entries = _ask(call, handle, ROOM)
        if code == pynvml.NVML_ERROR_INSUFFICIENT_SIZE:
            code, entries = _ask(call, handle, len(entries) * 2)  # more may start meanwhile
        if code == pynvml.NVML_SUCCESS:
            return entries
        if code != pynvml.NVML_ERROR_INSUFFICIENT_SIZE and not isinstance(error := pynvml.NVMLError(code), ABSENT):
            raise error
    return None


def _ask(call: Callable[..., int], handle: Any, room: int) -> tuple[int, list[_Entry]]:
    """The return code, and as many entries as the driver counts; empty ones when there is no room for them."""
    count, found = c_uint(room), (_Entry * room)()
    code = call(handle, byref(count), found)
    return code, found[: count.value] if count.value <= room else [_Entry()] * count.value
