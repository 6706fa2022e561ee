"""CPU time, tasks and load: /proc/stat, /proc/loadavg; and what counts of files are open."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

from burnline.collectors.host.files import Files, count
from burnline.events import Sample
from burnline.metrics import host as names

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")  # proc(5); guest is part of user
TICKS = os.sysconf("SC_CLK_TCK")
COUNTED = {
    "btime": names.BOOT,
    "ctxt": names.CONTEXT_SWITCHES,
    "processes": names.FORKS,
    "procs_running": names.RUNNING,
    "procs_blocked": names.BLOCKED,
}


def read_cpu(files: Files) -> list[Sample]:
    """CPU time by mode over all CPUs, tasks, boot time, load, open files."""
    return [
        *files.parse("proc/stat", _stat),
        *files.parse("proc/loadavg", _load),
        *files.parse("proc/sys/fs/file-nr", _open_files),
    ]


def _stat(lines: list[str]) -> Iterator[Sample]:
    cpus = [line.split() for line in lines if line.startswith("cpu")]
    if not cpus:
        raise ValueError("no line of CPUs")
    _, *ticks = cpus[0]  # the first line is the sum of all CPUs
    yield Sample(names.CPUS, {}, len(cpus) - 1)
    for mode, number in zip(MODES, ticks, strict=False):
        yield Sample(names.CPU_SECONDS, {"mode": mode}, count(number) / TICKS)
    for line in lines:
        key, _, number = line.partition(" ")
        if key in COUNTED:
            yield Sample(COUNTED[key], {}, count(number.strip()))


def _load(lines: list[str]) -> Iterator[Sample]:
    words = lines[0].split()
    for index, window in enumerate(("1m", "5m", "15m")):
        load = float(words[index])
        if not math.isfinite(load):
            raise ValueError(f"{words[index]!r} is no load")
        yield Sample(names.LOAD, {"window": window}, load)


def _open_files(lines: list[str]) -> Iterator[Sample]:
    """`<allocated> <free, always 0> <maximum>`."""
    allocated, _, maximum = lines[0].split()
    yield Sample(names.OPEN_FILES, {}, count(allocated))
    yield Sample(names.OPEN_FILES_LIMIT, {}, count(maximum))
