"""What the parts of a GPU are doing (GPU performance monitoring: Hopper and newer), between two reads.

The driver's counters are sampled at every read and compared with the sample of the read before: nothing waits here, and
the numbers are averages over the whole time between two reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from ctypes import Structure, c_uint
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pynvml

from burnline.collectors.gpu.session import ABSENT, Reading, offered
from burnline.metrics import gpu as names

CLOSEST = timedelta(milliseconds=100)  # samples closer to each other say nothing (NVML's documentation)
PERCENT = 0.01
MIB = float(1 << 20)

# NVML_GPM_METRIC_* -> name, what its unit is in base units
METRICS: dict[int, tuple[str, float]] = {
    1: (names.GRAPHICS_ACTIVE, PERCENT),
    2: (names.SM_ACTIVE, PERCENT),
    3: (names.SM_OCCUPANCY, PERCENT),
    5: (names.TENSOR_ACTIVE, PERCENT),
    10: (names.DRAM_ACTIVE, PERCENT),
    11: (names.FP64_ACTIVE, PERCENT),
    12: (names.FP32_ACTIVE, PERCENT),
    13: (names.FP16_ACTIVE, PERCENT),
    20: (names.PCIE_SENT, MIB),
    21: (names.PCIE_RECEIVED, MIB),
    60: (names.NVLINK_RECEIVED_RATE, MIB),
    61: (names.NVLINK_SENT_RATE, MIB),
}


class _Metric(Structure):
    """These two are as pynvml has them, without its attributes in Python: they take longer than the driver does."""

    _fields_ = pynvml.c_nvmlGpmMetric_t._fields_


class _Request(Structure):
    _fields_ = (
        ("version", c_uint),
        ("numMetrics", c_uint),
        ("sample1", pynvml.c_nvmlGpmSample_t),
        ("sample2", pynvml.c_nvmlGpmSample_t),
        ("metrics", _Metric * pynvml.NVML_GPM_METRIC_MAX),
    )


def _request() -> _Request:
    request = _Request(version=pynvml.NVML_GPM_METRICS_GET_VERSION, numMetrics=len(METRICS))
    for place, metric in enumerate(METRICS):
        request.metrics[place].metricId = metric
    return request


def supported(handle: Any) -> bool:
    """Whether the GPU counts what its parts do."""
    support = offered(pynvml.nvmlGpmQueryDeviceSupport, handle)
    return support is not None and bool(support.isSupportedDevice)


@dataclass
class _Taken:
    """A sample in the driver's memory, and when it was filled."""

    sample: Any
    at: datetime | None = None


class Activity:
    """Differences the samples of one GPU, or of one MIG instance of it."""

    def __init__(self, instance: int | None = None) -> None:
        self._instance = instance
        self._labels = {} if instance is None else {"gpu_instance": str(instance)}
        self._before: _Taken | None = None
        self._spare: _Taken | None = None
        self._request: Any = None  # 19 kB, made once

    def read(self, handle: Any, now: datetime) -> Iterator[Reading]:
        """Averages since the read before; nothing at the first one.

        Raises: pynvml.NVMLError, of session.ABSENT where there is nothing to be had.
        """
        before = self._before
        if before is not None and before.at is not None and timedelta(0) <= now - before.at < CLOSEST:
            return
        taken = self._spare or _Taken(pynvml.nvmlGpmSampleAlloc())
        self._spare = taken  # whatever happens below, it is not lost
        self._take(handle, taken.sample)
        taken.at = now
        self._before, self._spare = taken, before
        if before is not None:
            yield from self._between(before.sample, taken.sample)

    def close(self) -> None:
        """Give the samples back to the driver."""
        for taken in (self._before, self._spare):
            if taken is not None:
                with suppress(pynvml.NVMLError):
                    pynvml.nvmlGpmSampleFree(taken.sample)
        self._before = self._spare = None

    def _take(self, handle: Any, sample: Any) -> None:
        if self._instance is None:
            pynvml.nvmlGpmSampleGet(handle, sample)
        else:
            pynvml.nvmlGpmMigSampleGet(handle, self._instance, sample)

    def _between(self, first: Any, second: Any) -> Iterator[Reading]:
        request = self._request = self._request or _request()
        request.sample1, request.sample2 = first, second
        pynvml.nvmlGpmMetricsGet(request)
        for (name, scale), answer in zip(METRICS.values(), request.metrics, strict=False):
            value = answer.value
            if answer.nvmlReturn == pynvml.NVML_SUCCESS and math.isfinite(value):
                yield name, self._labels, value * scale


class Activities:
    """The activity of a GPU as a whole, or of each of its MIG instances."""

    def __init__(self) -> None:
        self._whole = Activity()
        self._parts: dict[int, Activity] = {}

    def read(self, handle: Any, instances: set[int], now: datetime) -> Iterator[Reading]:
        """Of the `instances`, if there are any; else of the GPU."""
        for gone in self._parts.keys() - instances:
            self._parts.pop(gone).close()
        for instance in instances - self._parts.keys():
            self._parts[instance] = Activity(instance)
        for activity in [self._parts[each] for each in sorted(instances)] or [self._whole]:
            with suppress(*ABSENT):
                yield from activity.read(handle, now)

    def close(self) -> None:
        """Give every sample back to the driver."""
        for activity in (self._whole, *self._parts.values()):
            activity.close()
        self._parts = {}
