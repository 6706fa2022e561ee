"""What is full on the machine: the panels of host and GPUs, the same for every service."""

from __future__ import annotations

from burnline.collectors.mapping import EXPORTERS, recorded
from burnline.dashboards.panels import RATE, Panel, Query, Threshold
from burnline.metrics import gpu, host
from burnline.spec.host import host_of
from burnline.spec.service import ServiceSpec

NO_GPU = "a host without a GPU"
NO_INFINIBAND = "a host without InfiniBand"


def collects_host(spec: ServiceSpec) -> bool:
    """Whether burnline reads the machine for this service, or a page of an exporter that does."""
    named = any(getattr(item, "profile", "") == EXPORTERS["host"] for item in spec.collect)
    return named or host_of(spec.collect) is not None


def collects_gpus(spec: ServiceSpec) -> bool:
    """Whether burnline reads GPUs for this service, or a page of an exporter that does."""
    return any(getattr(item, "profile", item) in ("gpu", EXPORTERS["gpu"]) for item in spec.collect)


_IDLE = f'rate({host.CPU_SECONDS}{{mode="idle"}}[{RATE}])'
_PERIODS, _THROTTLED = (f"rate({each}[{RATE}])" for each in (host.CGROUP_CPU_PERIODS, host.CGROUP_CPU_THROTTLED))
_SENT, _AGAIN = (f"rate({each}[{RATE}])" for each in (host.TCP_SENT, host.TCP_RETRANSMITS))

HOST: tuple[Panel, ...] = (
    Panel(
        "CPU in use",
        "Is the processor full? Near 100 %: look at pressure beside it.",
        "timeseries",
        (Query(f"1 - sum({_IDLE}) / sum(rate({host.CPU_SECONDS}[{RATE}]))", "in use"),),
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
        "What share of time did some task, or all, wait for a resource? Rising: that resource is what is full.",
        "timeseries",
        (Query(f"rate({host.PRESSURE}[{RATE}])", "{{resource}}: {{stall}}"),),
        "percentunit",
        low=0,
        empty_ok="a kernel without pressure stall information",
    ),
    Panel(
        "Network",
        "How much goes over the wire?",
        "timeseries",
        (
            Query(f"rate({host.NETWORK_RECEIVED}[{RATE}])", "{{interface}}: received"),
            Query(f"rate({host.NETWORK_SENT}[{RATE}])", "{{interface}}: sent"),
        ),
        "Bps",
        low=0,
    ),
    Panel(
        "Network losses",
        "Does the network lose anything? Above 1 %: a cable, a switch, or a host that does not keep up.",
        "timeseries",
        (
            Query(f"{_AGAIN} / {_SENT}", "TCP sent again"),
            Query(
                f"rate({host.NETWORK_DROPS}[{RATE}]) / (rate({host.NETWORK_PACKETS}[{RATE}]) > 0)",
                "{{interface}}: dropped, {{direction}}",
            ),
        ),
        "percentunit",
        low=0,
        empty_ok="nothing went over the network",
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
        (
            Query(f"1 - {host.FILESYSTEM_AVAILABLE} / {host.FILESYSTEM_SIZE}", "{{mountpoint}}"),
            Query(f"1 - {host.FILESYSTEM_FILES_FREE} / {host.FILESYSTEM_FILES}", "{{mountpoint}}: files"),
        ),
        "percentunit",
        low=0,
        high=1,
    ),
    Panel(
        "Filesystems failing",
        "Does every filesystem answer? Any: a server is gone or a disk is broken; what is on it cannot be read.",
        "stat",
        (Query(f"sum({host.FILESYSTEM_ERROR})"),),
        "none",
        thresholds=(Threshold(1, "red"),),
        base="green",
        empty_ok="no filesystem of its own",
    ),
    Panel(
        "Limits of cgroups",
        "Do limits hold anything back? Memory near 100 %: it will be killed. CPU above 0: it is slowed.",
        "timeseries",
        (
            Query(f"{host.CGROUP_WORKING_SET} / {host.CGROUP_MEMORY_LIMIT}", "{{cgroup}}: memory used"),
            Query(f"{_THROTTLED} / ({_PERIODS} > 0)", "{{cgroup}}: CPU periods throttled"),
        ),
        "percentunit",
        low=0,
        high=1,
        empty_ok="a host without limits",
    ),
    Panel(
        "InfiniBand",
        "How much goes over InfiniBand? One link slower than its peers: every collective waits for it.",
        "timeseries",
        (
            Query(f"rate({host.INFINIBAND_RECEIVED}[{RATE}])", "{{device}}: received"),
            Query(f"rate({host.INFINIBAND_SENT}[{RATE}])", "{{device}}: sent"),
        ),
        "Bps",
        low=0,
        empty_ok=NO_INFINIBAND,
    ),
    Panel(
        "InfiniBand errors",
        "Do links fail? Going down or symbol errors: a cable. Out of sequence: packets are lost on the way.",
        "timeseries",
        (
            Query(f"increase({host.INFINIBAND_DOWNED}[{RATE}])", "{{device}}: link down"),
            Query(f"increase({host.INFINIBAND_ERRORS}[{RATE}])", "{{device}}: {{kind}}"),
            Query(f'increase({host.ROCE_EVENTS}{{kind="out_of_sequence"}}[{RATE}])', "{{device}}: {{kind}}"),
        ),
        "none",
        low=0,
        empty_ok=NO_INFINIBAND,
    ),
)

# Recorded by `machine.yml`: of DCGM's exporter where it is scraped, else burnline's own.
_UTILIZATION, _USED, _SIZE = map(recorded, (gpu.UTILIZATION, gpu.MEMORY_USED, gpu.MEMORY_SIZE))
_PENDING, _FAILED, _ECC = map(recorded, (gpu.REMAP_PENDING, gpu.REMAP_FAILED, gpu.ECC_VOLATILE))

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
        (Query(_UTILIZATION, "{{gpu}}"),),
        "percentunit",
        low=0,
        high=1,
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU memory",
        "Is GPU memory full?",
        "timeseries",
        (Query(f"{_USED} / {_SIZE}", "{{gpu}}"),),
        "percentunit",
        low=0,
        high=1,
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU errors (XID)",
        "Did the driver report an error? Any: look the code up in NVIDIA's catalogue and start the runbook for GPUs.",
        "timeseries",
        (Query(f"sum by (gpu, xid) (increase({gpu.XID_ERRORS}[{RATE}])) > 0", "XID {{xid}} of {{gpu}}"),),
        "none",
        low=0,
        empty_ok="a host without a GPU, and one without errors",
    ),
    Panel(
        "GPU health",
        "Does a GPU need care? It asks for it, or rows are to be replaced: reset it when it is idle. A row could not "
        "be replaced: have the GPU exchanged.",
        "timeseries",
        (
            Query(f'sum({gpu.RECOVERY_ACTION}{{action!="none"}})', "the driver asks for a reset"),
            Query(f"sum({_PENDING})", "rows to be replaced at the next reset"),
            Query(f"sum({_FAILED})", "rows that cannot be replaced"),
            Query(f'sum(increase({_ECC}{{kind="uncorrected"}}[{RATE}]))', "uncorrected memory errors"),
        ),
        "none",
        low=0,
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU clocks held down",
        "How many GPUs are slowed down, and why? power_cap is usual under load; thermal: look at the cooling; "
        "hw_power_brake: at the power supply.",
        "timeseries",
        (Query(f"sum by (reason) ({gpu.THROTTLED})", "{{reason}}"),),
        "none",
        low=0,
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU activity",
        "Which part of the GPUs is the limit? Memory near 100 %: it is bandwidth. Multiprocessors busy and tensor "
        "cores idle: small batches, or a type that the tensor cores do not calculate in.",
        "timeseries",
        (
            Query(f"avg({recorded(gpu.SM_ACTIVE)})", "multiprocessors"),
            Query(f"avg({recorded(gpu.TENSOR_ACTIVE)})", "tensor cores"),
            Query(f"avg({recorded(gpu.DRAM_ACTIVE)})", "memory bandwidth"),
        ),
        "percentunit",
        low=0,
        high=1,
        empty_ok="a GPU before Hopper without DCGM's exporter",
    ),
    Panel(
        "GPU power",
        "How much power do the GPUs draw? At the limit, clocks go down.",
        "timeseries",
        (
            Query(f"sum({recorded(gpu.POWER)})", "drawn"),
            Query(f"sum({recorded(gpu.POWER_LIMIT)})", "limit"),
        ),
        "watt",
        low=0,
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU temperature",
        "How hot is the hottest GPU? Near its limit, 83 to 95 °C by model, clocks go down.",
        "timeseries",
        (
            Query(f"max({recorded(gpu.TEMPERATURE)})", "die"),
            Query(f"max({recorded(gpu.MEMORY_TEMPERATURE)})", "memory"),
        ),
        "celsius",
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU memory by process",
        "Who has the memory? A process that nobody knows: it was left behind, or is a neighbour's.",
        "timeseries",
        (Query(f"topk(10, {gpu.PROCESS_MEMORY})", "{{process}} {{pid}} on {{gpu}}"),),
        "bytes",
        low=0,
        empty_ok="no process on a GPU",
    ),
    Panel(
        "GPU links",
        "How much goes to and from the GPUs? PCI Express full: copies are the limit.",
        "timeseries",
        (
            Query(f"sum({recorded(gpu.PCIE_RECEIVED)})", "to the GPUs, PCI Express"),
            Query(f"sum({recorded(gpu.PCIE_SENT)})", "from the GPUs, PCI Express"),
            Query(f"sum({recorded(gpu.NVLINK_SENT_RATE)})", "NVLink"),
        ),
        "Bps",
        low=0,
        empty_ok=NO_GPU,
    ),
)
