"""A node: cordoned so that nothing new starts on it, drained so that nothing runs on it, or schedulable again.

Pods leave by eviction, which respects PodDisruptionBudgets. What a DaemonSet keeps there stays, as do mirror pods and
pods that have ended.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError

from burnline.errors import ActionError
from burnline.runbooks.actions.contract import Plan
from burnline.runbooks.actions.kubernetes.change import (
    AT,
    EPOCH,
    KEY,
    LOOK_SECONDS,
    STATE,
    TRIES,
    Change,
    refuse_moved,
    refuse_old,
    rehearse,
)
from burnline.runbooks.actions.kubernetes.client import JSON_PATCH, Api, ApiError, Conflict
from burnline.runbooks.actions.kubernetes.objects import Object, Resource, annotate, names, unchanged
from burnline.spec.kubernetes import NodeHookSpec, ObjectName
from burnline.spec.words import choice, shown

NODES = Resource("v1", "nodes")
PODS = Resource("v1", "pods")
SCHEDULABLE, CORDONED, DRAINED = STATES = ("schedulable", "cordoned", "drained")
MIRROR = "kubernetes.io/config.mirror"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
DRAINING = "burnline.dev/draining"  # the key of a drain that is not through yet


class Taint(BaseModel):
    """What keeps pods away."""

    key: str
    timeAdded: AwareDatetime | None = None


class NodeSpec(BaseModel):
    """What is wanted."""

    unschedulable: bool = False
    taints: list[Taint] = []


class Node(Object):
    """A machine of the cluster."""

    spec: NodeSpec = NodeSpec()


class Volume(BaseModel):
    """What a pod mounts; `emptyDir` goes with the pod."""

    emptyDir: dict[str, Any] | None = None


class PodSpec(BaseModel):
    """What is wanted."""

    volumes: list[Volume] = []


class PodStatus(BaseModel):
    """How the pod is."""

    phase: str = ""


class Pod(Object):
    """A pod."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def leaves(self) -> bool:
        """Whether a drain has to get it off the node."""
        meta, owner = self.metadata, self.metadata.controller
        kept = MIRROR in meta.annotations or (owner is not None and owner.kind == "DaemonSet")
        return not kept and self.status.phase not in ("Succeeded", "Failed")


class NodeHook:
    """One node, which must match the service file's pattern. Idempotent: a drain that broke off is gone on with."""

    kind = "k8s_node"
    idempotent = True

    def __init__(self, api: Api, spec: NodeHookSpec, item: str) -> None:
        self._api = api
        self._spec = spec
        self._item = item
        self._path = NODES.path(name=item)
        self.name = f"{NODES.plural}/{item}"
        self.target = f"{api.label}{self.name}"

    def observe(self) -> str | None:
        """Its state; None while a drain of ours is not through."""
        node = self._node()
        state = self._state(node)
        return None if state == CORDONED and DRAINING in node.metadata.annotations else state

    def changed_at(self) -> datetime | None:
        """When it was cordoned; None while it is not."""
        added = [each.timeAdded for each in self._node().spec.taints if each.key == UNSCHEDULABLE]
        return added[0].astimezone(UTC) if added and added[0] else None

    def plan(self, target: str) -> Plan:
        """The change. Raises: ActionError for pods that would be lost, and for one node too many."""
        _known(self.name, target)
        node = self._node()
        state = self._state(node)
        if target != SCHEDULABLE and not node.spec.unschedulable:
            self._refuse_too_many(node)
        if target == DRAINED:
            self._refuse_losses(self._pods())
        if not _is(state, target):
            rehearse(lambda change: self._write(node, change, cordon=target != SCHEDULABLE), target, state)
        return Plan(self.kind, self.target, state, target)

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        """Make it so. Raises: Moved, InDoubt; ActionError (not permanent) while pods are still there."""
        _known(self.name, target)
        change = Change(target, before, idempotency_key, epoch, at)
        wanted = self._schedule(change)
        return (self._drain(change) or wanted) if target == DRAINED else wanted

    def verify(self, target: str) -> bool:
        """Whether it is so; a drained node is cordoned too."""
        return _is(self._state(self._node()), target)

    def _schedule(self, change: Change) -> bool:
        """Cordon or uncordon; False when it was so, or our own drain of before goes on."""
        for _ in range(TRIES):
            node = self._node()
            state = self._state(node)
            if _is(state, change.to):
                return False
            refuse_old(self.name, node.metadata, change)
            ours = node.metadata.annotations.get(DRAINING) == change.key
            cordons = change.to != SCHEDULABLE and not node.spec.unschedulable
            if not ours or cordons:
                self._refuse(node, state, change, cordons=cordons)
            try:
                self._write(node, change, cordon=change.to != SCHEDULABLE)
            except Conflict:
                continue
            if cordons:
                self._back_out_of_too_many(change)
            return not ours
        raise ActionError(f"{self.name} was changed by others at each of {TRIES} tries", permanent=False)

    def _refuse(self, node: Node, state: str, change: Change, *, cordons: bool) -> None:
        _refuse_moved(self.name, state, node, change)
        if cordons:
            self._refuse_too_many(node)
        if change.to == DRAINED:
            self._refuse_losses(self._pods())

    def _write(self, node: Node, change: Change, *, cordon: bool) -> None:
        notes = {**change.notes(), DRAINING: change.key if change.to == DRAINED else None}
        wanted = {"op": "add", "path": "/spec/unschedulable", "value": cordon}
        patch = [unchanged(node.metadata), wanted, *annotate(node.metadata, notes)]
        self._api.patch(self._path, patch, form=JSON_PATCH, dry_run=change.dry_run)

    def _drain(self, change: Change) -> bool:
        """Evict until nothing is left; True when something was evicted."""
        until, evicted = time.monotonic() + self._spec.wait.total_seconds(), False
        pods = self._leaving()
        while pods:
            self._refuse_losses(pods)
            staying = [pod for pod in pods if pod.metadata.deletionTimestamp is None]
            blocked = [pod for pod in staying if not self._evict(pod)]
            evicted = evicted or len(blocked) < len(staying)
            if (pods := self._leaving()) and (left := until - time.monotonic()) <= 0:
                raise ActionError(self._still_there(pods, blocked), permanent=False)
            if pods:
                time.sleep(min(LOOK_SECONDS, left))
        self._finish(change)
        return evicted

    def _finish(self, change: Change) -> None:
        """Take our mark away, so that the node counts as drained by anybody's pods from now on."""
        for _ in range(TRIES):
            node = self._node()
            if node.metadata.annotations.get(DRAINING) != change.key:
                return
            try:
                patch = [unchanged(node.metadata), *annotate(node.metadata, {DRAINING: None})]
                self._api.patch(self._path, patch, form=JSON_PATCH)
            except Conflict:
                continue
            return

    def _evict(self, pod: Pod) -> bool:
        """Ask for an eviction; False when a disruption budget does not allow it now."""
        meta = pod.metadata
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": meta.name, "namespace": meta.namespace},
            "deleteOptions": {"preconditions": {"uid": meta.uid}},  # not the one that takes its place under its name
        }
        try:
            self._api.post(PODS.path(meta.namespace, meta.name, "eviction"), body)
        except ApiError as error:
            if error.status == 429:
                return False
            if error.status not in (404, 409):
                raise
        return True

    def _still_there(self, pods: Sequence[Pod], blocked: Sequence[Pod]) -> str:
        text = f"{self.name} is cordoned, and {len(pods)} pods are still there: {names(pods)}"
        return text + (f"; a PodDisruptionBudget keeps {names(blocked)}" if blocked else "")

    def _state(self, node: Node) -> str:
        if not node.spec.unschedulable:
            return SCHEDULABLE
        return CORDONED if self._leaving() else DRAINED

    def _node(self) -> Node:
        return self._api.read(self._path, Node)

    def _pods(self) -> list[Pod]:
        return self._api.list(PODS.path(), Pod, fields=f"spec.nodeName={self._item}")

    def _leaving(self) -> list[Pod]:
        return [pod for pod in self._pods() if pod.leaves]

    def _cordoned(self) -> list[Node]:
        """The nodes the service file speaks of that take nothing new."""
        found = self._api.list(NODES.path(), Node)
        return [
            each for each in found if each.spec.unschedulable and re.fullmatch(self._spec.match, each.metadata.name)
        ]

    def _refuse_too_many(self, node: Node) -> None:
        others = [each for each in self._cordoned() if each.metadata.name != node.metadata.name]
        if len(others) >= self._spec.max_cordoned:
            text = f"{len(others)} of at most {self._spec.max_cordoned} nodes are cordoned already: {names(others)}"
            raise ActionError(f"{self.name}: {text}", permanent=True)

    def _back_out_of_too_many(self, change: Change) -> None:
        """Two runs may have cordoned a node each at the same moment, and both have counted before."""
        if len(self._cordoned()) <= self._spec.max_cordoned:
            return
        node = self._node()
        if node.metadata.annotations.get(KEY) == change.key:
            gone: dict[str, str | None] = dict.fromkeys((KEY, EPOCH, AT, STATE, DRAINING))
            wanted = {"op": "add", "path": "/spec/unschedulable", "value": False}
            self._api.patch(
                self._path, [unchanged(node.metadata), wanted, *annotate(node.metadata, gone)], form=JSON_PATCH
            )
        text = f"more than {self._spec.max_cordoned} nodes were cordoned at the same moment: this one is not any more"
        raise ActionError(f"{self.name}: {text}", permanent=False)

    def _refuse_losses(self, pods: Sequence[Pod]) -> None:
        leaving = [pod for pod in pods if pod.leaves]
        losses: tuple[tuple[bool, Callable[[Pod], bool], str], ...] = (
            (self._spec.delete_unmanaged, lambda pod: pod.metadata.controller is None, "nothing would start again"),
            (
                self._spec.delete_local_data,
                lambda pod: any(each.emptyDir is not None for each in pod.spec.volumes),
                "would lose what is in their emptyDir volumes",
            ),
        )
        for allowed, lost, why in losses:
            if not allowed and (found := [pod for pod in leaving if lost(pod)]):
                word = "delete_unmanaged" if "start" in why else "delete_local_data"
                raise ActionError(f"{self.name}: {names(found)}: {why}; allowed by `{word}: true`", permanent=True)


def _refuse_moved(name: str, state: str, node: Node, change: Change) -> None:
    """As everywhere, but a cordoned node is drained or not by what others start and end there."""
    if change.to == SCHEDULABLE and change.before in (CORDONED, DRAINED) and state in (CORDONED, DRAINED):
        state = change.before
    refuse_moved(name, state, node.metadata, change)


def _is(state: str, wanted: str) -> bool:
    return state == wanted or (wanted, state) == (CORDONED, DRAINED)


def _known(name: str, state: str) -> None:
    if state not in STATES:
        raise ActionError(f"{name}: {shown(state)} is no state of a node; write {choice(STATES)}", permanent=True)


def check_item(item: str, match: str) -> str:
    """The node's name, if it is one and matches. Raises: ActionError (permanent)."""
    if not item:
        raise ActionError("hook k8s_node changes one of several nodes: it needs `item`, a node's name", permanent=True)
    try:
        name = TypeAdapter(ObjectName).validate_python(item)
    except ValidationError:
        raise ActionError(f"{shown(item)} is not the name of a node", permanent=True) from None
    if not re.fullmatch(match, name):
        raise ActionError(f"{shown(item)} is no node that `match` allows: {match}", permanent=True)
    return name
