"""How a service is released: its hook, and the guards under which a release goes on."""

from __future__ import annotations

from typing import Literal

from burnline.spec.hooks import HookSpec
from burnline.spec.strict import Strict
from burnline.spec.units import Count, Multiple, Name, Ratio


class GuardSpec(Strict):
    """A condition under which a release is stopped (not supported yet)."""

    sli: Name | None = None
    signal: Name | None = None
    business: Name | None = None
    kind: Literal["hard", "sequential", "budget"]
    above: Ratio | None = None
    below: Ratio | None = None
    worse_than_baseline: Multiple | None = None
    below_baseline: Multiple | None = None
    min_events: Count = 0
    on_violation: Literal["abort", "review"] = "abort"


class ReleaseSpec(Strict):
    """How this service is released and taken back."""

    hook: HookSpec
    guards: tuple[GuardSpec, ...] = ()
