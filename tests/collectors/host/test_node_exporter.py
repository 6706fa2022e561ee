"""The host beside node_exporter on the same machine: one name, and the same numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from burnline.collectors.host import HostCollector
from burnline.collectors.page import parse_page
from burnline.collectors.profiles.load import load_profile
from burnline.collectors.profiles.reading import own_series
from burnline.events import Sample
from burnline.metrics import COLLECTOR
from burnline.metrics import host as names
from burnline.metrics.measured import kind_of
from tests.collectors.host.tree import FILES, collector, write
from tests.programs import free_port, program, running

pytestmark = pytest.mark.integration

Series = tuple[str, tuple[tuple[str, str], ...]]
STATIC = {
    names.BOOT,
    names.OPEN_FILES_LIMIT,
    names.MEMORY_SIZE,
    names.SWAP_SIZE,
    names.FILESYSTEM_SIZE,
    names.FILESYSTEM_FILES,
    names.FILESYSTEM_READ_ONLY,
    names.FILESYSTEM_ERROR,
    names.NETWORK_UP,
    names.NETWORK_SPEED,
    names.BOND_LINKS,
    names.BOND_LINKS_UP,
    names.INFINIBAND_STATE,
    names.INFINIBAND_RATE,
    names.NUMA_SIZE,
}
# It tells bind mounts, and partitions of some disks, beside what they are a part of.
TOLD_TWICE = ("burnline_host_filesystem_", "burnline_host_disk_")
# A tenth of the whole may change between two reads on a busy machine.
WHOLE = {
    names.MEMORY: names.MEMORY_SIZE,
    names.MEMORY_AVAILABLE: names.MEMORY_SIZE,
    names.SWAP_FREE: names.SWAP_SIZE,
    names.FILESYSTEM_FREE: names.FILESYSTEM_SIZE,
    names.FILESYSTEM_AVAILABLE: names.FILESYSTEM_SIZE,
    names.FILESYSTEM_FILES_FREE: names.FILESYSTEM_FILES,
    names.NUMA_FREE: names.NUMA_SIZE,
}
ROUNDED = {names.CPU_SECONDS: 0.1}  # theirs is the sum of what is rounded for each CPU; time of waiting can run back


@dataclass(frozen=True)
class Seen:
    """The same series before, from node_exporter, and after."""

    before: dict[Series, float]
    theirs: dict[Series, float]
    after: dict[Series, float]

    def of(self, chosen: Iterable[str]) -> list[tuple[Series, float, float, float]]:
        wanted = set(chosen)
        both = self.before.keys() & self.theirs.keys() & self.after.keys()
        return [(key, self.before[key], self.theirs[key], self.after[key]) for key in sorted(both) if key[0] in wanted]


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a node_exporter's page."""
    url = f"http://127.0.0.1:{(port := free_port())}/metrics"
    argv = [
        program("prometheus-node-exporter"),
        f"--web.listen-address=127.0.0.1:{port}",
        "--collector.meminfo_numa",
        # Debian leaves these out, and burnline does not.
        "--collector.filesystem.mount-points-exclude=^/(proc|sys|run|dev/(pts|mqueue|hugepages))($|/)",
    ]
    with running(argv, log=tmp_path_factory.mktemp("node") / "log", url=url):
        yield url


@pytest.fixture(scope="module")
def seen(exporter: str) -> Seen:
    """Ours, theirs through the profile, ours again."""
    host = HostCollector(interval=timedelta(seconds=15))
    profile = load_profile("node-exporter")
    moment = datetime.fromisoformat("2026-01-05T12:00:00+00:00")

    before = host.collect(moment)
    page = httpx.get(exporter, timeout=30, trust_env=False).text
    after = host.collect(moment)

    made = own_series(profile, parse_page(page, profile.names), collector="page")
    return Seen(_keyed(before), _keyed(made), _keyed(after))


def _keyed(samples: Iterable[Sample]) -> dict[Series, float]:
    """Without what only one of them says: by which collector, and the device under a mountpoint."""
    keyed: dict[Series, float] = {}
    for sample in samples:
        left_out = {COLLECTOR, "device"} if "mountpoint" in sample.labels else {COLLECTOR}
        labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k not in left_out))
        keyed[sample.name, labels] = sample.value
    return keyed


def test_whatever_node_exporter_tells_through_the_profile_burnline_tells_too(seen: Seen) -> None:
    # It says 0 of a link that does not say whether it is up, and -125000 of one without a speed.
    unknown = {key for key, theirs in seen.theirs.items() if key[0] == names.NETWORK_SPEED and theirs < 0}

    missing = {
        key
        for key in seen.theirs.keys() - seen.before.keys() - unknown
        if key[0] != names.NETWORK_UP and not key[0].startswith(TOLD_TWICE)
    }

    assert missing == set()
    assert len(seen.theirs) > 80


def test_what_does_not_change_is_equal(seen: Seen) -> None:
    told = seen.of(STATIC)

    assert {key: theirs for key, _, theirs, _ in told} == {key: before for key, before, _, _ in told}
    assert {key[0] for key, *_ in told} >= {
        names.BOOT,
        names.MEMORY_SIZE,
        names.OPEN_FILES_LIMIT,
    }


def test_counters_lie_between_what_burnline_reads_before_and_after(seen: Seen) -> None:
    told = seen.of(name for name, _ in seen.theirs if kind_of(name) == "counter")

    outside = [
        (key, before, theirs, after)
        for key, before, theirs, after in told
        if not before - _slack(key, before) <= theirs <= after + _slack(key, after)
    ]

    assert outside == []
    assert len(told) > 30


def _slack(key: Series, value: float) -> float:
    return ROUNDED.get(key[0], 0) + 1e-9 * value


def test_what_comes_and_goes_is_about_the_same(seen: Seen) -> None:
    told = seen.of(WHOLE)

    far = [
        (key, before, theirs, after)
        for key, before, theirs, after in told
        if not min(before, after) - _tenth(seen, key) <= theirs <= max(before, after) + _tenth(seen, key)
    ]

    assert far == []
    assert len(told) > 10


def _tenth(seen: Seen, key: Series) -> float:
    """Of the memory or the filesystem it is a part of."""
    labels = () if key[0] == names.MEMORY else key[1]
    return seen.theirs[WHOLE[key[0]], labels] / 10


def test_every_name_they_both_have_is_compared(seen: Seen) -> None:
    moving = {names.LOAD, names.RUNNING, names.BLOCKED, names.OPEN_FILES, names.DISK_INFLIGHT, names.TCP_ESTABLISHED}

    both = {key[0] for key in seen.theirs.keys() & seen.before.keys()}

    compared = {name for name in both if kind_of(name) == "counter"} | STATIC | set(WHOLE)
    assert both - compared <= moving | {names.SOCKETS, names.NVME_INFO, names.INFINIBAND_PHYSICAL}


def test_the_load_is_the_same_when_it_did_not_change_meanwhile(seen: Seen) -> None:
    told = seen.of({names.LOAD})

    assert all(theirs == before for _, before, theirs, after in told if before == after)
    assert len(told) == 3


def test_a_machine_in_a_folder_is_read_alike_by_both(tmp_path: Path) -> None:
    """InfiniBand, NUMA, bonds: what this machine may not have."""
    write(tmp_path, FILES)
    device = "sys/class/infiniband/mlx5"  # node_exporter reads no port without these
    for name in ("board_id", "fw_ver", "hca_type"):
        write(tmp_path, {f"{device}_0/{name}": "28.39.1002\n", f"{device}_1/{name}": "28.39.1002\n"})
    write(tmp_path, {f"{device}_1/ports/1/counters/link_downed": "4\n"})
    write(
        tmp_path, {f"proc/net/{name}": FILES[f"proc/1/net/{name}"] for name in ("dev", "snmp", "netstat", "sockstat")}
    )
    port = free_port()
    argv = [
        program("prometheus-node-exporter"),
        f"--web.listen-address=127.0.0.1:{port}",
        f"--path.procfs={tmp_path}/proc",
        f"--path.sysfs={tmp_path}/sys",
        "--collector.meminfo_numa",
        "--no-collector.filesystem",
        "--no-collector.netdev",  # it asks the kernel and not the folder
    ]
    profile = load_profile("node-exporter")
    with running(argv, log=tmp_path / "log", url=f"http://127.0.0.1:{port}/metrics"):
        page = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30, trust_env=False).text

    theirs = _keyed(own_series(profile, parse_page(page, profile.names), collector="page"))
    ours = _keyed(collector(tmp_path).collect(datetime.fromisoformat("2026-01-05T12:00:00+00:00")))

    both = theirs.keys() & ours.keys()
    assert {key for key in both if abs(theirs[key] - ours[key]) > _slack(key, ours[key])} == set()
    told = {key[0] for key in both}
    assert {names.INFINIBAND_RECEIVED, names.INFINIBAND_ERRORS, names.BOND_LINKS_UP, names.NUMA_MISSES} <= told
