"""Controllers of workloads, as far as rollbacks see them: revisions, hashes, stable versions, traffic."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from typing import Any

from tests.fakes.kubernetes.cluster import Cluster, Json


def digest(template: Any) -> str:
    """A short name for a template, whatever is written for nothing in it."""
    return hashlib.sha256(json.dumps(_written(template), sort_keys=True).encode()).hexdigest()[:10]


def _written(template: Any) -> Any:
    if isinstance(template, dict):
        inner = {name: _written(value) for name, value in template.items()}
        return {name: value for name, value in inner.items() if value not in (None, {}, [])}
    return [_written(each) for each in template] if isinstance(template, list) else template


def deployments(cluster: Cluster, found: Json) -> None:
    """ReplicaSets with revision numbers; the number of one that is returned to goes on."""
    if found["kind"] == "Deployment":
        prefix, label = "deployment.kubernetes.io", "pod-template-hash"
        revision = _replica_set(cluster, found, prefix, label)["metadata"]["annotations"][f"{prefix}/revision"]
        new = copy.deepcopy(found)
        new["metadata"].setdefault("annotations", {})[f"{prefix}/revision"] = revision
        replicas = found["spec"].get("replicas", 1)
        new["status"] = {
            "observedGeneration": found["metadata"]["generation"],
            "replicas": replicas,
            "conditions": [{"type": "Progressing", "status": "True", "lastUpdateTime": cluster.stamp()}],
        }
        if new["status"]["observedGeneration"] == found.get("status", {}).get("observedGeneration"):
            new["status"]["conditions"] = found["status"]["conditions"]
        cluster.write(cluster.key(new), new)


def rollouts(cluster: Cluster, found: Json) -> None:
    """As Argo Rollouts: the first version is stable at once, the next ones when they are promoted."""
    if found["kind"] == "Rollout":
        prefix, label = "rollout.argoproj.io", "rollouts-pod-template-hash"
        pods = _replica_set(cluster, found, prefix, label)["metadata"]["labels"][label]
        new, old = copy.deepcopy(found), found.get("status", {})
        status = {**old, "currentPodHash": pods, "stableRS": old.get("stableRS", pods)}
        if old.get("currentPodHash") not in (None, pods):  # another version: abort and promotion were of the old one
            status |= {"abort": False, "promoteFull": False}
        if status.get("promoteFull"):
            status |= {"stableRS": pods, "promoteFull": False}
        new["status"] = status
        cluster.write(cluster.key(new), new)


def _replica_set(cluster: Cluster, owner: Json, prefix: str, label: str) -> Json:
    """The ReplicaSet of the owner's template, found again or made, with the highest number."""
    revision, history = f"{prefix}/revision", f"{prefix}/revision-history"
    template, sets = owner["spec"]["template"], cluster.owned("ReplicaSet", owner)
    numbers = [int(each["metadata"]["annotations"][revision]) for each in sets]
    name = digest(template)
    for each in sets:
        notes = each["metadata"]["annotations"]
        if each["metadata"]["labels"][label] == name:
            if int(notes[revision]) < max(numbers):
                notes[history] = ",".join(filter(None, [notes.get(history, ""), notes[revision]]))
                notes[revision] = str(max(numbers) + 1)
            return each
    meta = owner["metadata"]
    labels = {**owner["spec"]["selector"]["matchLabels"], label: name}
    own = copy.deepcopy(template)
    own["metadata"]["labels"][label] = name
    copied = {key: text for key, text in meta.get("annotations", {}).items() if key == "kubernetes.io/change-cause"}
    return cluster.put(
        {
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{meta['name']}-{name}",
                "namespace": meta["namespace"],
                "labels": labels,
                "annotations": {**copied, revision: str(max(numbers, default=0) + 1)},
                "ownerReferences": [_reference(owner)],
            },
            "spec": {"replicas": owner["spec"].get("replicas", 1), "template": own},
        }
    )


def controller_revisions(cluster: Cluster, found: Json) -> None:
    """StatefulSets and DaemonSets: the number of a revision that is returned to is lost."""
    if found["kind"] not in ("StatefulSet", "DaemonSet"):
        return
    template, made = found["spec"]["template"], cluster.owned("ControllerRevision", found)
    highest = max((each["revision"] for each in made), default=0)
    name = f"{found['metadata']['name']}-{digest(template)}"
    for each in made:
        if each["metadata"]["name"] == name and each["revision"] < highest:
            each["revision"] = highest + 1
    if name not in [each["metadata"]["name"] for each in made]:
        meta = {
            "name": name,
            "namespace": found["metadata"]["namespace"],
            "labels": found["spec"]["selector"]["matchLabels"],
            "ownerReferences": [_reference(found)],
        }
        data = {"spec": {"template": {**copy.deepcopy(template), "$patch": "replace"}}}
        cluster.put({"kind": "ControllerRevision", "metadata": meta, "data": data, "revision": highest + 1})
    new = copy.deepcopy(found)
    new["status"] = {
        "observedGeneration": found["metadata"]["generation"],
        "replicas": found["spec"].get("replicas", 1),
    }
    cluster.write(cluster.key(new), new)


def inference_services(cluster: Cluster, found: Json) -> None:
    """As KServe on Knative: the newest revision gets its share, the last one that had all of it the rest."""
    if found["kind"] != "InferenceService" or "canary" in found["spec"]:
        return
    predictor = found["spec"]["predictor"]
    share = predictor.get("canaryTrafficPercent")
    newest = f"{found['metadata']['name']}-{digest({**predictor, 'canaryTrafficPercent': None})}"
    old = found.get("status", {}).get("components", {}).get("predictor", {})
    full = old.get("latestRolledoutRevision", newest)
    before = old.get("previousRolledoutRevision", "")
    if share in (None, 100) and full != newest:
        full, before = newest, full
    rest = full if full != newest else before
    traffic = [{"latestRevision": True, "revisionName": newest, "percent": 100 if share is None or not rest else share}]
    if rest and share not in (None, 100):
        traffic.append({"tag": "prev", "revisionName": rest, "percent": 100 - share})
    new = copy.deepcopy(found)
    component = {"latestCreatedRevision": newest, "latestReadyRevision": newest, "latestRolledoutRevision": full}
    if before:
        component["previousRolledoutRevision"] = before
    new["status"] = {"components": {"predictor": {**component, "traffic": traffic}}}
    cluster.write(cluster.key(new), new)


def _reference(owner: Json) -> Json:
    meta = owner["metadata"]
    return {"kind": owner["kind"], "name": meta["name"], "uid": meta["uid"], "controller": True}


ALL: list[Callable[[Cluster, Json], None]] = [deployments, rollouts, controller_revisions, inference_services]
