"""Files that somebody else names: a pipe would be waited for without end, and a device fill the memory."""

from __future__ import annotations

import os
import stat
from pathlib import Path


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
