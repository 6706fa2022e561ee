"""NVIDIA GPUs through NVML (the `pynvml` module of nvidia-ml-py)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from burnline.collectors.gpu.device import Device
from burnline.collectors.gpu.patience import Patience
from burnline.collectors.gpu.session import Session, versions
from burnline.collectors.gpu.throughput import PcieWatch
from burnline.collectors.gpu.xid import XidWatch
from burnline.errors import CollectorError
from burnline.events import Sample
from burnline.metrics import gpu as names

EACH = timedelta(seconds=2)  # a driver answers in milliseconds; the first call may wake a GPU up
TURN = timedelta(seconds=8)  # below the runner's deadline


def silent(samples: Iterable[Sample]) -> tuple[str, ...]:
    """For people: how many GPUs do not answer, and which; nothing where all do."""
    gpus = [sample for sample in samples if sample.name == names.UP]
    lost = [sample.labels for sample in gpus if not sample.value]
    if not lost:
        return ()
    verb = "does" if len(gpus) == 1 else "do"
    which = ", ".join(f"{each['gpu']} {each['uuid']}".strip() for each in lost)
    return (f"{len(lost)} of {len(gpus)} GPU{'s' * (len(gpus) != 1)} {verb} not answer ({which}): drain the host",)


class GpuCollector:
    """One set of samples per GPU, labelled gpu, uuid and model.

    A GPU the driver cannot talk to, or whose driver call hangs, gives `burnline_gpu_up` 0 and nothing else but the XIDs
    it reported; the others go on.
    """

    service = ""
    name = "gpu"
    target = "nvml"
    measured = True
    made: frozenset[str] = frozenset()

    def __init__(
        self,
        *,
        interval: timedelta,
        proc: Path = Path("/proc"),
        each: timedelta = EACH,
        turn: timedelta = TURN,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.interval = interval
        self.notes: tuple[str, ...] = ()
        self._proc = proc
        self._session = Session()
        self._devices: dict[int, Device] = {}
        self._xids = XidWatch(clock)
        self._pcie = PcieWatch(interval)
        self._patience = Patience(each=each, turn=turn)
        self._driver: dict[str, str] = {}
        self._seen: dict[str, dict[str, str]] = {}  # uuid -> labels, since the driver was opened

    def collect(self, now: datetime) -> Sequence[Sample]:
        """Read every GPU, under the names `burnline_gpu_*` of metrics/gpu.py.

        Raises: NoData without driver or GPU; CollectorError when the driver as a whole fails.
        """
        self.notes = ()
        indices = range(self._count())
        for index in indices:
            self._devices.setdefault(index, Device(index, self._proc, self._pcie))
        found = self._patience.read_all(indices, lambda index: self._devices[index].read(now))
        per_gpu = [found.get(index) or self._devices[index].down() for index in indices]
        well = [self._devices[index] for index in indices if self._devices[index].handle is not None]
        self._xids.follow((device.handle, device.labels) for device in well)
        self._pcie.follow((device.labels["uuid"], device.handle) for device in well if not device.has_gpm)
        about = Sample(names.DRIVER_INFO, self._driver, 1)
        samples = [*(sample for samples in per_gpu for sample in samples), *self._gone(indices)]
        self.notes = silent(samples)
        return [about, *samples, *self._xids.samples()]

    def close(self) -> None:
        """Let the driver's library go; while a call hangs in it, it stays."""
        threads = self._xids.close(), self._pcie.close()
        is_free = all(threads) and not self._patience.is_held
        if is_free and self._session.is_open:
            for device in self._devices.values():
                device.close()
            self._session.close()
        self._devices, self._seen = {}, {}

    def _gone(self, indices: Iterable[int]) -> list[Sample]:
        """GPUs that were there and are no longer counted are down: the driver may close the gap they leave."""
        there = {self._devices[index].labels["uuid"]: self._devices[index].labels for index in indices}
        self._seen |= there
        return [Sample(names.UP, labels, 0) for uuid, labels in self._seen.items() if uuid and uuid not in there]

    def _count(self) -> int:
        """How many GPUs there are; a driver that was loaded anew needs a new start."""
        try:
            was_open = self._session.is_open
            count = self._session.count()
        except CollectorError:
            self.close()
            raise
        if not was_open:
            self._driver = versions()
        return count
