"""The instances of a GPU that is divided (multi-instance GPU, MIG)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pynvml

from burnline.collectors.gpu.session import ABSENT, Reading, offered
from burnline.metrics import gpu as names

_PROFILE = re.compile(r"\bMIG (?:\d+c\.)?(\S+)")  # "NVIDIA H100 80GB HBM3 MIG 1c.3g.40gb"


@dataclass(frozen=True, slots=True)
class Instance:
    """One compute instance; those of one GPU instance share its memory."""

    handle: Any
    gpu_instance: int
    compute_instance: int
    profile: str
    uuid: str


def instances(handle: Any) -> list[Instance]:
    """The instances of a GPU; none where it is not divided."""
    mode = offered(pynvml.nvmlDeviceGetMigMode, handle)
    if not mode or not mode[0]:
        return []
    found = []
    for index in range(offered(pynvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
        part = offered(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index)
        if part is not None:
            found.append(_instance(part))
    return found


def is_divided(handle: Any) -> bool:
    """Whether MIG is on, with instances or without."""
    mode = offered(pynvml.nvmlDeviceGetMigMode, handle)
    return bool(mode and mode[0])


def read_instances(found: Sequence[Instance]) -> Iterator[Reading]:
    """What each is, and the memory of each GPU instance once."""
    for each in found:
        labels = {"gpu_instance": str(each.gpu_instance), "profile": each.profile}
        more = {"compute_instance": str(each.compute_instance), "mig_uuid": each.uuid}
        yield names.MIG_INFO, {**labels, **more}, 1
    for each in {each.gpu_instance: each for each in found}.values():
        labels = {"gpu_instance": str(each.gpu_instance), "profile": each.profile}
        memory = _memory(each.handle)
        if memory is not None:
            yield names.MIG_MEMORY_SIZE, labels, memory.total
            yield names.MIG_MEMORY_USED, labels, memory.used


def _instance(part: Any) -> Instance:
    named = _PROFILE.search(offered(pynvml.nvmlDeviceGetName, part) or "")
    return Instance(
        part,
        pynvml.nvmlDeviceGetGpuInstanceId(part),
        pynvml.nvmlDeviceGetComputeInstanceId(part),
        named[1] if named else "",
        offered(pynvml.nvmlDeviceGetUUID, part) or "",
    )


def _memory(handle: Any) -> Any:
    try:
        return pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
    except ABSENT:
        return offered(pynvml.nvmlDeviceGetMemoryInfo, handle)
