"""What is full on the host, and in detail what its kernel counts: tables of panels."""

from __future__ import annotations

from burnline.dashboards.asking import growth, increase, rate, ratio, value
from burnline.dashboards.panels import RATE, Panel, Query, Threshold
from burnline.metrics import host

NO_INFINIBAND = "a host without InfiniBand"
NO_DISK = "a host without block devices of its own"
NO_LIMIT = "a host without limits"
OLD_KERNEL = "a kernel without pressure stall information"
LINK = "{{device}}"

_IDLE, _CPU = growth(f'{host.CPU_SECONDS}{{mode="idle"}}'), growth(host.CPU_SECONDS)

HOST = (
    Panel(
        "CPU in use",
        "Is the processor full? Near 100 %: look at pressure beside it.",
        (Query(f"1 - {_IDLE} / {_CPU}", "in use"),),
        "percentunit",
        high=1,
    ),
    Panel(
        "Memory in use",
        "Is memory full? Near 100 %: the kernel will kill a process.",
        (Query(f"1 - {host.MEMORY_AVAILABLE} / {host.MEMORY_SIZE}", "in use"),),
        "percentunit",
        high=1,
    ),
    Panel(
        "Pressure",
        "What share of time did some task, or all, wait for a resource? Rising: that resource is what is full.",
        (Query(f"rate({host.PRESSURE}[{RATE}])", "{{resource}}: {{stall}}"),),
        "percentunit",
        empty_ok=OLD_KERNEL,
    ),
    Panel(
        "Network",
        "How much goes over the wire? Near what the interface can carry: it is the limit.",
        (
            Query(f"rate({host.NETWORK_RECEIVED}[{RATE}])", "{{interface}}: received"),
            Query(f"rate({host.NETWORK_SENT}[{RATE}])", "{{interface}}: sent"),
            Query(f"{host.NETWORK_SPEED} > 0", "{{interface}}: the most"),
        ),
        "Bps",
    ),
    Panel(
        "Network losses",
        "Does the network lose anything? Above 1 %: a cable, a switch, or a host that does not keep up.",
        (
            ratio(host.TCP_RETRANSMITS, host.TCP_SENT, legend="TCP sent again"),
            *(
                ratio(
                    name,
                    host.NETWORK_PACKETS,
                    "interface",
                    "direction",
                    legend=f"{{{{interface}}}}: {how}, {{{{direction}}}}",
                )
                for name, how in ((host.NETWORK_DROPS, "dropped"), (host.NETWORK_ERRORS, "in error"))
            ),
        ),
        "percentunit",
        empty_ok="nothing went over the network",
    ),
    Panel(
        "Disk busy",
        "What share of time had a disk something in flight?",
        (Query(f"rate({host.DISK_BUSY}[{RATE}])", LINK),),
        "percentunit",
        empty_ok=NO_DISK,
    ),
    Panel(
        "Filesystems",
        "Which filesystem is nearly full?",
        (
            Query(f"1 - {host.FILESYSTEM_AVAILABLE} / {host.FILESYSTEM_SIZE}", "{{mountpoint}}"),
            Query(f"1 - {host.FILESYSTEM_FILES_FREE} / {host.FILESYSTEM_FILES}", "{{mountpoint}}: files"),
        ),
        "percentunit",
        high=1,
        empty_ok="no filesystem of its own",
    ),
    Panel(
        "Filesystems failing",
        "Does every filesystem answer? Any: a server is gone or a disk is broken; what is on it cannot be read.",
        (value(host.FILESYSTEM_ERROR),),
        kind="stat",
        thresholds=(Threshold(1, "red"),),
        base="green",
        empty_ok="no filesystem of its own",
    ),
    Panel(
        "Limits of cgroups",
        "Do limits hold anything back? Memory near 100 %: it will be killed. CPU above 0: it is slowed.",
        (
            Query(f"{host.CGROUP_WORKING_SET} / {host.CGROUP_MEMORY_LIMIT}", "{{cgroup}}: memory used"),
            ratio(
                host.CGROUP_CPU_THROTTLED, host.CGROUP_CPU_PERIODS, "cgroup", legend="{{cgroup}}: CPU periods throttled"
            ),
            Query(f"{host.CGROUP_TASKS} / {host.CGROUP_TASKS_LIMIT}", "{{cgroup}}: tasks"),
        ),
        "percentunit",
        high=1,
        empty_ok=NO_LIMIT,
    ),
    Panel(
        "Killed for want of memory",
        "Did the kernel kill a process, or was a cgroup at its limit? Any: give it more memory, or find what grew.",
        (
            increase(host.OOM_KILLS, legend="on the host"),
            increase(host.CGROUP_OOM_KILLS, "cgroup", legend="{{cgroup}}"),
            increase(host.CGROUP_LIMIT_HITS, "cgroup", legend="{{cgroup}} was at its limit"),
        ),
        empty_ok="a kernel before 4.13",
    ),
    Panel(
        "InfiniBand",
        "How much goes over InfiniBand? One link slower than its peers: every collective waits for it.",
        (
            Query(f"rate({host.INFINIBAND_RECEIVED}[{RATE}])", f"{LINK}: received"),
            Query(f"rate({host.INFINIBAND_SENT}[{RATE}])", f"{LINK}: sent"),
            Query(host.INFINIBAND_RATE, f"{LINK}: the most"),
        ),
        "Bps",
        empty_ok=NO_INFINIBAND,
    ),
    Panel(
        "InfiniBand errors",
        "Do links fail? Going down or symbol errors: a cable. Out of sequence: packets are lost on the way.",
        (
            increase(host.INFINIBAND_DOWNED, "device", legend=f"{LINK}: link down"),
            increase(host.INFINIBAND_RECOVERIES, "device", legend=f"{LINK}: link recovered"),
            increase(host.INFINIBAND_ERRORS, "device", "kind", legend=f"{LINK}: {{{{kind}}}}"),
            increase(host.ROCE_EVENTS, "device", "kind", legend=f"{LINK}: {{{{kind}}}}"),
        ),
        empty_ok=NO_INFINIBAND,
    ),
)

HOST_DETAIL = (
    Panel(
        "Load",
        "How many tasks want a CPU, and how many CPUs are there? More tasks than CPUs for long: it is full.",
        (Query(host.LOAD, "load, {{window}}"), Query(host.RUNNING, "run now"), Query(host.CPUS, "CPUs")),
    ),
    Panel(
        "Tasks",
        "Do tasks hang on a disk, do programs start without end? Blocked ones stay: look at the disks.",
        (
            Query(host.BLOCKED, "blocked by a disk"),
            rate(host.FORKS, legend="started per second"),
            rate(host.CONTEXT_SWITCHES, legend="switches per second"),
        ),
        "short",
    ),
    Panel(
        "Memory by kind",
        "What is memory used for? Anonymous grows and never falls: a program leaks.",
        (Query(host.MEMORY, "{{kind}}"),),
        "bytes",
    ),
    Panel(
        "Swap",
        "Is memory short? What is read back grows: programs wait for the disk.",
        (Query(f"{host.SWAP_SIZE} - {host.SWAP_FREE}", "used"),),
        "bytes",
        empty_ok="the kernel tells no swap",
    ),
    Panel(
        "Pages",
        "Does memory have to be fetched? Read back from swap, or major faults: memory is short.",
        (
            rate(host.SWAPPED_IN, legend="read back from swap"),
            rate(host.SWAPPED_OUT, legend="written to swap"),
            rate(host.PAGE_FAULTS, legend="faults"),
            rate(host.MAJOR_FAULTS, legend="faults that waited for a disk"),
        ),
        "cps",
    ),
    Panel(
        "Memory nodes",
        "Does a node of memory run out while others have some? Misses: bind the program, or spread it.",
        (
            Query(f"1 - {host.NUMA_FREE} / {host.NUMA_SIZE}", "node {{node}} used"),
            Query(
                f"{growth(host.NUMA_MISSES, ('node',))} / ({growth(host.NUMA_HITS, ('node',))} > 0)",
                "node {{node}} missed, of what it hit",
            ),
        ),
        "percentunit",
        empty_ok="a host without NUMA",
    ),
    Panel(
        "Disk bytes",
        "How much do the disks read and write? At what they can do: that is the limit.",
        (
            rate(host.DISK_READ, "device", legend=f"{LINK}: read"),
            rate(host.DISK_WRITTEN, "device", legend=f"{LINK}: written"),
        ),
        "Bps",
        empty_ok=NO_DISK,
    ),
    Panel(
        "Disk operations",
        "How many reads and writes are there? Many small ones: put them together.",
        (
            rate(host.DISK_READS, "device", legend=f"{LINK}: reads"),
            rate(host.DISK_WRITES, "device", legend=f"{LINK}: writes"),
        ),
        "iops",
        empty_ok=NO_DISK,
    ),
    Panel(
        "Disk times",
        "How long does one read or write take? Over 10 ms on flash: it is full, worn out or broken.",
        tuple(
            Query(f"{growth(spent, ('device',))} / ({growth(done, ('device',))} > 0)", f"{LINK}: one {what}")
            for spent, done, what in (
                (host.DISK_READ_TIME, host.DISK_READS, "read"),
                (host.DISK_WRITE_TIME, host.DISK_WRITES, "write"),
            )
        ),
        "s",
        empty_ok="nothing was read or written",
    ),
    Panel(
        "Disk queue",
        "How much waits for a disk? It grows: what it is asked for is more than it can do.",
        (
            rate(host.DISK_WAITING, "device", legend=f"{LINK}: on average"),
            Query(host.DISK_INFLIGHT, f"{LINK}: now"),
        ),
        empty_ok=NO_DISK,
    ),
    Panel(
        "NVMe",
        "Is every controller live, and are its namespaces there? 0: it resets or is dead; look at the kernel's log.",
        (Query(host.NVME_UP, f"{LINK} is live"),),
        "bool",
        high=1,
        empty_ok="a host without NVMe, or another exporter reads it",
    ),
    Panel(
        "Filesystems: room for root alone",
        "What share can only root still write? When no more than this is free, nobody else can write.",
        (Query(f"({host.FILESYSTEM_FREE} - {host.FILESYSTEM_AVAILABLE}) / {host.FILESYSTEM_SIZE}", "{{mountpoint}}"),),
        "percentunit",
        high=1,
        empty_ok="no filesystem of its own",
    ),
    Panel(
        "Filesystems that are read-only",
        "Can anything be written? Read-only after it was not: the disk failed, and the kernel saved what it could.",
        (Query(host.FILESYSTEM_READ_ONLY, "{{mountpoint}}"),),
        "bool",
        high=1,
        empty_ok="no filesystem of its own",
    ),
    Panel(
        "Interfaces",
        "Are all interfaces up, and all links of bonds? A bond with fewer links than it has carries less.",
        (
            Query(host.NETWORK_UP, "{{interface}} is up"),
            Query(host.BOND_LINKS, "{{interface}}: links"),
            Query(host.BOND_LINKS_UP, "{{interface}}: links that are up"),
        ),
        empty_ok="no interface says so",
    ),
    Panel(
        "Connections turned away",
        "Do programs accept what comes in? Any: a program does not keep up; raise its backlog or its workers.",
        (
            rate(host.TCP_LISTEN_OVERFLOWS, legend="not accepted in time"),
            rate(host.TCP_LISTEN_DROPS, legend="for any reason"),
        ),
        "cps",
        empty_ok="the kernel does not tell",
    ),
    Panel(
        "Connections and files",
        "How many are open? They grow without end: something does not close what it opens.",
        (
            Query(host.TCP_ESTABLISHED, "TCP connections"),
            Query(host.SOCKETS, "sockets: {{kind}}"),
            Query(host.OPEN_FILES, "files"),
            Query(f"{host.OPEN_FILES_LIMIT} < 1e9", "files there may be"),
        ),
        "short",
    ),
    Panel(
        "InfiniBand links",
        "Are all links up? The state is 4 and the physical one 5 when they are; else look at cable and subnet manager.",
        (
            Query(host.INFINIBAND_STATE, f"{LINK} port {{{{port}}}}: state"),
            Query(host.INFINIBAND_PHYSICAL, f"{LINK} port {{{{port}}}}: physical state"),
        ),
        empty_ok=NO_INFINIBAND,
    ),
    Panel(
        "InfiniBand packets",
        "How many packets are there, and do ports have to wait? Waiting at one port: congestion on the way from it.",
        (
            rate(host.INFINIBAND_PACKETS, "device", "direction", legend=f"{LINK}: {{{{direction}}}}"),
            rate(host.INFINIBAND_WAIT, "device", legend=f"{LINK}: ticks it waited"),
        ),
        "short",
        empty_ok=NO_INFINIBAND,
    ),
    Panel(
        "Memory of cgroups",
        "How much memory has each? The working set is what is judged at the limit; hits at the limit slow it down.",
        (
            Query(host.CGROUP_MEMORY_USED, "{{cgroup}}: in all"),
            Query(host.CGROUP_WORKING_SET, "{{cgroup}}: working set"),
            Query(host.CGROUP_MEMORY_LIMIT, "{{cgroup}}: limit"),
        ),
        "bytes",
        empty_ok="cgroups are not watched",
    ),
    Panel(
        "CPU of cgroups",
        "How many CPUs does each use, and for how long was it stopped? Stopped while the host idles: raise its limit.",
        (
            rate(host.CGROUP_CPU_SECONDS, "cgroup", legend="{{cgroup}}: used"),
            Query(host.CGROUP_CPU_LIMIT, "{{cgroup}}: limit"),
            rate(host.CGROUP_CPU_THROTTLED_SECONDS, "cgroup", legend="{{cgroup}}: tasks that were stopped"),
        ),
        empty_ok="cgroups are not watched",
    ),
    Panel(
        "Pressure of cgroups",
        "What does each cgroup wait for? Alone, while the host does not: its own limit is what is full.",
        (Query(f"rate({host.CGROUP_PRESSURE}[{RATE}])", "{{cgroup}} {{resource}}: {{stall}}"),),
        "percentunit",
        empty_ok=OLD_KERNEL,
    ),
    Panel(
        "Files that cannot be read",
        "Is anything of this row missing? Any: burnline may not read it, or does not understand it; see its log.",
        (Query(host.UNREADABLE, "{{file}}"),),
        "bool",
        high=1,
        empty_ok="every file is read",
    ),
)
