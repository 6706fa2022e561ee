"""Reading what a driver must ask its device for, in time: when the firmware of a card hangs, so does the read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Thread

from burnline.collectors.host.files import Files
from burnline.events import Sample

Read = Callable[[Files], Sequence[Sample]]
PATIENCE_SECONDS = 1.0


class Guarded:
    """Reads a folder of /sys on a thread of its own; while that hangs it gives nothing, and is not begun again."""

    def __init__(self, folder: str, read: Read, *, patience: float = PATIENCE_SECONDS) -> None:
        self._folder = folder
        self._read = read
        self._patience = patience
        self._reading: _Reading | None = None

    def __call__(self, files: Files) -> Sequence[Sample]:
        """What it reads, in time; otherwise the folder is unreadable."""
        if not files.exists(self._folder):
            return []
        if self._reading is None or not self._reading.is_alive():
            self._reading = _Reading(self._read, files.again())
            self._reading.join(self._patience)
            if not self._reading.is_alive():
                return self._reading.told(files)
        files.refuse(self._folder, "its driver does not answer")
        return []


class _Reading(Thread):
    """One read, with files of its own: nobody looks at what comes too late."""

    def __init__(self, read: Read, files: Files) -> None:
        super().__init__(name="read-driver", daemon=True)
        self._read = read
        self._files = files
        self._samples: Sequence[Sample] = ()
        self._error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._samples = self._read(self._files)
        except Exception as error:  # noqa: BLE001 - raised again where the turn can say of it
            self._error = error

    def told(self, files: Files) -> Sequence[Sample]:
        """The samples; what could not be read is noted in `files`."""
        if self._error is not None:
            raise self._error
        files.unreadable.update(self._files.unreadable)
        return self._samples
