"""Exemplars: of what a series counted, one observation with the trace it was in. Kept in this process's memory alone.

OpenMetrics lets a counter's `_total` and a histogram's `_bucket` have one each, and its labels 128 characters: the two
ids have 63. Prometheus refuses one that is older than the last of its series, so a younger one is never replaced.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from burnline.exposition.numbers import number_texts

MOST = 1_000  # of one service; the one that was replaced longest ago goes
Series = tuple[str, frozenset[tuple[str, str]]]  # a sample's name, and its labels without the service


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One observation: its trace and span in hexadecimal digits, its value, and when it was (seconds since 1970)."""

    trace_id: str
    span_id: str
    value: float
    at: float

    @property
    def text(self) -> str:
        """As it stands behind a sample's value in OpenMetrics."""
        (value,) = number_texts([self.value])
        span = f'span_id="{self.span_id}",' if self.span_id else ""
        return f' # {{{span}trace_id="{self.trace_id}"}} {value} {round(self.at, 3)}'


class Exemplars:
    """The newest exemplar of each series, by service. May be used by several threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: dict[str, dict[Series, Exemplar]] = {}

    def note(self, service: str, found: Iterable[tuple[Series, Exemplar]], now: datetime) -> None:
        """Keep each, unless the series has a younger one; nobody's clock is ahead of `now`."""
        until = now.timestamp()
        with self._lock:
            mine = self._kept.setdefault(service, {})
            for series, exemplar in found:
                before, at = mine.get(series), min(exemplar.at, until)
                if before is None or before.at <= at:
                    mine.pop(series, None)  # so that the order is that of their coming
                    mine[series] = exemplar if at == exemplar.at else replace(exemplar, at=at)
            while len(mine) > self._most:
                del mine[next(iter(mine))]

    def by_service(self) -> Mapping[str, Mapping[Series, Exemplar]]:
        """All of them, as they are now."""
        with self._lock:
            return {service: dict(mine) for service, mine in self._kept.items() if mine}


def series_of(name: str, labels: Mapping[str, str]) -> Series:
    """The key of a series."""
    return name, frozenset(labels.items())
