"""The service file: one production service, what is measured, promised, paged and rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from burnline.spec.binding import RunbookBinding
from burnline.spec.business import NumberSpec
from burnline.spec.collect import CollectItem
from burnline.spec.cost import CostSpec
from burnline.spec.drill import DrillSpec
from burnline.spec.escalation import Escalation
from burnline.spec.events import EventsSpec, SchemaSpec
from burnline.spec.exclude import ExclusionSpec
from burnline.spec.hooks import HookSpec
from burnline.spec.jobs import MOST, JobName, JobSpec
from burnline.spec.place import Place
from burnline.spec.probe import ProbeSpec
from burnline.spec.release import ReleaseSpec
from burnline.spec.signals import SignalsSpec
from burnline.spec.slo import SloSpec
from burnline.spec.strict import Strict
from burnline.spec.telemetry import TelemetrySpec
from burnline.spec.units import Name, Ratio, Text

RELEASE = "release"  # the name of the hook that changes which version serves


class VersionSpec(Strict):
    """Where the serving version is read: `label` of the info series `metric` that has the value 1."""

    source: Annotated[Literal["label"], Field(alias="from")]
    label: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
    metric: Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")] = "model_info"


class ModelSpec(Strict):
    """The model the service serves, and the profile of what it was trained on."""

    name: Text
    version: VersionSpec | None = None
    reference: Text | None = None
    schema_: Annotated[SchemaSpec | None, Field(alias="schema")] = None


class PolicyStep(Strict):
    """What follows when no more than `left` of an error budget is left."""

    left: Ratio
    do: Literal["notify", "freeze_releases", "require_approval"]


class ServiceSpec(Strict):
    """One service file."""

    apiVersion: Literal["burnline/v1"]
    service: Name
    owner: Name
    description: str = ""
    escalation: Escalation = Escalation()
    collect: tuple[CollectItem, ...] = ()
    telemetry: TelemetrySpec = TelemetrySpec()
    model: ModelSpec | None = None
    events: EventsSpec = EventsSpec()
    signals: SignalsSpec = SignalsSpec()
    slos: tuple[SloSpec, ...] = ()
    exclude: tuple[ExclusionSpec, ...] = ()
    budget_policy: tuple[PolicyStep, ...] = ()
    release: ReleaseSpec | None = None
    actions: dict[Name, HookSpec] = Field(default_factory=dict)
    probes: dict[Name, ProbeSpec] = Field(default_factory=dict)
    business: dict[Name, NumberSpec] = Field(default_factory=dict)
    runbooks: tuple[RunbookBinding, ...] = ()
    drill: DrillSpec = DrillSpec()
    cost: CostSpec | None = None
    jobs: Annotated[dict[JobName, JobSpec], Field(max_length=MOST)] = Field(default_factory=dict)

    def slo(self, name: str) -> SloSpec | None:
        """The SLO of that name, or None."""
        return next((slo for slo in self.slos if slo.name == name), None)

    def hooks(self) -> Iterator[tuple[Place, HookSpec]]:
        """Every hook of the file and where it stands, those of drills too."""
        if self.release:
            yield ("release", "hook"), self.release.hook
        yield from ((("actions", name), hook) for name, hook in self.actions.items())
        yield from ((("drill", "hooks", name), hook) for name, hook in self.drill.hooks.items())

    def hook(self, name: str, *, drill: bool = False) -> HookSpec | None:
        """The hook of that name: `release`, or one of `actions`; in a drill one of `drill.hooks`, and no other."""
        if drill:
            return self.drill.hooks.get(name)
        if name == RELEASE:
            return self.release.hook if self.release else None
        return self.actions.get(name)
