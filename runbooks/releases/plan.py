"""What a release is judged by, written down before it begins: nobody moves a guard while it is under way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import Field

from burnline.metrics import business
from burnline.spec.check_release import SPLIT, sli_named
from burnline.spec.release import GuardSpec, ReleaseSpec
from burnline.spec.service import ServiceSpec
from burnline.spec.sli import SliSpec
from burnline.spec.slice import Slice, matchers, narrow, with_labels
from burnline.spec.slo import SloSpec
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, Name, Ratio

NOMINAL = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}  # days of a calendar window


class Promised(Strict):
    """What one SLO counts and promises; `sli` is that of another SLO for `same_as`."""

    objective: Ratio
    window: Duration
    sli: SliSpec


class ReleasePlan(Strict):
    """The `release` part of a service file, and the SLOs that its guards read."""

    release: ReleaseSpec
    slos: dict[Name, Promised] = Field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain data, for the record and for hashing."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def plan_of(spec: ServiceSpec) -> ReleasePlan:
    """The plan as the service file has it now. Raises: ValueError when it has none."""
    if spec.release is None:
        raise ValueError(f"{spec.service} has no `release`")
    names = {guard.sli for guard in spec.release.guards if guard.sli}
    slos = {slo.name: _promised(spec, slo) for slo in spec.slos if slo.name in names}
    named = {guard.business for guard in spec.release.guards if guard.business}
    judged = {name: each for name, each in business.judged(spec).items() if name in named}
    release = spec.release.model_copy(update={"business": {**spec.release.business, **judged}})
    return ReleasePlan(release=release, slos=slos)


def read_plan(plan: Mapping[str, Any]) -> ReleasePlan:
    """A plan from its record."""
    return ReleasePlan.model_validate(plan)


def digest_of(plan: ReleasePlan) -> str:
    """The SHA-256 that goes on record before the first look."""
    return hashlib.sha256(json.dumps(plan.as_json(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _promised(spec: ServiceSpec, slo: SloSpec) -> Promised:
    window = slo.window if isinstance(slo.window, timedelta) else timedelta(days=NOMINAL[slo.window.calendar])
    return Promised(objective=slo.objective, window=window, sli=sli_named(spec, slo.name) or slo.sli)


def labels_of(plan: ReleasePlan, side: str, *, version: str, previous: str) -> dict[str, str] | None:
    """The labels of the `canary` or the `baseline`, with what is released in their slots; None when none are known."""
    written: Mapping[str, str] | None = getattr(plan.release, side)
    slots = {"${version}": version, "${previous}": previous}
    return {label: slots.get(value, value) for label, value in written.items()} if written else None


def slice_of(plan: ReleasePlan, guard: GuardSpec, service: str, labels: Mapping[str, str] | None) -> Slice | None:
    """What a guard reads of the series with these labels (of all, without any); None for what is no such series."""
    if guard.business is not None:
        found = plan.release.business[guard.business]
        if found.gauge is not None:
            return Slice(service, gauge=narrow(found.gauge, matchers(labels or {})))
        sli = SliSpec(ratio=found.ratio)
    elif guard.sli in plan.slos:
        sli = plan.slos[guard.sli].sli
    else:
        return None
    if sli.kind not in SPLIT:
        return None
    return Slice(service, with_labels(sli, labels or {}))
