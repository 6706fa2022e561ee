"""A file that is damaged or forbidden costs its own series, and says so."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.collectors.host import files
from burnline.collectors.host.cgroup import read_named, read_own
from burnline.collectors.host.cpu import read_cpu
from burnline.collectors.host.disks import read_disks
from burnline.collectors.host.files import Files, count
from burnline.collectors.host.infiniband import read_infiniband
from burnline.collectors.host.memory import read_memory
from burnline.collectors.host.mounts import counted_mounts
from burnline.collectors.host.network import read_network
from burnline.collectors.host.numa import read_numa
from burnline.collectors.host.nvme import read_nvme
from burnline.collectors.host.pressure import read_pressure
from burnline.collectors.host.sockets import read_sockets
from burnline.collectors.host.vmstat import read_vmstat
from burnline.errors import CollectorError
from burnline.events import Sample
from burnline.metrics import host as names
from tests.collectors.host.tree import FILES, collector, value, values

GARBAGE = {
    "proc/stat": ("51637", "?"),
    "proc/loadavg": ("0.44", "nan"),
    "proc/sys/fs/file-nr": ("\t0\t", "\t"),
    "proc/meminfo": ("24684084 kB", "24684084"),
    "proc/vmstat": ("oom_kill 3", "oom_kill"),
    "proc/pressure/cpu": ("total=14714517", "total="),
    "proc/diskstats": ("3294946", "-1"),
    "proc/1/net/dev": ("911790299", "0x10"),
    "proc/1/net/snmp": ("7643206", "many"),
    "proc/1/net/netstat": ("0 23 24", "0 23"),
    "proc/1/net/sockstat": ("inuse 19", "inuse"),
    "proc/1/mountinfo": (" - ext4", " ext4"),
    "sys/block/nvme0n1/size": ("1000215216", "1e9"),
    "sys/class/infiniband/mlx5_0/ports/1/state": ("4: ACTIVE", "ACTIVE"),
    "sys/class/infiniband/mlx5_0/ports/1/rate": ("Gb/sec", "furlongs"),
    "sys/class/infiniband/mlx5_0/ports/1/counters/port_rcv_data": ("2500", "18446744073709551616"),
    "sys/devices/system/node/node1/meminfo": ("12009236", ""),
    "sys/devices/system/node/node1/numastat": ("200", "٢"),
    "sys/fs/cgroup/burnline.slice/burnline.service/memory.current": ("90000000", "\0"),
    "sys/fs/cgroup/burnline.slice/burnline.service/memory.events": ("oom_kill 1", "oom_kill  1"),
    "sys/fs/cgroup/burnline.slice/burnline.service/cpu.max": ("100000", "0"),
    "sys/fs/cgroup/burnline.slice/burnline.service/cpu.stat": ("nr_throttled 4", "nr_throttled 4.5"),
}


@pytest.mark.parametrize("file", sorted(FILES))
def test_a_missing_file_costs_only_its_own_series_and_is_no_error(
    tree: Path, now: datetime, samples: list[Sample], file: str
) -> None:
    (tree / file).unlink()

    left = collector(tree).collect(now)

    assert len(samples) - 30 < len(left) <= len(samples)
    assert not values(left, names.UNREADABLE, "file")


@pytest.mark.parametrize("file", sorted(GARBAGE))
def test_garbage_in_a_file_costs_only_its_own_series_and_names_it(
    tree: Path, now: datetime, samples: list[Sample], file: str
) -> None:
    good, bad = GARBAGE[file]
    assert good in FILES[file]
    (tree / file).write_text(FILES[file].replace(good, bad))
    host = collector(tree)

    left = host.collect(now)

    assert values(left, names.UNREADABLE, "file") == {(f"/{file}",): 1}
    assert len(samples) - 40 < len(left) <= len(samples)
    (note,) = host.notes
    assert note.startswith(f"/{file}: cannot be understood: ")


@pytest.mark.parametrize("file", sorted(FILES))
def test_a_file_that_ends_anywhere_never_stops_the_others(tree: Path, now: datetime, file: str) -> None:
    text = FILES[file]
    host = collector(tree)

    for end in range(0, len(text), max(1, len(text) // 12)):
        (tree / file).write_text(text[:end])
        left = host.collect(now)

        assert len(left) > 100
        assert all(isinstance(each.value, int | float) for each in left)


@pytest.mark.parametrize("file", ["proc/stat", "proc/1/net/dev", "sys/class/net/eth0/operstate"])
def test_a_file_full_of_bytes_that_are_no_text_never_stops_the_others(tree: Path, now: datetime, file: str) -> None:
    (tree / file).write_bytes(bytes(range(256)) * 20)

    left = collector(tree).collect(now)

    assert value(left, names.MEMORY_SIZE) == 24684084 * 1024


def test_a_file_without_an_end_is_not_read_to_the_end(
    tree: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LIMIT_BYTES", 1 << 16)
    (tree / "proc/meminfo").write_text("MemTotal: 1 kB\n" * 20_000)
    host = collector(tree)

    host.collect(now)

    assert host.notes == ("/proc/meminfo: more than 0 MiB",)


def test_a_pipe_that_nobody_writes_to_does_not_hang_the_turn(tree: Path, now: datetime) -> None:
    (tree / "proc/meminfo").unlink()
    os.mkfifo(tree / "proc/meminfo")

    left = collector(tree).collect(now)

    assert value(left, names.CPUS) == 2


def test_a_folder_where_a_file_should_be_is_named(tree: Path, now: datetime) -> None:
    (tree / "proc/meminfo").unlink()
    (tree / "proc/meminfo").mkdir()

    left = collector(tree).collect(now)

    assert values(left, names.UNREADABLE, "file") == {("/proc/meminfo",): 1}


def test_a_link_that_leads_to_itself_is_named(tree: Path, now: datetime) -> None:
    (tree / "proc/meminfo").unlink()
    (tree / "proc/meminfo").symlink_to("meminfo")
    host = collector(tree)

    host.collect(now)

    assert host.notes == ("/proc/meminfo: Too many levels of symbolic links",)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_is_named(tree: Path, now: datetime) -> None:
    (tree / "proc/meminfo").chmod(0)
    host = collector(tree)

    left = host.collect(now)

    assert values(left, names.UNREADABLE, "file") == {("/proc/meminfo",): 1}
    assert host.notes == ("/proc/meminfo: Permission denied",)


def test_when_nothing_can_be_understood_the_turn_fails(tree: Path, now: datetime) -> None:
    for file in FILES:
        if not file.startswith("sys/class"):
            (tree / file).write_text("?")
    (tree / "sys").rename(tree / "nowhere")

    with pytest.raises(CollectorError, match="/proc/1/mountinfo: cannot be understood"):
        collector(tree).collect(now)


def test_it_is_said_once_in_the_log_when_files_break_and_when_they_are_well(
    tree: Path, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    host = collector(tree)
    for text in ("?", "?", FILES["proc/meminfo"], FILES["proc/meminfo"]):
        (tree / "proc/meminfo").write_text(text)
        host.collect(now)

    assert [record.message for record in caplog.records] == [
        "files of the host cannot be read",
        "files of the host can be read again",
    ]
    assert host.notes == ()


def test_a_broken_tree_gives_only_so_many_series_of_broken_files(tree: Path, now: datetime) -> None:
    for number in range(200):
        file = tree / f"sys/class/infiniband/mlx5_0/ports/{number}/state"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("?")

    left = collector(tree).collect(now)

    assert len(values(left, names.UNREADABLE, "file")) == 50


@pytest.mark.parametrize(
    "word", ["", " ", "-1", "+1", "1.0", "1e3", "1_000", "0x10", "٢", "nan", "9" * 5000, str(2**64)]
)
def test_only_what_the_kernel_writes_is_a_count(word: str) -> None:
    with pytest.raises(ValueError, match="is no count"):
        count(word)


PARTS: dict[str, Callable[[Files], list[Sample]]] = {
    "proc/stat": read_cpu,
    "proc/loadavg": read_cpu,
    "proc/meminfo": read_memory,
    "proc/vmstat": read_vmstat,
    "proc/pressure/cpu": read_pressure,
    "proc/diskstats": read_disks,
    "proc/1/net/dev": read_network,
    "proc/1/net/netstat": read_sockets,
    "proc/1/net/sockstat": read_sockets,
    "sys/class/infiniband/mlx5_0/ports/1/rate": read_infiniband,
    "sys/class/nvme/nvme0/state": read_nvme,
    "sys/devices/system/node/node0/meminfo": read_numa,
    "proc/self/cgroup": read_own,
    "sys/fs/cgroup/burnline.slice/burnline.service/cpu.max": read_own,
    "sys/fs/cgroup/a/memory.stat": lambda files: read_named(files, ["/a"]),
}


class InMemory(Files):
    """A machine with one file that says something."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(proc=Path("/nowhere"), sys=Path("/nowhere"))
        self._name, self._content = name, content

    def text(self, name: str, *, errors: str = "replace") -> str | None:
        return self._content.decode(errors=errors) if name == self._name else None

    def exists(self, name: str) -> bool:
        return name == self._name or bool(self.entries(name))

    def entries(self, name: str) -> list[str]:
        below = [path for path in (self._name, "sys/fs/cgroup/cgroup.controllers") if path.startswith(f"{name}/")]
        return sorted({path.removeprefix(f"{name}/").partition("/")[0] for path in below})


@pytest.mark.parametrize("file", sorted(PARTS))
@given(content=st.binary(max_size=200) | st.text(alphabet="cpu0123 :=.-\n\tkBtotalsome", max_size=200).map(str.encode))
def test_no_content_makes_a_reader_raise_or_give_what_is_no_number(file: str, content: bytes) -> None:
    for sample in PARTS[file](InMemory(file, content)):
        assert sample.name in vars(names).values()
        assert 0 <= sample.value < 2**66 * 1024


@given(st.text())
def test_no_text_makes_the_mounts_raise_anything_but_their_own_error(text: str) -> None:
    try:
        mounts = counted_mounts(text.split("\n"))
    except (ValueError, LookupError):
        return

    assert all(mount.labels["mountpoint"].encode() for mount in mounts)
