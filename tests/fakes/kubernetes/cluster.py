"""What a cluster holds: objects with versions, and controllers that follow every change."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]
Key = tuple[str, str, str, str]  # version, plural, namespace, name
START = datetime(2026, 1, 5, 11, 0, tzinfo=UTC)
KINDS = {
    "Deployment": ("apps/v1", "deployments"),
    "StatefulSet": ("apps/v1", "statefulsets"),
    "DaemonSet": ("apps/v1", "daemonsets"),
    "ReplicaSet": ("apps/v1", "replicasets"),
    "ControllerRevision": ("apps/v1", "controllerrevisions"),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "horizontalpodautoscalers"),
    "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets"),
    "Rollout": ("argoproj.io/v1alpha1", "rollouts"),
    "InferenceService": ("serving.kserve.io/v1beta1", "inferenceservices"),
    "HTTPRoute": ("gateway.networking.k8s.io/v1", "httproutes"),
    "VirtualService": ("networking.istio.io/v1", "virtualservices"),
    "Node": ("v1", "nodes"),
    "Pod": ("v1", "pods"),
}


class Refused(Exception):
    """A request that is answered with this status."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass
class Cluster:
    """Objects by where they are. `minutes` goes on with each write, and stamps what is made.

    Attributes:
        controllers: called with every object that was written; none run while `asleep`.
        lingering: evicted pods stay, on their way out, until `end_pods`.
        pages: how many objects a part of a list holds at most.
    """

    objects: dict[Key, Json] = field(default_factory=dict)
    controllers: list[Callable[[Cluster, Json], None]] = field(default_factory=list)
    asleep: bool = False
    lingering: bool = False
    pages: int = 500
    version: int = 100
    minutes: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def put(self, made: Json) -> Json:
        """Make an object, or write one that is there, as a user with kubectl would."""
        with self.lock:
            key = self.key(made)
            old = self.objects.get(key)
            new = copy.deepcopy(made)
            self.minutes += 1
            meta = new.setdefault("metadata", {})
            if old is None:
                self.version += 1
                meta.setdefault("uid", f"uid-{self.version}")
                meta.setdefault("creationTimestamp", self.stamp())
                meta["generation"] = 1
            else:
                meta["generation"] = old["metadata"]["generation"] + (new.get("spec") != old.get("spec"))
            self.write(key, new)
            return self.objects[key]

    def write(self, key: Key, new: Json) -> None:
        """Keep an object under a new version, unless nothing changed, and let the controllers follow."""
        with self.lock:
            if self._same(self.objects.get(key), new):
                return
            self.version += 1
            new["metadata"]["resourceVersion"] = str(self.version)
            self.objects[key] = new
            if not self.asleep:
                self.follow(key)

    def follow(self, key: Key) -> None:
        """Let the controllers see an object."""
        for each in self.controllers:
            if key in self.objects:
                each(self, self.objects[key])

    def wake(self) -> None:
        """Controllers run again, and see what they missed."""
        self.asleep = False
        for key in list(self.objects):
            self.follow(key)

    def get(self, kind: str, name: str, namespace: str = "prod") -> Json:
        """An object; of no namespace where the kind has none."""
        return self.objects[(*KINDS[kind], "" if kind == "Node" else namespace, name)]

    def edit(self, kind: str, name: str, change: Callable[[Json], object], namespace: str = "prod") -> Json:
        """Change an object by another hand."""
        with self.lock:
            found = copy.deepcopy(self.get(kind, name, namespace))
            change(found)
            return self.put(found)

    def delete(self, made: Json) -> None:
        """Take an object away."""
        with self.lock:
            self.objects.pop(self.key(made), None)

    def of(self, kind: str, namespace: str = "") -> Iterator[Json]:
        """Every object of a kind."""
        version, plural = KINDS[kind]
        for (its_version, its_plural, its_namespace, _), each in list(self.objects.items()):
            if (its_version, its_plural) == (version, plural) and namespace in ("", its_namespace):
                yield each

    def owned(self, kind: str, owner: Json) -> list[Json]:
        """The objects of a kind that `owner` controls."""
        uid = owner["metadata"]["uid"]
        return [
            each
            for each in self.of(kind, owner["metadata"]["namespace"])
            if any(ref["uid"] == uid for ref in each["metadata"].get("ownerReferences", []))
        ]

    def evict(self, pod: Json) -> None:
        """Take a pod away if its disruption budget allows it. Raises: Refused."""
        labels = pod["metadata"].get("labels", {})
        for each in self.of("PodDisruptionBudget", pod["metadata"]["namespace"]):
            if each["spec"]["selector"]["matchLabels"].items() <= labels.items():
                if each["status"]["disruptionsAllowed"] <= 0:
                    raise Refused(429, "Cannot evict pod as it would violate the pod's disruption budget.")
                each["status"]["disruptionsAllowed"] -= 1
        if self.lingering:
            pod["metadata"]["deletionTimestamp"] = self.stamp()
        else:
            self.delete(pod)

    def end_pods(self) -> None:
        """What is on its way out is gone."""
        for pod in list(self.of("Pod")):
            if "deletionTimestamp" in pod["metadata"]:
                self.delete(pod)

    def stamp(self) -> str:
        """The time in the cluster."""
        return (START + timedelta(minutes=self.minutes)).isoformat().replace("+00:00", "Z")

    @staticmethod
    def key(made: Json) -> Key:
        """Where an object is."""
        meta = made["metadata"]
        return (*KINDS[made["kind"]], meta.get("namespace", ""), meta["name"])

    @staticmethod
    def _same(old: Json | None, new: Json) -> bool:
        return old is not None and {**old, "metadata": {**old["metadata"], "resourceVersion": ""}} == {
            **new,
            "metadata": {**new["metadata"], "resourceVersion": ""},
        }
