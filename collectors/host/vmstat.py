"""Swapping, page faults and processes killed for want of memory: /proc/vmstat."""

from __future__ import annotations

from collections.abc import Iterator

from burnline.collectors.host.files import Files, count
from burnline.events import Sample
from burnline.metrics import host as names

FIELDS = {
    "pswpin": names.SWAPPED_IN,
    "pswpout": names.SWAPPED_OUT,
    "pgfault": names.PAGE_FAULTS,
    "pgmajfault": names.MAJOR_FAULTS,
    "oom_kill": names.OOM_KILLS,
}


def read_vmstat(files: Files) -> list[Sample]:
    """Counters since boot."""
    return files.parse("proc/vmstat", _vmstat)


def _vmstat(lines: list[str]) -> Iterator[Sample]:
    for line in filter(None, lines):
        key, space, number = line.partition(" ")
        if not space:
            raise ValueError(f"{line[:40]!r} has no number")
        if key in FIELDS:
            yield Sample(FIELDS[key], {}, count(number))
