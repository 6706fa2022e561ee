"""What the worker may not do: talk to anybody, grow, or outlive the process that started it."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

SOCKET_CALLS = ("connect", "getaddrinfo", "gethostbyname", "gethostbyaddr", "sendto", "sendmsg")
CALLS = frozenset((*(f"socket.{name}" for name in SOCKET_CALLS), "urllib.Request"))
BLOCKED: list[str] = []  # attempts to talk to somebody, at most a few


def no_network() -> None:
    """Every attempt of Python code to reach anybody fails from now on; a hook cannot be taken off again (PEP 578)."""

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in CALLS:
            if len(BLOCKED) < 20:
                BLOCKED.append(f"{event} {args!r}"[:200])
            raise PermissionError(f"{event}: the worker talks to nobody")

    sys.addaudithook(hook)


def bounded(memory: int) -> None:
    """At most so many bytes of private memory: beyond them an allocation fails here. First to go, last to run."""
    for what, most in ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 64 << 20)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))
    with contextlib.suppress(OSError):
        os.nice(10)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def end_with(parent: int, every: float = 1.0) -> None:
    """End when the parent has, even in the middle of a calculation."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(every)
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()
