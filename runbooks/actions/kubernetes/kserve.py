"""KServe: what share of the traffic the canary of an InferenceService gets.

`spec.predictor.canaryTrafficPercent` sends that share to the newest revision and the rest to the last one that had all
of it; 0 is the way back. KServe 0.20 and later has the list `spec.canary` instead: an entry that is gone gets nothing.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from burnline.errors import ActionError
from burnline.runbooks.actions.contract import PREVIOUS
from burnline.runbooks.actions.kubernetes.change import Change, noted_at, refuse_owned
from burnline.runbooks.actions.kubernetes.client import JSON_PATCH, Api
from burnline.runbooks.actions.kubernetes.objects import Json, Object, Resource, annotate, pointer, unchanged
from burnline.runbooks.actions.kubernetes.percent import percent
from burnline.spec.kubernetes import KserveHookSpec
from burnline.spec.words import choice, shown

INFERENCE_SERVICES = Resource("serving.kserve.io/v1beta1", "inferenceservices")
NOTHING, ALL = "0", "100"


class Predictor(BaseModel):
    """The part that serves."""

    name: str = ""
    canaryTrafficPercent: int | None = None


class CanaryEntry(BaseModel):
    """One of several canaries."""

    trafficPercent: int = 0
    predictor: Predictor = Predictor()


class InferenceSpec(BaseModel):
    """What is wanted."""

    predictor: Predictor = Predictor()
    canary: list[CanaryEntry] | None = None


class TrafficTarget(BaseModel):
    """What a revision gets."""

    percent: int = 0
    latestRevision: bool = False
    revisionName: str = ""


class Component(BaseModel):
    """How a component is served."""

    latestReadyRevision: str = ""
    latestCreatedRevision: str = ""
    latestRolledoutRevision: str = ""
    previousRolledoutRevision: str = ""
    traffic: list[TrafficTarget] = []

    @property
    def way_back(self) -> str:
        """The revision that gets what the newest does not; empty when there is none."""
        newest = self.latestCreatedRevision or self.latestReadyRevision
        rolled_out = self.latestRolledoutRevision
        return rolled_out if rolled_out != newest else self.previousRolledoutRevision


class InferenceStatus(BaseModel):
    """How far the controller is."""

    components: dict[str, Component] = {}


class InferenceService(Object):
    """One model server."""

    spec: InferenceSpec = InferenceSpec()
    status: InferenceStatus = InferenceStatus()

    @property
    def served(self) -> Component:
        """The predictor's part of the status."""
        return self.status.components.get("predictor", Component())


class CanaryPercent:
    """The share of the newest revision."""

    def __init__(self, api: Api, spec: KserveHookSpec) -> None:
        self._api = api
        self._spec = spec
        self._path = INFERENCE_SERVICES.path(api.namespace(), spec.name)
        self.name = f"{INFERENCE_SERVICES.plural}/{api.namespace()}/{spec.name}"

    def read(self) -> InferenceService:
        """The InferenceService. Raises: ActionError."""
        return self._api.read(self._path, InferenceService)

    def state(self, found: InferenceService) -> str:
        """The percentage that is wanted; all of it where none is written."""
        share = found.spec.predictor.canaryTrafficPercent
        return ALL if share is None else str(share)

    def resolve(self, found: InferenceService, to: str) -> str:
        """`previous` is 0; a percentage under 100 needs a revision that gets the rest."""
        wanted = NOTHING if to == PREVIOUS else percent(self.name, to)
        if wanted != ALL and not found.served.way_back:
            raise ActionError(f"{self.name} has no revision that could get the other traffic", permanent=True)
        return wanted

    def refuse(self, found: InferenceService) -> None:
        """Raises: ActionError for what is kept by others, or has its canaries in a list."""
        if found.spec.canary:
            raise ActionError(f"{self.name} has a list of canaries: write `canary`, the name of one", permanent=True)
        refuse_owned(self.name, found.metadata, self._spec, helm=True)

    def write(self, found: InferenceService, change: Change) -> None:
        """Write the percentage. Raises: Conflict, ActionError, InDoubt."""
        share = {"op": "add", "path": "/spec/predictor/canaryTrafficPercent", "value": int(change.to)}
        patch = [unchanged(found.metadata), share, *annotate(found.metadata, change.notes())]
        self._api.patch(self._path, patch, form=JSON_PATCH, dry_run=change.dry_run)

    def followed(self, found: InferenceService) -> bool:
        """Whether the traffic is split as it is wanted."""
        newest = sum(each.percent for each in found.served.traffic if each.latestRevision)
        return str(newest) == self.state(found)

    def changed_at(self, found: InferenceService) -> datetime | None:
        """When we set it; None when it was another hand."""
        return noted_at(found.metadata, self.state(found))


class CanaryList:
    """The share of one entry of `spec.canary`."""

    def __init__(self, api: Api, spec: KserveHookSpec) -> None:
        self._api = api
        self._spec = spec
        self._path = INFERENCE_SERVICES.path(api.namespace(), spec.name)
        self.name = f"{INFERENCE_SERVICES.plural}/{api.namespace()}/{spec.name}/{spec.canary}"

    def read(self) -> InferenceService:
        """The InferenceService. Raises: ActionError."""
        return self._api.read(self._path, InferenceService)

    def state(self, found: InferenceService) -> str:
        """The entry's percentage; 0 when it is gone."""
        at = self._at(found)
        return NOTHING if at is None else str(self._entries(found)[at].trafficPercent)

    def resolve(self, found: InferenceService, to: str) -> str:
        """`previous` is 0; anything else needs the entry to be there."""
        wanted = NOTHING if to == PREVIOUS else percent(self.name, to)
        if wanted != NOTHING and self._at(found) is None:
            there = [each.predictor.name for each in self._entries(found)]
            text = f"has no canary {shown(self._spec.canary)}; there are {choice(there) if there else 'none'}"
            raise ActionError(f"{self.name} {text}", permanent=True)
        return wanted

    def refuse(self, found: InferenceService) -> None:
        """Raises: ActionError for what is kept by others."""
        refuse_owned(self.name, found.metadata, self._spec, helm=True)

    def write(self, found: InferenceService, change: Change) -> None:
        """Write the percentage, or take the entry away. Raises: Conflict, ActionError, InDoubt."""
        at = self._at(found)
        if at is None:
            return
        entry = pointer("spec", "canary", at)
        share: Json = {"op": "add", "path": f"{entry}/trafficPercent", "value": int(change.to)}
        if change.to == NOTHING:
            share = {"op": "remove", "path": entry}
        same = {"op": "test", "path": f"{entry}/predictor/name", "value": self._spec.canary}
        patch = [unchanged(found.metadata), same, share, *annotate(found.metadata, change.notes())]
        self._api.patch(self._path, patch, form=JSON_PATCH, dry_run=change.dry_run)

    def followed(self, found: InferenceService) -> bool:
        """The status says nothing of it."""
        return True

    def changed_at(self, found: InferenceService) -> datetime | None:
        """When we set it; None when it was another hand."""
        return noted_at(found.metadata, self.state(found))

    def _entries(self, found: InferenceService) -> list[CanaryEntry]:
        return found.spec.canary or []

    def _at(self, found: InferenceService) -> int | None:
        entries = self._entries(found)
        return next((at for at, each in enumerate(entries) if each.predictor.name == self._spec.canary), None)
