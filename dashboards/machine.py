"""What is full on the machine: the panels of host and GPUs, the same for every service."""

from __future__ import annotations

from burnline.dashboards.panels import RATE, Panel, Query, Threshold
from burnline.metrics import gpu, host

NO_GPU = "a host without a GPU"

HOST: tuple[Panel, ...] = (
    Panel(
        "CPU in use",
        "Is the processor full? Near 100 %: look at pressure beside it.",
        "timeseries",
        (Query(f'1 - sum(rate({host.CPU_SECONDS}{{mode="idle"}}[{RATE}])) / sum({host.CPUS})', "in use"),),
        "percentunit",
        low=0,
        high=1,
    ),
    Panel(
        "Memory in use",
        "Is memory full? Near 100 %: the kernel will kill a process.",
        "timeseries",
        (Query(f"1 - {host.MEMORY_AVAILABLE} / {host.MEMORY_SIZE}", "in use"),),
        "percentunit",
        low=0,
        high=1,
    ),
    Panel(
        "Pressure",
        "What share of time did some task wait for a resource? Rising: that resource is what is full.",
        "timeseries",
        (Query(f'rate({host.PRESSURE}{{stall="some"}}[{RATE}])', "{{resource}}"),),
        "percentunit",
        low=0,
        empty_ok="a kernel without pressure stall information",
    ),
    Panel(
        "Network",
        "How much goes over the wire?",
        "timeseries",
        (
            Query(f"sum(rate({host.NETWORK_RECEIVED}[{RATE}]))", "received"),
            Query(f"sum(rate({host.NETWORK_SENT}[{RATE}]))", "sent"),
        ),
        "Bps",
        low=0,
    ),
    Panel(
        "Disk busy",
        "What share of time had a disk something in flight?",
        "timeseries",
        (Query(f"rate({host.DISK_BUSY}[{RATE}])", "{{device}}"),),
        "percentunit",
        low=0,
        empty_ok="a host without block devices of its own",
    ),
    Panel(
        "Filesystems",
        "Which filesystem is nearly full?",
        "timeseries",
        (Query(f"1 - {host.FILESYSTEM_AVAILABLE} / {host.FILESYSTEM_SIZE}", "{{mountpoint}}"),),
        "percentunit",
        low=0,
        high=1,
    ),
)

GPU: tuple[Panel, ...] = (
    Panel(
        "GPU lost",
        "Can the driver talk to every GPU? Lost: drain the host and reset the GPU.",
        "stat",
        (Query(f"sum(1 - {gpu.UP})"),),
        "none",
        thresholds=(Threshold(1, "red"),),
        base="green",
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU in use",
        "Are the GPUs working? Idle while requests wait: look at the server's batching.",
        "timeseries",
        (Query(gpu.UTILIZATION, "{{gpu}}"),),
        "percentunit",
        low=0,
        high=1,
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU memory",
        "Is GPU memory full?",
        "timeseries",
        (Query(f"{gpu.MEMORY_USED} / {gpu.MEMORY_SIZE}", "{{gpu}}"),),
        "percentunit",
        low=0,
        high=1,
        empty_ok=NO_GPU,
    ),
)
