"""What a collector must do. Everything else (deadlines, isolation, success series) the runner does for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from burnline.events import Sample

PUSHED = "pushed"  # the name of the collector of what others post


class Collector(Protocol):
    """Reads one source when asked.

    Attributes:
        service: whom the samples belong to; empty for the machine itself.
        name: unique within the service; the label `collector` of its duration and success series.
        target: what it reads, for people: a URL without credentials, a path.
        interval: time between two turns.
        measured: whether its samples are burnline's own measurements, which /metrics passes on under the names in
            burnline/metrics; a page that was scraped has its own.
    """

    @property
    def service(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def interval(self) -> timedelta: ...
    @property
    def measured(self) -> bool: ...

    def collect(self, now: datetime) -> Sequence[Sample]:
        """Read the source once.

        Raises: NoData when there is nothing to read here (quiet), NotAsked when nobody declared that there would be;
        CollectorError when reading failed.
        """
        ...


@runtime_checkable
class Closeable(Protocol):
    """A collector that holds a connection or a library open."""

    def close(self) -> None:
        """Let it go; the collector is not asked again."""
        ...


@runtime_checkable
class Profiled(Protocol):
    """A collector that reads another's page and makes some of burnline's own series of it.

    Attributes:
        made: the names of these, as in burnline/metrics.
        notes: for people, what the last turn could not make although it succeeded.
    """

    @property
    def made(self) -> frozenset[str]: ...
    @property
    def notes(self) -> Sequence[str]: ...
