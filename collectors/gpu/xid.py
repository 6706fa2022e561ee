"""XIDs, the errors the driver reports by event: counted on a thread of their own, as they come."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any

import pynvml

from burnline.events import Sample
from burnline.metrics import gpu as names

log = logging.getLogger(__name__)

# Those that ask for action, in NVIDIA's catalogue. They are served as 0 while burnline listens: so `increase()` sees
# the first one, and a GPU that nobody listens to has no series at all.
GRAVE = (31, 43, 45, 48, 61, 62, 63, 64, 74, 79, 92, 94, 95, 119, 120, 140, 143)
MOST_CODES = 64  # per GPU
OTHERS = "__other__"
WAIT_MILLISECONDS = 200
PAUSE_SECONDS = 1.0  # after an error of the driver


@dataclass
class _Log:
    """What one GPU reported."""

    labels: dict[str, str]
    counts: dict[str, int] = field(default_factory=lambda: {str(code): 0 for code in GRAVE})
    last: dict[str, float] = field(default_factory=dict)
    samples: tuple[Sample, ...] | None = None  # made once, until something changes

    def note(self, code: int, at: float) -> None:
        xid = str(code)
        if xid not in self.counts and len(self.counts) >= MOST_CODES:
            xid = OTHERS
        self.counts[xid] = self.counts.get(xid, 0) + 1
        self.last[xid] = at
        self.samples = None


class XidWatch:
    """Listens for XIDs of the GPUs it is told of, and serves how many came.

    A GPU that is lost goes on being served: its XIDs say why. Nothing here waits for the driver but the thread.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._logs: dict[str, _Log] = {}  # by uuid
        self._up: dict[str, tuple[Any, dict[str, str]]] = {}
        self._generation = 0  # another one: register anew
        self._listener: _Listener | None = None
        self._left: list[_Listener] = []  # given up while they hang in the driver

    def follow(self, devices: Iterable[tuple[Any, dict[str, str]]]) -> None:
        """Listen to these GPUs (handle, labels), which are up; to one that is lost, until another comes or is back."""
        up = {labels["uuid"]: (handle, labels) for handle, labels in devices}
        with self._lock:
            if up.keys() - self._up:  # new, or back: its registration was lost with it
                self._generation += 1
            self._up = up
            if self._listener is not None and self._listener.busy_with not in {"", *up}:  # it hangs in a GPU that hangs
                self._listener.stop()
                self._left.append(self._listener)
                self._listener = None
            if up and self._listener is None:
                self._listener = _Listener(self)

    def samples(self) -> list[Sample]:
        """Counters and times of everything that was heard, of GPUs that could be listened to."""
        with self._lock:
            return [sample for each in self._logs.values() for sample in _samples(each)]

    def close(self, patience: float = 3.0) -> bool:
        """Stop listening. False when the thread hangs in the driver."""
        with self._lock:
            listeners = [*self._left, *([self._listener] if self._listener else [])]
            self._listener, self._left, self._up = None, [], {}
        for listener in listeners:
            listener.stop()
        return all(listener.end(patience) for listener in listeners)

    def wanted(self) -> tuple[int, dict[str, tuple[Any, dict[str, str]]]]:
        """The GPUs to listen to, by uuid, and a number that changes when they are to be registered anew."""
        with self._lock:
            return self._generation, self._up

    def heard(self, uuid: str, labels: dict[str, str], code: int | None = None) -> None:
        """Note that a GPU is listened to, or what it reported."""
        with self._lock:
            each = self._logs.setdefault(uuid, _Log(labels))
            each.labels, each.samples = labels, None
            if code is not None:
                each.note(code, self._clock())
                log.warning("xid", extra={**labels, "xid": code})


class _Listener(Thread):
    """Waits for events until it is told to end. An error of the driver is followed by a new registration."""

    def __init__(self, watch: XidWatch) -> None:
        super().__init__(name="xid", daemon=True)
        self._watch = watch
        self._ending = Event()
        self.busy_with = ""  # the GPU whose registration the driver is asked for
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
            try:
                with _event_set() as events:
                    self._listen(events)
            except (pynvml.NVMLError_NotSupported, pynvml.NVMLError_FunctionNotFound, pynvml.NVMLError_NoPermission):
                return  # nothing can be heard here, and nobody tries again
            except pynvml.NVMLError:  # a GPU fell off the bus, the driver was reset
                self._ending.wait(PAUSE_SECONDS)

    def _listen(self, events: Any) -> None:
        generation, wanted = self._watch.wanted()
        by_handle = {}
        for uuid, (handle, labels) in wanted.items():
            self.busy_with = uuid
            is_heard, self.busy_with = _register(handle, events), ""
            if self._ending.is_set():
                return
            if is_heard:
                by_handle[_address(handle)] = uuid, labels
                self._watch.heard(uuid, labels)
        while not self._ending.is_set() and self._watch.wanted()[0] == generation:
            if not by_handle:
                self._ending.wait(PAUSE_SECONDS)
                continue
            with suppress(pynvml.NVMLError_Timeout):
                event = pynvml.nvmlEventSetWait_v2(events, WAIT_MILLISECONDS)
                if event.eventType & pynvml.nvmlEventTypeXidCriticalError and _address(event.device) in by_handle:
                    self._watch.heard(*by_handle[_address(event.device)], code=int(event.eventData))


def _samples(each: _Log) -> tuple[Sample, ...]:
    if each.samples is None:
        told = ((names.XID_ERRORS, each.counts), (names.XID_LAST, each.last))
        each.samples = tuple(
            Sample(name, {**each.labels, "xid": xid}, value) for name, values in told for xid, value in values.items()
        )
    return each.samples


@contextmanager
def _event_set() -> Iterator[Any]:
    events = pynvml.nvmlEventSetCreate()
    try:
        yield events
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlEventSetFree(events)


def _register(handle: Any, events: Any) -> bool:
    """Whether the GPU will be heard."""
    try:
        kinds = pynvml.nvmlDeviceGetSupportedEventTypes(handle)
        if not kinds & pynvml.nvmlEventTypeXidCriticalError:
            return False
        pynvml.nvmlDeviceRegisterEvents(handle, pynvml.nvmlEventTypeXidCriticalError, events)
    except pynvml.NVMLError:  # not supported, not allowed, or the GPU is lost
        return False
    return True


def _address(handle: Any) -> int:
    """Which GPU a handle is of: handles are pointers, and a lost GPU answers no questions."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0
