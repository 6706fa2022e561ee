"""Deployments, StatefulSets and DaemonSets: back to an earlier revision.

`kubectl rollout undo` goes to "the one before" each time it is sent, so twice is forward again. Here the revision to
go back to is fixed when the change is planned.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from pydantic import AwareDatetime, BaseModel

from burnline.errors import ActionError
from burnline.runbooks.actions.contract import PREVIOUS
from burnline.runbooks.actions.kubernetes.change import Change, noted_at, refuse_owned
from burnline.runbooks.actions.kubernetes.client import JSON_PATCH, STRATEGIC_PATCH, Api
from burnline.runbooks.actions.kubernetes.objects import Json, Meta, Object, Resource, Selector, annotate, unchanged
from burnline.runbooks.actions.kubernetes.revisions import (
    DEPLOYMENT,
    FIRST_NUMBERS,
    Revision,
    current_revision,
    find_revision,
    of_controller_revisions,
    of_replica_sets,
    previous_revision,
    with_revisions,
)
from burnline.spec.kubernetes import WorkloadHookSpec

DEPLOYMENTS = Resource("apps/v1", "deployments")
STATEFUL_SETS = Resource("apps/v1", "statefulsets")
DAEMON_SETS = Resource("apps/v1", "daemonsets")
CAUSE = "kubernetes.io/change-cause"


class UpdateStrategy(BaseModel):
    """How a StatefulSet or DaemonSet takes on a new template."""

    type: str = "RollingUpdate"


class WorkloadSpec(BaseModel):
    """What is wanted."""

    paused: bool = False
    selector: Selector = Selector()
    template: Json = {}
    updateStrategy: UpdateStrategy = UpdateStrategy()


class Condition(BaseModel):
    """A condition of a status."""

    type: str
    lastUpdateTime: AwareDatetime | None = None


class WorkloadStatus(BaseModel):
    """How far the controller is."""

    observedGeneration: int = 0
    conditions: list[Condition] = []


class Workload(Object):
    """A Deployment, StatefulSet or DaemonSet, with its revisions."""

    spec: WorkloadSpec
    status: WorkloadStatus = WorkloadStatus()
    revisions: tuple[Revision, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether the controller has seen what is wanted."""
        return self.status.observedGeneration >= self.metadata.generation


class Undo:
    """A workload whose revisions `list_revisions` finds and `restore` brings back."""

    def __init__(
        self,
        api: Api,
        spec: WorkloadHookSpec,
        resource: Resource,
        list_revisions: Callable[[Api, Meta, str], tuple[Revision, ...]],
        restore: Callable[[Workload, Revision, Change], tuple[str, object]],
    ) -> None:
        self._api = api
        self._spec = spec
        self._path = resource.path(api.namespace(), spec.name)
        self._list = list_revisions
        self._restore = restore
        self.name = f"{resource.plural}/{api.namespace()}/{spec.name}"

    def read(self) -> Workload:
        """The workload and its revisions. Raises: ActionError."""
        return with_revisions(
            lambda: self._api.read(self._path, Workload),
            lambda found: self._list(self._api, found.metadata, str(found.spec.selector)),
        )

    def state(self, found: Workload) -> str:
        """The revision that is wanted, by its first number."""
        return str(self._current(found).first)

    def resolve(self, found: Workload, to: str) -> str:
        """`previous`, or a number that a revision has or had, as its first number."""
        if to != PREVIOUS:
            return str(find_revision(self.name, found.revisions, to).first)
        current = self._current(found)
        if (back := previous_revision(found.revisions, current)) is None:
            raise ActionError(f"{self.name} has no revision before {current.first}", permanent=True)
        return str(back.first)

    def refuse(self, found: Workload) -> None:
        """Raises: ActionError for what is paused, never updated by itself, or kept by others."""
        if found.spec.paused:
            raise ActionError(f"{self.name} is paused: nothing would follow; resume it first", permanent=True)
        if found.spec.updateStrategy.type == "OnDelete":
            raise ActionError(f"{self.name} is updated OnDelete: no pod would follow by itself", permanent=True)
        refuse_owned(self.name, found.metadata, self._spec, helm=True)

    def write(self, found: Workload, change: Change) -> None:
        """Put the revision's template back. Raises: Conflict, ActionError, InDoubt."""
        form, patch = self._restore(found, find_revision(self.name, found.revisions, change.to), change)
        self._api.patch(self._path, patch, form=form, dry_run=change.dry_run)

    def followed(self, found: Workload) -> bool:
        """Whether the controller has seen what is wanted; whether it helps, the SLI must say."""
        return found.settled

    def changed_at(self, found: Workload) -> datetime | None:
        """When the revision was made, or returned to; None when it was returned to and nothing says when."""
        current = self._current(found)
        if (noted := noted_at(found.metadata, str(current.first))) is not None:
            return noted
        if not current.returned_to:
            return current.made_at.astimezone(UTC) if current.made_at else None
        progress = [each.lastUpdateTime for each in found.status.conditions if each.type == "Progressing"]
        return progress[0].astimezone(UTC) if progress and progress[0] else None

    def _current(self, found: Workload) -> Revision:
        current = current_revision(found.revisions, found.spec.template, settled=found.settled)
        if current is None:
            raise ActionError(f"{self.name}: its controller has not numbered what is wanted yet", permanent=False)
        return current


def undo_deployment(api: Api, spec: WorkloadHookSpec) -> Undo:
    """A Deployment, whose revisions are ReplicaSets."""
    return Undo(api, spec, DEPLOYMENTS, partial(of_replica_sets, numbering=DEPLOYMENT), restore_template)


def undo_stateful_set(api: Api, spec: WorkloadHookSpec) -> Undo:
    """A StatefulSet, whose revisions are ControllerRevisions."""
    return Undo(api, spec, STATEFUL_SETS, of_controller_revisions, restore_data)


def undo_daemon_set(api: Api, spec: WorkloadHookSpec) -> Undo:
    """A DaemonSet, whose revisions are ControllerRevisions."""
    return Undo(api, spec, DAEMON_SETS, of_controller_revisions, restore_data)


def restore_template(found: Object, back: Revision, change: Change) -> tuple[str, object]:
    """A JSON patch that puts back the template of a ReplicaSet, and its change cause, as kubectl does."""
    notes: Mapping[str, str | None] = {**change.notes(), CAUSE: back.notes.get(CAUSE)}
    template = {"op": "replace", "path": "/spec/template", "value": back.template}
    return JSON_PATCH, [unchanged(found.metadata), template, *annotate(found.metadata, notes)]


def restore_data(found: Workload, back: Revision, change: Change) -> tuple[str, object]:
    """The strategic merge patch that a ControllerRevision is; its version makes the API server compare it."""
    first = {name: each.first for each in found.revisions for name in each.names}
    notes = {**change.notes(), FIRST_NUMBERS: json.dumps(first, sort_keys=True)}
    metadata = {"resourceVersion": found.metadata.resourceVersion, "annotations": notes}
    return STRATEGIC_PATCH, {"metadata": metadata, "spec": {"template": {**back.template, "$patch": "replace"}}}
