"""Argo Rollouts: abort and go back, and promote.

An abort alone leaves the new version in the spec, where the next retry goes forward again; so the template goes back
too. Argo fast-tracks a return to the stable revision; a return to an older one runs through the canary's steps and
analysis again unless the Rollout has a `rollbackWindow`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from burnline.errors import ActionError
from burnline.runbooks.actions.contract import PREVIOUS
from burnline.runbooks.actions.kubernetes.change import Change, noted_at, refuse_owned
from burnline.runbooks.actions.kubernetes.client import MERGE_PATCH, Api, ApiError, Conflict
from burnline.runbooks.actions.kubernetes.objects import Json, Object, Resource, Selector
from burnline.runbooks.actions.kubernetes.revisions import (
    ROLLOUT,
    Revision,
    current_revision,
    find_revision,
    of_replica_sets,
    previous_revision,
    with_revisions,
    without_label,
)
from burnline.runbooks.actions.kubernetes.workloads import restore_template
from burnline.spec.kubernetes import WorkloadHookSpec
from burnline.spec.words import shown

ROLLOUTS = Resource("argoproj.io/v1alpha1", "rollouts")
LATEST = "latest"


class RolloutSpec(BaseModel):
    """What is wanted; `workloadRef`: the template is another object's."""

    paused: bool = False
    selector: Selector = Selector()
    template: Json = {}
    workloadRef: Json | None = None


class RolloutStatus(BaseModel):
    """How far the controller is; both hashes are those of ReplicaSets."""

    stableRS: str = ""
    currentPodHash: str = ""
    abort: bool = False
    promoteFull: bool = False


class RolloutObject(Object):
    """A Rollout, with its revisions."""

    spec: RolloutSpec
    status: RolloutStatus = RolloutStatus()
    revisions: tuple[Revision, ...] = ()

    @property
    def under_way(self) -> bool:
        """Whether a version is being rolled out that is not stable yet."""
        return self.status.currentPodHash != self.status.stableRS


class _Rollout:
    """What undoing and promoting a Rollout share."""

    def __init__(self, api: Api, spec: WorkloadHookSpec) -> None:
        self.api = api
        self.path = ROLLOUTS.path(api.namespace(), spec.name)
        self.name = f"{ROLLOUTS.plural}/{api.namespace()}/{spec.name}"

    def read(self) -> RolloutObject:
        """The Rollout and its revisions. Raises: ActionError."""
        return with_revisions(
            self._look,
            lambda found: of_replica_sets(self.api, found.metadata, str(found.spec.selector), ROLLOUT),
        )

    def _look(self) -> RolloutObject:
        found = self.api.read(self.path, RolloutObject)
        if found.spec.workloadRef is not None:
            raise ActionError(f"{self.name} takes its template by workloadRef: undo that workload", permanent=True)
        return found

    def current(self, found: RolloutObject) -> Revision:
        """The revision that is wanted."""
        template = without_label(found.spec.template, ROLLOUT.label)
        if (current := current_revision(found.revisions, template, settled=False)) is None:
            raise ActionError(f"{self.name}: its controller has not numbered what is wanted yet", permanent=False)
        return current

    def stable(self, found: RolloutObject) -> Revision | None:
        """The revision that served before, and still serves whom the canary does not."""
        return next((each for each in found.revisions if found.status.stableRS in each.names), None)

    def write_status(self, found: RolloutObject, *, dry_run: bool, **status: Any) -> None:
        """Write to the status subresource; to the object itself where there is none (Argo Rollouts < 0.10)."""
        patch = {"metadata": {"resourceVersion": found.metadata.resourceVersion}, "status": status}
        try:
            self.api.patch(f"{self.path}/status", patch, form=MERGE_PATCH, dry_run=dry_run)
        except ApiError as error:
            if error.status != 404:
                raise
            self.api.patch(self.path, patch, form=MERGE_PATCH, dry_run=dry_run)


class UndoRollout:
    """Abort what is under way, and put the template of an earlier revision back."""

    def __init__(self, api: Api, spec: WorkloadHookSpec) -> None:
        self._spec = spec
        self._rollout = _Rollout(api, spec)
        self.name = self._rollout.name

    def read(self) -> RolloutObject:
        """The Rollout and its revisions. Raises: ActionError."""
        return self._rollout.read()

    def state(self, found: RolloutObject) -> str:
        """The revision that is wanted, by its first number."""
        return str(self._rollout.current(found).first)

    def resolve(self, found: RolloutObject, to: str) -> str:
        """`previous` is the stable revision while another is rolled out, else the one before."""
        if to != PREVIOUS:
            return str(find_revision(self.name, found.revisions, to).first)
        current, stable = self._rollout.current(found), self._rollout.stable(found)
        if stable is not None and stable.first != current.first:
            return str(stable.first)
        if (back := previous_revision(found.revisions, current)) is None:
            raise ActionError(f"{self.name} has no revision before {current.first}", permanent=True)
        return str(back.first)

    def refuse(self, found: RolloutObject) -> None:
        """Raises: ActionError for what is paused by hand or kept by others."""
        if found.spec.paused:
            raise ActionError(f"{self.name} is paused: nothing would follow; resume it first", permanent=True)
        refuse_owned(self.name, found.metadata, self._spec, helm=True)

    def write(self, found: RolloutObject, change: Change) -> None:
        """Abort, then put the template back. Raises: Conflict, ActionError, InDoubt."""
        back = find_revision(self.name, found.revisions, change.to)
        if found.status.stableRS in back.names and found.under_way and not found.status.abort:
            self._rollout.write_status(found, dry_run=change.dry_run, abort=True)
            fresh = self.read()
            if fresh.spec.template != found.spec.template:
                raise Conflict(f"{self.name} was changed after it was aborted", status=409)
            found = fresh
        form, patch = restore_template(found, back, change)
        self._rollout.api.patch(self._rollout.path, patch, form=form, dry_run=change.dry_run)

    def followed(self, found: RolloutObject) -> bool:
        """Whether the controller works on the revision that is wanted."""
        return found.status.currentPodHash in self._rollout.current(found).names

    def changed_at(self, found: RolloutObject) -> datetime | None:
        """When the revision was made or we returned to it; None when it was returned to by another hand."""
        current = self._rollout.current(found)
        if (noted := noted_at(found.metadata, str(current.first))) is not None:
            return noted
        return current.made_at.astimezone(UTC) if current.made_at and not current.returned_to else None


class Promote:
    """Give all traffic to the newest revision, past the steps and the analysis that are left.

    It writes to the status, which no GitOps controller owns; the status has no place for a key.
    """

    def __init__(self, api: Api, spec: WorkloadHookSpec) -> None:
        self._rollout = _Rollout(api, spec)
        self.name = self._rollout.name

    def read(self) -> RolloutObject:
        """The Rollout and its revisions. Raises: ActionError."""
        return self._rollout.read()

    def state(self, found: RolloutObject) -> str:
        """The revision that was decided on: the stable one, or the newest once it is to be promoted in full."""
        decided = self._rollout.current(found) if found.status.promoteFull else self._rollout.stable(found)
        if decided is None:
            raise ActionError(f"{self.name} has no stable revision yet", permanent=False)
        return str(decided.first)

    def resolve(self, found: RolloutObject, to: str) -> str:
        """`latest`, or the number of the newest revision; no other can be promoted."""
        newest = self._rollout.current(found)
        if to != LATEST and not (to.isdecimal() and int(to) in newest.numbers):
            form = f"only the newest, {newest.first}, can be promoted: write it, or {LATEST}"
            raise ActionError(f"{self.name}: {shown(to)} is no revision to promote; {form}", permanent=True)
        return str(newest.first)

    def refuse(self, found: RolloutObject) -> None:
        """Raises: ActionError for what was aborted or paused by hand."""
        if found.status.abort:
            raise ActionError(f"{self.name} was aborted: what was taken back is not promoted", permanent=True)
        if found.spec.paused:
            raise ActionError(f"{self.name} is paused: nothing would follow; resume it first", permanent=True)

    def write(self, found: RolloutObject, change: Change) -> None:
        """Ask for the promotion. Raises: Conflict, ActionError, InDoubt."""
        self._rollout.write_status(found, dry_run=change.dry_run, promoteFull=True)

    def followed(self, found: RolloutObject) -> bool:
        """Whether the revision that was decided on is stable."""
        stable = self._rollout.stable(found)
        return stable is not None and str(stable.first) == self.state(found)

    def changed_at(self, found: RolloutObject) -> datetime | None:
        """When the newest revision was made."""
        made_at = self._rollout.current(found).made_at
        return made_at.astimezone(UTC) if made_at else None
