"""What stands in for the world in a simulated drill: hooks that remember a state, receivers that remember messages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from burnline.errors import ActionError
from burnline.runbooks.actions.contract import PREVIOUS, Plan
from burnline.runbooks.notify import RECORDERS, SIMULATED
from burnline.spec.probe import CommandProbeSpec, ProbeSpec
from burnline.spec.service import RELEASE, ServiceSpec

NEW, OLD = "drill-2", "drill-1"  # versions: the one that serves when the fault begins, and the one before it
_NUMBERS = count(1)
PROBE = ProbeSpec(command=CommandProbeSpec(argv=("/bin/echo", "what a probe says")))


@dataclass(frozen=True, slots=True)
class Message:
    """What a receiver would have been told; `reached` is false for one that was down."""

    at: datetime
    receiver: str
    severity: str
    body: Mapping[str, Any]
    reached: bool


@dataclass(slots=True)
class Outbox:
    """Takes the place of every receiver of one drill, while the block runs."""

    down: frozenset[str] = frozenset()
    messages: list[Message] = field(default_factory=list)
    _name: str = field(default_factory=lambda: str(next(_NUMBERS)))
    _lock: threading.Lock = field(default_factory=threading.Lock)  # receivers are told side by side

    def __enter__(self) -> Outbox:
        RECORDERS[self._name] = self._take
        return self

    def __exit__(self, *_: object) -> None:
        del RECORDERS[self._name]

    def address(self, receiver: str) -> str:
        """The address under which messages for `receiver` come here."""
        return f"{SIMULATED}:{self._name}:{receiver}"

    def _take(self, receiver: str, severity: str, body: Mapping[str, Any], at: datetime) -> None:
        reached = receiver not in self.down
        with self._lock:
            self.messages.append(Message(at, receiver, severity, body, reached))
        if not reached:
            raise ActionError("it is down, in this drill", permanent=True)


@dataclass(frozen=True, slots=True)
class Change:
    """What a run changed, in simulation."""

    at: datetime
    hook: str
    item: str
    state: str


class StandIn:
    """A hook that remembers its state and changes nothing else; `made` is told of every change."""

    idempotent = True

    def __init__(self, kind: str, name: str, item: str, changes: list[Change], *, since: datetime) -> None:
        self.kind = kind
        self.target = f"drill {name}:{item}" if item else f"drill {name}"
        self._name, self._item, self._changes, self._since = name, item, changes, since
        self.made: Callable[[Change], None] = changes.append

    def observe(self) -> str:
        """The state it was brought to last."""
        own = [each for each in self._changes if (each.hook, each.item) == (self._name, self._item)]
        return own[-1].state if own else NEW if self._name == RELEASE else "as it was"

    def changed_at(self) -> datetime:
        """When the release came that is there at the beginning."""
        return self._since

    def plan(self, target: str) -> Plan:
        """What `apply` would do."""
        before = OLD if self._name == RELEASE else "the one before"
        return Plan(self.kind, self.target, self.observe(), before if target == PREVIOUS else target)

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        """Remember the state; False when it is there already."""
        if self.observe() == target:
            return False
        self.made(Change(at, self._name, self._item, target))
        return True

    def verify(self, target: str) -> bool:
        """Whether it was brought to that state last."""
        return self.observe() == target


def simulated(spec: ServiceSpec, outbox: Outbox) -> ServiceSpec:
    """The service file with nothing in it that reaches the world: receivers, probes. Maintenance is over."""
    escalation = spec.escalation
    told = {name: tuple(map(outbox.address, getattr(escalation, name))) for name in ("page", "ticket", "business")}
    chain = tuple(step.model_copy(update={"to": tuple(map(outbox.address, step.to))}) for step in escalation.chain)
    bindings = tuple(
        each.model_copy(update={"approvers": {name: at and outbox.address(at) for name, at in each.approvers.items()}})
        for each in spec.runbooks
    )
    return spec.model_copy(
        update={
            "escalation": escalation.model_copy(update={**told, "chain": chain}),
            "runbooks": bindings,
            "probes": dict.fromkeys(spec.probes, PROBE),
            "exclude": (),
        }
    )
