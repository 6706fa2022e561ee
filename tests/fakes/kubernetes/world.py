"""Objects to put into a cluster, and hooks on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from burnline.runbooks.actions.build import build_hook
from burnline.runbooks.actions.contract import Hook
from tests.fakes.kubernetes.cluster import Cluster, Json
from tests.fakes.kubernetes.server import Served
from tests.runbooks.scene import make_spec


def template(image: str, **meta: Any) -> Json:
    """Pods of one image."""
    return {
        "metadata": {"labels": {"app": "fraud"}, **meta},
        "spec": {"containers": [{"name": "model", "image": image}]},
    }


def workload(kind: str, image: str = "fraud:1", **spec: Any) -> Json:
    """A Deployment, StatefulSet, DaemonSet or Rollout named `fraud`."""
    meta = {"name": "fraud", "namespace": "prod", "labels": {"app": "fraud"}}
    selector = {"matchLabels": {"app": "fraud"}}
    return {
        "kind": kind,
        "metadata": meta,
        "spec": {"replicas": 3, "selector": selector, "template": template(image), **spec},
    }


def release(cluster: Cluster, kind: str, image: str, name: str = "fraud") -> None:
    """Roll another image out."""
    cluster.edit(kind, name, lambda found: found["spec"].update(template=template(image)))


def image_of(cluster: Cluster, kind: str, name: str = "fraud") -> str:
    """The image that is wanted."""
    return str(cluster.get(kind, name)["spec"]["template"]["spec"]["containers"][0]["image"])


def node(name: str, **spec: Any) -> Json:
    """A node."""
    return {"kind": "Node", "metadata": {"name": name}, "spec": spec}


def pod(name: str, on: str, *, owner: str = "ReplicaSet", **more: Any) -> Json:
    """A pod of an owner of that kind on a node."""
    owners = [{"kind": owner, "name": "fraud", "uid": "uid-owner", "controller": True}] if owner else []
    meta = {"name": name, "namespace": "prod", "labels": {"app": "fraud"}, "ownerReferences": owners}
    return {
        "kind": "Pod",
        "metadata": {**meta, **more.get("metadata", {})},
        "spec": {"nodeName": on, **more.get("spec", {})},
        "status": {"phase": more.get("phase", "Running")},
    }


def hook_on(served: Served, folder: Path, hook: str, /, *, item: str = "", **fields: Any) -> Hook:
    """A hook of the service file, at the fake API server; it waits for nothing."""
    token = folder / "token"
    token.write_text(served.token)
    cluster = {"api": served.url, "token": f"file:{token}", "namespace": "prod"}
    part = {"cluster": cluster, "wait": "0s", "timeout": "2s", **fields}
    return build_hook(make_spec(None, release={"hook": {hook: part}}), item=item)


def notes(cluster: Cluster, kind: str, name: str = "fraud") -> dict[str, str]:
    """The annotations of an object that are ours."""
    found = cluster.get(kind, name)["metadata"].get("annotations", {})
    return {key: text for key, text in found.items() if key.startswith("burnline.dev/")}


def shown(found: Json) -> str:
    """An object as text, to look for what must not be there."""
    return json.dumps(found)
