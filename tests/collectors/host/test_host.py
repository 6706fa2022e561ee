"""The host collector on a tree of files as Linux writes them."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from burnline.collectors.host import HostCollector
from burnline.errors import NoData
from burnline.events import Sample
from burnline.metrics import host as names
from burnline.metrics.register import MEASURED
from tests.collectors.host.tree import FILES, collector, value, values, write


def test_cpu_time_is_in_seconds_over_all_cpus_by_mode(samples: list[Sample]) -> None:
    tick = os.sysconf("SC_CLK_TCK")

    seconds = values(samples, names.CPU_SECONDS, "mode")

    assert seconds["user",] == 51637 / tick
    assert seconds["steal",] == 1429 / tick
    assert len(seconds) == 8
    assert value(samples, names.CPUS) == 2


def test_tasks_and_the_moment_of_boot_are_read(samples: list[Sample]) -> None:
    assert value(samples, names.BOOT) == 1795647416
    assert value(samples, names.FORKS) == 12345
    assert value(samples, names.CONTEXT_SWITCHES) == 1990292
    assert value(samples, names.RUNNING) == 3
    assert value(samples, names.BLOCKED) == 1


def test_load_is_given_per_window(samples: list[Sample]) -> None:
    assert values(samples, names.LOAD, "window") == {("1m",): 0.55, ("5m",): 0.44, ("15m",): 0.33}


def test_open_files_are_counted_against_their_limit(samples: list[Sample]) -> None:
    assert value(samples, names.OPEN_FILES) == 1083
    assert value(samples, names.OPEN_FILES_LIMIT) == 2**63 - 1


def test_memory_is_in_bytes(samples: list[Sample]) -> None:
    assert value(samples, names.MEMORY_SIZE) == 24684084 * 1024
    assert value(samples, names.MEMORY_AVAILABLE) == 24235704 * 1024
    assert values(samples, names.MEMORY, "kind") == {("free",): 22949780 * 1024, ("locked",): 2**21}
    assert value(samples, names.SWAP_SIZE) == 2**30
    assert value(samples, names.SWAP_FREE) == 1000000 * 1024


def test_swapping_faults_and_processes_killed_for_want_of_memory_are_counted(samples: list[Sample]) -> None:
    assert value(samples, names.OOM_KILLS) == 3
    assert value(samples, names.SWAPPED_IN) == 11
    assert value(samples, names.SWAPPED_OUT) == 12
    assert value(samples, names.PAGE_FAULTS) == 900
    assert value(samples, names.MAJOR_FAULTS) == 9


def test_pressure_is_in_seconds_and_a_missing_file_is_quiet(samples: list[Sample]) -> None:
    assert values(samples, names.PRESSURE, "resource", "stall") == {
        ("cpu", "some"): pytest.approx(14.714517),
        ("memory", "some"): 2.5,
        ("memory", "full"): 1.0,
        ("irq", "full"): 0.5,
    }
    assert not values(samples, names.UNREADABLE, "file")


def test_whole_disks_are_read_in_bytes_and_seconds(samples: list[Sample]) -> None:
    disk = ("nvme0n1",)

    assert values(samples, names.DISK_READS, "device") == {disk: 38159}
    assert values(samples, names.DISK_READ, "device") == {disk: 3294946 * 512}
    assert values(samples, names.DISK_READ_TIME, "device") == {disk: 12.207}
    assert values(samples, names.DISK_WRITES, "device") == {disk: 10466}
    assert values(samples, names.DISK_WRITTEN, "device") == {disk: 3989208 * 512}
    assert values(samples, names.DISK_WRITE_TIME, "device") == {disk: 9.77}
    assert values(samples, names.DISK_INFLIGHT, "device") == {disk: 2}
    assert values(samples, names.DISK_BUSY, "device") == {disk: 10.46}
    assert values(samples, names.DISK_WAITING, "device") == {disk: 22.662}


def test_without_sys_every_device_that_is_no_virtual_one_is_a_disk(tree: Path, now: datetime) -> None:
    (tree / "sys").rename(tree / "nowhere")

    samples = collector(tree).collect(now)

    assert values(samples, names.DISK_READS, "device").keys() == {("nvme0n1",), ("nvme0n1p1",)}


def test_network_interfaces_are_read_but_not_the_loopback_nor_those_of_containers(samples: list[Sample]) -> None:
    assert values(samples, names.NETWORK_RECEIVED, "interface") == {("eth0",): 911790299, ("bond0",): 1000}
    assert values(samples, names.NETWORK_SENT, "interface") == {("eth0",): 1766970, ("bond0",): 2000}
    assert value(samples, names.NETWORK_PACKETS, interface="eth0", direction="receive") == 10000
    assert value(samples, names.NETWORK_PACKETS, interface="eth0", direction="send") == 9000
    assert value(samples, names.NETWORK_ERRORS, interface="eth0", direction="receive") == 1
    assert value(samples, names.NETWORK_ERRORS, interface="eth0", direction="send") == 3
    assert value(samples, names.NETWORK_DROPS, interface="eth0", direction="receive") == 2
    assert value(samples, names.NETWORK_DROPS, interface="eth0", direction="send") == 4


def test_links_that_say_nothing_of_themselves_are_neither_up_nor_down(samples: list[Sample]) -> None:
    up = values(samples, names.NETWORK_UP, "interface")

    assert up == {("bond0",): 1, ("eth0",): 1, ("eth1",): 1, ("eth2",): 0}


def test_speed_is_in_bytes_and_absent_without_a_link(samples: list[Sample]) -> None:
    speed = values(samples, names.NETWORK_SPEED, "interface")

    assert speed == {("eth0",): 25e9 / 8, ("bond0",): 200e9 / 8}


def test_a_bond_says_how_many_of_its_links_are_up(samples: list[Sample]) -> None:
    assert values(samples, names.BOND_LINKS, "interface") == {("bond0",): 2}
    assert values(samples, names.BOND_LINKS_UP, "interface") == {("bond0",): 1}


def test_the_network_of_the_host_is_read_and_without_it_that_of_this_process(tree: Path, now: datetime) -> None:
    write(tree, {"proc/net/dev": FILES["proc/1/net/dev"].replace("911790299", "1")})

    of_host = collector(tree).collect(now)
    (tree / "proc/1/net/dev").unlink()
    own = collector(tree).collect(now)

    assert value(of_host, names.NETWORK_RECEIVED, interface="eth0") == 911790299
    assert value(own, names.NETWORK_RECEIVED, interface="eth0") == 1


def test_tcp_and_sockets_are_counted(samples: list[Sample]) -> None:
    assert value(samples, names.TCP_SENT) == 7643206
    assert value(samples, names.TCP_RETRANSMITS) == 14069
    assert value(samples, names.TCP_ESTABLISHED) == 14
    assert value(samples, names.TCP_LISTEN_OVERFLOWS) == 23
    assert value(samples, names.TCP_LISTEN_DROPS) == 24
    assert values(samples, names.SOCKETS, "kind") == {
        ("all",): 36,
        ("tcp",): 19,
        ("tcp_orphan",): 1,
        ("tcp_time_wait",): 294,
        ("udp",): 2,
    }


def test_infiniband_counts_bytes_although_the_device_counts_words_of_four(samples: list[Sample]) -> None:
    port = {"device": "mlx5_0", "port": "1"}

    assert value(samples, names.INFINIBAND_RECEIVED, **port) == 10_000
    assert value(samples, names.INFINIBAND_SENT, **port) == 4_000
    assert value(samples, names.INFINIBAND_PACKETS, **port, direction="receive") == 25


def test_infiniband_ports_say_how_their_link_is(samples: list[Sample]) -> None:
    assert values(samples, names.INFINIBAND_STATE, "device") == {("mlx5_0",): 4, ("mlx5_1",): 1}
    assert values(samples, names.INFINIBAND_PHYSICAL, "device") == {("mlx5_0",): 5, ("mlx5_1",): 3}
    assert values(samples, names.INFINIBAND_RATE, "device") == {("mlx5_0",): 50e9, ("mlx5_1",): 312.5e6}
    assert values(samples, names.INFINIBAND_WAIT, "device") == {("mlx5_0",): 3846}
    assert values(samples, names.INFINIBAND_DOWNED, "device") == {("mlx5_0",): 1}
    assert values(samples, names.INFINIBAND_RECOVERIES, "device") == {("mlx5_0",): 2}
    assert values(samples, names.INFINIBAND_INFO, "device", "link_layer", "firmware").keys() == {
        ("mlx5_0", "InfiniBand", "28.39.1002"),
        ("mlx5_1", "Ethernet", ""),
    }


def test_a_counter_that_the_port_does_not_have_is_absent_and_no_error(samples: list[Sample]) -> None:
    assert values(samples, names.INFINIBAND_ERRORS, "device", "kind") == {("mlx5_0", "symbol"): 7}


def test_congestion_and_losses_of_roce_are_counted_by_kind(samples: list[Sample]) -> None:
    assert values(samples, names.ROCE_EVENTS, "device", "kind") == {
        ("mlx5_1", "cnp_sent"): 5,
        ("mlx5_1", "out_of_sequence"): 6,
        ("mlx5_1", "adaptive_retransmit"): 8,
    }


def test_nvme_controllers_are_named_and_a_dead_one_is_not_up(samples: list[Sample]) -> None:
    assert values(samples, names.NVME_UP, "device") == {("nvme0",): 1, ("nvme1",): 0}
    assert values(samples, names.NVME_INFO, "device", "model", "serial", "firmware", "transport").keys() == {
        ("nvme0", "SAMSUNG MZVL2512HCJQ-00BL7", "S64KNX0T123456", "CL2QGXA7", "pcie"),
        ("nvme1", "", "", "", ""),
    }


def test_a_namespace_with_two_paths_is_told_once(samples: list[Sample]) -> None:
    assert values(samples, names.NVME_SIZE, "device") == {("nvme0n1",): 1000215216 * 512}


def test_memory_is_told_by_numa_node(samples: list[Sample]) -> None:
    assert values(samples, names.NUMA_SIZE, "node") == {("0",): 12674848 * 1024, ("1",): 12009236 * 1024}
    assert values(samples, names.NUMA_FREE, "node") == {("0",): 8364496 * 1024, ("1",): 11932012 * 1024}
    assert values(samples, names.NUMA_HITS, "node") == {("0",): 100, ("1",): 200}
    assert values(samples, names.NUMA_MISSES, "node") == {("0",): 5, ("1",): 0}


def test_every_name_is_declared_and_every_declared_name_is_read(samples: list[Sample]) -> None:
    declared = {name for name in MEASURED if name.startswith("burnline_host_")}

    assert {sample.name for sample in samples} == declared - {names.UNREADABLE}


def test_no_series_is_given_twice(samples: list[Sample]) -> None:
    series = [(sample.name, *sorted(sample.labels.items())) for sample in samples]

    assert len(series) == len(set(series))


def test_the_labels_of_one_name_are_always_the_same(samples: list[Sample]) -> None:
    labels: dict[str, set[tuple[str, ...]]] = {}

    for sample in samples:
        labels.setdefault(sample.name, set()).add(tuple(sorted(sample.labels)))

    assert {name for name, found in labels.items() if len(found) > 1} == set()


def test_where_there_is_no_proc_there_is_no_data(tmp_path: Path, now: datetime) -> None:
    with pytest.raises(NoData):
        collector(tmp_path).collect(now)


def test_this_machine_can_be_read(now: datetime) -> None:
    host = HostCollector(interval=timedelta(seconds=15))

    samples = list(host.collect(now))

    assert 0 < value(samples, names.MEMORY_AVAILABLE) < value(samples, names.MEMORY_SIZE)
    assert value(samples, names.CPU_SECONDS, mode="idle") > 0
