"""Runs that change a cluster: killed, overtaken, without answers, and against a disruption budget."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from burnline.events import Counts, Outcome, StepState
from burnline.runbooks.actions.kubernetes.client import Api
from burnline.store import runs
from burnline.store.database import Database
from tests.fakes.kubernetes.server import Fault, Served, serving
from tests.fakes.kubernetes.world import image_of, node, notes, pod, release, workload
from tests.runbooks.scene import Scene, make_recipe, make_spec


class Dies(BaseException):
    """The worker's end."""


class Sli:
    """Fails while the second image is wanted, or while a pod is on the first node."""

    def __init__(self, served: Served) -> None:
        self._served = served

    def read_sli(self, service: str, slo: str, since: datetime, until: datetime) -> Counts | None:
        pods = [each for each in self._served.cluster.of("Pod") if each["spec"]["nodeName"] == "gpu-1"]
        deployments = list(self._served.cluster.of("Deployment"))
        bad = bool(pods) or (bool(deployments) and image_of(self._served.cluster, "Deployment") == "fraud:2")
        return Counts(40.0 if bad else 0.0, 100.0)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as made:
        yield made


@pytest.fixture
def scene(database: Database, tmp_path: Path, served: Served) -> Scene:
    """The service `fraud`, a Deployment on which `fraud:2` took over, and a node that can be drained."""
    made = Scene(database, tmp_path)
    (tmp_path / "token").write_text(served.token)
    cluster = {"api": served.url, "token": f"file:{tmp_path}/token", "namespace": "prod"}
    shared = {"cluster": cluster, "wait": "0s", "timeout": "1s"}
    made.spec = make_spec(
        None,
        release={"hook": {"k8s_deployment": {**shared, "name": "fraud"}}},
        actions={"node": {"k8s_node": {**shared, "match": "gpu-[0-9]+"}}},
    )
    made.sli = Sli(served)  # type: ignore[assignment]  # another truth than the registry's
    made.recipe = make_recipe(tmp_path, preconditions={}, cooldown="0s")
    return made


def two_images(served: Served) -> None:
    served.cluster.put(workload("Deployment"))
    release(served.cluster, "Deployment", "fraud:2")


def changes(served: Served) -> int:
    return sum(each.endswith("deployments/fraud") for each in served.writes)


def test_a_bad_release_is_taken_back_and_proved(scene: Scene, served: Served) -> None:
    two_images(served)
    run_id = scene.request()

    scene.play()

    assert scene.run(run_id).outcome is Outcome.RECOVERED
    assert (image_of(served.cluster, "Deployment"), changes(served)) == ("fraud:1", 1)
    assert "deployments/prod/fraud: 2 -> 1" in scene.story(run_id)
    [row] = [row for row in scene.steps(run_id) if row.kind == "act"]
    assert notes(served.cluster, "Deployment")["burnline.dev/key"] == row.idempotency_key
    assert served.token not in scene.story(run_id)


@pytest.mark.parametrize("moment", ["before it is sent", "after it took effect"])
def test_a_worker_that_dies_around_the_change_leaves_exactly_one(
    scene: Scene, served: Served, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    two_images(served)
    run_id = scene.request()
    patch = Api.patch

    def die(self: Api, path: str, body: Any, *, form: str, dry_run: bool = False) -> None:
        if dry_run:
            return patch(self, path, body, form=form, dry_run=True)
        if moment == "after it took effect":
            patch(self, path, body, form=form)
        raise Dies

    with monkeypatch.context() as patched:
        patched.setattr(Api, "patch", die)
        with pytest.raises(Dies):
            scene.executor().run_once(scene.now)
    scene.db.write(lambda tx: runs.park(tx, scene.run(run_id), scene.now))  # its lease has run out

    scene.play(executor=scene.executor(owner="second"))

    assert scene.run(run_id).outcome is Outcome.RECOVERED
    assert (image_of(served.cluster, "Deployment"), changes(served)) == ("fraud:1", 1)


@pytest.mark.parametrize("what", ["lost", "dropped", "hangs", "after", 503, 504])
def test_a_change_whose_answer_is_lost_is_looked_after_and_made_once(
    scene: Scene, served: Served, what: int | str
) -> None:
    two_images(served)
    run_id = scene.request()
    served.faults = [Fault("PATCH", "deployments/fraud", what, dry_runs=False)]

    scene.play()

    assert scene.run(run_id).outcome is Outcome.RECOVERED, scene.story(run_id)
    assert (image_of(served.cluster, "Deployment"), changes(served)) == ("fraud:1", 1)


def test_a_hotfix_while_a_change_is_in_doubt_is_left_alone(scene: Scene, served: Served) -> None:
    two_images(served)
    run_id = scene.request()
    served.faults = [Fault("PATCH", "deployments/fraud", "dropped", dry_runs=False)]
    scene.executor().run_once(scene.now)
    release(served.cluster, "Deployment", "fraud:3")

    scene.play()

    assert scene.run(run_id).outcome is Outcome.SKIPPED
    assert (image_of(served.cluster, "Deployment"), changes(served)) == ("fraud:3", 0)
    assert "was moved to '3' by another hand since this was planned: left alone" in scene.story(run_id)


def test_what_git_owns_is_refused_and_the_story_says_why(scene: Scene, served: Served) -> None:
    two_images(served)
    mark = {"argocd.argoproj.io/instance": "fraud"}
    served.cluster.edit("Deployment", "fraud", lambda found: found["metadata"]["labels"].update(mark))
    run_id = scene.request()

    scene.play()

    assert scene.run(run_id).outcome is Outcome.FAILED
    assert "is owned by Argo CD (argocd.argoproj.io/instance: fraud), which would put it back" in scene.story(run_id)
    assert changes(served) == 0


def test_a_drain_that_a_budget_holds_up_is_gone_on_with_until_it_is_through(scene: Scene, served: Served) -> None:
    two_images(served)
    release(served.cluster, "Deployment", "fraud:1")
    served.cluster.put(node("gpu-1"))
    for n in range(2):
        served.cluster.put(pod(f"model-{n}", "gpu-1"))
    spec = {"selector": {"matchLabels": {"app": "fraud"}}}
    budget = served.cluster.put(
        {
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "fraud", "namespace": "prod"},
            "spec": spec,
            "status": {"disruptionsAllowed": 1},
        }
    )
    steps = [
        {"name": "ask", "approve": {}},
        {"name": "drain", "act": {"hook": "node", "item": "gpu-1", "to": "drained", "undo": "before"}},
        {"name": "prove", "verify": {"settle": "1s", "window": "1s", "min_events": 10}},
    ]
    scene.recipe = make_recipe(scene.folder, preconditions={}, cooldown="0s", steps=steps, params={})
    run_id = scene.request(params={})
    scene.executor().run_once(scene.now)
    assert "2 pods" not in scene.story(run_id)
    assert "nodes/gpu-1 is cordoned, and 1 pods are still there: model-1" in scene.story(run_id)

    budget["status"]["disruptionsAllowed"] = 1
    scene.play()

    assert scene.run(run_id).outcome is Outcome.RECOVERED, scene.story(run_id)
    assert [row.state for row in scene.steps(run_id) if row.name == "drain"] == [StepState.FAILED, StepState.DONE]
    assert list(served.cluster.of("Pod")) == []
