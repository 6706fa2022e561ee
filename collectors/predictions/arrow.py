"""Prediction events as Arrow IPC or Parquet, by a process that may fall over a hostile file without taking us along."""

from __future__ import annotations

import atexit
import importlib.util
import subprocess
import sys
import threading

import msgspec

from burnline.collectors.predictions.arrow_worker import FILE, PARQUET, STREAM, read_frame
from burnline.collectors.predictions.events import Asked, Decoded, Known, check_service
from burnline.collectors.predictions.msgpack_body import decode_msgpack
from burnline.errors import PayloadError, PayloadTooLarge, PayloadUnsupported

DEADLINE_SECONDS = 20.0
FORM = (
    "a table with one row per event: prediction, confidence, id, at and embedding (a list of numbers) are columns of "
    "these names, any other column is a feature; or all features are the fields of one struct column, features"
)
WORKER = (sys.executable, "-m", "burnline.collectors.predictions.arrow_worker")


class ArrowWorker:
    """One process that turns tables into MessagePack columns, one table at a time; it is started when needed."""

    def __init__(self, argv: tuple[str, ...] = WORKER) -> None:
        self._argv = argv
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def convert(self, kind: bytes, body: bytes, *, deadline_seconds: float = DEADLINE_SECONDS) -> bytes:
        """The columns of one table.

        Raises: PayloadTooLarge for one that is too large, or takes too long; PayloadError for one that cannot be read.
        """
        with self._lock:
            process = self._started()
            timer = threading.Timer(deadline_seconds, process.kill)
            timer.start()
            try:
                letter, answer = self._ask(process, kind, body)
            finally:
                timer.cancel()
            if not letter:
                code = process.wait()
                if code == -9:
                    raise PayloadTooLarge(
                        f"the table could not be read in {deadline_seconds:g} s; send smaller batches"
                    )
                raise PayloadError(f"the table cannot be read: its reader ended with {code}; {FORM}")
        if letter == b"L":
            raise PayloadTooLarge(answer.decode())
        if letter == b"E":
            raise PayloadError(f"the table cannot be read: {answer.decode()}; {FORM}")
        return answer

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.communicate()
                self._process = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            if self._process is not None:
                self._process.communicate()
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        return self._process

    @staticmethod
    def _ask(process: subprocess.Popen[bytes], kind: bytes, body: bytes) -> tuple[bytes, bytes]:
        if process.stdin is None or process.stdout is None:
            return b"", b""
        try:
            process.stdin.write(kind + len(body).to_bytes(8, "big"))
            process.stdin.write(body)
            process.stdin.flush()
            return read_frame(process.stdout)
        except BrokenPipeError:
            return b"", b""


_worker = ArrowWorker()
close_worker = _worker.close
atexit.register(close_worker)


def decode_arrow(body: bytes, known: Known, asked: Asked) -> Decoded:
    """Read an Arrow IPC stream or file, for the service that the URL names.

    Raises: PayloadError, PayloadTooLarge; PayloadUnsupported without pyarrow.
    """
    return _decode(FILE if body.startswith(b"ARROW1") else STREAM, body, known, asked)


def decode_parquet(body: bytes, known: Known, asked: Asked) -> Decoded:
    """Read a Parquet file, for the service that the URL names.

    Raises: as `decode_arrow`.
    """
    return _decode(PARQUET, body, known, asked)


def _decode(kind: bytes, body: bytes, known: Known, asked: Asked) -> Decoded:
    if importlib.util.find_spec("pyarrow") is None:
        raise PayloadUnsupported("Arrow and Parquet need pyarrow: pip install 'burnline[parquet]'")
    check_service(asked.service, asked.version, known, asked)
    columns = msgspec.msgpack.decode(_worker.convert(kind, body), type=dict[str, msgspec.Raw])
    whole = {"service": asked.service, "version": asked.version, **columns}
    return decode_msgpack(msgspec.msgpack.encode(whole), known, asked)
