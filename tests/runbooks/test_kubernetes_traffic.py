"""Argo Rollouts, KServe, routes and replicas: where the traffic goes, and how many serve it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from burnline.errors import ActionError, InDoubt
from burnline.runbooks.actions.contract import Hook
from burnline.runbooks.actions.kubernetes.percent import share_of, split
from tests.fakes.kubernetes.cluster import Json
from tests.fakes.kubernetes.server import Fault, Served, serving
from tests.fakes.kubernetes.world import hook_on, image_of, notes, release, workload
from tests.runbooks.scenarios_kubernetes import backends, destinations, listed, model, two_releases
from tests.runbooks.scene import T0

Build = Callable[..., Hook]
META = {"name": "fraud", "namespace": "prod"}


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as made:
        yield made


@pytest.fixture
def build(served: Served, tmp_path: Path) -> Build:
    def on(kind: str, /, **fields: Any) -> Hook:
        return hook_on(served, tmp_path, kind, **{"name": "fraud", **fields})

    return on


def apply(hook: Hook, to: str, before: str | None = None, *, key: str = "run:3", epoch: int = 1) -> bool:
    return hook.apply(to, before=before, idempotency_key=key, epoch=epoch, at=T0)


def follow(hook: Hook, ask: str) -> str:
    """Plan and apply."""
    plan = hook.plan(ask)
    apply(hook, plan.to_version, plan.from_version)
    return plan.to_version


def put(served: Served, kind: str, spec: Json) -> None:
    served.cluster.put({"kind": kind, "metadata": META, "spec": spec})


# Argo Rollouts


def test_a_rollout_under_way_is_aborted_before_its_template_goes_back(served: Served, build: Build) -> None:
    two_releases("Rollout")(served.cluster)

    assert follow(build("argo_rollout"), "previous") == "1"

    assert [each.rpartition("/")[2] for each in served.writes] == ["status", "fraud"]
    assert image_of(served.cluster, "Rollout") == "fraud:1"
    status = served.cluster.get("Rollout", "fraud")["status"]
    assert status["currentPodHash"] == status["stableRS"], "a retry has nothing to go forward to"


def test_where_the_status_is_no_subresource_the_rollout_itself_is_written(served: Served, build: Build) -> None:
    served.no_status = {"rollouts"}
    two_releases("Rollout")(served.cluster)

    follow(build("argo_rollout"), "previous")

    assert [each.rpartition("/")[2] for each in served.writes] == ["fraud", "fraud"]
    assert image_of(served.cluster, "Rollout") == "fraud:1"


def test_what_argo_adds_to_the_pods_of_a_canary_is_not_part_of_a_revision(served: Served, build: Build) -> None:
    two_releases("Rollout")(served.cluster)
    for each in served.cluster.of("ReplicaSet"):
        each["spec"]["template"]["metadata"]["labels"]["role"] = "canary"
        each["spec"]["template"]["metadata"]["annotations"] = {"team": "risk"}
        injected = {"labels": {"role": "canary"}, "annotations": {"team": "risk"}}
        each["metadata"]["annotations"]["rollout.argoproj.io/ephemeral-metadata"] = json.dumps(injected)
    hook = build("argo_rollout")

    assert hook.observe() == "2"
    follow(hook, "previous")

    metadata = served.cluster.get("Rollout", "fraud")["spec"]["template"]["metadata"]
    assert metadata == {"labels": {"app": "fraud"}}


def test_an_abort_whose_answer_is_lost_is_gone_on_with(served: Served, build: Build) -> None:
    two_releases("Rollout")(served.cluster)
    hook = build("argo_rollout")
    served.faults = [Fault("PATCH", "status", "lost")]

    with pytest.raises(InDoubt):
        apply(hook, "1", "2")
    assert (hook.observe(), image_of(served.cluster, "Rollout")) == ("2", "fraud:2"), "not taken for another's change"

    assert apply(hook, "1", "2", epoch=2)
    assert hook.verify("1")


def test_after_its_promotion_a_rollout_goes_back_to_the_revision_before(served: Served, build: Build) -> None:
    two_releases("Rollout")(served.cluster)
    assert follow(build("argo_promote"), "latest") == "2"
    assert build("argo_promote").verify("2")

    assert follow(build("argo_rollout"), "previous") == "1"

    assert image_of(served.cluster, "Rollout") == "fraud:1"


def test_a_rollout_of_a_workload_reference_names_where_to_undo(served: Served, build: Build) -> None:
    served.cluster.put(workload("Rollout", workloadRef={"kind": "Deployment", "name": "fraud"}))

    with pytest.raises(ActionError, match="takes its template by workloadRef: undo that workload"):
        build("argo_rollout").observe()


def test_only_the_newest_revision_is_promoted(served: Served, build: Build) -> None:
    two_releases("Rollout")(served.cluster)
    release(served.cluster, "Rollout", "fraud:3")
    hook = build("argo_promote")

    with pytest.raises(ActionError, match=r"'2' is no revision to promote; only the newest, 3, can be promoted"):
        hook.plan("2")
    with pytest.raises(ActionError, match="only the newest, 3"):
        apply(hook, "2", "1")

    assert served.writes == []


def test_what_was_aborted_is_not_promoted(served: Served, build: Build) -> None:
    two_releases("Rollout")(served.cluster)
    served.cluster.edit("Rollout", "fraud", lambda found: found["status"].update(abort=True))

    with pytest.raises(ActionError, match="was aborted: what was taken back is not promoted") as caught:
        build("argo_promote").plan("latest")

    assert caught.value.permanent


def test_a_promotion_that_is_not_through_is_not_asked_for_twice(served: Served, build: Build) -> None:
    two_releases("Rollout")(served.cluster)
    hook = build("argo_promote")
    served.cluster.asleep = True

    assert apply(hook, "2", "1")
    assert not apply(hook, "2", "1", epoch=2)
    assert not hook.verify("2")

    served.cluster.wake()
    assert hook.verify("2")
    assert len(served.writes) == 1


def test_gitops_owns_no_status_so_a_promotion_goes_on(served: Served, build: Build) -> None:
    two_releases("Rollout")(served.cluster)
    served.cluster.edit(
        "Rollout", "fraud", lambda found: found["metadata"]["labels"].update({"argocd.argoproj.io/instance": "fraud"})
    )

    with pytest.raises(ActionError, match="is owned by Argo CD"):
        build("argo_rollout").plan("previous")
    assert follow(build("argo_promote"), "latest") == "2"


# KServe


def kserve(served: Served, *, share: int | None = 20) -> None:
    put(served, "InferenceService", model("fraud:1"))
    more = {} if share is None else {"canaryTrafficPercent": share}
    served.cluster.edit("InferenceService", "fraud", lambda found: found.update(spec=model("fraud:2", **more)))


def traffic(served: Served) -> list[int]:
    found = served.cluster.get("InferenceService", "fraud")["status"]["components"]["predictor"]["traffic"]
    return [each["percent"] for each in found]


def test_a_canary_at_nothing_sends_all_traffic_to_the_revision_before(served: Served, build: Build) -> None:
    kserve(served)

    assert follow(build("kserve_canary"), "previous") == "0"

    assert traffic(served) == [0, 100]
    assert notes(served.cluster, "InferenceService")["burnline.dev/state"] == "0"


def test_a_model_that_got_everything_is_taken_back_too(served: Served, build: Build) -> None:
    kserve(served, share=None)
    hook = build("kserve_canary")

    assert hook.plan("previous").from_version == "100"
    assert follow(hook, "previous") == "0"

    assert traffic(served) == [0, 100]
    assert hook.verify("0")


def test_without_a_revision_before_there_is_nothing_to_go_back_to(served: Served, build: Build) -> None:
    put(served, "InferenceService", model("fraud:1"))

    with pytest.raises(ActionError, match="has no revision that could get the other traffic") as caught:
        build("kserve_canary").plan("previous")

    assert caught.value.permanent


def test_traffic_that_the_controller_does_not_move_is_not_verified(served: Served, build: Build) -> None:
    kserve(served)
    hook = build("kserve_canary")
    served.cluster.asleep = True

    apply(hook, "0", "20")

    assert hook.observe() == "0"
    assert not hook.verify("0")


def test_an_entry_of_a_list_is_taken_away_and_the_others_stay(served: Served, build: Build) -> None:
    put(served, "InferenceService", {**model("fraud:1"), "canary": listed(20)})
    hook = build("kserve_canary", canary="fraud-v2")

    assert follow(hook, "10") == "10"
    assert apply(hook, "0", "10", key="run:4")

    entries = served.cluster.get("InferenceService", "fraud")["spec"]["canary"]
    assert [each["predictor"]["name"] for each in entries] == ["other"]
    with pytest.raises(ActionError, match=r"has no canary 'fraud-v2'; there are other"):
        hook.plan("10")


def test_a_list_of_canaries_needs_the_name_of_one(served: Served, build: Build) -> None:
    put(served, "InferenceService", {**model("fraud:1"), "canary": listed(20)})

    with pytest.raises(ActionError, match="has a list of canaries: write `canary`"):
        build("kserve_canary").plan("100")


# routes


def test_the_other_backends_keep_their_proportions(served: Served, build: Build) -> None:
    refs = [{"name": name, "port": 80, "weight": weight} for name, weight in (("a", 6), ("b", 3), ("new", 1))]
    put(served, "HTTPRoute", {"rules": [{"backendRefs": refs}, {"backendRefs": [{"name": "static", "port": 80}]}]})
    hook = build("http_route", backend="new")

    assert hook.plan("previous").from_version == "10"
    follow(hook, "25%")

    rules = served.cluster.get("HTTPRoute", "fraud")["spec"]["rules"]
    assert [each["weight"] for each in rules[0]["backendRefs"]] == [50, 25, 25]
    assert "weight" not in rules[1]["backendRefs"][0], "a rule that does not name the backend is left alone"


def test_a_backend_without_a_weight_has_one(served: Served, build: Build) -> None:
    put(served, "HTTPRoute", {"rules": [{"backendRefs": [{"name": "old", "weight": 3}, {"name": "new"}]}]})

    assert build("http_route", backend="new").observe() == "25"


def test_every_rule_that_names_the_backend_is_changed_and_different_shares_are_refused(
    served: Served, build: Build
) -> None:
    put(served, "HTTPRoute", {"rules": [*backends(20)["rules"], *backends(20)["rules"]]})
    hook = build("http_route", backend="fraud-v2")

    follow(hook, "0")

    rules = served.cluster.get("HTTPRoute", "fraud")["spec"]["rules"]
    assert [[each["weight"] for each in rule["backendRefs"]] for rule in rules] == [[100, 0], [100, 0]]
    served.cluster.edit(
        "HTTPRoute", "fraud", lambda found: found["spec"]["rules"][0]["backendRefs"][1].update(weight=50)
    )
    with pytest.raises(ActionError, match="gets different shares in different rules: 0, 33"):
        hook.observe()


@pytest.mark.parametrize(
    ("kind", "made", "spec", "fields"),
    [
        ("http_route", "HTTPRoute", {"rules": [{"backendRefs": [{"name": "new"}]}]}, {"backend": "new"}),
        (
            "virtual_service",
            "VirtualService",
            {"http": [{"route": [{"destination": {"host": "new"}}]}]},
            {"host": "new"},
        ),
    ],
)
def test_the_only_backend_keeps_all_traffic(
    served: Served, build: Build, kind: str, made: str, spec: Json, fields: Json
) -> None:
    put(served, made, spec)
    hook = build(kind, **fields)

    assert hook.observe() == "100"
    with pytest.raises(ActionError, match="is the only backend: nothing could get the other traffic"):
        hook.plan("0")


def test_a_backend_that_no_rule_names_is_refused(served: Served, build: Build) -> None:
    put(served, "VirtualService", destinations(20))

    with pytest.raises(ActionError, match="virtualservices/prod/fraud/fraud/v9: no rule names this backend") as caught:
        build("virtual_service", host="fraud", subset="v9").plan("0")

    assert caught.value.permanent


@pytest.mark.parametrize("to", ["101", "-1", "ten", "12.5", "", "1e1", "٣"])
def test_what_is_no_percentage_is_refused(served: Served, build: Build, to: str) -> None:
    put(served, "HTTPRoute", backends(20))

    with pytest.raises(ActionError, match="is no share of the traffic; write a whole percentage") as caught:
        build("http_route", backend="fraud-v2").plan(to)

    assert caught.value.permanent


def test_weights_add_up_to_a_hundred_and_the_largest_remainder_is_rounded_up() -> None:
    assert split([1, 1, 1, 0], 3, 0) == [34, 33, 33, 0]
    assert split([70, 30], 1, 100) == [0, 100]
    assert split([0, 100], 1, 30) == [70, 30]
    with pytest.raises(ValueError, match="no other backend gets traffic, and there are several"):
        split([0, 0, 100], 2, 50)


@given(weights=st.lists(st.integers(0, 1_000_000), min_size=2, max_size=8), data=st.data())
def test_any_weights_become_whole_ones_of_which_one_gets_its_share(weights: list[int], data: st.DataObject) -> None:
    at, share = data.draw(st.integers(0, len(weights) - 1)), data.draw(st.integers(0, 100))
    assume(share == 100 or len(weights) == 2 or sum(weights) > weights[at])

    made = split(weights, at, share)

    assert (made[at], sum(made)) == (share, 100)
    assert all(0 <= each <= 100 for each in made)
    assert share_of(made, at) == str(share)


def test_a_share_that_is_not_whole_is_told_with_two_decimals() -> None:
    assert share_of([1, 2], 0) == "33.33"
    assert share_of([0, 0], 0) == "0"


# replicas


def test_replicas_go_through_the_subresource_and_nothing_else_is_written(served: Served, build: Build) -> None:
    served.cluster.put(workload("Deployment"))

    assert follow(build("k8s_scale", max=10), "+2") == "5"

    assert served.writes == ["PATCH /apis/apps/v1/namespaces/prod/deployments/fraud/scale"]
    assert served.cluster.get("Deployment", "fraud")["spec"]["replicas"] == 5


@pytest.mark.parametrize(
    ("ask", "to"), [("4", "4"), ("+1", "4"), ("+20", "6"), ("-1", "2"), ("-20", "2"), ("006", "6")]
)
def test_what_is_asked_for_is_kept_between_the_bounds(served: Served, build: Build, ask: str, to: str) -> None:
    served.cluster.put(workload("StatefulSet"))

    assert build("k8s_scale", kind="StatefulSet", min=2, max=6).plan(ask).to_version == to


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        ("7", "7 replicas are past 2 to 6"),
        ("0", "0 replicas are past 2 to 6"),
        ("previous", "'previous' is no number of replicas; write a number"),
        ("+", "is no number of replicas"),
        ("1.5", "is no number of replicas"),
    ],
)
def test_what_is_past_the_bounds_or_no_number_is_refused(served: Served, build: Build, ask: str, words: str) -> None:
    served.cluster.put(workload("Deployment"))

    with pytest.raises(ActionError, match=words) as caught:
        build("k8s_scale", min=2, max=6).plan(ask)

    assert caught.value.permanent


def test_more_than_the_most_is_refused_when_it_is_at_the_most(served: Served, build: Build) -> None:
    served.cluster.put(workload("Deployment", replicas=6))

    with pytest.raises(ActionError, match=r"has 6 replicas; \+2 is past 2 to 6"):
        build("k8s_scale", min=2, max=6).plan("+2")


@pytest.mark.parametrize("replicas", [1, 9])
def test_what_is_past_the_bounds_already_is_never_moved_the_other_way(
    served: Served, build: Build, replicas: int
) -> None:
    served.cluster.put(workload("Deployment", replicas=replicas))
    away = "-1" if replicas == 1 else "+1"

    with pytest.raises(ActionError, match="is past 2 to 6"):
        build("k8s_scale", min=2, max=6).plan(away)


def test_what_an_autoscaler_scales_is_refused(served: Served, build: Build) -> None:
    served.cluster.put(workload("Deployment"))
    target = {"kind": "Deployment", "name": "fraud", "apiVersion": "apps/v1"}
    meta = {"name": "fraud-hpa", "namespace": "prod"}
    served.cluster.put({"kind": "HorizontalPodAutoscaler", "metadata": meta, "spec": {"scaleTargetRef": target}})

    with pytest.raises(ActionError, match="is scaled by the HorizontalPodAutoscaler fraud-hpa") as caught:
        build("k8s_scale", max=10).plan("5")
    with pytest.raises(ActionError, match="HorizontalPodAutoscaler"):
        apply(build("k8s_scale", max=10), "5", "3")

    assert caught.value.permanent
    assert served.writes == []


def test_replicas_that_git_keeps_are_refused_and_those_of_a_helm_release_are_not(served: Served, build: Build) -> None:
    served.cluster.put(workload("Deployment"))
    mark = {"app.kubernetes.io/managed-by": "Helm"}
    served.cluster.edit("Deployment", "fraud", lambda found: found["metadata"]["labels"].update(mark))

    assert build("k8s_scale", max=10).plan("5").to_version == "5"

    mark = {"kustomize.toolkit.fluxcd.io/name": "apps"}
    served.cluster.edit("Deployment", "fraud", lambda found: found["metadata"]["labels"].update(mark))
    with pytest.raises(ActionError, match="owned by Flux kustomization apps"):
        build("k8s_scale", max=10).plan("5")


def test_a_rollout_is_scaled_as_well(served: Served, build: Build) -> None:
    two_releases("Rollout")(served.cluster)
    served.cluster.edit("Rollout", "fraud", lambda found: found["status"].update(replicas=3))

    assert apply(build("k8s_scale", kind="Rollout", max=10), "5", "3")

    assert served.cluster.get("Rollout", "fraud")["spec"]["replicas"] == 5
