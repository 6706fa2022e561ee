"""What a service file says of clusters, and what it may not."""

from __future__ import annotations

import pytest

from tests.spec.conftest import Load, Problems


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        ("{name: Fraud}", "name: 'Fraud' is not a name of a Kubernetes object"),
        ("{name: ../secrets}", "name: '../secrets' is not a name of a Kubernetes object"),
        ("{name: fraud, cluster: {api: 'http://10.0.0.1/'}}", "cluster: needs an https `api`"),
        ("{name: fraud, cluster: {api: 'https://10.0.0.1/?a'}}", "cluster: needs an `api` without ? and #"),
        ("{name: fraud, cluster: {api: 'https://10.0.0.1'}}", "needs `cluster.namespace` where `cluster.api`"),
        ("{name: fraud, cluster: {token: abc}}", "cluster.token: says no place"),
        ("{name: fraud, cluster: {ca: ca.pem}}", "cluster: needs an absolute path as `ca`"),
        ("{name: fraud, gitops: maybe}", "gitops: is 'maybe'; accepted: refuse or ignore"),
        ("{name: fraud, timeout: 0s}", "timeout: is 0s; accepted: 100ms to 1h"),
    ],
)
def test_a_service_file_says_what_is_wrong_with_a_cluster(problems: Problems, part: str, problem: str) -> None:
    [found] = problems(f"release:\n  hook: {{k8s_deployment: {part}}}\n")

    assert found.startswith("5: release.hook.k8s_deployment")
    assert problem in found


@pytest.mark.parametrize(
    ("hook", "problem"),
    [
        ("k8s_scale: {name: fraud}", "max: is missing"),
        ("k8s_scale: {name: fraud, min: 5, max: 2}", "has a `min` of 5 over its `max` of 2"),
        ("k8s_scale: {name: fraud, max: 2, kind: Job}", "kind: is 'Job'; accepted: Deployment, StatefulSet or Rollout"),
        ("k8s_node: {match: '('}", "match: '(' is not a regular expression"),
        ("k8s_node: {match: gpu, max_cordoned: 0}", "max_cordoned: is 0"),
        ("http_route: {name: fraud}", "backend: is missing"),
        ("virtual_service: {name: fraud}", "host: is missing"),
    ],
)
def test_a_service_file_says_what_is_wrong_with_a_hook(problems: Problems, hook: str, problem: str) -> None:
    [found] = problems(f"actions:\n  act: {{{hook}}}\n")

    assert found.startswith(f"5: actions.act.{hook.partition(':')[0]}")
    assert problem in found


def test_in_a_pod_a_name_is_all_that_has_to_be_written(load: Load) -> None:
    spec = load("release:\n  hook: {k8s_deployment: {name: fraud}}\n")

    assert spec.release is not None
    assert spec.release.hook.k8s_deployment is not None
    assert spec.release.hook.k8s_deployment.cluster.api is None
