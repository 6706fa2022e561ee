"""Nodes: cordoned, drained and back, one by one, and never against a disruption budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from burnline.errors import ActionError, InDoubt, Moved
from burnline.runbooks.actions.contract import Hook
from tests.fakes.kubernetes.cluster import Json
from tests.fakes.kubernetes.server import Fault, Served, serving
from tests.fakes.kubernetes.world import hook_on, node, notes, pod
from tests.runbooks.scene import T0

Build = Callable[..., Hook]
EMPTY_DIR = {"volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}]}


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as made:
        for name in ("gpu-1", "gpu-2", "gpu-3", "cpu-1"):
            made.cluster.put(node(name))
        yield made


@pytest.fixture
def build(served: Served, tmp_path: Path) -> Build:
    def on(item: str = "gpu-1", **fields: Any) -> Hook:
        return hook_on(served, tmp_path, "k8s_node", item=item, **{"match": "gpu-[0-9]+", **fields})

    return on


def apply(hook: Hook, to: str, before: str | None = "schedulable", *, key: str = "run:3", epoch: int = 1) -> bool:
    return hook.apply(to, before=before, idempotency_key=key, epoch=epoch, at=T0)


def pods(served: Served) -> list[str]:
    return sorted(each["metadata"]["name"] for each in served.cluster.of("Pod"))


def cordoned(served: Served, name: str = "gpu-1") -> bool:
    return bool(served.cluster.get("Node", name)["spec"].get("unschedulable"))


def cordon(served: Served, name: str) -> None:
    served.cluster.edit("Node", name, lambda found: found["spec"].update(unschedulable=True))


def budget(served: Served, allowed: int) -> Json:
    meta = {"name": "fraud", "namespace": "prod"}
    spec = {"selector": {"matchLabels": {"app": "fraud"}}}
    return served.cluster.put(
        {"kind": "PodDisruptionBudget", "metadata": meta, "spec": spec, "status": {"disruptionsAllowed": allowed}}
    )


def test_a_cordoned_node_keeps_its_pods(served: Served, build: Build) -> None:
    served.cluster.put(pod("model", "gpu-1"))
    hook = build()

    assert apply(hook, "cordoned")

    assert (hook.observe(), pods(served)) == ("cordoned", ["model"])
    assert notes(served.cluster, "Node", "gpu-1")["burnline.dev/key"] == "run:3"


def test_a_drain_leaves_what_a_daemonset_keeps_there_and_what_has_ended(served: Served, build: Build) -> None:
    served.cluster.put(pod("model", "gpu-1"))
    served.cluster.put(pod("exporter", "gpu-1", owner="DaemonSet", spec=EMPTY_DIR))
    mirror = {"annotations": {"kubernetes.io/config.mirror": "abc"}, "ownerReferences": []}
    served.cluster.put(pod("proxy", "gpu-1", metadata=mirror))
    served.cluster.put(pod("job", "gpu-1", owner="", phase="Succeeded"))
    served.cluster.put(pod("elsewhere", "gpu-2"))
    hook = build()

    assert apply(hook, "drained")

    assert pods(served) == ["elsewhere", "exporter", "job", "proxy"]
    assert hook.observe() == "drained"
    assert hook.verify("drained")
    assert hook.verify("cordoned")
    assert "burnline.dev/draining" not in notes(served.cluster, "Node", "gpu-1")


def test_a_disruption_budget_is_kept_and_asked_again_later(served: Served, build: Build) -> None:
    for n in range(3):
        served.cluster.put(pod(f"model-{n}", "gpu-1"))
    allowed = budget(served, 1)
    hook = build()

    with pytest.raises(
        ActionError, match="2 pods are still there: model-1, model-2; a PodDisruptionBudget keeps"
    ) as it:
        apply(hook, "drained")

    assert not it.value.permanent
    assert (cordoned(served), pods(served)) == (True, ["model-1", "model-2"])
    assert hook.observe() is None, "a drain that is not through is neither state"
    allowed["status"]["disruptionsAllowed"] = 2
    assert apply(hook, "drained", epoch=2)
    assert (hook.observe(), pods(served)) == ("drained", [])


def test_pods_that_take_their_time_to_end_are_waited_for_and_evicted_once(served: Served, build: Build) -> None:
    served.cluster.lingering = True
    served.cluster.put(pod("model", "gpu-1"))
    hook = build()

    with pytest.raises(ActionError, match="1 pods are still there: model"):
        apply(hook, "drained")
    with pytest.raises(ActionError, match="1 pods are still there: model"):
        apply(hook, "drained", epoch=2)
    served.cluster.end_pods()

    assert sum(each.endswith("eviction") for each in served.writes) == 1
    assert not hook.verify("schedulable")
    apply(hook, "drained", epoch=3)
    assert hook.observe() == "drained"
    assert "burnline.dev/draining" not in notes(served.cluster, "Node", "gpu-1")


def test_an_eviction_without_an_answer_is_in_doubt_and_the_drain_goes_on(served: Served, build: Build) -> None:
    served.cluster.put(pod("model", "gpu-1"))
    hook = build()
    served.faults = [Fault("POST", "eviction", "lost")]

    with pytest.raises(InDoubt):
        apply(hook, "drained")
    apply(hook, "drained", epoch=2)

    assert hook.observe() == "drained"
    assert sum(each.endswith("eviction") for each in served.writes) == 1


def test_the_pod_that_takes_the_place_of_an_evicted_one_is_not_evicted(served: Served, build: Build) -> None:
    served.cluster.put(pod("model-0", "gpu-1", owner="StatefulSet"))

    def replaced() -> None:
        served.cluster.delete(served.cluster.get("Pod", "model-0"))
        served.cluster.put(pod("model-0", "gpu-2", owner="StatefulSet"))

    hook = build()
    served.before_eviction = replaced

    apply(hook, "drained")

    assert pods(served) == ["model-0"]
    assert served.cluster.get("Pod", "model-0")["spec"]["nodeName"] == "gpu-2"


@pytest.mark.parametrize(
    ("lost", "words", "allow"),
    [
        ({"owner": ""}, r"model: nothing would start again; allowed by `delete_unmanaged: true`", "delete_unmanaged"),
        (
            {"spec": EMPTY_DIR},
            r"model: would lose what is in their emptyDir volumes; allowed by `delete_local_data: true`",
            "delete_local_data",
        ),
    ],
)
def test_what_a_drain_would_lose_is_refused_unless_the_file_says_otherwise(
    served: Served, build: Build, lost: Json, words: str, allow: str
) -> None:
    served.cluster.put(pod("model", "gpu-1", **lost))

    with pytest.raises(ActionError, match=words) as planned:
        build().plan("drained")
    with pytest.raises(ActionError, match=words):
        apply(build(), "drained")

    assert planned.value.permanent
    assert (cordoned(served), pods(served)) == (False, ["model"])
    assert apply(build(**{allow: True}), "drained")
    assert pods(served) == []


def test_no_more_nodes_than_allowed_are_cordoned_at_once(served: Served, build: Build) -> None:
    cordon(served, "gpu-2")
    cordon(served, "cpu-1")

    with pytest.raises(ActionError, match="1 of at most 1 nodes are cordoned already: gpu-2") as caught:
        build().plan("cordoned")
    with pytest.raises(ActionError, match="cordoned already"):
        apply(build(), "drained")

    assert caught.value.permanent
    assert not cordoned(served)
    assert apply(build(max_cordoned=2), "cordoned"), "cpu-1 is none that `match` speaks of"


def test_two_that_cordon_at_the_same_moment_do_not_both_stay(served: Served, build: Build) -> None:
    hook = build()
    served.after_list = lambda: cordon(served, "gpu-2")

    with pytest.raises(ActionError, match="were cordoned at the same moment: this one is not any more") as caught:
        apply(hook, "cordoned")

    assert not caught.value.permanent
    assert (cordoned(served, "gpu-1"), cordoned(served, "gpu-2")) == (False, True)
    assert notes(served.cluster, "Node", "gpu-1") == {}


def test_a_node_that_another_hand_cordoned_is_not_uncordoned_to_keep_the_limit(served: Served, build: Build) -> None:
    cordon(served, "gpu-1")
    cordon(served, "gpu-2")
    served.cluster.put(pod("model", "gpu-1"))

    assert apply(build(), "drained", "cordoned")

    assert cordoned(served, "gpu-1")


def test_a_node_goes_back_to_work(served: Served, build: Build) -> None:
    hook = build()
    apply(hook, "drained")
    served.cluster.put(pod("late", "gpu-1"))

    assert hook.observe() == "cordoned"
    assert apply(hook, "schedulable", "drained", key="run:5"), "what started there meanwhile changes nothing"

    assert not cordoned(served)
    assert hook.verify("schedulable")


def test_what_another_hand_did_to_the_node_meanwhile_is_left_alone(served: Served, build: Build) -> None:
    served.cluster.put(pod("model", "gpu-1"))
    cordon(served, "gpu-1")

    with pytest.raises(Moved):
        apply(build(), "drained", "schedulable")

    assert pods(served) == ["model"]


def test_an_overtaken_worker_does_not_go_on_with_a_drain(served: Served, build: Build) -> None:
    served.cluster.put(pod("model", "gpu-1"))
    budget(served, 0)
    with pytest.raises(ActionError):
        apply(build(), "drained", epoch=4)

    with pytest.raises(ActionError, match="worker 4 of this run has taken over from 3") as caught:
        apply(build(), "drained", epoch=3)

    assert caught.value.permanent


def test_when_it_was_cordoned_is_told(served: Served, build: Build) -> None:
    taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": "2026-01-05T11:58:00Z"}
    served.cluster.edit("Node", "gpu-1", lambda found: found["spec"].update(unschedulable=True, taints=[taint]))

    assert build().changed_at() == datetime(2026, 1, 5, 11, 58, tzinfo=UTC)
    assert build("gpu-2").changed_at() is None


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("", "it needs `item`, a node's name"),
        ("cpu-1", r"'cpu-1' is no node that `match` allows: gpu-\[0-9\]\+"),
        ("gpu-1/../cpu-1", "is not the name of a node"),
        ("gpu-1?x=y", "is not the name of a node"),
        ("GPU-1", "is not the name of a node"),
        ("gpu-1\n", "is not the name of a node"),
        ("gpu-12x", "is no node that `match` allows"),
        ("x" * 300, "is not the name of a node"),
    ],
)
def test_only_a_node_that_matches_as_a_whole_is_reached(build: Build, item: str, words: str) -> None:
    with pytest.raises(ActionError, match=words) as caught:
        build(item)

    assert caught.value.permanent


def test_a_node_that_is_not_there_is_refused_for_good(build: Build) -> None:
    with pytest.raises(ActionError, match=r'answered 404: nodes "gpu-9" not found') as caught:
        build("gpu-9").plan("cordoned")

    assert caught.value.permanent


def test_a_state_that_is_none_of_a_node_is_refused(build: Build) -> None:
    with pytest.raises(ActionError, match="'previous' is no state of a node; write schedulable, cordoned or drained"):
        build().plan("previous")
