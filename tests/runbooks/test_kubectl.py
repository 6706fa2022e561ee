"""What kubectl makes of the fake cluster, and how its undo differs from ours. No Debian package brings kubectl."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.kubernetes.server import Served, serving
from tests.fakes.kubernetes.world import hook_on, image_of, release, workload
from tests.runbooks.scene import T0

pytestmark = pytest.mark.integration
Kubectl = Callable[..., str]


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as made:
        made.token = ""  # kubectl sends none over http
        made.cluster.put(workload("Deployment"))
        release(made.cluster, "Deployment", "fraud:2")
        yield made


@pytest.fixture
def kubectl(served: Served, tmp_path: Path) -> Kubectl:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")
    known = ["--server", served.url, "--namespace", "prod", "--cache-dir", str(tmp_path), "--kubeconfig", "/dev/null"]

    def run(*words: str) -> str:
        ended = subprocess.run([program, *known, *words], capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run


def revisions(kubectl: Kubectl) -> list[str]:
    return [line.split()[0] for line in kubectl("rollout", "history", "deployment/fraud").splitlines()[2:] if line]


def test_undo_by_kubectl_twice_is_forward_again(served: Served, kubectl: Kubectl) -> None:
    kubectl("rollout", "undo", "deployment/fraud")
    assert image_of(served.cluster, "Deployment") == "fraud:1"

    kubectl("rollout", "undo", "deployment/fraud")
    assert image_of(served.cluster, "Deployment") == "fraud:2"


def test_our_undo_twice_is_one_and_kubectl_shows_it(served: Served, kubectl: Kubectl, tmp_path: Path) -> None:
    served.token = "canary"
    hook = hook_on(served, tmp_path, "k8s_deployment", name="fraud")
    for _ in range(2):
        hook.apply("1", before="2", idempotency_key="run:3", epoch=1, at=T0)
    served.token = ""

    assert image_of(served.cluster, "Deployment") == "fraud:1"
    assert revisions(kubectl) == ["2", "3"]


def test_a_revision_is_found_by_what_kubectl_calls_it(served: Served, kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl("rollout", "undo", "deployment/fraud")
    newest = revisions(kubectl)[-1]
    served.token = "canary"

    hook = hook_on(served, tmp_path, "k8s_deployment", name="fraud")

    assert newest == "3"
    assert hook.observe() == hook.plan(newest).to_version == "1"
