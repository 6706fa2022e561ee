"""Memory by NUMA node: /sys/devices/system/node."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from burnline.collectors.host.files import Files, count
from burnline.collectors.host.memory import kibibytes
from burnline.events import Sample
from burnline.metrics import host as names

ROOT = "sys/devices/system/node"
FIELDS = {"MemTotal": names.NUMA_SIZE, "MemFree": names.NUMA_FREE}
COUNTED = {"numa_hit": names.NUMA_HITS, "numa_miss": names.NUMA_MISSES}
_NODE = re.compile(r"node(\d+)")


def read_numa(files: Files) -> list[Sample]:
    """Size, free memory and misses of each node."""
    samples: list[Sample] = []
    for match in filter(None, map(_NODE.fullmatch, files.entries(ROOT))):
        samples += files.parse(f"{ROOT}/{match[0]}/meminfo", partial(_meminfo, match[1]))
        samples += files.parse(f"{ROOT}/{match[0]}/numastat", partial(_numastat, match[1]))
    return samples


def _meminfo(node: str, lines: list[str]) -> Iterator[Sample]:
    """`Node 0 MemTotal:       24684084 kB`."""
    for line in filter(None, lines):
        key, colon, rest = line.partition(":")
        if not colon:
            raise ValueError(f"{line[:40]!r} has no value")
        if name := FIELDS.get(key.rpartition(" ")[2]):
            yield Sample(name, {"node": node}, kibibytes(rest))


def _numastat(node: str, lines: list[str]) -> Iterator[Sample]:
    for line in filter(None, lines):
        key, space, number = line.partition(" ")
        if not space:
            raise ValueError(f"{line[:40]!r} has no number")
        if name := COUNTED.get(key):
            yield Sample(name, {"node": node}, count(number))
