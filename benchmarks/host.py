"""The cost of a sample of this machine: burnline's host collector against node_exporter, in turns, in the same run.

CPU time of the process, user and system, the median of several rounds: of node_exporter for whole scrapes, as it has no
other way; of burnline for reading alone, and for reading and writing the page. Samples are what each gives;
node_exporter gives many more, so it is also asked for its collectors of what burnline reads alone.
Run: python benchmarks/host.py [TURNS]
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from burnline.collectors.exposition import Turns, register
from burnline.collectors.host import HostCollector
from burnline.events import Collection
from burnline.exposition.negotiate import choose_format
from burnline.exposition.renderer import Renderer

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
ROUNDS = 5
TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
ALIKE = (
    *("bonding", "cpu", "diskstats", "filefd", "filesystem", "infiniband", "loadavg", "meminfo", "meminfo_numa"),
    *("netclass", "netdev", "netstat", "nvme", "pressure", "sockstat", "stat", "vmstat"),
)


@contextmanager
def node_exporter(program: str, *options: str) -> Iterator[tuple[str, int]]:
    """One that runs: its page, and its process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [program, f"--web.listen-address=127.0.0.1:{port}", *options]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/metrics"
    try:
        until = time.monotonic() + 30
        while not _answers(url):
            assert time.monotonic() < until, "node_exporter does not answer"
            time.sleep(0.05)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def cpu_seconds(pid: int) -> float:
    """Of another process: proc(5), fields 14 and 15 of stat, behind the name in parentheses."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_SECONDS


def own_seconds(turns: int, work: Callable[[int], object]) -> float:
    """CPU seconds of this process for so many turns."""
    begun = time.process_time()
    for turn in range(turns):
        work(turn)
    return time.process_time() - begun


def their_seconds(turns: int, client: httpx.Client, url: str, pid: int) -> float:
    """CPU seconds of node_exporter for so many scrapes."""
    begun = cpu_seconds(pid)
    for _ in range(turns):
        client.get(url)
    return cpu_seconds(pid) - begun


def samples_of(page: str) -> int:
    """How many there are on a page, without those of the program that wrote it."""
    return sum(line.startswith("node_") for line in page.splitlines())


def measure(program: str, turns: int) -> None:
    """Both in turns, round by round."""
    host, pages, renderer = HostCollector(interval=timedelta(seconds=15)), Turns(), Renderer(register())
    text = choose_format("")

    def read(number: int) -> Collection:
        at = START + timedelta(seconds=15 * number)
        return Collection("", "host", "", at, 0.01, True, tuple(host.collect(at)), measured=True)

    def page(number: int) -> bytes:
        return renderer.render(text, [], pages.sources([read(number)]))

    ours = len(read(0).samples)
    alike = ["--collector.disable-defaults", *(f"--collector.{name}" for name in ALIKE)]
    with (
        node_exporter(program) as (url, pid),
        node_exporter(program, *alike) as (url_alike, pid_alike),
        httpx.Client(trust_env=False) as client,
    ):
        rounds = [
            (
                own_seconds(turns, read),
                own_seconds(turns, page),
                their_seconds(turns, client, url, pid),
                their_seconds(turns, client, url_alike, pid_alike),
            )
            for _ in range(ROUNDS)
        ]
        theirs, theirs_alike = (samples_of(client.get(each).text) for each in (url, url_alike))
    spent = [statistics.median(each) / turns for each in zip(*rounds, strict=True)]
    base = spent[2] / theirs
    row("node_exporter, as it comes", theirs, spent[2])
    row("node_exporter, what burnline reads", theirs_alike, spent[3], base)
    row("burnline, reading", ours, spent[0], base)
    row("burnline, reading and the page", ours, spent[1], base)
    print(f"  of the same collectors a turn of burnline costs {spent[1] / spent[3]:.2f} of node_exporter's")


def row(name: str, samples: int, seconds: float, base: float = 0.0) -> None:
    """One line."""
    each = seconds / samples
    ratio = f"  {base / each:5.2f}x cheaper per sample" if base else ""
    print(f"  {name:36} {samples:5} samples {seconds * 1e3:7.2f} ms {each * 1e6:7.1f} us a sample{ratio}")


def main() -> None:
    """Measure and print."""
    program = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
    if program is None:
        print("node_exporter is not installed: apt-get install prometheus-node-exporter")
        return
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    print(f"{ROUNDS} rounds of {turns} turns, CPU time of a turn")
    measure(program, turns)


if __name__ == "__main__":
    main()
