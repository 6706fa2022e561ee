"""Kubernetes hooks as a service file names them: which cluster, which object, how far a change may go."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from burnline.spec.address import HttpUrl, SecretRef
from burnline.spec.strict import Strict
from burnline.spec.units import Count, Duration, Flag, PositiveCount, Text
from burnline.spec.words import shown

OBJECT_PATTERN = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
CLUSTER_HOOKS = (  # by the hook's key in the service file
    "k8s_deployment",
    "k8s_statefulset",
    "k8s_daemonset",
    "k8s_scale",
    "k8s_node",
    "argo_rollout",
    "argo_promote",
    "kserve_canary",
    "http_route",
    "virtual_service",
)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _check_object(value: str) -> str:
    if not re.fullmatch(OBJECT_PATTERN[1:-1], value) or len(value) > 253 or ".." in value:
        form = "write lower-case letters, digits, - and ., at most 253, with a letter or digit at both ends"
        raise ValueError(f"{shown(value)} is not a name of a Kubernetes object; {form}")
    return value


def _check_expression(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{shown(value)} is not a regular expression: {error}") from error
    return value


# The name of an object in a cluster (RFC 1123 subdomain): safe as a part of a path.
ObjectName = Annotated[
    str,
    AfterValidator(_check_object),
    WithJsonSchema({"type": "string", "pattern": OBJECT_PATTERN, "maxLength": 253}),
]


class ClusterSpec(Strict):
    """Which cluster, and who we are there; a pod's own service account where nothing is written.

    Attributes:
        api: the API server; https, or http on this host (`kubectl proxy`).
        token: where the bearer token is kept; read again for every request, because tokens are rotated.
        ca: file with the certificates that may sign the API server's; default: the pod's, else the system's.
        namespace: where the object is; default: the pod's own.
    """

    api: HttpUrl | None = None
    token: SecretRef | None = None
    ca: Text | None = None
    namespace: ObjectName | None = None

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.ca is not None and not self.ca.startswith("/"):
            raise ValueError(f"needs an absolute path as `ca`; found {shown(self.ca)}")
        if self.api is None:
            return self
        parts = urlsplit(self.api)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ValueError("needs an https `api`: a token would be readable on its way; http is for this host only")
        if parts.query or parts.fragment:
            raise ValueError("needs an `api` without ? and #, as in https://10.0.0.1:6443")
        return self


class OnCluster(Strict):
    """What every Kubernetes hook says.

    Attributes:
        timeout: for one request and its answer.
        wait: how long the hook looks, after a change, for the cluster to follow it.
        gitops: `refuse` changes nothing that a GitOps controller or Helm owns, because they would put it back.
    """

    cluster: ClusterSpec = ClusterSpec()
    timeout: Duration = Field(default="10s", validate_default=True)
    wait: Duration = Field(default="30s", validate_default=True)
    gitops: Literal["refuse", "ignore"] = "refuse"


class InNamespace(OnCluster):
    """One object in a namespace."""

    name: ObjectName

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.cluster.api is not None and self.cluster.namespace is None:
            raise ValueError("needs `cluster.namespace` where `cluster.api` is written")
        return self


class WorkloadHookSpec(InNamespace):
    """A Deployment, StatefulSet, DaemonSet or Argo Rollout that is taken back to an earlier revision."""


class KserveHookSpec(InNamespace):
    """An InferenceService whose canary gets a percentage of the traffic.

    Attributes:
        canary: the entry of `spec.canary` (KServe 0.20 and later) by the name of its predictor; without it
            `spec.predictor.canaryTrafficPercent`.
    """

    canary: ObjectName | None = None


class ScaleHookSpec(InNamespace):
    """Something with replicas; `min` and `max` bound what a runbook may ask for."""

    kind: Literal["Deployment", "StatefulSet", "Rollout"] = "Deployment"
    min: Count = 1
    max: PositiveCount

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"has a `min` of {self.min} over its `max` of {self.max}")
        return self


class RouteHookSpec(InNamespace):
    """A Gateway API HTTPRoute; the state is the percentage of requests that `backend` gets."""

    backend: ObjectName


class VirtualServiceHookSpec(InNamespace):
    """An Istio VirtualService; the state is the percentage of requests that a destination gets."""

    host: ObjectName
    subset: Text | None = None


class NodeHookSpec(OnCluster):
    """Nodes of the cluster, one at a time, named by the runbook.

    Attributes:
        match: regular expression that a whole node name must match; no other node is touched.
        max_cordoned: how many of those nodes may be cordoned at once, this one among them.
        delete_local_data: whether pods with emptyDir volumes may be evicted, which deletes those.
        delete_unmanaged: whether pods without a controller may be evicted: nothing starts them again.
        wait: how long one try waits for evicted pods to end.
    """

    match: Annotated[Text, AfterValidator(_check_expression)]
    max_cordoned: PositiveCount = 1
    delete_local_data: Flag = False
    delete_unmanaged: Flag = False
    wait: Duration = Field(default=timedelta(seconds=90), validate_default=True)
