"""The trace that a request belongs to, for what is told while it is answered."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

# W3C Trace Context 3.2: version, trace, parent, flags; a later version may add more. Zeros name no trace.
_PARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})-[0-9a-f]{2}(-.*)?"
)


class Trace:
    """One request's: the ids of its trace and of the caller's span, and how many predictions were told of it."""

    def __init__(self, trace_id: str, span_id: str) -> None:
        self.trace_id, self.span_id = trace_id, span_id
        self._numbers: dict[str, itertools.count[int]] = {}

    def next_id(self, shadow: str = "") -> str:
        """The trace id for the first prediction, `<trace id>-2` for the next: an id is taken once.

        A version that is a `shadow` has the same ids again: its predictions are compared with those that serve.
        """
        number = next(self._numbers.setdefault(shadow, itertools.count(1)))
        return self.trace_id if number == 1 else f"{self.trace_id}-{number}"


CURRENT: ContextVar[Trace | None] = ContextVar("burnline_trace", default=None)


def read_parent(header: str) -> Trace | None:
    """What a `traceparent` header says; None for anything else."""
    found = _PARENT.fullmatch(header.strip())
    return Trace(found["trace"], found["span"]) if found else None


def trace_id() -> str:
    """The trace of the request that is being answered; empty outside of one."""
    trace = CURRENT.get()
    return trace.trace_id if trace else ""


def with_id(event: Mapping[str, Any], shadow: str = "") -> Mapping[str, Any]:
    """The event; one without an id gets that of the trace. `shadow`: its version, where it is of one."""
    trace = CURRENT.get()
    return event if trace is None or event.get("id") is not None else {**event, "id": trace.next_id(shadow)}
