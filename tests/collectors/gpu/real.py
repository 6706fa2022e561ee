"""Reads a real GPU idle and under load, and checks that the numbers can be true.

    PYTHONPATH=src:. python3 tests/collectors/gpu/real.py report.json

Needs pynvml and prometheus-client; with torch it makes the load, with cupy and `--fault` it makes an XID (a kernel of
another process writes where it may not). Prints a report, writes everything that was read as JSON, and exits with 1
when a check failed. Changes no setting of the GPU.
"""

from __future__ import annotations

import csv
import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pynvml

from burnline.collectors.gpu import fields, gpm, mig, readers, throughput, xid
from burnline.collectors.gpu.collector import GpuCollector
from burnline.collectors.gpu.processes import ProcessReader
from burnline.collectors.gpu.session import ABSENT
from burnline.events import Sample
from burnline.metrics import gpu as names
from burnline.metrics.measured import MEASURED

GIB = 1 << 30
ALLOCATED = 4 * GIB
OWN = ("gpu", "uuid", "model")
# Column of nvidia-smi -> our series, its scale, and how far outside of our two readings it may be (share, absolute).
# Both print whole MiB, °C and MHz; what is an average of the last moments (utilization, power) or follows the load
# within milliseconds (clocks) may lie outside.
SMI = {
    "memory.total": (names.MEMORY_SIZE, 1 << 20, 0, 1 << 20),
    "memory.used": (names.MEMORY_USED, 1 << 20, 0, 16 << 20),
    "memory.free": (names.MEMORY_FREE, 1 << 20, 0, 16 << 20),
    "memory.reserved": (names.MEMORY_RESERVED, 1 << 20, 0, 1 << 20),
    "utilization.gpu": (names.UTILIZATION, 0.01, 0, 0.1),
    "utilization.memory": (names.MEMORY_BUSY, 0.01, 0, 0.1),
    "temperature.gpu": (names.TEMPERATURE, 1, 0, 1),
    "temperature.memory": (names.MEMORY_TEMPERATURE, 1, 0, 1),
    "power.draw": (names.POWER, 1, 0.05, 2),
    "enforced.power.limit": (names.POWER_LIMIT, 1, 0, 0.01),
    "clocks.sm": (names.SM_CLOCK, 1e6, 0.15, 0),
    "clocks.mem": (names.MEMORY_CLOCK, 1e6, 0, 1e6),
    "ecc.errors.corrected.volatile.total": (f"{names.ECC_VOLATILE}:corrected", 1, 0, 0),
    "ecc.errors.uncorrected.volatile.total": (f"{names.ECC_VOLATILE}:uncorrected", 1, 0, 0),
    "ecc.errors.corrected.aggregate.total": (f"{names.ECC_ERRORS}:corrected", 1, 0, 0),
    "ecc.errors.uncorrected.aggregate.total": (f"{names.ECC_ERRORS}:uncorrected", 1, 0, 0),
    "retired_pages.sbe": (f"{names.RETIRED_PAGES}:corrected", 1, 0, 0),
    "retired_pages.dbe": (f"{names.RETIRED_PAGES}:uncorrected", 1, 0, 0),
    **{
        f"clocks_event_reasons_counters.{column}": (f"{names.THROTTLED_SECONDS}:{reason}", 1e-6, 0, 0.05)
        for column, reason in (
            ("sw_power_cap", "power_cap"),
            ("sync_boost", "sync_boost"),
            ("sw_thermal_slowdown", "sw_thermal"),
            ("hw_thermal_slowdown", "hw_thermal"),
            ("hw_power_brake_slowdown", "hw_power_brake"),
        )
    },
}
FAULT = """
import cupy
kernel = cupy.RawKernel('extern "C" __global__ void fault() { *(volatile int*)0x7fff00000000ull = 1; }', "fault")
kernel((1,), (1,), ())
cupy.cuda.runtime.deviceSynchronize()
"""

Values = dict[str, float]


@dataclass
class Report:
    """What was read and how it was judged."""

    kept: dict[str, Any] = field(default_factory=dict)
    failed: int = 0

    def check(self, what: str, holds: bool | None, detail: object = "") -> None:
        """None: it could not be tried here."""
        word = "  ok  " if holds else "  --  " if holds is None else " FAIL "
        print(f"[{word}] {what}: {detail}", flush=True)
        self.kept.setdefault("checks", []).append({"what": what, "holds": holds, "detail": str(detail)})
        self.failed += holds is False

    def keep(self, name: str, value: object) -> None:
        self.kept[name] = value


class Source:
    """The collector, read as the runner would."""

    def __init__(self) -> None:
        self.collector = GpuCollector(interval=timedelta(seconds=15))

    def read(self) -> Values:
        return flat(list(self.collector.collect(datetime.now(UTC))))


def flat(samples: list[Sample]) -> Values:
    """Values of the first GPU, and of the machine, by name and the values of other labels."""
    return {
        ":".join([sample.name, *(value for name, value in sample.labels.items() if name not in OWN)]): sample.value
        for sample in samples
        if sample.labels.get("gpu", "0") == "0"
    }


@contextmanager
def load(work: Callable[[], object]) -> Iterator[None]:
    """`work` again and again on a thread of this process while the block runs."""
    ending = threading.Event()

    def run() -> None:
        while not ending.is_set():
            work()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(30)


def watch(source: Source, seconds: float, *, every: float = 0.5) -> list[Values]:
    """Readings while something runs; the first is of the time before."""
    ends = time.monotonic() + seconds
    found = []
    while time.monotonic() < ends:
        time.sleep(every)
        found.append({**source.read(), "at": time.monotonic()})
    return found


def mean(found: list[Values], name: str) -> float | None:
    values = [each[name] for each in found if name in each]
    return sum(values) / len(values) if values else None


def nvidia_smi(columns: list[str]) -> dict[str, str]:
    """What nvidia-smi says of the first GPU, column by column (an unknown column spoils a whole call)."""
    argv = [shutil.which("nvidia-smi") or "", "--id=0", "--format=csv,noheader,nounits"]
    if not argv[0]:
        return {}
    done = subprocess.run([*argv, f"--query-gpu={','.join(columns)}"], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return dict(zip(columns, next(csv.reader([done.stdout], skipinitialspace=True)), strict=True))
    if len(columns) == 1:
        return {}
    middle = len(columns) // 2
    return nvidia_smi(columns[:middle]) | nvidia_smi(columns[middle:])


def compare(report: Report, when: str, source: Source) -> None:
    """Read, ask nvidia-smi, read again: what it says is between the two, give or take what SMI allows."""
    before, said, after = source.read(), nvidia_smi(list(SMI)), source.read()
    report.keep(f"nvidia-smi {when}", said)
    for column, (name, scale, share, absolute) in SMI.items():
        text, ours = said.get(column, "").strip(), sorted(each[name] for each in (before, after) if name in each)
        try:
            theirs = float(text) * scale
        except ValueError:  # where it gives none, neither do we
            report.check(
                f"{when}: {column}", None if column not in said else not ours, f"nvidia-smi says {text}, ours {ours}"
            )
            continue
        slack = max(share * abs(theirs), absolute)
        near = len(ours) == 2 and ours[0] - slack <= theirs <= ours[1] + slack
        report.check(f"{when}: {column} as nvidia-smi", near, f"ours {ours}, nvidia-smi {theirs:g}")


def everything_raw(handle: Any) -> dict[str, Any]:
    """Answers of the driver as they are, for whoever writes the fake."""
    ids = [*range(1, 308), (138, 0xFFFFFFFF), (139, 0xFFFFFFFF), (140, 0xFFFFFFFF), (141, 0xFFFFFFFF)]
    found = {}
    for asked in ids:
        try:
            (answer,) = pynvml.nvmlDeviceGetFieldValues(handle, [asked])
        except pynvml.NVMLError as error:
            found[str(asked)] = {"error": str(error)}
            continue
        entry = {"code": answer.nvmlReturn, "latency_us": answer.latencyUsec}
        if answer.nvmlReturn == 0:
            entry |= {"type": answer.valueType, "value": getattr(answer.value, fields._VALUES[answer.valueType])}
        found[str(asked)] = entry
    return {"fields": found, "calls": {name: said(call, handle) for name, call in RAW.items()}}


def said(call: Callable[[Any], Any], handle: Any) -> str:
    started = time.perf_counter()
    try:
        answer = repr(call(handle))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the driver says
        answer = f"{type(error).__name__}: {error}"
    return f"{answer[:300]} ({(time.perf_counter() - started) * 1e3:.2f} ms)"


RAW: dict[str, Callable[[Any], Any]] = {
    "fans": pynvml.nvmlDeviceGetNumFans,
    "pci": lambda handle: str(pynvml.nvmlDeviceGetPciInfo(handle)),
    "mig": pynvml.nvmlDeviceGetMigMode,
    "mig count": pynvml.nvmlDeviceGetMaxMigDeviceCount,
    "events": pynvml.nvmlDeviceGetSupportedEventTypes,
    "gpm": lambda handle: pynvml.nvmlGpmQueryDeviceSupport(handle).isSupportedDevice,
    "gpm streaming": pynvml.nvmlGpmQueryIfStreamingEnabled,
    "temperature, old call": lambda handle: pynvml.nvmlDeviceGetTemperature(handle, 0),
    "temperature, new call": lambda handle: pynvml.nvmlDeviceGetTemperatureV(handle, 0),
    "memory, old call": lambda handle: str(pynvml.nvmlDeviceGetMemoryInfo(handle)),
    "memory, new call": lambda handle: str(pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)),
    "retired pages": lambda handle: pynvml.nvmlDeviceGetRetiredPages(handle, 0),
    "remapped rows": pynvml.nvmlDeviceGetRemappedRows,
    "pcie throughput": lambda handle: [pynvml.nvmlDeviceGetPcieThroughput(handle, way) for way in (0, 1)],
    "processes": lambda handle: [str(each) for each in pynvml.nvmlDeviceGetComputeRunningProcesses_v3(handle)],
    "process utilization": lambda handle: [str(each) for each in pynvml.nvmlDeviceGetProcessUtilization(handle, 0)],
    "violation, power": lambda handle: str(pynvml.nvmlDeviceGetViolationStatus(handle, 0)),
    "persistence": pynvml.nvmlDeviceGetPersistenceMode,
    "architecture": pynvml.nvmlDeviceGetArchitecture,
    "reasons": pynvml.nvmlDeviceGetCurrentClocksEventReasons,
    "nvlink": lambda handle: [pynvml.nvmlDeviceGetNvLinkState(handle, link) for link in range(4)],
    "handle's address": lambda handle: hex(xid._address(handle)),
}


def at_rest(report: Report, source: Source) -> Values:
    """Which series there are, and that they can be."""
    source.read()
    time.sleep(0.5)
    found = source.read()
    report.keep("idle", found)
    print("\n".join(f"  {name} = {value:g}" for name, value in found.items()))
    there = {name.split(":")[0] for name in found}
    missing = sorted(name for name in MEASURED if name.startswith("burnline_gpu_") and name not in there)
    report.check("series that are absent", None, ", ".join(missing))
    report.check("up", found[names.UP] == 1, found[names.UP])
    report.check("temperature", 10 <= found[names.TEMPERATURE] <= 95, found[names.TEMPERATURE])
    report.check("power", 30 <= found[names.POWER] <= found[names.POWER_LIMIT] * 1.1, found[names.POWER])
    parts = found[names.MEMORY_USED] + found[names.MEMORY_FREE] + found.get(names.MEMORY_RESERVED, 0)
    report.check("memory adds up", abs(parts - found[names.MEMORY_SIZE]) < 1e6, parts - found[names.MEMORY_SIZE])
    ratios = {name: value for name, value in found.items() if "_ratio" in name}
    report.check("ratios from 0 to 1", all(0 <= value <= 1.01 for value in ratios.values()), ratios)
    listening = [name for name in found if name.startswith(names.XID_ERRORS)]
    report.check("XIDs are listened to", bool(listening), f"{len(listening)} codes")
    compare(report, "idle", source)
    return found


def under_load(report: Report, source: Source, idle: Values) -> None:
    """A bf16 matrix product: utilization, memory, process, power, energy, tensor cores."""
    torch: Any = importlib.import_module("torch")

    kept = torch.empty(ALLOCATED, dtype=torch.uint8, device="cuda")
    a, b = (torch.randn(8192, 8192, dtype=torch.bfloat16, device="cuda") for _ in range(2))

    def multiply() -> None:
        for _ in range(20):
            torch.mm(a, b)
        torch.cuda.synchronize()

    multiply()
    with load(multiply):
        time.sleep(2)
        source.read()
        compare(report, "load", source)
        found = watch(source, 6)
    last = found[-1]
    report.keep("matmul", found)
    busy = last[names.UTILIZATION]
    report.check("utilization rises", busy > 0.5 and busy > idle[names.UTILIZATION], busy)
    grown = last[names.MEMORY_USED] - idle[names.MEMORY_USED]
    report.check(
        "memory grows by what was allocated", ALLOCATED <= grown <= ALLOCATED + 3 * GIB, f"{grown / GIB:.2f} GiB"
    )
    ours = {name: value for name, value in last.items() if name.startswith(f"{names.PROCESS_MEMORY}:{os.getpid()}:")}
    report.check("this process is named", any(ALLOCATED <= value <= grown * 1.1 for value in ours.values()), ours)
    power = mean(found, names.POWER) or 0
    report.check("power rises", idle[names.POWER] + 50 < power <= last[names.POWER_LIMIT] * 1.1, f"{power:.0f} W")
    spent = last[names.ENERGY] - found[0][names.ENERGY]
    drawn = spent / (last["at"] - found[0]["at"])
    report.check(
        "energy is power x time", 0.8 < drawn / power < 1.25, f"{drawn:.0f} W by energy, {power:.0f} W by power"
    )
    active = {
        name: mean(found, name)
        for name in (names.SM_ACTIVE, names.TENSOR_ACTIVE, names.DRAM_ACTIVE, names.SM_OCCUPANCY)
    }
    sm, tensor = active[names.SM_ACTIVE], active[names.TENSOR_ACTIVE]
    report.check("multiprocessors are active", None if sm is None else 0.5 < sm <= 1.01, active)
    report.check("tensor cores are active", None if tensor is None else 0.1 < tensor <= 1.01, tensor)
    report.check("clock rises", last[names.SM_CLOCK] > 1e9, last[names.SM_CLOCK])
    del kept


def under_arithmetic(report: Report, source: Source) -> None:
    """Elementwise arithmetic reaches the pipe of its type, and no tensor core."""
    torch: Any = importlib.import_module("torch")

    pipes = ((torch.float32, names.FP32_ACTIVE), (torch.float64, names.FP64_ACTIVE), (torch.float16, names.FP16_ACTIVE))
    for kind, name in pipes:
        x = torch.rand(1 << 22, dtype=kind, device="cuda")

        def work(x: Any = x) -> None:
            for _ in range(200):
                x.mul_(0.5).add_(0.25).sin_()
            torch.cuda.synchronize()

        with load(work):
            source.read()
            found = watch(source, 1.5)
        value = mean(found, name)
        everything = {pipe: mean(found, pipe) for _, pipe in pipes} | {
            names.TENSOR_ACTIVE: mean(found, names.TENSOR_ACTIVE)
        }
        report.check(f"{kind} reaches its pipe", None if value is None else value > 0.001, everything)


def under_copies(report: Report, source: Source, handle: Any) -> None:
    """Copies to the GPU, then from it."""
    torch: Any = importlib.import_module("torch")

    host = torch.empty(GIB, dtype=torch.uint8, pin_memory=True)
    there = torch.empty(GIB, dtype=torch.uint8, device="cuda")
    for name, into, source_of in ((names.PCIE_RECEIVED, there, host), (names.PCIE_SENT, host, there)):

        def work(into: Any = into, source_of: Any = source_of) -> None:
            into.copy_(source_of, non_blocking=True)
            torch.cuda.synchronize()

        work()
        with load(work):
            source.read()
            before = fields.values(handle, [(197, 0), (198, 0)])
            found = watch(source, 2)
            after = fields.values(handle, [(197, 0), (198, 0)])
            old_call = list(throughput.read_pcie(handle))
        rate = mean(found, name)
        report.keep(f"copies {name}", {"fields 197, 198": [before, after], "old call": old_call, "readings": found})
        both = {way: mean(found, way) for way in (names.PCIE_RECEIVED, names.PCIE_SENT)}
        report.check(
            f"{name} under copies",
            None if rate is None else 2e9 < rate < 200e9,
            f"{both}; {old_call}; {before} {after}",
        )


def fault(report: Report, source: Source) -> None:
    """A process that writes where it may not: the driver reports an XID, and this process goes on."""
    before = source.read()
    done = subprocess.run([sys.executable, "-c", FAULT], capture_output=True, text=True, check=False)
    report.keep("fault", done.stderr[-500:])
    ends = time.monotonic() + 5
    seen: Values = {}
    while not seen and time.monotonic() < ends:
        time.sleep(0.2)
        found = source.read()
        seen = {
            name: value
            for name, value in found.items()
            if name.startswith(names.XID_ERRORS) and value > before.get(name, 0)
        }
    report.keep("xid", seen)
    report.check("an XID is counted", bool(seen), seen or done.stderr[-300:])
    times = {k: v for k, v in source.read().items() if k.startswith(names.XID_LAST)}
    report.check("and when it came", any(abs(value - time.time()) < 60 for value in times.values()), times)


def cost(report: Report, source: Source, handle: Any) -> None:
    """What a read costs: processor time and time on the wall, whole and by part."""
    turns = 100
    processor, wall = time.process_time(), time.perf_counter()
    for _ in range(turns):
        source.read()
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    report.keep("read_ms", {"cpu": processor / turns * 1e3, "wall": wall / turns * 1e3})
    report.check("a read is quick", processor / turns < 0.02, report.kept["read_ms"])
    activity = gpm.Activity()
    parts: dict[str, Callable[[], Any]] = {
        **{f"reader {number}": partial(_read_with, read, handle) for number, read in enumerate(readers.READERS)},
        "fields": lambda: list(fields.read_fields(handle)),
        "processes": lambda: list(ProcessReader(Path("/proc")).read(handle)),
        "mig": lambda: mig.instances(handle),
        "gpm": lambda: list(activity.read(handle, datetime.now(UTC))),
        "pcie": lambda: list(throughput.read_pcie(handle)),
    }
    report.keep("parts_ms", {name: milliseconds(call) for name, call in parts.items()})
    with suppress(*ABSENT):
        activity.close()
    print("  ms:", report.kept["parts_ms"])


def _read_with(read: readers.Reader, handle: Any) -> object:
    return list(read(handle))


def milliseconds(call: Callable[[], Any]) -> list[float]:
    """The shortest and the longest of five."""
    found = []
    for _ in range(5):
        time.sleep(0.11)  # samples of the activity may not be closer
        started = time.perf_counter()
        with suppress(*ABSENT):
            call()
        found.append(round((time.perf_counter() - started) * 1e3, 3))
    return [min(found), max(found)]


def parts(report: Report, source: Source, arguments: list[str]) -> None:
    idle = at_rest(report, source)
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    report.keep("raw", everything_raw(handle))
    cost(report, source, handle)
    if importlib.util.find_spec("torch"):
        attempt(report, "load", lambda: under_load(report, source, idle))
        report.keep("raw under load", everything_raw(handle)["calls"])
        attempt(report, "arithmetic", lambda: under_arithmetic(report, source))
        attempt(report, "copies", lambda: under_copies(report, source, handle))
    else:
        report.check("load", None, "torch is not installed")
    if "--fault" in arguments:
        attempt(report, "fault", lambda: fault(report, source))


def attempt(report: Report, what: str, part: Callable[[], None]) -> None:
    """One part; whatever goes wrong in it, the others are tried."""
    try:
        part()
    except Exception as error:  # noqa: BLE001 - the GPU is lent for minutes: the rest of the report is worth having
        report.check(what, False, f"{type(error).__name__}: {error}")


def main(arguments: list[str]) -> int:
    out = Path(next((each for each in arguments if not each.startswith("--")), "gpu-report.json"))
    report, source = Report(), Source()
    try:
        attempt(report, "all", lambda: parts(report, source, arguments))
        source.collector.close()
        threads = [each for each in threading.enumerate() if each.name in ("xid", "read-gpus")]
        report.check("nothing is left running after close", not threads, threads)
    finally:
        out.write_text(json.dumps(report.kept, indent=1, default=str))
    print(f"{report.failed} failed; everything that was read is in {out}")
    return min(report.failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
