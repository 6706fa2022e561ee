"""Reads GPUs one after the other, without waiting for ever for one whose driver call hangs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import timedelta
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

from burnline.events import Sample

Read = Callable[[int], list[Sample]]
Answer = list[Sample] | Exception


class Patience:
    """Reads on one thread; when a GPU holds it too long that thread is given up and another one reads the rest.

    A driver call cannot be stopped. A GPU is not asked again while a thread hangs in it, so it costs one thread and
    one wait, once.
    """

    def __init__(self, *, each: timedelta, turn: timedelta) -> None:
        self._each = each.total_seconds()
        self._turn = turn.total_seconds()
        self._hanging: dict[int, Thread] = {}

    def read_all(self, indices: Iterable[int], read: Read) -> dict[int, list[Sample]]:
        """The samples of every GPU that answered in time."""
        self._hanging = {index: thread for index, thread in self._hanging.items() if thread.is_alive()}
        waiting = deque(index for index in indices if index not in self._hanging)
        ends = monotonic() + self._turn
        found: dict[int, list[Sample]] = {}
        while waiting and monotonic() < ends:
            worker = _Worker(read, tuple(waiting))
            while waiting:
                answer = worker.next(min(self._each, max(0.0, ends - monotonic())))
                if answer is None:
                    self._hanging[waiting.popleft()] = worker
                    break
                found[waiting.popleft()] = answer
        return found

    @property
    def is_held(self) -> bool:
        """Whether a thread still hangs in the driver, so that it must not be closed under it."""
        return any(thread.is_alive() for thread in self._hanging.values())


class _Worker(Thread):
    """Reads the GPUs given, in order, until it is given up."""

    def __init__(self, read: Read, indices: tuple[int, ...]) -> None:
        super().__init__(name="read-gpus", daemon=True)
        self._do = read
        self._indices = indices
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        self._given_up = False
        self.start()

    def run(self) -> None:
        for index in self._indices:
            if self._given_up:
                return
            try:
                self._answers.put(self._do(index))
            except Exception as error:  # noqa: BLE001 - a bug: raised where the turn is waited for
                self._answers.put(error)

    def next(self, seconds: float) -> list[Sample] | None:
        """The next GPU's samples; None when they do not come in time, and then nothing more is read."""
        try:
            answer = self._answers.get(timeout=seconds)
        except Empty:
            self._given_up = True
            return None
        if isinstance(answer, Exception):
            self._given_up = True
            raise answer
        return answer
