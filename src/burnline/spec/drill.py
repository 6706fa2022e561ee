"""Drills of a service: the targets they may reach, and how fast everything must go."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from burnline.spec.hooks import HookSpec
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, Name

SHORTEST_EVERY = timedelta(hours=1)
ScenarioName = Literal[
    "errors",
    "latency",
    "drift",
    "stale-data",
    "crashed-replica",
    "lost-gpu",
    "queue-growth",
    "receiver-down",
    "bad-release",
]


class DrillTargets(Strict):
    """How long it may take from the fault to its alert, from there to the change, and from the fault to proof."""

    detect: Duration = Field(default="15m", validate_default=True)
    respond: Duration = Field(default="10m", validate_default=True)
    recover: Duration = Field(default="1h", validate_default=True)


def _seldom(value: timedelta) -> timedelta:
    if value < SHORTEST_EVERY:
        raise ValueError("should be at least 1h: a drill keeps a processor busy for a while")
    return value


class DrillSpec(Strict):
    """What a drill may touch and what it must reach.

    Attributes:
        hooks: by the names that runbooks use (`release` and those of `actions`): the only targets a live drill reaches.
        every: how often the service is drilled in simulation, by itself.
        scenarios: what is drilled when nobody says what; empty is everything that applies to the service.
    """

    hooks: dict[Name, HookSpec] = Field(default_factory=dict)
    targets: DrillTargets = DrillTargets()
    every: Annotated[Duration, AfterValidator(_seldom)] | None = None
    scenarios: tuple[ScenarioName, ...] = ()
