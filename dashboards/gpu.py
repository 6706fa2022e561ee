"""What GPUs do, and what they suffer from: tables of panels."""

from __future__ import annotations

from burnline.dashboards.asking import increase, over, rate, value
from burnline.dashboards.panels import Panel, Query, Threshold
from burnline.metrics import gpu

NO_GPU = "a host without a GPU"
NO_PROFILE = "a GPU before Hopper without DCGM's exporter"
GPU = "{{gpu}}"

GPUS = (
    Panel(
        "GPU lost",
        "Can the driver talk to every GPU? Lost: drain the host and reset the GPU.",
        (Query(f"sum(1 - {gpu.UP})"),),
        kind="stat",
        thresholds=(Threshold(1, "red"),),
        base="green",
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU in use",
        "Are the GPUs working? Idle while requests wait: look at the server's batching.",
        (Query(gpu.UTILIZATION, GPU),),
        "percentunit",
        high=1,
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU memory",
        "Is GPU memory full? Near 100 %: the next larger batch fails.",
        (Query(f"{gpu.MEMORY_USED} / {gpu.MEMORY_SIZE}", GPU),),
        "percentunit",
        high=1,
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU errors (XID)",
        "Did the driver report an error? Any: look the code up in NVIDIA's catalogue and start the runbook for GPUs.",
        (Query(f"{increase(gpu.XID_ERRORS, 'gpu', 'xid').expr} > 0", "XID {{xid}} of {{gpu}}"),),
        empty_ok="a host without a GPU, and one without errors",
    ),
    Panel(
        "GPU health",
        "Does a GPU need care? It asks for it, or rows are to be replaced: reset it when it is idle. A row could not "
        "be replaced: have the GPU exchanged.",
        (
            value(f'{gpu.RECOVERY_ACTION}{{action!="none"}}', legend="the driver asks for a reset"),
            value(gpu.REMAP_PENDING, legend="rows to be replaced at the next reset"),
            value(gpu.REMAP_FAILED, legend="rows that cannot be replaced"),
            increase(f'{gpu.ECC_VOLATILE}{{kind="uncorrected"}}', legend="uncorrected memory errors"),
            value(gpu.RETIRED_PENDING, legend="pages to be given up at the next reset"),
        ),
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU clocks held down",
        "How many GPUs are slowed down, and why? power_cap is usual under load; thermal: look at the cooling; "
        "hw_power_brake: at the power supply.",
        (
            value(gpu.THROTTLED, "reason", legend="{{reason}}"),
            rate(gpu.THROTTLED_SECONDS, "reason", legend="{{reason}}, share of time"),
        ),
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU activity",
        "Which part of the GPUs is the limit? Memory near 100 %: it is bandwidth. Multiprocessors busy and tensor "
        "cores idle: small batches, or a type that the tensor cores do not calculate in.",
        (
            value(gpu.SM_ACTIVE, legend="multiprocessors", how="avg"),
            value(gpu.TENSOR_ACTIVE, legend="tensor cores", how="avg"),
            value(gpu.DRAM_ACTIVE, legend="memory bandwidth", how="avg"),
        ),
        "percentunit",
        high=1,
        empty_ok=NO_PROFILE,
    ),
    Panel(
        "GPU power",
        "How much power do the GPUs draw? At the limit, clocks go down.",
        (
            value(gpu.POWER, legend="drawn"),
            value(gpu.POWER_LIMIT, legend="limit"),
            rate(gpu.ENERGY, legend="drawn, by the energy counted"),
        ),
        "watt",
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU temperature",
        "How hot is the hottest GPU? Near its limit, 83 to 95 °C by model, clocks go down.",
        (
            value(gpu.TEMPERATURE, legend="die", how="max"),
            value(gpu.MEMORY_TEMPERATURE, legend="memory", how="max"),
        ),
        "celsius",
        low=None,
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU memory by process",
        "Who has the memory? A process that nobody knows: it was left behind, or is a neighbour's.",
        (Query(f"topk(10, {gpu.PROCESS_MEMORY})", "{{process}} {{pid}} on {{gpu}}"),),
        "bytes",
        empty_ok="no process on a GPU",
    ),
    Panel(
        "GPU links",
        "How much goes to and from the GPUs? PCI Express full: copies are the limit.",
        (
            value(gpu.PCIE_RECEIVED, legend="to the GPUs, PCI Express"),
            value(gpu.PCIE_SENT, legend="from the GPUs, PCI Express"),
            value(gpu.NVLINK_SENT_RATE, legend="NVLink, sent"),
            value(gpu.NVLINK_RECEIVED_RATE, legend="NVLink, received"),
        ),
        "Bps",
        empty_ok=NO_GPU,
    ),
)

GPU_DETAIL = (
    Panel(
        "GPU activity by kind of arithmetic",
        "What do the GPUs calculate in? FP64 busy and tensor cores idle: a program that was not meant for them.",
        tuple(
            value(name, legend=legend, how="avg")
            for name, legend in (
                (gpu.GRAPHICS_ACTIVE, "any work"),
                (gpu.SM_OCCUPANCY, "warps of the most there could be"),
                (gpu.FP64_ACTIVE, "FP64"),
                (gpu.FP32_ACTIVE, "FP32"),
                (gpu.FP16_ACTIVE, "FP16"),
            )
        ),
        "percentunit",
        high=1,
        empty_ok=NO_PROFILE,
    ),
    Panel(
        "GPU memory and video engines busy",
        "Is memory, or an engine for video, what is full? Near 100 %: that part is the limit.",
        (
            value(gpu.MEMORY_BUSY, "gpu", legend=f"{GPU} memory", how="max"),
            value(gpu.VIDEO, "gpu", "engine", legend=f"{GPU} {{{{engine}}}}", how="max"),
        ),
        "percentunit",
        high=1,
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU memory in bytes",
        "How much is free for another model? The driver keeps some for itself.",
        tuple(
            value(name, legend=legend)
            for name, legend in (
                (gpu.MEMORY_SIZE, "in all"),
                (gpu.MEMORY_USED, "used"),
                (gpu.MEMORY_FREE, "free"),
                (gpu.MEMORY_RESERVED, "the driver's"),
            )
        ),
        "bytes",
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU instances (MIG)",
        "How full is each part of a divided GPU? One full and others empty: divide it otherwise.",
        (
            value(gpu.MIG_MEMORY_USED, "gpu", "gpu_instance", legend=f"{GPU}/{{{{gpu_instance}}}} used"),
            value(gpu.MIG_MEMORY_SIZE, "gpu", "gpu_instance", legend=f"{GPU}/{{{{gpu_instance}}}} in all"),
        ),
        "bytes",
        empty_ok="no GPU is divided",
    ),
    Panel(
        "GPU processes",
        "How many processes have a GPU open? More than were started: some were left behind.",
        (value(gpu.PROCESSES, "gpu", legend=GPU),),
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU clocks",
        "How fast do the GPUs run? Lower under load than their peers: see why clocks are held down.",
        (
            value(gpu.SM_CLOCK, "gpu", legend=f"{GPU} multiprocessors", how="min"),
            value(gpu.MEMORY_CLOCK, "gpu", legend=f"{GPU} memory", how="min"),
        ),
        "hertz",
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU fans",
        "How fast do fans turn? At 100 % and hot: air does not come in.",
        (value(gpu.FAN, "gpu", "fan", legend=f"{GPU} fan {{{{fan}}}}", how="max"),),
        "percentunit",
        high=1,
        empty_ok="a GPU without fans of its own",
    ),
    Panel(
        "GPU memory errors over its life",
        "Does the memory wear out? Uncorrected ones, or rows and pages that go one after another: have it exchanged.",
        (
            increase(gpu.ECC_ERRORS, "gpu", "kind", legend=f"{GPU} {{{{kind}}}}"),
            increase(gpu.REMAPPED_ROWS, "gpu", "kind", legend=f"{GPU} rows replaced, {{{{kind}}}}"),
            increase(gpu.RETIRED_PAGES, "gpu", "kind", legend=f"{GPU} pages given up, {{{{kind}}}}"),
        ),
        empty_ok=NO_GPU,
    ),
    Panel(
        "GPU links: errors",
        "Do links send things again? It grows: a riser, a cable, a bridge.",
        (
            increase(gpu.PCIE_REPLAYS, "gpu", legend=f"{GPU} PCI Express"),
            increase(gpu.NVLINK_ERRORS, "gpu", legend=f"{GPU} NVLink"),
        ),
        empty_ok=NO_GPU,
    ),
    Panel(
        "NVLink, as it counts",
        "How much goes from GPU to GPU? One far below its peers: its link is down.",
        (
            rate(gpu.NVLINK_SENT, "gpu", legend=f"{GPU} sent"),
            rate(gpu.NVLINK_RECEIVED, "gpu", legend=f"{GPU} received"),
        ),
        "Bps",
        empty_ok="a GPU without NVLink",
    ),
    Panel(
        "Time since the last XID",
        "When did the driver last report an error? See the incident of that time.",
        (Query(f"time() - {over('max', ('gpu', 'xid'), gpu.XID_LAST)}", f"{GPU}: XID {{{{xid}}}}"),),
        "s",
        empty_ok="no error was ever reported",
    ),
)
