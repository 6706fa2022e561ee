"""Pressure stall information: /proc/pressure, and of a cgroup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from burnline.collectors.host.files import Files, count
from burnline.events import Sample
from burnline.metrics import host as names

RESOURCES = ("cpu", "memory", "io", "irq")


def read_pressure(files: Files) -> list[Sample]:
    """Seconds in which some or all tasks waited, by resource."""
    return [
        sample
        for resource in RESOURCES
        for sample in files.parse(f"proc/pressure/{resource}", partial(stalls, names.PRESSURE, {"resource": resource}))
    ]


def stalls(name: str, labels: Mapping[str, str], lines: list[str]) -> Iterator[Sample]:
    """`some avg10=0.00 avg60=0.00 avg300=0.00 total=<microseconds>`: Documentation/accounting/psi.rst."""
    for line in filter(None, lines):
        stall, _, rest = line.partition(" ")
        if stall not in ("some", "full"):
            raise ValueError(f"{line[:40]!r} is neither some nor full")
        _, total, microseconds = rest.rpartition("total=")
        if not total:
            raise ValueError(f"{line[:40]!r} has no total")
        yield Sample(name, {**labels, "stall": stall}, count(microseconds) / 1e6)
