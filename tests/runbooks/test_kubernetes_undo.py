"""Back to an earlier revision of a Deployment, StatefulSet or DaemonSet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from burnline.errors import ActionError, Moved
from burnline.runbooks.actions.contract import Hook
from tests.fakes.kubernetes.cluster import START, Json
from tests.fakes.kubernetes.server import Fault, Served, serving
from tests.fakes.kubernetes.world import hook_on, image_of, notes, release, template, workload
from tests.runbooks.scene import T0

KINDS = {"k8s_deployment": "Deployment", "k8s_statefulset": "StatefulSet", "k8s_daemonset": "DaemonSet"}
Build = Callable[..., Hook]


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as made:
        yield made


@pytest.fixture
def build(served: Served, tmp_path: Path) -> Build:
    def on(kind: str = "k8s_deployment", **fields: Any) -> Hook:
        return hook_on(served, tmp_path, kind, **{"name": "fraud", **fields})

    return on


def put_releases(served: Served, kind: str, *images: str) -> None:
    served.cluster.put(workload(kind, images[0]))
    for image in images[1:]:
        release(served.cluster, kind, image)


def undo(hook: Hook, *, key: str = "run:3", epoch: int = 1) -> str:
    plan = hook.plan("previous")
    hook.apply(plan.to_version, before=plan.from_version, idempotency_key=key, epoch=epoch, at=T0)
    return plan.to_version


@pytest.mark.parametrize("kind", KINDS)
def test_the_template_of_the_revision_before_serves_again(served: Served, build: Build, kind: str) -> None:
    put_releases(served, KINDS[kind], "fraud:1", "fraud:2")

    undo(build(kind))

    assert image_of(served.cluster, KINDS[kind]) == "fraud:1"
    assert "pod-template-hash" not in served.cluster.get(KINDS[kind], "fraud")["spec"]["template"]["metadata"]["labels"]
    assert served.cluster.get(KINDS[kind], "fraud")["spec"]["replicas"] == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_revision_keeps_its_name_though_its_controller_numbers_it_anew(
    served: Served, build: Build, kind: str
) -> None:
    put_releases(served, KINDS[kind], "fraud:1", "fraud:2")
    hook = build(kind)

    undo(hook)

    numbers = {
        str(each.get("revision", each["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision")))
        for name in ("ReplicaSet", "ControllerRevision")
        for each in served.cluster.of(name)
    }
    assert numbers == {"2", "3"}, "1 is 3 now"
    assert hook.observe() == "1"
    assert hook.verify("1")
    assert not hook.apply("1", before="2", idempotency_key="run:3", epoch=2, at=T0)
    assert hook.plan("3").to_version == "1", "what kubectl shows is understood too"


@pytest.mark.parametrize("kind", KINDS)
def test_a_rollback_is_never_undone_by_the_next_one(served: Served, build: Build, kind: str) -> None:
    put_releases(served, KINDS[kind], "fraud:1", "fraud:2", "fraud:3")
    hook = build(kind)

    assert undo(hook) == "2"
    assert undo(hook, key="run:4") == "1"
    with pytest.raises(ActionError, match="has no revision before 1") as caught:
        hook.plan("previous")

    assert caught.value.permanent
    assert image_of(served.cluster, KINDS[kind]) == "fraud:1"


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_return_by_another_hand_what_was_left_is_no_place_to_go_back_to(
    served: Served, build: Build, kind: str
) -> None:
    put_releases(served, KINDS[kind], "fraud:1", "fraud:2", "fraud:1")

    with pytest.raises(ActionError, match="has no revision before"):
        build(kind).plan("previous")


@pytest.mark.parametrize("kind", KINDS)
def test_what_served_before_a_release_is_gone_back_to_even_when_it_was_itself_a_return(
    served: Served, build: Build, kind: str
) -> None:
    put_releases(served, KINDS[kind], "fraud:1", "fraud:2", "fraud:1", "fraud:4")
    hook = build(kind)

    undo(hook)

    assert image_of(served.cluster, KINDS[kind]) == "fraud:1"


def test_the_change_says_who_made_it_and_why_the_old_revision_was_made(served: Served, build: Build) -> None:
    first = workload("Deployment")
    first["metadata"]["annotations"] = {"kubernetes.io/change-cause": "first"}
    served.cluster.put(first)
    second = workload("Deployment", "fraud:2")
    second["metadata"] |= {"uid": served.cluster.get("Deployment", "fraud")["metadata"]["uid"]}
    second["metadata"]["annotations"] = {"kubernetes.io/change-cause": "second"}
    served.cluster.put(second)

    undo(build(), key="20260105T120000:1:3", epoch=4)

    assert notes(served.cluster, "Deployment") == {
        "burnline.dev/key": "20260105T120000:1:3",
        "burnline.dev/epoch": "4",
        "burnline.dev/at": "2026-01-05T12:00:00Z",
        "burnline.dev/state": "1",
    }
    assert served.cluster.get("Deployment", "fraud")["metadata"]["annotations"]["kubernetes.io/change-cause"] == "first"


def test_what_a_newer_template_added_is_gone(served: Served, build: Build) -> None:
    put_releases(served, "StatefulSet", "fraud:1")
    served.cluster.edit(
        "StatefulSet",
        "fraud",
        lambda found: found["spec"]["template"]["spec"]["containers"].append({"name": "sidecar", "image": "proxy:2"}),
    )

    undo(build("k8s_statefulset"))

    containers = served.cluster.get("StatefulSet", "fraud")["spec"]["template"]["spec"]["containers"]
    assert [each["name"] for each in containers] == ["model"]


@pytest.mark.parametrize("kind", ["k8s_statefulset", "k8s_daemonset"])
def test_a_second_revision_of_the_same_pods_is_the_same_revision(served: Served, build: Build, kind: str) -> None:
    null = {"creationTimestamp": None}  # as older versions of Kubernetes wrote it
    put_releases(served, KINDS[kind], "fraud:1", "fraud:2")
    for each in served.cluster.of("ControllerRevision"):
        each["data"]["spec"]["template"]["metadata"] |= null
    hook = build(kind)
    undo(hook)
    [first] = [each for each in served.cluster.of("ControllerRevision") if each["revision"] == 3]
    first["revision"] = 1
    served.cluster.put({**first, "revision": 4, "metadata": {**first["metadata"], "name": "fraud-again", "uid": "u4"}})

    assert hook.observe() == "1"
    assert hook.verify("1")
    with pytest.raises(ActionError, match="has no revision before 1"):
        hook.plan("previous")


def test_only_revisions_of_this_very_deployment_count(served: Served, build: Build) -> None:
    other = workload("Deployment", "other:1")
    other["metadata"]["name"] = "other"
    served.cluster.put(other)
    put_releases(served, "Deployment", "fraud:2")

    with pytest.raises(ActionError, match="has no revision before 1"):
        build().plan("previous")


def test_what_changes_meanwhile_without_touching_the_template_is_no_obstacle(served: Served, build: Build) -> None:
    put_releases(served, "Deployment", "fraud:1", "fraud:2")
    hook = build()
    served.before_patch = lambda: served.cluster.edit(
        "Deployment", "fraud", lambda found: found["spec"].update(replicas=5)
    )

    assert hook.apply("1", before="2", idempotency_key="run:3", epoch=1, at=T0)

    assert image_of(served.cluster, "Deployment") == "fraud:1"
    assert served.cluster.get("Deployment", "fraud")["spec"]["replicas"] == 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_release_between_the_look_and_the_write_is_left_alone(served: Served, build: Build, kind: str) -> None:
    put_releases(served, KINDS[kind], "fraud:1", "fraud:2")
    served.before_patch = lambda: release(served.cluster, KINDS[kind], "fraud:3")

    with pytest.raises(Moved, match=r"was moved to '3' by another hand"):
        build(kind).apply("1", before="2", idempotency_key="run:3", epoch=1, at=T0)

    assert image_of(served.cluster, KINDS[kind]) == "fraud:3"


@pytest.mark.parametrize("kind", KINDS)
def test_workers_that_race_make_one_change(served: Served, build: Build, kind: str) -> None:
    put_releases(served, KINDS[kind], "fraud:1", "fraud:2")
    start = threading.Barrier(6)

    def race(n: int) -> bool:
        hook = build(kind)
        start.wait(10)
        return hook.apply("1", before="2", idempotency_key=f"run:{n}", epoch=1, at=T0)

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(race, range(6)))

    assert made.count(True) == 1
    assert len(served.writes) == 1
    assert image_of(served.cluster, KINDS[kind]) == "fraud:1"


def test_a_conflict_is_looked_at_again_and_one_without_end_may_pass(served: Served, build: Build) -> None:
    put_releases(served, "Deployment", "fraud:1", "fraud:2")
    hook = build()
    served.faults = [Fault("PATCH", "deployments/fraud", 409, times=100)]

    with pytest.raises(ActionError, match="was changed by others at each of 8 tries") as caught:
        hook.apply("1", before="2", idempotency_key="run:3", epoch=1, at=T0)
    served.faults = [Fault("PATCH", "deployments/fraud", 409)]

    assert not caught.value.permanent
    assert hook.apply("1", before="2", idempotency_key="run:3", epoch=1, at=T0)


def test_a_template_that_the_server_refuses_is_refused_for_good(served: Served, build: Build) -> None:
    put_releases(served, "Deployment", "fraud:1", "fraud:2")
    served.faults = [Fault("PATCH", "deployments/fraud", 422, times=100)]

    with pytest.raises(ActionError, match="answered 422: as the test asked") as caught:
        build().apply("1", before="2", idempotency_key="run:3", epoch=1, at=T0)

    assert caught.value.permanent


def test_a_right_that_is_missing_is_found_when_it_is_planned(served: Served, build: Build) -> None:
    put_releases(served, "Deployment", "fraud:1", "fraud:2")
    served.forbidden = {"patch deployments"}

    with pytest.raises(ActionError, match=r'answered 403: .*cannot patch resource "deployments"') as caught:
        build().plan("previous")

    assert caught.value.permanent
    assert served.writes == []


def test_an_admission_webhook_that_knows_no_dry_run_does_not_stop_a_plan(served: Served, build: Build) -> None:
    put_releases(served, "Deployment", "fraud:1", "fraud:2")
    served.dry_runs = False

    assert build().plan("previous").to_version == "1"


def test_a_paused_deployment_is_refused(served: Served, build: Build) -> None:
    put_releases(served, "Deployment", "fraud:1", "fraud:2")
    hook = build()
    served.cluster.edit("Deployment", "fraud", lambda found: found["spec"].update(paused=True))

    asks: list[Callable[[], object]] = [lambda: hook.plan("previous"), lambda: undo_to(hook, "1")]
    for ask in asks:
        with pytest.raises(ActionError, match=r"deployments/prod/fraud is paused: .*resume it first") as caught:
            ask()
        assert caught.value.permanent
    assert image_of(served.cluster, "Deployment") == "fraud:2"


def undo_to(hook: Hook, to: str) -> object:
    return hook.apply(to, before=None, idempotency_key="run:3", epoch=1, at=T0)


@pytest.mark.parametrize("kind", ["k8s_statefulset", "k8s_daemonset"])
def test_what_is_updated_on_delete_is_refused(served: Served, build: Build, kind: str) -> None:
    served.cluster.put(workload(KINDS[kind], updateStrategy={"type": "OnDelete"}))
    release(served.cluster, KINDS[kind], "fraud:2")

    with pytest.raises(ActionError, match="is updated OnDelete"):
        build(kind).plan("previous")


OWNERS: list[tuple[Json, str]] = [
    ({"labels": {"argocd.argoproj.io/instance": "fraud"}}, r"owned by Argo CD \(argocd.argoproj.io/instance: fraud\)"),
    (
        {"annotations": {"argocd.argoproj.io/tracking-id": "fraud:apps/Deployment:prod/fraud"}},
        r"owned by Argo CD \(argocd.argoproj.io/tracking-id: fraud\)",
    ),
    ({"managedFields": [{"manager": "argocd-controller"}]}, "written by argocd-controller"),
    ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, "owned by Flux kustomization apps"),
    ({"labels": {"helm.toolkit.fluxcd.io/name": "fraud"}}, "owned by Flux Helm release fraud"),
    ({"managedFields": [{"manager": "kustomize-controller"}]}, "owned by Flux"),
    (
        {"ownerReferences": [{"kind": "InferenceService", "name": "fraud", "uid": "u", "controller": True}]},
        "owned by InferenceService fraud, which would put it back",
    ),
    (
        {
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": "fraud-prod"},
        },
        "belongs to the Helm release fraud-prod",
    ),
]


@pytest.mark.parametrize(("marks", "words"), OWNERS)
def test_what_others_keep_is_refused_with_the_reason_unless_the_file_says_otherwise(
    served: Served, build: Build, marks: Json, words: str
) -> None:
    put_releases(served, "Deployment", "fraud:1", "fraud:2")
    served.cluster.edit("Deployment", "fraud", lambda found: found["metadata"].update(marks))

    with pytest.raises(ActionError, match=words) as planned:
        build().plan("previous")
    with pytest.raises(ActionError, match=words):
        undo_to(build(), "1")

    assert planned.value.permanent
    assert "gitops: ignore" in str(planned.value)
    assert image_of(served.cluster, "Deployment") == "fraud:2"
    assert undo(build(gitops="ignore")) == "1"


def test_what_flux_was_told_to_leave_alone_is_changed(served: Served, build: Build) -> None:
    put_releases(served, "Deployment", "fraud:1", "fraud:2")
    marks = {
        "labels": {"kustomize.toolkit.fluxcd.io/name": "apps"},
        "annotations": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"},
    }
    served.cluster.edit("Deployment", "fraud", lambda found: found["metadata"].update(marks))

    assert undo(build()) == "1"


def test_what_the_controller_has_not_seen_is_not_verified(served: Served, build: Build) -> None:
    put_releases(served, "Deployment", "fraud:1", "fraud:2")
    hook = build()
    served.cluster.asleep = True

    undo(hook)

    assert hook.observe() == "1"
    assert not hook.verify("1")
    served.cluster.wake()
    assert hook.verify("1")


def test_a_release_that_has_no_number_yet_may_get_one(served: Served, build: Build) -> None:
    put_releases(served, "Deployment", "fraud:1", "fraud:2")
    served.cluster.asleep = True
    release(served.cluster, "Deployment", "fraud:3")

    with pytest.raises(ActionError, match="has not numbered what is wanted yet") as caught:
        undo_to(build(), "1")

    assert not caught.value.permanent


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_dates_from_its_revision_and_a_return_from_when_it_was_made(
    served: Served, build: Build, kind: str
) -> None:
    put_releases(served, KINDS[kind], "fraud:1")
    served.cluster.minutes = 40
    release(served.cluster, KINDS[kind], "fraud:2")
    hook = build(kind)

    released = hook.changed_at()
    undo(hook)

    assert released is not None
    assert timedelta(minutes=40) < released - START < timedelta(minutes=43)
    assert hook.changed_at() == T0


def test_a_return_by_another_hand_dates_from_the_deployments_progress(served: Served, build: Build) -> None:
    put_releases(served, "Deployment", "fraud:1", "fraud:2")
    served.cluster.minutes = 40
    release(served.cluster, "Deployment", "fraud:1")

    changed = build().changed_at()

    assert changed is not None
    assert changed >= START + timedelta(minutes=40)


def test_what_is_not_there_is_refused_for_good(build: Build) -> None:
    with pytest.raises(ActionError, match=r'answered 404: deployments "fraud" not found') as caught:
        build().observe()

    assert caught.value.permanent


def test_an_object_that_makes_no_sense_is_an_error_in_words(served: Served, build: Build) -> None:
    put_releases(served, "Deployment", "fraud:1")
    served.cluster.get("Deployment", "fraud")["spec"]["template"] = [template("fraud:1")]

    with pytest.raises(ActionError, match=r"the answer is wrong at spec\.template") as caught:
        build().observe()

    assert caught.value.permanent
