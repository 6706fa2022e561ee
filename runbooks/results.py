"""What can come of a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from burnline.events import Outcome, StepState


@dataclass(frozen=True, slots=True)
class Done:
    """The step is over and the run goes on."""

    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    state: StepState = StepState.DONE
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """The step goes on later; the run is parked until then, in one transaction with `first`."""

    until: datetime
    first: Callable[[Connection], object] | None = None


@dataclass(frozen=True, slots=True)
class Back:
    """Go back to an earlier step: what people approved is no longer what would be done, or they must be asked."""

    n: int
    text: str


@dataclass(frozen=True, slots=True)
class Ends:
    """The run is decided here."""

    outcome: Outcome
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    state: StepState = StepState.FAILED
    tell: bool = True


@dataclass(frozen=True, slots=True)
class Again:
    """The attempt failed in a way that may pass; the next one is made later."""

    until: datetime
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Nobody knows whether the change took effect, and it may not be sent again: a person must look and say."""

    text: str


Result = Done | Waits | Back | Ends | Again | Doubt
