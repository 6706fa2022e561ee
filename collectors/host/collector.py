"""Everything of this machine in one turn."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from burnline.collectors.host.cgroup import read_named, read_own
from burnline.collectors.host.cpu import read_cpu
from burnline.collectors.host.disks import read_disks
from burnline.collectors.host.drivers import Guarded
from burnline.collectors.host.files import Files
from burnline.collectors.host.filesystems import Filesystems
from burnline.collectors.host.infiniband import ROOT as INFINIBAND
from burnline.collectors.host.infiniband import read_infiniband
from burnline.collectors.host.memory import read_memory
from burnline.collectors.host.network import read_links, read_network
from burnline.collectors.host.numa import read_numa
from burnline.collectors.host.nvme import read_nvme
from burnline.collectors.host.pressure import read_pressure
from burnline.collectors.host.rival import Rival
from burnline.collectors.host.sockets import read_sockets
from burnline.collectors.host.statvfs import PATIENCE_SECONDS, Statvfs
from burnline.collectors.host.vmstat import read_vmstat
from burnline.errors import CollectorError, NoData
from burnline.events import Sample
from burnline.metrics import host as names

log = logging.getLogger(__name__)

MOST_UNREADABLE = 50  # series of files that cannot be read; a broken tree must not fill memory
PROC, SYS, ROOT = Path("/proc"), Path("/sys"), Path("/")


class HostCollector:
    """Reads what is there: what the kernel does not offer (no pressure stall information, say) is quiet.

    `proc`, `sys` and `root` are where the host's trees are mounted, for running in a container; `own_proc` and
    `own_sys` are this process's, which say in which cgroup it is. `cgroups` are others to watch, by their path.
    While `rival` knows a node_exporter that tells this machine, there is nothing to read.

    Attributes:
        notes: which files gave nothing in the last turn, and why; or who tells this machine instead.
    """

    service = ""
    name = "host"
    measured = True
    made: frozenset[str] = frozenset()

    def __init__(
        self,
        *,
        interval: timedelta,
        proc: Path = PROC,
        sys: Path = SYS,
        root: Path = ROOT,
        own_proc: Path = PROC,
        own_sys: Path = SYS,
        cgroups: Sequence[str] = (),
        rival: Rival | None = None,
        statvfs: Statvfs = os.statvfs,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.interval = interval
        self.target = str(proc)
        self.notes: tuple[str, ...] = ()
        self._proc, self._sys = proc, sys
        self._own_proc, self._own_sys = own_proc, own_sys
        self._cgroups = tuple(cgroups)
        self._rival = rival
        self._told_by = ""
        self._infiniband = Guarded(INFINIBAND, read_infiniband)
        self._filesystems = Filesystems(root=root, statvfs=statvfs, patience=patience)
        self._unreadable: frozenset[str] = frozenset()

    def collect(self, now: datetime) -> Sequence[Sample]:
        """Counters and gauges named `burnline_host_*` in metrics/host.py.

        Raises: NoData where there is nothing to read, or another tells it; CollectorError naming files when none can be
        understood.
        """
        self._give_way(now)
        files = Files(proc=self._proc, sys=self._sys)
        own = Files(proc=self._own_proc, sys=self._own_sys)
        samples = [sample for part in self._parts() for sample in part(files)]
        of_own = read_own(own)
        unreadable = files.unreadable | own.unreadable
        self._note(unreadable)
        if not samples and unreadable:
            raise CollectorError("; ".join(self.notes[:3]))
        if not samples:
            raise NoData(f"nothing to read under {self._proc}")
        told = sorted(unreadable)[:MOST_UNREADABLE]
        return [*samples, *of_own, *(Sample(names.UNREADABLE, {"file": file}, 1) for file in told)]

    def _give_way(self, now: datetime) -> None:
        told_by = self._rival.speaks(now) if self._rival else ""
        if told_by != self._told_by:
            self._told_by = told_by
            message = "the host is told by its node_exporter" if told_by else "the host is read again"
            log.info(message, extra={"target": told_by})
        if told_by:
            instead = "with `profile: node-exporter` its series are burnline_host_* too"
            self.notes = (f"off while {told_by} is scraped: it is node_exporter of this machine ({instead})",)
            raise NoData(self.notes[0])

    def _parts(self) -> tuple[Callable[[Files], Sequence[Sample]], ...]:
        return (
            read_cpu,
            read_memory,
            read_vmstat,
            read_pressure,
            read_disks,
            self._filesystems.read,
            read_network,
            read_sockets,
            read_links,
            self._infiniband,
            read_nvme,
            read_numa,
            lambda files: read_named(files, self._cgroups),
        )

    def _note(self, unreadable: dict[str, str]) -> None:
        """Keep the reasons for people; one line of log when the files change."""
        self.notes = tuple(f"{file}: {unreadable[file]}" for file in sorted(unreadable)[:MOST_UNREADABLE])
        if unreadable.keys() != self._unreadable:
            self._unreadable = frozenset(unreadable)
            message = "files of the host cannot be read" if unreadable else "files of the host can be read again"
            log.warning(message, extra={"files": list(self.notes)})
