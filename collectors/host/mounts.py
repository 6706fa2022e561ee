"""What is mounted on the machine: /proc/1/mountinfo, as proc(5) and the kernel's filesystems/proc.rst describe it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LOCAL = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "vfat", "exfat", "overlay", "tmpfs"}
)
SHARED = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "ceph", "lustre", "gpfs", "beegfs", "wekafs", "9p", "virtiofs"}
    | {f"fuse.{kind}" for kind in ("ceph", "gcsfuse", "glusterfs", "juicefs", "mount-s3", "s3fs", "sshfs")}
)
# The kernel's own, and what programs mount for themselves and each of their containers.
LEFT_OUT = ("/dev", "/proc", "/run", "/snap", "/sys", "/var/lib/containers", "/var/lib/docker", "/var/lib/kubelet/pods")
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - no temporary file: loaders of training data fill it

_OCTAL = re.compile(r"\\([0-7]{3})")  # a space is written \040


@dataclass(frozen=True, slots=True)
class Mount:
    """One filesystem at one place.

    Attributes:
        path: where it is on the machine; bytes that are no text stand in it as surrogates, as in every path of Python.
    """

    device: str
    path: str
    kind: str
    read_only: bool

    @property
    def labels(self) -> dict[str, str]:
        """Device and mountpoint as text."""
        return {"device": _as_text(self.device), "mountpoint": _as_text(self.path)}


def counted_mounts(lines: Iterable[str]) -> list[Mount]:
    """Those that hold data, each filesystem once: a bind mount is the same disk again.

    Raises: ValueError for a line that is none of mountinfo.
    """
    by_path: dict[str, tuple[str, bool, Mount]] = {}
    for line in filter(None, lines):
        number, root, mount = _mount(line)
        by_path.pop(mount.path, None)
        by_path[mount.path] = number, root == "/", mount  # of several at one place the last is seen
    chosen: dict[str, tuple[bool, Mount]] = {}
    for number, whole, mount in by_path.values():
        if not _is_counted(mount):
            continue
        before = chosen.get(number)
        if before is None or (whole and not before[0]):
            chosen[number] = whole, mount
    return [mount for _, mount in chosen.values()]


def _mount(line: str) -> tuple[str, str, Mount]:
    """`36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw`: device number, its root, the mount."""
    place, separator, what = line.partition(" - ")
    before, after = place.split(" "), what.split(" ")
    if not separator or len(before) < 6 or len(after) < 3:
        raise ValueError(f"{_as_text(line[:60])!r} is no mount")
    _, _, number, root, path, options, *_ = before
    kind, device, of_device, *_ = after
    read_only = "ro" in options.split(",") or "ro" in of_device.split(",")
    return number, root, Mount(_plain(device), _plain(path), kind, read_only)


def _is_counted(mount: Mount) -> bool:
    if mount.kind not in LOCAL | SHARED:
        return False
    left_out = any(mount.path == place or mount.path.startswith(f"{place}/") for place in LEFT_OUT)
    return not left_out or mount.path == SHARED_MEMORY


def _plain(word: str) -> str:
    return _OCTAL.sub(lambda escape: chr(int(escape[1], 8)), word)


def _as_text(path: str) -> str:
    return path.encode(errors="surrogateescape").decode(errors="replace")
