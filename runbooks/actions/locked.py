"""A small file that others read while it is changed: read whole, changed under a lock, renamed into place.

A change holds an flock on `<file>.lock`, writes a temporary file, fsyncs it and renames it over the file: a reader sees
the old file or the new one, never a torn one. Whoever else changes the file should hold the same lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from burnline.errors import ActionError

LOCK_TIMEOUT_SECONDS = 10.0
LOCK_POLL_SECONDS = 0.02
NEW_FILE_MODE = 0o644


class LockedFile:
    """One file, by its real path: one lock, whatever link leads here. `noun` is what messages call it."""

    def __init__(self, file: Path, noun: str) -> None:
        self.path = Path(os.path.realpath(file))
        self._noun = f"{noun} {self.path}"

    def __str__(self) -> str:
        return self._noun

    def exists(self) -> bool:
        """Whether anything is there."""
        return self.path.exists()

    def read(self) -> str:
        """The file's text. Raises: ActionError, permanent when it is not there or no text."""
        try:
            return _read_regular(self.path, self._noun)
        except FileNotFoundError as error:
            raise ActionError(f"{self} does not exist", permanent=True) from error
        except OSError as error:
            raise ActionError(f"{self} cannot be read: {error.strerror}", permanent=False) from error
        except UnicodeDecodeError as error:
            raise ActionError(f"{self} is no UTF-8 text", permanent=True) from error

    def read_json(self) -> Any:
        """What the file holds. Raises: ActionError, permanent when it is no JSON."""
        try:
            return json.loads(self.read())
        except (ValueError, RecursionError) as error:
            raise ActionError(f"{self} is not JSON: {error}", permanent=True) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else who locks changes the file. Raises: ActionError when another program holds the lock too long."""
        try:
            lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise ActionError(f"{self.path}.lock cannot be opened: {error.strerror}", permanent=True) from error
        try:
            give_up = time.monotonic() + LOCK_TIMEOUT_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() >= give_up:
                        raise ActionError(f"{self.path}.lock is held by another program", permanent=False) from error
                    time.sleep(LOCK_POLL_SECONDS)
            yield
        finally:
            os.close(lock)

    def write(self, text: str) -> None:
        """Put `text` in the file's place, durably and with its mode; the lock is held. Raises: ActionError."""
        temporary = self.path.with_name(f"{self.path.name}.burnline.tmp")
        try:
            with temporary.open("w", encoding="utf-8") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            temporary.chmod(self._mode())
            temporary.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise ActionError(f"{self} cannot be written: {error.strerror}", permanent=False) from error

    def write_json(self, content: Any) -> None:
        """`write`, for plain data."""
        self.write(json.dumps(content, indent=2))

    def _mode(self) -> int:
        try:
            return stat.S_IMODE(self.path.stat().st_mode)
        except FileNotFoundError:
            return NEW_FILE_MODE


def _read_regular(file: Path, noun: str) -> str:
    """A file's text; opening a pipe or a device could wait for ever. Raises: OSError, ValueError, ActionError."""
    opened = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise ActionError(f"{noun} is no regular file", permanent=True)
        with open(opened, encoding="utf-8", closefd=False) as text:
            return text.read()
    finally:
        os.close(opened)
