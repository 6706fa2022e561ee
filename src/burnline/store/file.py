"""The file of an embedded database: who owns it, whether it is still there, whether it is whole."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from pathlib import Path

from sqlalchemy import Engine

from burnline.errors import StoreError

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
LARGEST_CHECKED_BYTES = 1 << 30  # a check reads it all: about a second for each gigabyte, at best


class OwnedFile:
    """One process's hold on a file, by a lock beside it that the kernel lets go however the process ends."""

    def __init__(self, path: Path) -> None:
        """Raises: StoreError when another process has it, or the lock cannot be made."""
        lock = Path(f"{path.resolve()}.lock")
        try:
            self._lock = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(f"{path}: cannot be locked: {error}", retryable=False) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            message = f"{path}: another burnline works on this file: stop it, or set another BURNLINE_DATABASE"
            raise StoreError(message, retryable=False) from error

    def release(self) -> None:
        """Let others have it; the lock file stays, or two could each lock their own."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


class Presence:
    """Notices that a file was deleted or replaced while it is open: what is written goes nowhere then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = self._found = _identity(path)
        self._looked_at = time.monotonic()

    @property
    def lost(self) -> str:
        """What has become of the file, in words; empty while it is where it was."""
        if self._found == self._opened:
            return ""
        return f"the file was {'replaced' if self._found else 'deleted'} while burnline runs: restart burnline"

    def check(self) -> None:
        """Look, at most once in LOOK_SECONDS. Raises: StoreError when the file is not the one that was opened."""
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = time.monotonic()
            before, self._found = self.lost, _identity(self._path)
            if self.lost and not before:
                log.error("database lost", extra={"path": str(self._path), "reason": self.lost})
        if self.lost:
            raise StoreError(f"{self._path}: {self.lost}", retryable=False)


def check_whole(engine: Engine, path: Path) -> None:
    """Read the whole file once, where it is not too large for that.

    Raises: StoreError when a page is damaged; DBAPIError when it cannot be read.
    """
    size = path.stat().st_size if path.exists() else 0
    if size > LARGEST_CHECKED_BYTES:
        log.warning("database not checked for damage: too large", extra={"path": str(path), "bytes": size})
        return
    with engine.connect() as connection:
        said = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
    if said != "ok":
        raise StoreError(f"{path}: the file is damaged: restore a backup ({' '.join(said.split())})", retryable=False)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
