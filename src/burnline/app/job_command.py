"""`burnline job -- command`: runs a command and tells burnline how that went; the command's exit code is its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from burnline.client.job import JobRun
from burnline.errors import BurnlineError
from burnline.spec.regular import read_regular

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
STOPPED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)  # somebody wanted the command to end
CANNOT_RUN, NOT_FOUND, BY_SIGNAL = 126, 127, 128  # as shells say it
LARGEST_RECORD = 1024 * 1024  # bytes


def run_command(this: JobRun, command: Sequence[str], *, gpus: float | None = None, record: Path | None = None) -> int:
    """Run `command` to its end; the exit code: its own, or 128 and the signal it died of.

    `record`: a JSON file that the command may have written, with what it takes to repeat the run.

    Raises: BurnlineError when there is no command.
    """
    if not command:
        raise BurnlineError("no command was given; write it after --, as in burnline job -- python train.py")
    if gpus is not None:
        this.tell(gpus=gpus)
    untold = this.started()
    _say(untold)
    sent: list[int] = []
    try:
        process = subprocess.Popen(list(command))
    except OSError as error:
        trouble = this.ended("failed", reason="exit", message=f"{command[0]}: {error.strerror}")
        if trouble != untold:
            _say(trouble)
        _print(f"{command[0]}: {error.strerror}")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN

    def forward(number: int, _frame: FrameType | None) -> None:
        sent.append(number)
        process.send_signal(number)  # nothing happens when it has ended

    before = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        code = process.wait()
        _tell_end(this, code, sent, record, untold)  # a signal that comes meanwhile must not cost the exit code
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else BY_SIGNAL - code


def _tell_end(this: JobRun, code: int, sent: Sequence[int], record: Path | None, untold: str) -> None:
    """`untold`: what was said of the start, and need not be said twice."""
    if record is not None:
        _tell_record(this, record)
    event, told = _end(code, sent)
    trouble = this.ended(event, **told)
    if trouble != untold:
        _say(trouble)


def _end(code: int, sent: Sequence[int]) -> tuple[str, dict[str, Any]]:
    """What became of a command, in burnline's words."""
    if code == 0:
        return "finished", {}
    if any(number in STOPPED for number in sent):
        return "aborted", {"message": f"stopped by {_name(sent[-1])}"}
    if code < 0:
        return "failed", {"reason": "signal", "message": f"died of {_name(-code)}"}
    return "failed", {"reason": "exit", "message": f"exit code {code}"}


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # Python names two of the real-time signals only
        return f"SIGRTMIN+{number - signal.SIGRTMIN}" if number > signal.SIGRTMIN else f"signal {number}"


def _tell_record(this: JobRun, path: Path) -> None:
    try:
        this.record(**json.loads(read_regular(path, LARGEST_RECORD)))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        _say(f"the record {path}, which cannot be read: {error}")


def _say(trouble: str) -> None:
    if trouble:
        _print(f"not told (the command is not touched by that): {trouble}")


def _print(words: str) -> None:
    if sys.stderr is not None:  # print() would take stdout, and what stands there is the command's
        with suppress(OSError):
            print(f"burnline: {words}", file=sys.stderr, flush=True)


def default_service() -> str:
    """The service that the environment names.

    Raises: BurnlineError when it names none.
    """
    if name := os.environ.get("BURNLINE_SERVICE"):
        return name
    raise BurnlineError("of which service is this job? write --service NAME, or set BURNLINE_SERVICE")
