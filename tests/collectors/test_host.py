"""The host collector on a tree of files as Linux writes them."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from burnline.collectors.host import HostCollector
from burnline.errors import CollectorError, NoData
from burnline.events import Sample
from burnline.metrics import host as names
from burnline.metrics.register import MEASURED

FILES = {
    "proc/stat": """\
cpu  51637 10335 16803 338356 1859 0 510 1429 0 0
cpu0 21044 3051 7201 177761 577 0 62 758 0 0
cpu1 30592 7283 9602 160594 1281 0 448 670 0 0
intr 883476 0 0 0
ctxt 1990292
""",
    "proc/loadavg": "0.55 0.44 0.33 1/123 4567\n",
    "proc/meminfo": """\
MemTotal:       24684084 kB
MemFree:        22949780 kB
MemAvailable:   24235704 kB
SwapTotal:       1048576 kB
SwapFree:        1000000 kB
HugePages_Total:       0
""",
    "proc/vmstat": "nr_free_pages 5737445\noom_kill 3\n",
    "proc/pressure/cpu": "some avg10=1.37 avg60=1.71 avg300=0.72 total=14714517\n",
    "proc/pressure/memory": """\
some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000
full avg10=0.00 avg60=0.00 avg300=0.00 total=1000000
""",
    "proc/diskstats": """\
   7       0 loop0 1 2 3 4 5 6 7 8 9 10 11 0 0 0 0 0 0
 259       0 nvme0n1 38159 10741 3294946 12207 10466 25198 3989208 9770 0 10460 22662 4126 13 318480 617 1372 65
 259       1 nvme0n1p1 100 0 200 0 100 0 200 0 0 0 0
""",
    "proc/net/dev": """\
Inter-|   Receive                            |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo:    3193    29    0    0    0     0    0         0     3193    29    0    0    0     0       0    0
  eth0:911790299 10000   1    2    0     0    0         0  1766970  9000    3    4    0     0       0    0
""",
    "proc/1/mounts": r"""proc /proc proc rw 0 0
/dev/nvme0n1p1 / ext4 rw 0 0
/dev/nvme0n1p1 /var/lib/bind ext4 rw 0 0
nas:/export /mnt/nas nfs4 rw 0 0
/dev/sdb1 /data\040lake xfs rw 0 0
""",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "sys/block/nvme0n1").mkdir(parents=True)
    return tmp_path


def filesystem(path: Path) -> os.statvfs_result:
    """1000 blocks of 4096 bytes, 250 of them left for ordinary users."""
    return os.statvfs_result((4096, 4096, 1000, 300, 250, 0, 0, 0, 0, 255))


def collector(tree: Path) -> HostCollector:
    return HostCollector(
        interval=timedelta(seconds=15), proc=tree / "proc", sys=tree / "sys", root=tree, statvfs=filesystem
    )


def values(samples: list[Sample], name: str, *labels: str) -> dict[tuple[str, ...], float]:
    return {tuple(sample.labels[label] for label in labels): sample.value for sample in samples if sample.name == name}


@pytest.fixture
def samples(tree: Path, now: datetime) -> list[Sample]:
    return list(collector(tree).collect(now))


def test_cpu_time_is_in_seconds_over_all_cpus_by_mode(samples: list[Sample]) -> None:
    tick = os.sysconf("SC_CLK_TCK")

    seconds = values(samples, names.CPU_SECONDS, "mode")

    assert seconds["user",] == 51637 / tick
    assert seconds["steal",] == 1429 / tick
    assert len(seconds) == 8
    assert values(samples, names.CPUS) == {(): 2}


def test_load_is_given_per_window(samples: list[Sample]) -> None:
    assert values(samples, names.LOAD, "window") == {("1m",): 0.55, ("5m",): 0.44, ("15m",): 0.33}


def test_memory_is_in_bytes(samples: list[Sample]) -> None:
    assert values(samples, names.MEMORY_SIZE) == {(): 24684084 * 1024}
    assert values(samples, names.MEMORY_AVAILABLE) == {(): 24235704 * 1024}
    assert values(samples, names.SWAP_SIZE) == {(): 2**30}
    assert values(samples, names.SWAP_FREE) == {(): 1000000 * 1024}


def test_processes_killed_for_want_of_memory_are_counted(samples: list[Sample]) -> None:
    assert values(samples, names.OOM_KILLS) == {(): 3}


def test_pressure_is_in_seconds_and_a_missing_file_is_quiet(samples: list[Sample]) -> None:
    assert values(samples, names.PRESSURE, "resource", "stall") == {
        ("cpu", "some"): pytest.approx(14.714517),
        ("memory", "some"): 2.5,
        ("memory", "full"): 1.0,
    }


def test_whole_disks_are_read_in_bytes_and_seconds(samples: list[Sample]) -> None:
    disk = ("nvme0n1",)

    assert values(samples, names.DISK_READS, "device") == {disk: 38159}
    assert values(samples, names.DISK_READ, "device") == {disk: 3294946 * 512}
    assert values(samples, names.DISK_WRITES, "device") == {disk: 10466}
    assert values(samples, names.DISK_WRITTEN, "device") == {disk: 3989208 * 512}
    assert values(samples, names.DISK_BUSY, "device") == {disk: 10.46}


def test_local_filesystems_are_read_once_each(samples: list[Sample]) -> None:
    mounted = {("/dev/nvme0n1p1", "/"), ("/dev/sdb1", "/data lake")}

    size = values(samples, names.FILESYSTEM_SIZE, "device", "mountpoint")
    available = values(samples, names.FILESYSTEM_AVAILABLE, "device", "mountpoint")

    assert size == dict.fromkeys(mounted, 4_096_000)
    assert available == dict.fromkeys(mounted, 1_024_000)


def test_a_network_filesystem_is_never_touched(tree: Path, now: datetime) -> None:
    touched: list[str] = []

    def statvfs(path: Path) -> os.statvfs_result:
        touched.append(str(path))
        return filesystem(path)

    HostCollector(interval=timedelta(seconds=15), proc=tree / "proc", sys=tree / "sys", statvfs=statvfs).collect(now)

    assert touched == ["/", "/data lake"]


def test_a_filesystem_that_cannot_be_asked_is_left_out(tree: Path, now: datetime) -> None:
    def statvfs(path: Path) -> os.statvfs_result:
        if path.name == "data lake":
            raise OSError(5, "Input/output error")
        return filesystem(path)

    host = HostCollector(interval=timedelta(seconds=15), proc=tree / "proc", sys=tree / "sys", statvfs=statvfs)

    assert values(list(host.collect(now)), names.FILESYSTEM_SIZE, "mountpoint").keys() == {("/",)}


def test_network_interfaces_are_read_but_not_the_loopback(samples: list[Sample]) -> None:
    assert values(samples, names.NETWORK_RECEIVED, "interface") == {("eth0",): 911790299}
    assert values(samples, names.NETWORK_SENT, "interface") == {("eth0",): 1766970}
    assert values(samples, names.NETWORK_ERRORS, "interface", "direction") == {
        ("eth0", "receive"): 1,
        ("eth0", "send"): 3,
    }
    assert values(samples, names.NETWORK_DROPS, "interface", "direction") == {
        ("eth0", "receive"): 2,
        ("eth0", "send"): 4,
    }


def test_every_name_is_declared_and_every_declared_name_is_read(samples: list[Sample]) -> None:
    declared = {name for name in MEASURED if name.startswith("burnline_host_")}

    assert {sample.name for sample in samples} == declared


def test_no_series_is_given_twice(samples: list[Sample]) -> None:
    series = [(sample.name, *sorted(sample.labels.items())) for sample in samples]

    assert len(series) == len(set(series))


@pytest.mark.parametrize("file", sorted(FILES))
def test_a_missing_file_costs_only_its_own_samples(tree: Path, now: datetime, samples: list[Sample], file: str) -> None:
    (tree / file).unlink()

    assert 0 < len(collector(tree).collect(now)) < len(samples)


@pytest.mark.parametrize(
    ("file", "number"),
    [
        ("proc/stat", "51637"),
        ("proc/loadavg", "0.44"),
        ("proc/meminfo", "24684084"),
        ("proc/vmstat", "3"),
        ("proc/pressure/cpu", "total=14714517"),
        ("proc/diskstats", "3294946"),
        ("proc/net/dev", "911790299"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named(tree: Path, now: datetime, file: str, number: str) -> None:
    (tree / file).write_text(FILES[file].replace(number, "?"))

    with pytest.raises(CollectorError, match=f"{file} cannot be understood"):
        collector(tree).collect(now)


def test_where_there_is_no_proc_there_is_no_data(tmp_path: Path, now: datetime) -> None:
    with pytest.raises(NoData):
        collector(tmp_path).collect(now)


def test_this_machine_can_be_read(now: datetime) -> None:
    samples = list(HostCollector(interval=timedelta(seconds=15)).collect(now))

    (size,) = values(samples, names.MEMORY_SIZE).values()
    (available,) = values(samples, names.MEMORY_AVAILABLE).values()
    assert 0 < available < size
    assert values(samples, names.CPU_SECONDS, "mode")["idle",] > 0
