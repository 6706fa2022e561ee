"""Size, free space and health of each filesystem."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from burnline.collectors.host.files import Files
from burnline.collectors.host.mounts import SHARED, Mount, counted_mounts
from burnline.collectors.host.statvfs import PATIENCE_SECONDS, Answer, Asker, Hanging, Statvfs
from burnline.events import Sample
from burnline.metrics import host as names

MOUNTINFO = ("proc/1/mountinfo", "proc/self/mountinfo")  # the host's, also where this process has mounts of its own
UNSEEN = frozenset({errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR})  # not the device's fault


class Filesystems:
    """Keeps in mind which filesystems hang, and what was mounted in the last turn.

    `root` is where the host's root is mounted.
    """

    def __init__(self, *, root: Path, statvfs: Statvfs = os.statvfs, patience: float = PATIENCE_SECONDS) -> None:
        self._root = str(root).rstrip("/")
        # A dead server often takes several mounts with it; the disks of the machine are asked all the same.
        self._shared, self._local = (Asker(statvfs, patience=patience) for _ in range(2))
        self._known: tuple[str, list[Mount]] = ("", [])

    def read(self, files: Files) -> list[Sample]:
        """Of those that answer size and space; of those that should and do not, the error."""
        paths = {self._root + mount.path or "/": mount for mount in self._mounts(files)}
        shared = [path for path, mount in paths.items() if mount.kind in SHARED]
        local = [path for path, mount in paths.items() if mount.kind not in SHARED]
        answers = {**self._local.ask(local), **self._shared.ask(shared)}
        samples: list[Sample] = []
        for path, mount in paths.items():
            samples += _samples(mount, answers.get(path), files)
        return samples

    def _mounts(self, files: Files) -> list[Mount]:
        for name in MOUNTINFO:
            text = files.text(name, errors="surrogateescape")
            if not text:
                continue
            if text != self._known[0]:
                try:
                    self._known = text, counted_mounts(text.split("\n"))
                except (ValueError, LookupError) as error:
                    files.refuse(name, f"cannot be understood: {error}")
                    continue
            return self._known[1]
        return []


def _samples(mount: Mount, answer: Answer | None, files: Files) -> Iterator[Sample]:
    labels = mount.labels
    if isinstance(answer, OSError) or answer is None:
        reason = "not asked: too many others do not answer" if answer is None else (answer.strerror or str(answer))
        files.refuse(labels["mountpoint"].lstrip("/"), reason)
        if answer is not None and (isinstance(answer, Hanging) or answer.errno not in UNSEEN):
            yield Sample(names.FILESYSTEM_ERROR, labels, 1)
        return
    yield Sample(names.FILESYSTEM_ERROR, labels, 0)
    yield Sample(names.FILESYSTEM_READ_ONLY, labels, float(mount.read_only))
    yield Sample(names.FILESYSTEM_SIZE, labels, answer.f_blocks * answer.f_frsize)
    yield Sample(names.FILESYSTEM_FREE, labels, answer.f_bfree * answer.f_frsize)
    yield Sample(names.FILESYSTEM_AVAILABLE, labels, answer.f_bavail * answer.f_frsize)
    if answer.f_files:  # btrfs and vfat have no fixed number
        yield Sample(names.FILESYSTEM_FILES, labels, answer.f_files)
        yield Sample(names.FILESYSTEM_FILES_FREE, labels, answer.f_ffree)
