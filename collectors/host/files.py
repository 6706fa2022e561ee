"""The kernel's files of one turn. One that cannot be read or understood costs its own series, and is remembered."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from burnline.events import Sample

LIMIT_BYTES = 8 << 20  # /proc/stat of a machine with 1,000 CPUs is 1 MiB
LARGEST = 2**64  # the kernel counts in 64 bits
# The kernel has no such file, or it has nothing to say: no link has no speed (EINVAL), pressure is switched off.
QUIET = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO, errno.EINVAL, errno.EOPNOTSUPP, errno.ESRCH})


class Files:
    """Files by their names on the machine, `proc/stat`, `sys/class/net`, wherever its trees are mounted.

    Attributes:
        unreadable: what is there and gives nothing, with the reason for people.
    """

    def __init__(self, *, proc: Path, sys: Path) -> None:
        self._roots = {"proc": str(proc), "sys": str(sys)}
        self.unreadable: dict[str, str] = {}

    def again(self) -> Files:
        """The same trees, with nothing noted yet."""
        return Files(proc=Path(self._roots["proc"]), sys=Path(self._roots["sys"]))

    def text(self, name: str, *, errors: str = "replace") -> str | None:
        """The whole file; None where there is none, or it cannot be read."""
        try:
            return _read(self._path(name)).decode(errors=errors)
        except OSError as error:
            if error.errno not in QUIET:
                self.refuse(name, error.strerror or str(error))
        except ValueError as error:
            self.refuse(name, str(error))
        return None

    def parse(
        self, name: str, read: Callable[[list[str]], Iterable[Sample]], *, errors: str = "replace"
    ) -> list[Sample]:
        """The samples that `read` makes of the file's lines: all of them, or none."""
        text = self.text(name, errors=errors)
        if text is None:
            return []
        try:
            return list(read(text.removesuffix("\n").split("\n")))  # a name may hold what splitlines() takes for an end
        except (ValueError, LookupError) as error:
            self.refuse(name, f"cannot be understood: {error}")
            return []

    def word(self, name: str) -> str | None:
        """What is in a file of one line."""
        text = self.text(name)
        return None if text is None else text.strip()

    def number(self, name: str) -> int | None:
        """A count in a file of its own; None where there is none, or the driver has none (`N/A (no PMA)`)."""
        word = self.word(name)
        return None if word is None or word.startswith("N/A") else self.counted(name, word)

    def counted(self, name: str, word: str) -> int | None:
        """The count that was read in a file; None where it is none."""
        try:
            return count(word)
        except ValueError as error:
            self.refuse(name, f"cannot be understood: {error}")
            return None

    def entries(self, name: str) -> list[str]:
        """What is in a folder, in order; nothing where there is none."""
        try:
            return sorted(os.listdir(self._path(name)))  # noqa: PTH208 - names alone, a third of the cost
        except OSError as error:
            if error.errno not in QUIET:
                self.refuse(name, error.strerror or str(error))
            return []

    def exists(self, name: str) -> bool:
        """Whether there is such a file or folder."""
        return os.path.exists(self._path(name))  # noqa: PTH110 - a fifth of the cost

    def refuse(self, name: str, reason: str) -> None:
        """Remember that the file gives nothing."""
        self.unreadable[f"/{name}"] = reason[:200]  # it may quote the file

    def _path(self, name: str) -> str:
        tree, _, rest = name.partition("/")
        return f"{self._roots[tree]}/{rest}"


def count(word: str) -> int:
    """A number as the kernel counts: whole, not negative, of 64 bits.

    >>> count("42")
    42

    Raises: ValueError for anything else.
    """
    if not (word.isascii() and word.isdigit() and len(word) <= 20 and (value := int(word)) < LARGEST):
        raise ValueError(f"{word[:40]!r} is no count")
    return value


def _read(path: str) -> bytes:
    # O_NONBLOCK: what stands in for a file of the kernel may be a pipe that nobody writes to.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        pieces = [piece := os.read(descriptor, 1 << 16)]
        left = LIMIT_BYTES - len(piece)
        while piece := os.read(descriptor, 1 << 16):
            pieces.append(piece)
            left -= len(piece)
            if left < 0:
                raise ValueError(f"more than {LIMIT_BYTES >> 20} MiB")
    finally:
        os.close(descriptor)
    return b"".join(pieces)
