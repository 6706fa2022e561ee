"""The Kubernetes hooks' scenarios, each on a cluster of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fakes.kubernetes.cluster import Cluster, Json
from tests.fakes.kubernetes.controllers import digest
from tests.fakes.kubernetes.server import Fault, Served, serving
from tests.fakes.kubernetes.world import hook_on, node, pod, release, template, workload
from tests.runbooks.scenarios import Scenario, scenario

USED: dict[str, set[tuple[str, str, str]]] = {}  # by kind, what was asked for by what was played: verb, group, resource


def play(
    kind: str,
    make: Callable[[Cluster], object],
    *,
    before: str,
    to: str,
    move: Callable[[Cluster], object],
    put_back: Callable[[Cluster], object],
    fields: Json,
    path: str = "/",
    **more: Any,
) -> None:
    """Register a scenario of a hook with these fields on what `make` puts into the cluster."""

    @scenario(kind)
    @contextmanager
    def played(folder: Path) -> Iterator[Scenario]:
        with serving() as served:
            make(served.cluster)
            item = more.get("item", "")
            yield Scenario(
                hook=hook_on(served, folder, kind.partition(":")[0], item=item, **fields),
                before=before,
                to=to,
                changes=lambda: changes(served, path),
                move=lambda: move(served.cluster),
                put_back=lambda: put_back(served.cluster),
                lose=lambda: served.faults.append(Fault("PATCH", "", "lost")),
                **{name: value for name, value in more.items() if name != "item"},
            )
            USED.setdefault(kind.partition(":")[0], set()).update(served.used)


def changes(served: Served, path: str) -> int:
    """How often something was written at that path."""
    return sum(each.endswith(path) for each in served.writes)


def two_releases(kind: str) -> Callable[[Cluster], object]:
    """`fraud:2` took over from `fraud:1`."""

    def make(cluster: Cluster) -> None:
        cluster.put(workload(kind))
        release(cluster, kind, "fraud:2")

    return make


def edit(kind: str, change: Callable[[Json], object], name: str = "fraud") -> Callable[[Cluster], object]:
    """Another hand changes an object."""
    return lambda cluster: cluster.edit(kind, name, change)


WORKLOADS = {
    "k8s_deployment": ("Deployment", "deployments/fraud"),
    "k8s_statefulset": ("StatefulSet", "statefulsets/fraud"),
    "k8s_daemonset": ("DaemonSet", "daemonsets/fraud"),
    "argo_rollout": ("Rollout", "rollouts/fraud"),
}
for hook, (workload_kind, where) in WORKLOADS.items():
    play(
        hook,
        two_releases(workload_kind),
        before="2",
        to="1",
        unknown="7",
        move=edit(workload_kind, lambda found: found["spec"].update(template=template("fraud:3"))),
        put_back=edit(workload_kind, lambda found: found["spec"].update(template=template("fraud:2"))),
        fields={"name": "fraud"},
        path=where,
    )


def stable_is(image: str) -> Callable[[Cluster], object]:
    """Another hand promotes, or takes back, by the hash of its ReplicaSet."""
    return edit("Rollout", lambda found: found["status"].update(stableRS=digest(template(image))))


def three_releases(cluster: Cluster) -> None:
    """`fraud:1` is stable; two more were rolled out since."""
    two_releases("Rollout")(cluster)
    release(cluster, "Rollout", "fraud:3")


play(
    "argo_promote",
    three_releases,
    ask="latest",
    before="1",
    to="3",
    unknown="2",
    move=stable_is("fraud:2"),
    put_back=stable_is("fraud:1"),
    fields={"name": "fraud"},
    path="rollouts/fraud/status",
    keyed=False,
)


def replicas(count: int) -> Callable[[Cluster], object]:
    """Another hand scales."""
    return edit("Deployment", lambda found: found["spec"].update(replicas=count))


play(
    "k8s_scale",
    lambda cluster: cluster.put(workload("Deployment")),
    ask="+2",
    before="3",
    to="5",
    unknown="11",
    move=replicas(4),
    put_back=replicas(3),
    fields={"name": "fraud", "min": 2, "max": 10},
    path="deployments/fraud/scale",
    keyed=False,
)


def model(image: str, **more: Any) -> Json:
    """An InferenceService's spec."""
    return {"predictor": {"model": {"image": image}, **more}}


def canary(share: int) -> Callable[[Cluster], object]:
    """Another hand moves traffic."""
    return edit("InferenceService", lambda found: found["spec"]["predictor"].update(canaryTrafficPercent=share))


def a_canary(cluster: Cluster) -> None:
    """A new model gets 20 %."""
    meta = {"name": "fraud", "namespace": "prod"}
    cluster.put({"kind": "InferenceService", "metadata": meta, "spec": model("fraud:1")})
    edit("InferenceService", lambda found: found.update(spec=model("fraud:2", canaryTrafficPercent=20)))(cluster)


play(
    "kserve_canary",
    a_canary,
    before="20",
    to="0",
    unknown="101",
    move=canary(50),
    put_back=canary(20),
    fields={"name": "fraud"},
    path="inferenceservices/fraud",
)


def listed(share: int) -> list[Json]:
    """The canaries of KServe 0.20."""
    names = ("other", "fraud-v2")
    return [{"trafficPercent": share if name == "fraud-v2" else 5, "predictor": {"name": name}} for name in names]


def a_list_of_canaries(cluster: Cluster) -> None:
    """Two canaries, of which `fraud-v2` gets 20 %."""
    meta = {"name": "fraud", "namespace": "prod"}
    cluster.put({"kind": "InferenceService", "metadata": meta, "spec": {**model("fraud:1"), "canary": listed(20)}})


play(
    "kserve_canary:list",
    a_list_of_canaries,
    before="20",
    to="0",
    unknown="101",
    move=edit("InferenceService", lambda found: found["spec"].update(canary=listed(50))),
    put_back=edit("InferenceService", lambda found: found["spec"].update(canary=listed(20))),
    fields={"name": "fraud", "canary": "fraud-v2"},
    path="inferenceservices/fraud",
)


def backends(share: int) -> Json:
    """An HTTPRoute's spec."""
    refs = [{"name": "fraud-v1", "port": 80, "weight": 100 - share}, {"name": "fraud-v2", "port": 80, "weight": share}]
    return {"rules": [{"backendRefs": refs}]}


play(
    "http_route",
    lambda cluster: cluster.put(
        {"kind": "HTTPRoute", "metadata": {"name": "fraud", "namespace": "prod"}, "spec": backends(20)}
    ),
    before="20",
    to="0",
    unknown="101",
    move=edit("HTTPRoute", lambda found: found.update(spec=backends(50))),
    put_back=edit("HTTPRoute", lambda found: found.update(spec=backends(20))),
    fields={"name": "fraud", "backend": "fraud-v2"},
    path="httproutes/fraud",
)


def destinations(share: int) -> Json:
    """A VirtualService's spec."""
    shares = {"v1": 100 - share, "v2": share}
    routes = [{"destination": {"host": "fraud", "subset": name}, "weight": weight} for name, weight in shares.items()]
    return {"hosts": ["fraud"], "http": [{"route": routes}]}


play(
    "virtual_service",
    lambda cluster: cluster.put(
        {"kind": "VirtualService", "metadata": {"name": "fraud", "namespace": "prod"}, "spec": destinations(20)}
    ),
    before="20",
    to="0",
    unknown="101",
    move=edit("VirtualService", lambda found: found.update(spec=destinations(50))),
    put_back=edit("VirtualService", lambda found: found.update(spec=destinations(20))),
    fields={"name": "fraud", "host": "fraud", "subset": "v2"},
    path="virtualservices/fraud",
)

uncordon = edit("Node", lambda found: found["spec"].update(unschedulable=False), name="gpu-1")
cordon = edit("Node", lambda found: found["spec"].update(unschedulable=True), name="gpu-1")
NODES = {"match": "gpu-[0-9]+"}


def busy_nodes(cluster: Cluster) -> None:
    """Two nodes with two pods each."""
    for name in ("gpu-1", "gpu-2"):
        cluster.put(node(name))
        for n in range(2):
            cluster.put(pod(f"{name}-{n}", name))


play(
    "k8s_node",
    busy_nodes,
    ask="drained",
    before="schedulable",
    to="drained",
    unknown="previous",
    move=cordon,
    put_back=lambda cluster: (uncordon(cluster), cluster.put(pod("late", "gpu-1"))),
    fields=NODES,
    item="gpu-1",
    path="eviction",
    keyed=True,
)
