"""Files that somebody else names: a pipe would be waited for without end, and a device fill the memory."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

IN_PLACE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY}  # of a folder that is not ours, or one mounted file


def read_regular(path: Path | str, limit_bytes: int) -> bytes:
    """What a regular file holds; it never waits.

    Raises: OSError when it cannot be read; ValueError when it is no regular file, or larger than `limit_bytes`.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise ValueError("is not a file")
        content = stream.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise ValueError(f"is larger than {limit_bytes:,} bytes")
    return content


def replace_regular(path: Path, content: bytes) -> None:
    """Write a file in one step: whoever reads it meanwhile, or after a crash, finds the old content or the new, whole.

    A link stays one. What is no regular file, as a pipe, is written to; so is a file whose folder takes no other.

    Raises: OSError naming `path` when it cannot be written.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    try:
        _replace(path.resolve(), content)
    except OSError as error:
        if error.errno not in IN_PLACE or not path.exists():
            raise OSError(error.errno, error.strerror, str(path)) from error
        path.write_bytes(content)


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f".burnline-{os.getpid()}.part")
    try:
        with beside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if path.exists():
            shutil.copymode(path, beside)
        beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink()
