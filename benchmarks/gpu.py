"""One read of 8 GPUs through pynvml: CPU per read of the collector, of bare calls, and of the exposition.

The driver is the stand-in of tests/fakes/nvml, compiled here, whose calls take about a microsecond: what is measured is
burnline's own part. On a real H100 a read took 7.5 ms per GPU, nearly all of it in the driver.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time

import pynvml
from prometheus_client import CollectorRegistry, Metric, generate_latest

from burnline.collectors.exposition import families
from burnline.collectors.gpu.collector import GpuCollector
from burnline.events import Collection, Sample

ROOT = Path(__file__).parents[1]
GPUS, TURNS, ROUNDS = 8, 50, 5
START = datetime(2026, 1, 5, tzinfo=UTC)


def machine(folder: Path, name: str) -> None:
    """Make a host of GPUs of one kind, and its driver the one of this process."""
    profile = (ROOT / f"tests/fakes/nvml/profiles/{name}.txt").read_text().splitlines()
    lines = [f"* count {GPUS}", "* driver 580.65.06", "* cuda 13000", "* still 1"]
    for gpu in range(GPUS):
        lines += [f"{gpu} {line}" for line in (f"uuid GPU-{gpu}", f"pci 00000000:0{gpu}:00.0", *profile)]
        lines += [f"{gpu} process {1000 + number} {2**30}" for number in range(3)]
    (folder / name).write_text("\n".join(lines) + "\n")
    os.environ["NVML_SCENARIO"] = str(folder / name)


def best(work: Callable[[int], object]) -> float:
    """Milliseconds of CPU a turn, the best of several rounds."""
    rounds = []
    for number in range(ROUNDS):
        began = process_time()
        for turn in range(TURNS):
            work(number * TURNS + turn + 1)
        rounds.append((process_time() - began) / TURNS * 1e3)
    return min(rounds)


def bare(_: int) -> None:
    """What a reader of the ten most usual numbers calls, and nothing made of them."""
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        pynvml.nvmlDeviceGetUUID(handle)
        pynvml.nvmlDeviceGetName(handle)
        pynvml.nvmlDeviceGetUtilizationRates(handle)
        pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
        pynvml.nvmlDeviceGetTemperatureV(handle, pynvml.NVML_TEMPERATURE_GPU)
        pynvml.nvmlDeviceGetPowerUsage(handle)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
        pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM)
        pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_MEM)


class Page:
    """The samples as a prometheus_client collector."""

    def __init__(self, samples: list[Sample]) -> None:
        self._turn = Collection("", "gpu", "nvml", START, 0.0, ok=True, samples=tuple(samples), measured=True)

    def collect(self) -> list[Metric]:
        return list(families([self._turn]))


def measure(name: str) -> None:
    """Print the line of one kind of GPU."""
    collector = GpuCollector(interval=timedelta(seconds=15))
    collector.collect(START)
    read = best(lambda turn: collector.collect(START + turn * timedelta(seconds=15)))
    samples = list(collector.collect(START + timedelta(days=1)))
    page = CollectorRegistry()
    page.register(Page(samples))
    print(
        f"{name:>5} {len(samples):>8} {read:>12.2f} {best(bare):>12.2f} {best(lambda _: generate_latest(page)):>15.2f}"
    )
    collector.close()


def main() -> None:
    """Compile the stand-in and measure with it."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        library = folder / "libnvidia-ml.so.1"
        argv = ["gcc", "-O2", "-shared", "-fPIC", "-Wl,-soname,libnvidia-ml.so.1", "-o", str(library)]
        subprocess.run([*argv, str(ROOT / "tests/fakes/nvml/nvml.c"), "-lpthread"], check=True)
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)  # pynvml finds it under its soname
        print(f"{GPUS} GPUs, ms of CPU a turn, best of {ROUNDS} x {TURNS}; Python {sys.version.split()[0]}")
        print(f"{'kind':>5} {'series':>8} {'one read':>12} {'bare calls':>12} {'generate_latest':>15}")
        for name in ("h100", "a100", "t4"):
            machine(folder, name)
            measure(name)


if __name__ == "__main__":
    main()
