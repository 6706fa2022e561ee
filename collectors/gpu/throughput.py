"""What goes over PCI Express, of GPUs without performance monitoring (before Hopper).

The driver takes 20 ms for each direction, so a thread of its own asks and a read takes the newest answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any

import pynvml

from burnline.collectors.gpu.session import Reading, offered
from burnline.metrics import gpu as names

KB = 1000.0  # NVML says KB/s
WAYS = (
    (names.PCIE_SENT, pynvml.NVML_PCIE_UTIL_TX_BYTES),
    (names.PCIE_RECEIVED, pynvml.NVML_PCIE_UTIL_RX_BYTES),
)
TURNS = 2  # an answer is served for so many intervals, then it is old


def read_pcie(handle: Any) -> Iterator[Reading]:
    """Bytes per second over the last 20 ms of each direction.

    Raises: pynvml.NVMLError when the GPU is in trouble.
    """
    for name, way in WAYS:
        found = offered(pynvml.nvmlDeviceGetPcieThroughput, handle, way)
        if found is not None:
            yield name, {}, found * KB


class PcieWatch:
    """Asks GPUs in turn, once an interval, and keeps the newest answer of each."""

    def __init__(self, interval: timedelta) -> None:
        self.seconds = interval.total_seconds()
        self._lock = Lock()
        self._handles: dict[str, Any] = {}
        self._found: dict[str, tuple[float, tuple[Reading, ...]]] = {}
        self._asker: _Asker | None = None
        self._left: list[_Asker] = []  # given up while they hang in the driver

    def follow(self, handles: Iterable[tuple[str, Any]]) -> None:
        """Ask these GPUs (uuid, handle) and no others from now on; the first answers come after this read."""
        with self._lock:
            self._handles = dict(handles)
            self._found = {uuid: found for uuid, found in self._found.items() if uuid in self._handles}
            if self._asker is not None and self._asker.busy_with not in {"", *self._handles}:  # in a GPU that hangs
                self._asker.stop()
                self._left.append(self._asker)
                self._asker = None
            if self._handles and self._asker is None:
                self._asker = _Asker(self)

    def readings(self, uuid: str) -> tuple[Reading, ...]:
        """The newest answer; none while there is none, or when it is old: a call hangs, a GPU is lost."""
        with self._lock:
            at, found = self._found.get(uuid, (0.0, ()))
        return found if monotonic() - at <= TURNS * self.seconds else ()

    def close(self, patience: float = 3.0) -> bool:
        """Ask no more. False when the thread hangs in the driver."""
        with self._lock:
            askers = [*self._left, *([self._asker] if self._asker else [])]
            self._asker, self._left, self._handles, self._found = None, [], {}, {}
        for asker in askers:
            asker.stop()
        return all(asker.end(patience) for asker in askers)

    def handles(self) -> Mapping[str, Any]:
        """Those to ask now."""
        with self._lock:
            return dict(self._handles)

    def answered(self, uuid: str, found: tuple[Reading, ...]) -> None:
        """Keep what a GPU answered."""
        with self._lock:
            if uuid in self._handles:
                self._found[uuid] = monotonic(), found


class _Asker(Thread):
    """The thread that waits for the driver."""

    def __init__(self, watch: PcieWatch) -> None:
        super().__init__(name="gpu-pcie", daemon=True)
        self._watch = watch
        self._ending = Event()
        self.busy_with = ""  # the GPU that is being asked
        self.start()

    def stop(self) -> None:
        """Do no more than what was begun."""
        self._ending.set()

    def end(self, patience: float) -> bool:
        """Whether it ended in time."""
        self.stop()
        self.join(patience)
        return not self.is_alive()

    def run(self) -> None:
        while not self._ending.is_set():
            for uuid, handle in self._watch.handles().items():
                if not self._ending.is_set():
                    self.busy_with = uuid
                    self._ask(uuid, handle)
                    self.busy_with = ""
            self._ending.wait(self._watch.seconds)

    def _ask(self, uuid: str, handle: Any) -> None:
        try:
            self._watch.answered(uuid, tuple(read_pcie(handle)))
        except pynvml.NVMLError:  # the read itself says what is wrong with the GPU
            self._watch.answered(uuid, ())
