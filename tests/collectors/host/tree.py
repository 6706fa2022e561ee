"""A machine as a folder: the kernel's files of a training node, and a collector that reads them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

from burnline.collectors.host import HostCollector
from burnline.events import Sample

NET_DEV = """\
Inter-|   Receive                            |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo:    3193    29    0    0    0     0    0         0     3193    29    0    0    0     0       0    0
  eth0:911790299 10000   1    2    0     0    0         0  1766970  9000    3    4    0     0       0    0
 bond0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0
veth1a2: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0
"""
FILES: Mapping[str, str] = {
    "proc/stat": """\
cpu  51637 10335 16803 338356 1859 0 510 1429 0 0
cpu0 21044 3051 7201 177761 577 0 62 758 0 0
cpu1 30592 7283 9602 160594 1281 0 448 670 0 0
intr 883476 0 0 0
ctxt 1990292
btime 1795647416
processes 12345
procs_running 3
procs_blocked 1
softirq 55 1 2 3 4 5 6 7 8 9 10
""",
    "proc/loadavg": "0.55 0.44 0.33 1/123 4567\n",
    "proc/sys/fs/file-nr": "1083\t0\t9223372036854775807\n",
    "proc/meminfo": """\
MemTotal:       24684084 kB
MemFree:        22949780 kB
MemAvailable:   24235704 kB
Mlocked:           2048 kB
SwapTotal:       1048576 kB
SwapFree:        1000000 kB
HugePages_Total:       0
""",
    "proc/vmstat": "nr_free_pages 5737445\npgfault 900\npgmajfault 9\npswpin 11\npswpout 12\noom_kill 3\n",
    "proc/pressure/cpu": "some avg10=1.37 avg60=1.71 avg300=0.72 total=14714517\n",
    "proc/pressure/irq": "full avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n",
    "proc/pressure/memory": """\
some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000
full avg10=0.00 avg60=0.00 avg300=0.00 total=1000000
""",
    "proc/diskstats": """\
   7       0 loop0 1 2 3 4 5 6 7 8 9 10 11 0 0 0 0 0 0
 259       0 nvme0n1 38159 10741 3294946 12207 10466 25198 3989208 9770 2 10460 22662 4126 13 318480 617 1372 65
 259       1 nvme0n1p1 100 0 200 0 100 0 200 0 0 0 0
""",
    "proc/1/net/dev": NET_DEV,
    "proc/1/net/snmp": """\
Ip: Forwarding DefaultTTL
Ip: 1 64
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens CurrEstab InSegs OutSegs RetransSegs
Tcp: 1 200 120000 -1 340378 161711 14 7689802 7643206 14069
""",
    "proc/1/net/netstat": """\
TcpExt: SyncookiesSent ListenOverflows ListenDrops
TcpExt: 0 23 24
IpExt: InNoRoutes
IpExt: 0
""",
    "proc/1/net/sockstat": """\
sockets: used 36
TCP: inuse 19 orphan 1 tw 294 alloc 20 mem 94
UDP: inuse 2 mem 0
FRAG: inuse 0 memory 0
""",
    "proc/1/mountinfo": r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 259:1 / / rw,relatime - ext4 /dev/nvme0n1p1 rw
28 27 259:1 /srv /var/lib/bind rw - ext4 /dev/nvme0n1p1 rw
29 27 0:40 / /mnt/nas rw - nfs4 nas:/export rw,vers=4.2
30 27 8:17 / /data\040lake ro shared:7 - xfs /dev/sdb1 rw
31 27 0:50 / /dev/shm rw - tmpfs tmpfs rw
""",
    "proc/self/cgroup": "0::/burnline.slice/burnline.service\n",
    "sys/block/nvme0n1/size": "1000215216\n",
    "sys/class/net/bonding_masters": "bond0\n",
    "sys/class/net/bond0/operstate": "up\n",
    "sys/class/net/bond0/speed": "200000\n",
    "sys/class/net/bond0/bonding/slaves": "eth1 eth2\n",
    "sys/class/net/bond0/lower_eth1/bonding_slave/mii_status": "up\n",
    "sys/class/net/bond0/lower_eth2/bonding_slave/mii_status": "down\n",
    "sys/class/net/eth0/operstate": "up\n",
    "sys/class/net/eth0/speed": "25000\n",
    "sys/class/net/eth1/operstate": "up\n",
    "sys/class/net/eth2/operstate": "lowerlayerdown\n",
    "sys/class/net/eth2/speed": "-1\n",
    "sys/class/net/tun0/operstate": "unknown\n",
    "sys/class/net/lo/operstate": "unknown\n",
    "sys/class/net/veth1a2/operstate": "up\n",
    "sys/class/infiniband/mlx5_0/fw_ver": "28.39.1002\n",
    "sys/class/infiniband/mlx5_0/ports/1/link_layer": "InfiniBand\n",
    "sys/class/infiniband/mlx5_0/ports/1/state": "4: ACTIVE\n",
    "sys/class/infiniband/mlx5_0/ports/1/phys_state": "5: LinkUp\n",
    "sys/class/infiniband/mlx5_0/ports/1/rate": "400 Gb/sec (4X NDR)\n",
    "sys/class/infiniband/mlx5_0/ports/1/counters/port_rcv_data": "2500\n",
    "sys/class/infiniband/mlx5_0/ports/1/counters/port_xmit_data": "1000\n",
    "sys/class/infiniband/mlx5_0/ports/1/counters/port_rcv_packets": "25\n",
    "sys/class/infiniband/mlx5_0/ports/1/counters/port_xmit_packets": "10\n",
    "sys/class/infiniband/mlx5_0/ports/1/counters/port_xmit_wait": "3846\n",
    "sys/class/infiniband/mlx5_0/ports/1/counters/link_downed": "1\n",
    "sys/class/infiniband/mlx5_0/ports/1/counters/link_error_recovery": "2\n",
    "sys/class/infiniband/mlx5_0/ports/1/counters/symbol_error": "7\n",
    "sys/class/infiniband/mlx5_0/ports/1/counters/port_rcv_errors": "N/A (no PMA)\n",
    "sys/class/infiniband/mlx5_1/ports/1/link_layer": "Ethernet\n",
    "sys/class/infiniband/mlx5_1/ports/1/state": "1: DOWN\n",
    "sys/class/infiniband/mlx5_1/ports/1/phys_state": "3: Disabled\n",
    "sys/class/infiniband/mlx5_1/ports/1/rate": "2.5 Gb/sec (1X SDR)\n",
    "sys/class/infiniband/mlx5_1/ports/1/hw_counters/np_cnp_sent": "5\n",
    "sys/class/infiniband/mlx5_1/ports/1/hw_counters/out_of_sequence": "6\n",
    "sys/class/infiniband/mlx5_1/ports/1/hw_counters/roce_adp_retrans": "8\n",
    "sys/class/nvme/nvme0/model": "SAMSUNG MZVL2512HCJQ-00BL7              \n",
    "sys/class/nvme/nvme0/serial": "S64KNX0T123456\n",
    "sys/class/nvme/nvme0/firmware_rev": "CL2QGXA7\n",
    "sys/class/nvme/nvme0/transport": "pcie\n",
    "sys/class/nvme/nvme0/state": "live\n",
    "sys/class/nvme/nvme0/nvme0n1/size": "1000215216\n",
    "sys/class/nvme/nvme1/state": "dead\n",
    "sys/class/nvme/nvme1/nvme0c1n1/size": "1000215216\n",
    "sys/devices/system/node/node0/meminfo": "Node 0 MemTotal:       12674848 kB\nNode 0 MemFree:         8364496 kB\n",
    "sys/devices/system/node/node0/numastat": "numa_hit 100\nnuma_miss 5\nnuma_foreign 6\n",
    "sys/devices/system/node/node1/meminfo": "Node 1 MemTotal:       12009236 kB\nNode 1 MemFree:        11932012 kB\n",
    "sys/devices/system/node/node1/numastat": "numa_hit 200\nnuma_miss 0\nnuma_foreign 0\n",
    "sys/fs/cgroup/cgroup.controllers": "cpu io memory pids\n",
    "sys/fs/cgroup/burnline.slice/cgroup.controllers": "cpu io memory pids\n",
    "sys/fs/cgroup/burnline.slice/memory.max": "1073741824\n",
    "sys/fs/cgroup/burnline.slice/cpu.max": "max 100000\n",
    "sys/fs/cgroup/burnline.slice/pids.max": "max\n",
    "sys/fs/cgroup/burnline.slice/burnline.service/cgroup.controllers": "cpu io memory pids\n",
    "sys/fs/cgroup/burnline.slice/burnline.service/memory.max": "max\n",
    "sys/fs/cgroup/burnline.slice/burnline.service/memory.current": "90000000\n",
    "sys/fs/cgroup/burnline.slice/burnline.service/memory.stat": "anon 1\ninactive_file 20000000\n",
    "sys/fs/cgroup/burnline.slice/burnline.service/memory.events": "low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\n",
    "sys/fs/cgroup/burnline.slice/burnline.service/memory.pressure": """\
some avg10=0.00 avg60=0.00 avg300=0.00 total=4000000
full avg10=0.00 avg60=0.00 avg300=0.00 total=3000000
""",
    "sys/fs/cgroup/burnline.slice/burnline.service/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/burnline.slice/burnline.service/cpu.stat": """\
usage_usec 2500000
user_usec 2000000
system_usec 500000
nr_periods 40
nr_throttled 4
throttled_usec 600000
""",
    "sys/fs/cgroup/burnline.slice/burnline.service/pids.current": "9\n",
    "sys/fs/cgroup/burnline.slice/burnline.service/pids.max": "500\n",
}


def write(root: Path, files: Mapping[str, str]) -> None:
    """The files below `root`."""
    for folder in {os.path.dirname(name) for name in files}:  # noqa: PTH120  # a quarter of what a Path would take
        os.makedirs(root / folder, exist_ok=True)  # noqa: PTH103
    for name, text in files.items():
        (root / name).write_text(text)


def filesystem(path: str) -> os.statvfs_result:
    """1000 blocks of 4096 bytes, 250 of them left for ordinary users; 64 files, 16 of them free."""
    return os.statvfs_result((4096, 4096, 1000, 300, 250, 64, 16, 16, 0, 255))


def collector(tree: Path, **options: object) -> HostCollector:
    """One that reads the tree, and takes itself to live in it."""
    given = {"root": tree, "own_proc": tree / "proc", "own_sys": tree / "sys", "statvfs": filesystem, **options}
    return HostCollector(interval=timedelta(seconds=15), proc=tree / "proc", sys=tree / "sys", **given)  # type: ignore[arg-type]  # what a test gives


def values(samples: Iterable[Sample], name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """By the values of `labels`, those of one name."""
    return {tuple(sample.labels[label] for label in labels): sample.value for sample in samples if sample.name == name}


def value(samples: Iterable[Sample], name: str, **labels: str) -> float:
    """Of the one series with these labels."""
    (found,) = [s.value for s in samples if s.name == name and labels.items() <= s.labels.items()]
    return found
