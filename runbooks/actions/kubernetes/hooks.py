"""From a Kubernetes hook of the service file to the hook that acts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from burnline.errors import ActionError
from burnline.runbooks.actions.contract import Hook
from burnline.runbooks.actions.kubernetes.change import ClusterHook, Thing
from burnline.runbooks.actions.kubernetes.client import Api
from burnline.runbooks.actions.kubernetes.kserve import CanaryList, CanaryPercent
from burnline.runbooks.actions.kubernetes.node import NodeHook, check_item
from burnline.runbooks.actions.kubernetes.rollouts import Promote, UndoRollout
from burnline.runbooks.actions.kubernetes.scale import ReplicaCount
from burnline.runbooks.actions.kubernetes.traffic import http_route, virtual_service
from burnline.runbooks.actions.kubernetes.workloads import undo_daemon_set, undo_deployment, undo_stateful_set
from burnline.spec.kubernetes import KserveHookSpec, NodeHookSpec, OnCluster


def cluster_hook(kind: str, spec: OnCluster, item: str) -> Hook:
    """The hook. Raises: ActionError when it cannot be had here, or `item` is none that it allows."""
    api = Api(spec.cluster, spec.timeout)
    if isinstance(spec, NodeHookSpec):
        return NodeHook(api, spec, check_item(item, spec.match))
    if item:
        raise ActionError(f"hook {kind} changes one thing; it takes no `item`", permanent=True)
    thing = THINGS[kind](api, spec)
    return ClusterHook(kind, thing, target=f"{api.label}{thing.name}", wait_seconds=spec.wait.total_seconds())


def _kserve(api: Api, spec: KserveHookSpec) -> CanaryPercent | CanaryList:
    return CanaryPercent(api, spec) if spec.canary is None else CanaryList(api, spec)


THINGS: Mapping[str, Callable[[Api, Any], Thing[Any]]] = {
    "k8s_deployment": undo_deployment,
    "k8s_statefulset": undo_stateful_set,
    "k8s_daemonset": undo_daemon_set,
    "k8s_scale": ReplicaCount,
    "argo_rollout": UndoRollout,
    "argo_promote": Promote,
    "kserve_canary": _kserve,
    "http_route": http_route,
    "virtual_service": virtual_service,
}
