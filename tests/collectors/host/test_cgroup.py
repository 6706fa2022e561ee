"""Cgroups of both versions: burnline's own, and those that are named."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from burnline.collectors.host.cgroup import OWN
from burnline.events import Sample
from burnline.metrics import host as names
from tests.collectors.host.tree import collector, value, values, write

V1 = {
    "proc/self/cgroup": "9:name=systemd:/\n8:pids:/jobs/train\n4:memory:/jobs/train\n2:cpu,cpuacct:/jobs/train\n0::/\n",
    "sys/fs/cgroup/unified/cgroup.controllers": "\n",
    "sys/fs/cgroup/memory/jobs/train/memory.limit_in_bytes": "9223372036854771712\n",
    "sys/fs/cgroup/memory/jobs/train/memory.usage_in_bytes": "5000\n",
    "sys/fs/cgroup/memory/jobs/train/memory.stat": "cache 9\ninactive_file 1\ntotal_inactive_file 2000\n",
    "sys/fs/cgroup/memory/jobs/train/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n",
    "sys/fs/cgroup/memory/jobs/train/memory.failcnt": "8\n",
    "sys/fs/cgroup/memory/jobs/memory.limit_in_bytes": "6000\n",
    "sys/fs/cgroup/cpu,cpuacct/jobs/train/cpu.cfs_quota_us": "50000\n",
    "sys/fs/cgroup/cpu,cpuacct/jobs/train/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/cpu,cpuacct/jobs/train/cpu.stat": "nr_periods 10\nnr_throttled 3\nthrottled_time 2500000000\n",
    "sys/fs/cgroup/cpu,cpuacct/jobs/train/cpuacct.usage": "1500000000\n",
    "sys/fs/cgroup/pids/jobs/train/pids.current": "4\n",
    "sys/fs/cgroup/pids/jobs/train/pids.max": "max\n",
}


def of(samples: list[Sample], cgroup: str) -> dict[str, float]:
    """What is told of a cgroup, by name, without pressure."""
    own = [s for s in samples if s.labels.get("cgroup") == cgroup and s.name != names.CGROUP_PRESSURE]
    return {sample.name: sample.value for sample in own}


@pytest.fixture
def v1(tree: Path) -> Path:
    (tree / "sys/fs/cgroup").rename(tree / "nowhere")
    write(tree, V1)
    return tree


def test_of_version_two_limits_and_usage_are_read(samples: list[Sample]) -> None:
    assert of(samples, OWN) == {
        names.CGROUP_MEMORY_LIMIT: 2**30,  # of the slice above: the service has none of its own
        names.CGROUP_MEMORY_USED: 90_000_000,
        names.CGROUP_WORKING_SET: 70_000_000,
        names.CGROUP_OOM_KILLS: 1,
        names.CGROUP_LIMIT_HITS: 12,
        names.CGROUP_CPU_LIMIT: 1.5,
        names.CGROUP_CPU_SECONDS: 2.5,
        names.CGROUP_CPU_PERIODS: 40,
        names.CGROUP_CPU_THROTTLED: 4,
        names.CGROUP_CPU_THROTTLED_SECONDS: pytest.approx(0.6),
        names.CGROUP_TASKS: 9,
        names.CGROUP_TASKS_LIMIT: 500,
    }


def test_of_version_two_pressure_is_read(samples: list[Sample]) -> None:
    assert values(samples, names.CGROUP_PRESSURE, "cgroup", "resource", "stall") == {
        (OWN, "memory", "some"): 4,
        (OWN, "memory", "full"): 3,
    }


def test_of_version_one_limits_and_usage_are_read_from_each_hierarchy(v1: Path, now: datetime) -> None:
    samples = list(collector(v1).collect(now))

    assert of(samples, OWN) == {
        names.CGROUP_MEMORY_LIMIT: 6000,  # of the cgroup above: this one may have 2^63 bytes, which is no limit
        names.CGROUP_MEMORY_USED: 5000,
        names.CGROUP_WORKING_SET: 3000,
        names.CGROUP_OOM_KILLS: 7,
        names.CGROUP_LIMIT_HITS: 8,
        names.CGROUP_CPU_LIMIT: 0.5,
        names.CGROUP_CPU_SECONDS: 1.5,
        names.CGROUP_CPU_PERIODS: 10,
        names.CGROUP_CPU_THROTTLED: 3,
        names.CGROUP_CPU_THROTTLED_SECONDS: 2.5,
        names.CGROUP_TASKS: 4,
    }


def test_without_a_limit_there_is_no_series_of_it(tree: Path, now: datetime) -> None:
    service = "sys/fs/cgroup/burnline.slice/burnline.service"
    write(tree, {f"{service}/cpu.max": "max 100000\n", "sys/fs/cgroup/burnline.slice/memory.max": "max\n"})

    told = of(list(collector(tree).collect(now)), OWN)

    assert names.CGROUP_CPU_LIMIT not in told
    assert names.CGROUP_MEMORY_LIMIT not in told


def test_in_a_container_the_mounted_cgroup_is_burnlines_own(tree: Path, now: datetime) -> None:
    write(
        tree,
        {
            "proc/self/cgroup": "0::/../../kubepods/pod1/burnline\n",
            "sys/fs/cgroup/memory.current": "777\n",
            "sys/fs/cgroup/memory.max": "1000\n",
        },
    )

    told = of(list(collector(tree).collect(now)), OWN)

    assert told[names.CGROUP_MEMORY_USED] == 777
    assert told[names.CGROUP_MEMORY_LIMIT] == 1000


@pytest.mark.parametrize("trees", ["tree", "v1"])
def test_others_are_read_where_they_are_named(request: pytest.FixtureRequest, now: datetime, trees: str) -> None:
    machine: Path = request.getfixturevalue(trees)
    cgroup = {"tree": "/burnline.slice/burnline.service", "v1": "/jobs/train"}[trees]

    samples = list(collector(machine, cgroups=[cgroup, "/gone"]).collect(now))

    assert of(samples, cgroup) == of(samples, OWN)
    assert of(samples, "/gone") == {}


def test_a_container_reads_its_own_cgroup_and_the_hosts_files(tree: Path, now: datetime, tmp_path: Path) -> None:
    own = tmp_path / "own"
    write(
        own,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cgroup.controllers": "memory\n",
            "sys/fs/cgroup/memory.current": "42\n",
        },
    )

    samples = list(collector(tree, own_proc=own / "proc", own_sys=own / "sys").collect(now))

    assert of(samples, OWN) == {names.CGROUP_MEMORY_USED: 42}
    assert value(samples, names.CPUS) == 2
