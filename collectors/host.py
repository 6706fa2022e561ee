"""This machine: CPU, memory, pressure, disks, filesystems, network, from /proc and /sys as the kernel counts them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from burnline.errors import CollectorError, NoData
from burnline.events import Sample
from burnline.metrics import host as names

CPU_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")  # proc(5); guest is part of user
SECTOR_BYTES = 512  # of /proc/diskstats, whatever the disk's own sectors are
VIRTUAL_DISKS = ("loop", "ram", "zram", "fd", "sr")
LOCAL_FILESYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "vfat", "overlay"})

_OCTAL = re.compile(r"\\([0-7]{3})")  # /proc/mounts writes a space as \040


class HostCollector:
    """Reads what is there: a file the kernel does not offer (no pressure stall information, say) is quiet.

    `proc`, `sys` and `root` are where the host's trees are mounted, for running in a container.
    """

    service = ""
    name = "host"
    measured = True

    def __init__(
        self,
        *,
        interval: timedelta,
        proc: Path = Path("/proc"),
        sys: Path = Path("/sys"),
        root: Path = Path("/"),
        statvfs: Callable[[Path], os.statvfs_result] = os.statvfs,
    ) -> None:
        self.interval = interval
        self.target = str(proc)
        self._proc, self._sys, self._root = proc, sys, root
        self._statvfs = statvfs
        self._ticks = os.sysconf("SC_CLK_TCK")

    def collect(self, now: datetime) -> Sequence[Sample]:
        """Counters and gauges named `burnline_host_*` in metrics/host.py.

        Raises: NoData where there is nothing to read; CollectorError naming a file that cannot be understood.
        """
        samples: list[Sample] = []
        for file, read in self._readers().items():
            try:
                samples += read(self._lines(file))
            except (ValueError, LookupError) as error:
                raise CollectorError(f"{self._proc / file} cannot be understood: {error}") from error
        if not samples:
            raise NoData(f"nothing to read under {self._proc}")
        return samples

    def _readers(self) -> dict[str, Callable[[list[str]], Iterable[Sample]]]:
        return {
            "stat": self._cpu,
            "loadavg": _load,
            "meminfo": _memory,
            "vmstat": _oom_kills,
            **{f"pressure/{resource}": partial(_pressure, resource) for resource in ("cpu", "memory", "io")},
            "diskstats": self._disks,
            "net/dev": _network,
            "1/mounts": self._filesystems,  # the host's, also where this process has mounts of its own
        }

    def _lines(self, file: str) -> list[str]:
        """Empty where the kernel has no such file or does not let us read it."""
        try:
            return (self._proc / file).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []

    def _cpu(self, lines: list[str]) -> Iterator[Sample]:
        cpus = [line.split() for line in lines if line.startswith("cpu")]
        for _, *ticks in cpus[:1]:  # the first line is the sum of all CPUs
            yield Sample(names.CPUS, {}, len(cpus) - 1)
            for mode, count in zip(CPU_MODES, ticks, strict=False):
                yield Sample(names.CPU_SECONDS, {"mode": mode}, int(count) / self._ticks)

    def _disks(self, lines: list[str]) -> Iterator[Sample]:
        """Whole disks; fields as in the kernel's Documentation/admin-guide/iostats.rst."""
        for _, _, device, *fields in map(str.split, lines):
            if device.startswith(VIRTUAL_DISKS) or not self._is_whole_disk(device):
                continue
            disk = {"device": device}
            reads, _, read_sectors, _, writes, _, written_sectors, _, _, busy_milliseconds = map(int, fields[:10])
            yield Sample(names.DISK_READS, disk, reads)
            yield Sample(names.DISK_READ, disk, read_sectors * SECTOR_BYTES)
            yield Sample(names.DISK_WRITES, disk, writes)
            yield Sample(names.DISK_WRITTEN, disk, written_sectors * SECTOR_BYTES)
            yield Sample(names.DISK_BUSY, disk, busy_milliseconds / 1000)

    def _is_whole_disk(self, device: str) -> bool:
        blocks = self._sys / "block"
        return not blocks.is_dir() or (blocks / device.replace("/", "!")).exists()

    def _filesystems(self, lines: list[str]) -> Iterator[Sample]:
        """Local ones, each once: a network filesystem can hang for ever, a bind mount is the same disk again."""
        seen: set[str] = set()
        for device, mountpoint, kind, *_ in map(str.split, lines or self._lines("self/mounts")):
            if kind not in LOCAL_FILESYSTEMS or device in seen:
                continue
            path = _OCTAL.sub(lambda escape: chr(int(escape[1], 8)), mountpoint)
            try:
                found = self._statvfs(self._root / path.lstrip("/"))
            except OSError:
                continue
            seen.add(device)
            labels = {"device": device, "mountpoint": path}
            yield Sample(names.FILESYSTEM_SIZE, labels, found.f_blocks * found.f_frsize)
            yield Sample(names.FILESYSTEM_AVAILABLE, labels, found.f_bavail * found.f_frsize)


def _load(lines: list[str]) -> Iterator[Sample]:
    for line in lines[:1]:
        for window, load in zip(("1m", "5m", "15m"), line.split(), strict=False):
            yield Sample(names.LOAD, {"window": window}, float(load))


def _memory(lines: list[str]) -> Iterator[Sample]:
    fields = {
        "MemTotal:": names.MEMORY_SIZE,
        "MemAvailable:": names.MEMORY_AVAILABLE,
        "SwapTotal:": names.SWAP_SIZE,
        "SwapFree:": names.SWAP_FREE,
    }
    for key, kibibytes, *_ in map(str.split, lines):
        if key in fields:
            yield Sample(fields[key], {}, int(kibibytes) * 1024)


def _oom_kills(lines: list[str]) -> Iterator[Sample]:
    for key, count in map(str.split, lines):
        if key == "oom_kill":
            yield Sample(names.OOM_KILLS, {}, int(count))


def _pressure(resource: str, lines: list[str]) -> Iterator[Sample]:
    """`some avg10=0.00 avg60=0.00 avg300=0.00 total=<microseconds>`: Documentation/accounting/psi.rst."""
    for stall, *fields in map(str.split, lines):
        total = dict(field.split("=") for field in fields)["total"]
        yield Sample(names.PRESSURE, {"resource": resource, "stall": stall}, int(total) / 1e6)


def _network(lines: list[str]) -> Iterator[Sample]:
    for line in lines[2:]:  # two lines of headings
        interface, _, counts = line.partition(":")
        if (name := interface.strip()) == "lo":
            continue
        received, _, receive_errors, receive_drops, *_, sent, _, send_errors, send_drops, _, _, _, _ = map(
            int, counts.split()
        )
        on = {"interface": name}
        yield Sample(names.NETWORK_RECEIVED, on, received)
        yield Sample(names.NETWORK_SENT, on, sent)
        yield Sample(names.NETWORK_ERRORS, {**on, "direction": "receive"}, receive_errors)
        yield Sample(names.NETWORK_ERRORS, {**on, "direction": "send"}, send_errors)
        yield Sample(names.NETWORK_DROPS, {**on, "direction": "receive"}, receive_drops)
        yield Sample(names.NETWORK_DROPS, {**on, "direction": "send"}, send_drops)
