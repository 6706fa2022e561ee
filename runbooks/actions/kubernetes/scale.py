"""How many replicas something has, through its `scale` subresource."""

from __future__ import annotations

import re
from datetime import datetime

from pydantic import BaseModel

from burnline.errors import ActionError
from burnline.runbooks.actions.kubernetes.change import Change, refuse_owned
from burnline.runbooks.actions.kubernetes.client import JSON_PATCH, Api
from burnline.runbooks.actions.kubernetes.objects import Object, Resource, unchanged
from burnline.runbooks.actions.kubernetes.rollouts import ROLLOUTS
from burnline.runbooks.actions.kubernetes.workloads import DEPLOYMENTS, STATEFUL_SETS
from burnline.spec.kubernetes import ScaleHookSpec
from burnline.spec.words import shown

KINDS = {"Deployment": DEPLOYMENTS, "StatefulSet": STATEFUL_SETS, "Rollout": ROLLOUTS}
AUTOSCALERS = Resource("autoscaling/v2", "horizontalpodautoscalers")


class Replicas(BaseModel):
    """A number of replicas; Kubernetes leaves out 0."""

    replicas: int = 0


class Scale(Object):
    """The `scale` subresource."""

    spec: Replicas = Replicas()
    status: Replicas = Replicas()


class ScaleTarget(BaseModel):
    """What an autoscaler scales."""

    kind: str = ""
    name: str = ""


class AutoscalerSpec(BaseModel):
    """What an autoscaler is told."""

    scaleTargetRef: ScaleTarget = ScaleTarget()


class Autoscaler(Object):
    """A HorizontalPodAutoscaler; KEDA works through one too."""

    spec: AutoscalerSpec = AutoscalerSpec()


class ReplicaCount:
    """The replicas of one object. The subresource has no place for a key; the version that was read guards it."""

    def __init__(self, api: Api, spec: ScaleHookSpec) -> None:
        self._api = api
        self._spec = spec
        self._namespace = api.namespace()
        self._resource = KINDS[spec.kind]
        self._path = self._resource.path(self._namespace, spec.name)
        self.name = f"{self._resource.plural}/{self._namespace}/{spec.name}/scale"

    def read(self) -> Scale:
        """The subresource. Raises: ActionError."""
        return self._api.read(f"{self._path}/scale", Scale)

    def state(self, found: Scale) -> str:
        """How many replicas are wanted."""
        return str(found.spec.replicas)

    def resolve(self, found: Scale, to: str) -> str:
        """A number, or `+2` and `-1` from what is wanted now; never past `min` and `max`."""
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", to):
            form = "write a number of replicas, or what to add to it, as in +2"
            raise ActionError(f"{self.name}: {shown(to)} is no number of replicas; {form}", permanent=True)
        least, most, now = self._spec.min, self._spec.max, found.spec.replicas
        if to[0] in "+-":
            wanted = min(max(now + int(to), least), most)
            if wanted == now or (wanted > now) != (int(to) > 0):
                raise ActionError(f"{self.name} has {now} replicas; {to} is past {least} to {most}", permanent=True)
            return str(wanted)
        if not least <= int(to) <= most:
            raise ActionError(f"{self.name}: {int(to)} replicas are past {least} to {most}", permanent=True)
        return str(int(to))

    def refuse(self, found: Scale) -> None:
        """Raises: ActionError for what an autoscaler or others keep as they have it."""
        for each in self._api.list(AUTOSCALERS.path(self._namespace), Autoscaler):
            scaled = each.spec.scaleTargetRef
            if (scaled.kind, scaled.name) == (self._spec.kind, self._spec.name):
                text = f"is scaled by the HorizontalPodAutoscaler {each.metadata.name}: change its bounds instead"
                raise ActionError(f"{self.name} {text}", permanent=True)
        if self._spec.gitops == "refuse":
            refuse_owned(self.name, self._api.read(self._path, Object).metadata, self._spec, helm=False)

    def write(self, found: Scale, change: Change) -> None:
        """Write the number. Raises: Conflict, ActionError, InDoubt."""
        patch = [unchanged(found.metadata), {"op": "add", "path": "/spec/replicas", "value": int(change.to)}]
        self._api.patch(f"{self._path}/scale", patch, form=JSON_PATCH, dry_run=change.dry_run)

    def followed(self, found: Scale) -> bool:
        """Whether so many were made; whether they are ready, the SLI must say."""
        return found.status.replicas == found.spec.replicas

    def changed_at(self, found: Scale) -> datetime | None:
        """Not known."""
        return None
