"""An engine that is killed at a write: a process of its own, forked from the warm one of tests/warm.py."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import datetime
from typing import Any

from burnline.detectors import engine
from burnline.spec.service import ServiceSpec
from burnline.store import inbox, signals
from burnline.store.database import open_database
from tests.warm import maker


def killed_at(at: int, url: str, spec: ServiceSpec, now: datetime) -> int | None:
    """Judge what is due in another process, which is killed before its `at`th write; how it ended."""
    process = maker().Process(target=_judge, args=(at, url, spec, now))
    process.start()
    process.join()
    return process.exitcode


def _judge(at: int, url: str, spec: ServiceSpec, now: datetime) -> None:
    calls = 0

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return work(*args)

        return wrapper

    for name in ("save_state", "delete_state", "record_finding"):
        setattr(signals, name, counted(getattr(signals, name)))
    for name, value in {"forget_upto": counted(inbox.forget_upto), "CHUNK": 2}.items():
        setattr(engine, name, value)
    engine.DetectorEngine(open_database(url), [spec]).run_once(now)
