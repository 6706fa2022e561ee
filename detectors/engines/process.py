"""The worker process of one library: started when first asked, watched while it answers, started again when it died."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from burnline.detectors.engines.worker import frames
from burnline.errors import BurnlineError

MAIN = Path(__file__).parent / "worker" / "main.py"
NOT_STARTED = "cannot start"
TICK_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 600.0
PIECE = 1 << 16
PAGE = os.sysconf("SC_PAGE_SIZE")

# What the libraries would otherwise tell the world, load from it, or take all the machine for.
SILENCED = {
    "DO_NOT_TRACK": "1",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "EVIDENTLY_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "MPLBACKEND": "Agg",
    "PYTHONHASHSEED": "0",
    "LC_ALL": "C.UTF-8",
}


class WorkerError(BurnlineError):
    """The worker gave no answer, and why; the next question may start it again."""


class Said(msgspec.Struct, frozen=True):
    """One row of an answer; see `said` in worker/tables.py."""

    check: str
    feature: str
    drift: bool
    detail: str
    shown: dict[str, float]
    excess: float | None
    of_drift: bool


class Answer(msgspec.Struct, frozen=True):
    """What the worker said.

    Attributes:
        rows: one for each check and feature.
        left_out: features with too few values on one side.
        error: what the library raised; empty when it did not.
        note: what else is to be known of this window; empty for nothing.
        blocked: what in the worker tried to talk to somebody, and could not.
        page: HTML, empty when none was asked for or it was too large.
    """

    library: str = ""
    version: str = ""
    rows: tuple[Said, ...] = ()
    left_out: tuple[str, ...] = ()
    error: str = ""
    note: str = ""
    blocked: tuple[str, ...] = ()
    page: bytes = b""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may take: bytes of private memory, seconds for one answer."""

    memory: int = 2 * 1024**3
    seconds: float = 300.0


class Worker:
    """One library in an interpreter of its own; one question at a time, from any thread.

    Whatever happens in it (a crash, no memory, no answer, nonsense) ends in a `WorkerError` with the reason, and the
    process is gone. The next question starts it again; if that fails too it is left alone for a while, longer each
    time: 1 s, 2 s, ... up to ten minutes.
    """

    def __init__(
        self,
        library: str,
        python: str = sys.executable,
        limits: Limits = Limits(),
        *,
        main: Path = MAIN,
        elapsed: Callable[[], float] = time.monotonic,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.library = library
        self._command = [python, "-I", str(main), library, str(os.getpid()), str(limits.memory)]
        self._limits, self._elapsed, self._environment = limits, elapsed, environment or {}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._home: tempfile.TemporaryDirectory[str] | None = None
        self._stderr: IO[bytes] | None = None
        self._failures, self._not_before, self._last = 0, 0.0, ""
        self._over = False

    def ask(self, head: dict[str, object], body: bytes = b"") -> Answer:
        """One question and its answer.

        Raises: WorkerError when there is none.
        """
        with self._lock:
            if (pause := self._not_before - self._elapsed()) > 0:
                raise WorkerError(f"{self._last}; tried again in {pause:.0f} s")
            try:
                answer = self._exchange(frames.frame(head, body))
            except (WorkerError, OSError, ValueError, msgspec.MsgspecError) as error:
                why = str(error) if isinstance(error, WorkerError) else f"answered nonsense: {error}"
                self._failed(f"the worker of {self.library} {why}{self._complaint()}")
                raise WorkerError(self._last) from error
            self._failures = 0
            return answer

    @property
    def pid(self) -> int | None:
        """Of the process, None while there is none."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def kill(self) -> None:
        """End the process for good, although a question may wait for its answer, which then is that it was killed."""
        self._over = True
        if (process := self._process) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _failed(self, why: str) -> None:
        self._end()
        self._failures += 1
        self._last = why
        pause = min(LONGEST_PAUSE_SECONDS, 2.0 ** (self._failures - 2)) if self._failures > 1 else 0.0
        self._not_before = self._elapsed() + pause

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = None if self._over else self._start()
        if self._process is None or self._over:  # looked at after the start: who ends it may not have seen it yet
            raise WorkerError("was ended")
        return self._process

    def _start(self) -> subprocess.Popen[bytes]:
        self._home = tempfile.TemporaryDirectory(prefix="burnline-worker-", ignore_cleanup_errors=True)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        home = self._home.name
        places = {"HOME": home, "TMPDIR": home, "MPLCONFIGDIR": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                cwd=home,
                env={"PATH": os.environ.get("PATH", os.defpath), **SILENCED, **places, **self._environment},
                start_new_session=True,
            )
        except OSError as error:
            raise WorkerError(f"{NOT_STARTED}: {error}") from error
        for pipe in (process.stdin, process.stdout):
            os.set_blocking(pipe.fileno(), False)  # type: ignore[union-attr]  # both are pipes
        return process

    def _end(self) -> None:
        """Its whole group: a library may have started processes of its own."""
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                pipe.close()  # type: ignore[union-attr]  # both are pipes
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._stderr is not None:
            self._stderr.close()
        if self._home is not None:
            self._home.cleanup()
        self._process = self._stderr = self._home = None

    def _exchange(self, question: bytes) -> Answer:
        process = self._running()
        deadline = self._elapsed() + self._limits.seconds
        left, got = memoryview(question), bytearray()
        wanted = frames.PREFIX.size
        while len(got) < wanted:
            left = self._turn(process, left, got)
            if len(got) >= frames.PREFIX.size:
                wanted = frames.PREFIX.size + sum(frames.sizes(bytes(got[: frames.PREFIX.size])))
            if self._elapsed() >= deadline:
                raise WorkerError(f"gave no answer in {self._limits.seconds:g} s (BURNLINE_ENGINE_SECONDS)")
            if (used := _resident(process.pid)) > self._limits.memory:
                most = f"{self._limits.memory >> 20} MB are allowed (BURNLINE_ENGINE_MEMORY_MB)"
                raise WorkerError(f"took {used >> 20} MB of memory; {most}")
        return _answer(bytes(got), wanted)

    def _turn(self, process: subprocess.Popen[bytes], left: memoryview, got: bytearray) -> memoryview:
        """Write what the pipe takes, read what it has, or wait a little."""
        question, answer = process.stdin, process.stdout
        assert question is not None  # noqa: S101 - both are pipes
        assert answer is not None  # noqa: S101
        readable, writable, _ = select.select([answer], [question] if left else [], [], TICK_SECONDS)
        if writable:
            try:
                left = left[os.write(question.fileno(), left[:PIECE]) :]
            except BrokenPipeError:
                left = left[:0]  # it has died: what it said last can still be read
        if readable:
            piece = os.read(answer.fileno(), PIECE)
            if not piece:
                raise WorkerError(_ended(process))
            got += piece
        return left

    def _complaint(self) -> str:
        """The last line that it wrote to standard error."""
        if self._stderr is None:
            return ""
        end = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, end - 2000))
        lines = [line.strip() for line in self._stderr.read().decode(errors="replace").splitlines() if line.strip()]
        return f" ({lines[-1][:200]})" if lines else ""


def _answer(got: bytes, wanted: int) -> Answer:
    if len(got) > wanted:
        raise frames.FrameError("more than one message")
    head_size, _ = frames.sizes(got[: frames.PREFIX.size])
    end = frames.PREFIX.size + head_size
    said = msgspec.json.decode(got[frames.PREFIX.size : end], type=Answer)
    return msgspec.structs.replace(said, page=got[end:])


def _ended(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return "closed its output"
    return f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"


def _resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 when it is gone, or where there is no /proc."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0
