"""A queue as a collector: whatever stands behind it, one look gives the same series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from burnline.collectors.queues.depth import Depth, samples
from burnline.collectors.queues.keys import Keys
from burnline.errors import CollectorError
from burnline.events import Sample
from burnline.spec.queue import Watched

LONGEST_REASON = 300  # an error may quote what a server said


class Backend(Protocol):
    """One kind of queue; it keeps its connection between looks and makes a new one when it broke."""

    def look(self, keys: Keys, now: datetime) -> Iterable[Depth]:
        """What is in the queue.

        Raises: CollectorError when it cannot be read or is not there. Whatever else a client library raises is a
        failed look too.
        """
        ...

    def close(self) -> None:
        """Let the connection go; also after a failed look."""
        ...


class QueueCollector:
    """Watches one queue of one service."""

    measured = True

    def __init__(self, service: str, spec: Watched, backend: Backend, *, place: str) -> None:
        self.service = service
        self.name = spec.title.replace(" ", "/", 1)
        self.target = f"{spec.title} at {place}"
        self.interval = spec.interval
        self._backend = backend
        group = {"group": spec.consumers} if spec.consumers else {}
        self._labels = {"queue": spec.queue, "backend": spec.kind, **group}

    def collect(self, now: datetime) -> Sequence[Sample]:
        """The series named in metrics/queues.py.

        Raises: CollectorError with the queue and the reason, free of secrets.
        """
        keys = Keys()
        try:
            return [sample for depth in self._backend.look(keys, now) for sample in samples(depth, self._labels, now)]
        except Exception as error:  # client libraries raise anything, and quote passwords in it
            self._backend.close()
            reason = str(error) if isinstance(error, CollectorError) else f"{type(error).__name__}: {error}"
            raise CollectorError(f"{self.target}: {keys.scrub(reason)[:LONGEST_REASON]}") from error

    def close(self) -> None:
        """Drop the connection."""
        self._backend.close()
