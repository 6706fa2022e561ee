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
_FIRST = tuple(FIELDS)


def read_vmstat(files: Files) -> list[Sample]:
    """Counters since boot."""
    return files.parse("proc/vmstat", _vmstat)


def _vmstat(lines: list[str]) -> Iterator[Sample]:
    if not any(" " in line for line in lines):
        raise ValueError("no line has a number")
    for line in lines:
        if not line.startswith(_FIRST):  # of two hundred lines a few are wanted
            continue
        key, _, number = line.partition(" ")
        if key in FIELDS:
            yield Sample(FIELDS[key], {}, count(number))
