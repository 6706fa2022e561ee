"""Limits and usage of cgroups, of version 2 and 1: burnline's own, and those that are named.

The kernel's Documentation/admin-guide/cgroup-v2.rst; of version 1 cgroup-v1/memory.rst and scheduler/sched-bwc.rst.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from burnline.collectors.host.files import Files, count
from burnline.collectors.host.pressure import stalls
from burnline.events import Sample
from burnline.metrics import host as names

OWN = "self"
ROOT = "sys/fs/cgroup"
HYBRID = f"{ROOT}/unified"  # version 2 beside the controllers of version 1
UNLIMITED = 2**62  # version 1 writes the largest number of pages that there can be
V1 = ("memory", "cpu", "cpuacct", "pids")


@dataclass(frozen=True, slots=True)
class Place:
    """A cgroup below the folder of its hierarchy."""

    top: str
    path: str

    @property
    def folder(self) -> str:
        return self.top + self.path.rstrip("/")

    def upwards(self) -> list[str]:
        """Its folder and those above it: a limit of each holds for it."""
        parts = self.path.strip("/").split("/") if self.path.strip("/") else []
        return [self.top + "".join(f"/{part}" for part in parts[:n]) for n in range(len(parts), -1, -1)]


def read_own(own: Files) -> list[Sample]:
    """Of the cgroup this process is in; `own` are its own trees, not the host's."""
    places = dict(_own_places(own))
    return _cgroup(own, OWN, places) if places else []


def read_named(files: Files, cgroups: Sequence[str]) -> list[Sample]:
    """Of cgroups by their path below the root."""
    return [sample for path in cgroups for sample in _cgroup(files, path, _named_places(files, path))]


def _own_places(own: Files) -> Iterator[tuple[str, Place]]:
    """`<number>:<controllers>:<path>` for each hierarchy; that of version 2 has number 0 and no controllers."""
    for line in (own.text("proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            yield "", _seen(own, HYBRID if own.exists(HYBRID) else ROOT, path)
        for controller in controllers.split(","):
            if controller in V1:
                yield controller, _seen(own, _v1_top(own, controller), path)


def _seen(own: Files, top: str, path: str) -> Place:
    """Inside a container the path may be that on the host, and its cgroup all that is mounted."""
    place = Place(top, path)
    return place if own.exists(place.folder) else Place(top, "/")


def _named_places(files: Files, path: str) -> dict[str, Place]:
    if files.exists(f"{ROOT}/cgroup.controllers"):
        return {"": Place(ROOT, path)}
    return {controller: Place(_v1_top(files, controller), path) for controller in V1} | {"": Place(HYBRID, path)}


def _v1_top(files: Files, controller: str) -> str:
    """Controllers that share a hierarchy have links of their own names to it, in some containers but one folder."""
    shared = f"{ROOT}/cpu,cpuacct"
    top = f"{ROOT}/{controller}"
    return shared if controller in ("cpu", "cpuacct") and not files.exists(top) else top


def _cgroup(files: Files, name: str, places: Mapping[str, Place]) -> list[Sample]:
    of = {"cgroup": name}
    unified = places.get("")
    if unified and not any(key in places for key in V1) and files.exists(f"{unified.folder}/cgroup.controllers"):
        return [*_memory_v2(files, of, unified), *_cpu_v2(files, of, unified), *_tasks(files, of, unified)]
    samples: list[Sample] = []
    if memory := places.get("memory"):
        samples += _memory_v1(files, of, memory)
    if cpu := places.get("cpu"):
        samples += _cpu_v1(files, of, cpu)
    if (account := places.get("cpuacct")) and (spent := files.number(f"{account.folder}/cpuacct.usage")) is not None:
        samples.append(Sample(names.CGROUP_CPU_SECONDS, of, spent / 1e9))
    if pids := places.get("pids"):
        samples += _tasks(files, of, pids)
    return samples


def _least(files: Files, place: Place, file: str) -> int | None:
    """The tightest limit from here to the top."""
    limits = (_limit(files, f"{folder}/{file}") for folder in place.upwards())
    return min((limit for limit in limits if limit is not None), default=None)


def _limit(files: Files, file: str) -> int | None:
    word = files.word(file)
    if not word or word in ("max", "-1"):
        return None
    limit = files.counted(file, word)
    return None if limit is None or limit >= UNLIMITED else limit


def _memory_v2(files: Files, of: Mapping[str, str], place: Place) -> Iterator[Sample]:
    used = files.number(f"{place.folder}/memory.current")
    yield from _memory(of, _least(files, place, "memory.max"), used)
    yield from _working_set(files, of, used, f"{place.folder}/memory.stat", "inactive_file")
    events = {"oom_kill": names.CGROUP_OOM_KILLS, "max": names.CGROUP_LIMIT_HITS}
    yield from files.parse(f"{place.folder}/memory.events", partial(_fields, events, of))
    for resource in ("cpu", "memory", "io"):
        labels = {**of, "resource": resource}
        file = f"{place.folder}/{resource}.pressure"
        yield from files.parse(file, partial(stalls, names.CGROUP_PRESSURE, labels))


def _memory_v1(files: Files, of: Mapping[str, str], place: Place) -> Iterator[Sample]:
    used = files.number(f"{place.folder}/memory.usage_in_bytes")
    yield from _memory(of, _least(files, place, "memory.limit_in_bytes"), used)
    yield from _working_set(files, of, used, f"{place.folder}/memory.stat", "total_inactive_file")
    killed = {"oom_kill": names.CGROUP_OOM_KILLS}
    yield from files.parse(f"{place.folder}/memory.oom_control", partial(_fields, killed, of))
    if (hits := files.number(f"{place.folder}/memory.failcnt")) is not None:
        yield Sample(names.CGROUP_LIMIT_HITS, of, hits)


def _memory(of: Mapping[str, str], limit: int | None, used: int | None) -> Iterator[Sample]:
    if limit is not None:
        yield Sample(names.CGROUP_MEMORY_LIMIT, of, limit)
    if used is not None:
        yield Sample(names.CGROUP_MEMORY_USED, of, used)


def _working_set(files: Files, of: Mapping[str, str], used: int | None, stat: str, field: str) -> list[Sample]:
    """As the kubelet counts it when it looks for whom to evict: without the pages of files that are not in use."""
    if used is None:
        return []
    inactive = files.parse(stat, partial(_fields, {field: names.CGROUP_WORKING_SET}, of))
    return [Sample(sample.name, of, max(0, used - sample.value)) for sample in inactive]


def _cpu_v2(files: Files, of: Mapping[str, str], place: Place) -> Iterator[Sample]:
    fields = {
        "usage_usec": names.CGROUP_CPU_SECONDS,
        "nr_periods": names.CGROUP_CPU_PERIODS,
        "nr_throttled": names.CGROUP_CPU_THROTTLED,
        "throttled_usec": names.CGROUP_CPU_THROTTLED_SECONDS,
    }
    yield from files.parse(f"{place.folder}/cpu.stat", partial(_fields, fields, of, scales={"_usec": 1e-6}))
    quotas = [_quota(files, f"{folder}/cpu.max") for folder in place.upwards()]
    yield from _cpus(of, quotas)


def _quota(files: Files, file: str) -> float | None:
    """`max 100000`, `150000 100000`: microseconds of CPU time in a period."""
    found: list[float] = []

    def read(lines: list[str]) -> list[Sample]:
        quota, period = lines[0].split()
        if quota != "max":
            found.append(_share(count(quota), count(period)))
        return []

    files.parse(file, read)
    return found[0] if found else None


def _share(quota: int, period: int) -> float:
    if period == 0:
        raise ValueError("a period of 0")
    return quota / period


def _cpus(of: Mapping[str, str], quotas: Sequence[float | None]) -> Iterator[Sample]:
    limits = [quota for quota in quotas if quota is not None]
    if limits:
        yield Sample(names.CGROUP_CPU_LIMIT, of, min(limits))


def _cpu_v1(files: Files, of: Mapping[str, str], place: Place) -> Iterator[Sample]:
    fields = {
        "nr_periods": names.CGROUP_CPU_PERIODS,
        "nr_throttled": names.CGROUP_CPU_THROTTLED,
        "throttled_time": names.CGROUP_CPU_THROTTLED_SECONDS,
    }
    yield from files.parse(f"{place.folder}/cpu.stat", partial(_fields, fields, of, scales={"_time": 1e-9}))
    quotas: list[float | None] = []
    for folder in place.upwards():
        quota = _limit(files, f"{folder}/cpu.cfs_quota_us")
        period = files.number(f"{folder}/cpu.cfs_period_us")
        quotas.append(quota / period if quota is not None and period else None)
    yield from _cpus(of, quotas)


def _tasks(files: Files, of: Mapping[str, str], place: Place) -> Iterator[Sample]:
    if (tasks := files.number(f"{place.folder}/pids.current")) is not None:
        yield Sample(names.CGROUP_TASKS, of, tasks)
    if (limit := _least(files, place, "pids.max")) is not None:
        yield Sample(names.CGROUP_TASKS_LIMIT, of, limit)


def _fields(
    wanted: Mapping[str, str], of: Mapping[str, str], lines: Sequence[str], *, scales: Mapping[str, float] | None = None
) -> Iterator[Sample]:
    """`<field> <count>` on each line."""
    for line in filter(None, lines):
        field, space, number = line.partition(" ")
        if not space:
            raise ValueError(f"{line[:40]!r} has no number")
        if name := wanted.get(field):
            scale = next((scale for suffix, scale in (scales or {}).items() if field.endswith(suffix)), 1)
            yield Sample(name, of, count(number) * scale)
