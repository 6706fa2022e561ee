"""Filesystems: which are asked, what of them is told, and what one that hangs costs."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from threading import Event
from time import monotonic

import pytest

from burnline.collectors.host.mounts import counted_mounts
from burnline.collectors.host.statvfs import MOST_HANGING
from burnline.events import Sample
from burnline.metrics import host as names
from tests.collectors.host.tree import collector, filesystem, value, values, write

ALL = {("/",), ("/data lake",), ("/mnt/nas",), ("/dev/shm",)}


class Server:
    """Filesystems of which some hang until they are let go."""

    def __init__(self, *hanging: str) -> None:
        self.hanging = set(hanging)
        self.asked: list[str] = []
        self._go = Event()

    def statvfs(self, path: str) -> os.statvfs_result:
        self.asked.append(path)
        if any(path.endswith(each) for each in self.hanging):
            self._go.wait(30)
        return filesystem(path)

    def recover(self) -> None:
        self.hanging.clear()
        self._go.set()


@pytest.fixture
def nas() -> Iterator[Server]:
    server = Server("/mnt/nas")
    yield server
    server.recover()


def test_each_filesystem_is_read_once_and_a_bind_mount_is_none(samples: list[Sample]) -> None:
    size = values(samples, names.FILESYSTEM_SIZE, "mountpoint")

    assert size == dict.fromkeys(ALL, 4_096_000)
    assert values(samples, names.FILESYSTEM_FREE, "mountpoint") == dict.fromkeys(ALL, 1_228_800)
    assert values(samples, names.FILESYSTEM_AVAILABLE, "mountpoint") == dict.fromkeys(ALL, 1_024_000)


def test_inodes_are_counted_and_absent_where_there_is_no_number_of_them(tree: Path, now: datetime) -> None:
    def statvfs(path: str) -> os.statvfs_result:
        files = 0 if path.endswith("nas") else 64
        return os.statvfs_result((4096, 4096, 1000, 300, 250, files, files // 4, 0, 0, 255))

    samples = collector(tree, statvfs=statvfs).collect(now)

    assert values(samples, names.FILESYSTEM_FILES, "mountpoint") == dict.fromkeys(ALL - {("/mnt/nas",)}, 64)
    assert values(samples, names.FILESYSTEM_FILES_FREE, "mountpoint") == dict.fromkeys(ALL - {("/mnt/nas",)}, 16)


def test_what_cannot_be_written_is_read_only(samples: list[Sample]) -> None:
    assert values(samples, names.FILESYSTEM_READ_ONLY, "mountpoint") == {
        ("/",): 0,
        ("/data lake",): 1,
        ("/mnt/nas",): 0,
        ("/dev/shm",): 0,
    }


def test_a_disk_that_fails_is_an_error_and_has_no_size(tree: Path, now: datetime) -> None:
    def statvfs(path: str) -> os.statvfs_result:
        if path.endswith("data lake"):
            raise OSError(errno.EIO, "Input/output error")
        return filesystem(path)

    host = collector(tree, statvfs=statvfs)
    samples = host.collect(now)

    assert value(samples, names.FILESYSTEM_ERROR, mountpoint="/data lake") == 1
    assert value(samples, names.FILESYSTEM_ERROR, mountpoint="/") == 0
    assert ("/data lake",) not in values(samples, names.FILESYSTEM_SIZE, "mountpoint")
    assert host.notes == ("/data lake: Input/output error",)


def test_what_this_process_may_not_see_is_no_error_of_the_device(tree: Path, now: datetime) -> None:
    def statvfs(path: str) -> os.statvfs_result:
        if path.endswith("data lake"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return filesystem(path)

    samples = collector(tree, statvfs=statvfs).collect(now)

    assert ("/data lake",) not in values(samples, names.FILESYSTEM_ERROR, "mountpoint")
    assert value(samples, names.UNREADABLE, file="/data lake") == 1


def test_a_filesystem_that_hangs_costs_itself_and_no_other(tree: Path, now: datetime, nas: Server) -> None:
    host = collector(tree, statvfs=nas.statvfs, patience=0.5)

    samples = host.collect(now)

    assert values(samples, names.FILESYSTEM_SIZE, "mountpoint").keys() == ALL - {("/mnt/nas",)}
    assert value(samples, names.FILESYSTEM_ERROR, mountpoint="/mnt/nas") == 1
    assert host.notes == ("/mnt/nas: does not answer",)


def test_one_that_is_known_to_hang_is_not_asked_again_nor_waited_for(tree: Path, now: datetime, nas: Server) -> None:
    host = collector(tree, statvfs=nas.statvfs, patience=0.5)
    host.collect(now)
    begun = monotonic()

    for _ in range(20):
        samples = host.collect(now)

    assert nas.asked.count(str(tree / "mnt/nas")) == 1
    assert value(samples, names.FILESYSTEM_ERROR, mountpoint="/mnt/nas") == 1
    assert monotonic() - begun < 20 * 0.5


def test_one_that_answers_in_the_end_is_asked_again(tree: Path, now: datetime, nas: Server) -> None:
    host = collector(tree, statvfs=nas.statvfs, patience=0.5)
    host.collect(now)
    (hanging,) = host._filesystems._shared._hanging.values()

    nas.recover()
    hanging.join(30)
    samples = host.collect(now)

    assert value(samples, names.FILESYSTEM_ERROR, mountpoint="/mnt/nas") == 0
    assert value(samples, names.FILESYSTEM_SIZE, mountpoint="/mnt/nas") == 4_096_000


def test_many_that_hang_cost_only_so_many_threads(tree: Path, now: datetime) -> None:
    lines = "".join(f"{n} 1 0:{n} / /mnt/{n} rw - nfs nas:/{n} rw\n" for n in range(40, 60))
    lines += "99 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    write(tree, {"proc/1/mountinfo": lines})
    server = Server(*(f"/{n}" for n in range(40, 60)))
    host = collector(tree, statvfs=server.statvfs, patience=0.3)

    for _ in range(3):
        samples = host.collect(now)

    assert sum("/mnt/" in path for path in server.asked) == MOST_HANGING
    assert sum(values(samples, names.FILESYSTEM_ERROR, "mountpoint").values()) == MOST_HANGING
    assert values(samples, names.FILESYSTEM_SIZE, "mountpoint").keys() == {("/",)}
    assert value(samples, names.UNREADABLE, file="/mnt/59") == 1
    server.recover()


def mountpoints(*lines: str) -> list[str]:
    return [mount.path for mount in counted_mounts(lines)]


@pytest.mark.parametrize(
    ("written", "path", "label"),
    [
        (r"/a\040b", "/a b", "/a b"),
        (r"/a\012b", "/a\nb", "/a\nb"),
        (r"/a\011\134b", "/a\t\\b", "/a\t\\b"),
        ("/a\u00a0\u2028b", "/a\u00a0\u2028b", "/a\u00a0\u2028b"),
        ('/"}\x01{__name__="x"', '/"}\x01{__name__="x"', '/"}\x01{__name__="x"'),
        ("/\udcff", "/\udcff", "/\ufffd"),
        ("/a - b".replace(" ", r"\040"), "/a - b", "/a - b"),
    ],
)
def test_hostile_names_of_mounts_are_data(written: str, path: str, label: str) -> None:
    (mount,) = counted_mounts([f"27 1 8:1 / {written} rw - ext4 /dev/{written[1:]} rw"])

    assert mount.path == path
    assert mount.labels == {"device": f"/dev{label}", "mountpoint": label}


def test_of_two_mounts_at_one_place_the_one_that_is_seen_counts() -> None:
    below, above = "27 1 8:1 / /data rw - ext4 /dev/sda1 rw", "28 27 8:2 / /data ro - ext4 /dev/sdb1 rw"

    (mount,) = counted_mounts([below, above])

    assert (mount.device, mount.read_only) == ("/dev/sdb1", True)


def test_of_a_disk_the_whole_is_taken_before_a_part_of_it() -> None:
    found = mountpoints("27 1 8:1 /part /a rw - ext4 /dev/sda1 rw", "28 1 8:1 / /b rw - ext4 /dev/sda1 rw")

    assert found == ["/b"]


@pytest.mark.parametrize(
    "path", ["/proc/x", "/run/user/1000", "/sys", "/dev/mqueue", "/var/lib/docker/overlay2/1/merged"]
)
def test_what_programs_mount_for_themselves_is_left_out(path: str) -> None:
    assert mountpoints(f"27 1 0:9 / {path} rw - tmpfs tmpfs rw") == []


@pytest.mark.parametrize("path", ["/", "/running", "/devices", "/dev/shm", "/var/lib/docker-data"])
def test_what_only_looks_like_it_is_not(path: str) -> None:
    assert mountpoints(f"27 1 0:9 / {path} rw - tmpfs tmpfs rw") == [path]
