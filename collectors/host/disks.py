"""Whole disks: /proc/diskstats."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from burnline.collectors.host.files import Files, count
from burnline.events import Sample
from burnline.metrics import host as names

SECTOR_BYTES = 512  # of /proc/diskstats, whatever the disk's own sectors are
VIRTUAL = ("loop", "ram", "zram", "fd", "sr")


def read_disks(files: Files) -> list[Sample]:
    """Reads, writes and the time they took."""
    whole = frozenset(name.replace("!", "/") for name in files.entries("sys/block"))
    return files.parse("proc/diskstats", partial(_diskstats, whole))


def _diskstats(whole: frozenset[str], lines: list[str]) -> Iterator[Sample]:
    """Fields as in the kernel's Documentation/admin-guide/iostats.rst; without /sys every device counts."""
    for line in filter(None, lines):
        _, _, device, *fields = line.split()
        if device.startswith(VIRTUAL) or (whole and device not in whole):
            continue
        reads, _, read_sectors, read_ms, writes, _, written_sectors, write_ms, now, busy_ms, weighted_ms = map(
            count, fields[:11]
        )
        disk = {"device": device}
        yield Sample(names.DISK_READS, disk, reads)
        yield Sample(names.DISK_READ, disk, read_sectors * SECTOR_BYTES)
        yield Sample(names.DISK_READ_TIME, disk, read_ms / 1000)
        yield Sample(names.DISK_WRITES, disk, writes)
        yield Sample(names.DISK_WRITTEN, disk, written_sectors * SECTOR_BYTES)
        yield Sample(names.DISK_WRITE_TIME, disk, write_ms / 1000)
        yield Sample(names.DISK_INFLIGHT, disk, now)
        yield Sample(names.DISK_BUSY, disk, busy_ms / 1000)
        yield Sample(names.DISK_WAITING, disk, weighted_ms / 1000)
