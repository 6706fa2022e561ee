"""The cost of the process itself: start-up, and `burnline up` with nothing going on.

Start-up is wall time, the best of several runs, beside a bare interpreter in the same run. Idle CPU is the share of one
core over a minute, read from /proc, while the example service is watched and down.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
PORT = 8655
IDLE_SECONDS = 60


def best_of(argv: list[str], times: int = 7) -> float:
    """Seconds of the fastest of several runs."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - start)
    return min(taken)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def main() -> None:
    """Measure and print."""
    bare = best_of([sys.executable, "-c", "pass"])
    for name, argv in (
        ("import burnline", ["-c", "import burnline"]),
        ("burnline --help", ["-m", "burnline", "--help"]),
    ):
        taken = best_of([sys.executable, *argv])
        print(f"{name}: {taken * 1000:.0f} ms ({taken / bare:.1f}x a bare interpreter)")
    with tempfile.TemporaryDirectory() as folder:
        service = Path(folder) / "idle.yaml"
        service.write_text(
            "apiVersion: burnline/v1\nservice: idle\nowner: nobody\n"
            "collect: [{url: 'http://127.0.0.1:9/metrics'}, host]\n"
            "slos:\n  - {name: availability, objective: 99.9%, window: 30d,\n"
            "     sli: {ratio: {bad: errors_total, total: requests_total}}}\n"
        )
        start = time.perf_counter()
        database = f"sqlite:///{folder}/b.db"
        child = subprocess.Popen(
            [sys.executable, "-m", "burnline", "up", str(service), "--port", str(PORT), "--database", database],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not ready():
                time.sleep(0.01)
            print(f"burnline up, until ready: {time.perf_counter() - start:.2f} s")
            time.sleep(5)
            before = cpu_seconds(child.pid)
            time.sleep(IDLE_SECONDS)
            share = (cpu_seconds(child.pid) - before) / IDLE_SECONDS
            print(f"burnline up, idle: {share:.1%} of one core, {resident_mib(child.pid):.0f} MiB resident")
        finally:
            child.terminate()
            child.wait(20)


def ready() -> bool:
    """Whether it answers yet."""
    try:
        return httpx.get(f"http://127.0.0.1:{PORT}/readyz", timeout=1).is_success
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    main()
