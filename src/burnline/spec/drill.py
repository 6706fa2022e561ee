"""Drills of a service: the targets they may reach, and how fast everything must go."""

from __future__ import annotations

from pydantic import Field

from burnline.spec.hooks import HookSpec
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, Name


class DrillTargets(Strict):
    """How long it may take from the fault to its alert, from there to the change, and from the fault to proof."""

    detect: Duration = Field(default="15m", validate_default=True)
    respond: Duration = Field(default="10m", validate_default=True)
    recover: Duration = Field(default="1h", validate_default=True)


class DrillSpec(Strict):
    """What a drill may touch and what it must reach.

    Attributes:
        hooks: by the names that runbooks use (`release` and those of `actions`): the only targets a drill reaches.
    """

    hooks: dict[Name, HookSpec] = Field(default_factory=dict)
    targets: DrillTargets = DrillTargets()
