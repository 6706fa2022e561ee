"""Memory and swap: /proc/meminfo."""

from __future__ import annotations

from collections.abc import Iterator

from burnline.collectors.host.files import Files, count
from burnline.events import Sample
from burnline.metrics import host as names

FIELDS: dict[str, tuple[str, dict[str, str]]] = {
    "MemTotal": (names.MEMORY_SIZE, {}),
    "MemAvailable": (names.MEMORY_AVAILABLE, {}),
    "SwapTotal": (names.SWAP_SIZE, {}),
    "SwapFree": (names.SWAP_FREE, {}),
    **{
        field: (names.MEMORY, {"kind": kind})
        for field, kind in {
            "MemFree": "free",
            "Buffers": "buffers",
            "Cached": "cached",
            "Shmem": "shared",
            "AnonPages": "anonymous",
            "Slab": "slab",
            "Mlocked": "locked",
            "Dirty": "dirty",
            "Writeback": "writeback",
            "Committed_AS": "committed",
            "Hugetlb": "huge",
        }.items()
    },
}


def read_memory(files: Files) -> list[Sample]:
    """Memory in bytes."""
    return files.parse("proc/meminfo", _meminfo)


def _meminfo(lines: list[str]) -> Iterator[Sample]:
    for line in filter(None, lines):
        key, colon, rest = line.partition(":")
        if not colon:
            raise ValueError(f"{line[:40]!r} has no value")
        if key in FIELDS:
            name, labels = FIELDS[key]
            yield Sample(name, labels, kibibytes(rest))


def kibibytes(text: str) -> int:
    """`  24684084 kB` in bytes.

    Raises: ValueError for anything else.
    """
    number, unit = text.split()
    if unit != "kB":
        raise ValueError(f"{unit[:40]!r} is not kB")
    return count(number) * 1024
