"""deploy/kubernetes/rbac.yaml gives each hook what it asks for, and nothing more; docs/hooks.md says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from burnline.errors import ActionError
from burnline.spec.kubernetes import CLUSTER_HOOKS
from tests.fakes.kubernetes import server
from tests.runbooks.scenarios import SCENARIOS
from tests.runbooks.scenarios_kubernetes import USED
from tests.runbooks.scene import T0

ROOT = Path(__file__).parents[2]
DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/rbac.yaml").read_text()))
PAGE = (ROOT / "docs/hooks.md").read_text()
Right = tuple[str, str, str]


def role(kind: str) -> list[dict[str, Any]]:
    """The rules of a hook's role."""
    name = f"burnline-{kind.replace('_', '-')}"
    [found] = [each for each in DOCUMENTS if each["kind"] == "ClusterRole" and each["metadata"]["name"] == name]
    rules: list[dict[str, Any]] = found["rules"]
    return rules


def rights(kind: str) -> set[Right]:
    """What a hook's role allows: verb, group, resource."""
    return {
        (verb, group, resource)
        for rule in role(kind)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def asked(kind: str, folder: Path) -> set[Right]:
    """What a hook asks for, from its plan to its proof."""
    for name in (name for name in SCENARIOS if name.partition(":")[0] == kind):
        with SCENARIOS[name](folder) as played:
            hook, plan = played.hook, played.hook.plan(played.ask)
            hook.apply(plan.to_version, before=plan.from_version, idempotency_key="run:3", epoch=1, at=T0)
            assert hook.verify(plan.to_version)
            assert (hook.observe(), hook.changed_at()) is not None
    return USED[kind]


@pytest.mark.parametrize("kind", CLUSTER_HOOKS)
def test_a_role_allows_exactly_what_its_hook_asks_for(kind: str, tmp_path: Path) -> None:
    assert rights(kind) == asked(kind, tmp_path)


@pytest.mark.parametrize(
    ("kind", "right"),
    [(kind, right) for kind in CLUSTER_HOOKS for right in sorted(rights(kind)) if right[2] != "pods/eviction"],
)
def test_a_right_that_is_missing_shows_when_a_change_is_planned(
    kind: str, right: Right, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verb, _, resource = right
    monkeypatch.setattr(server, "ALWAYS_FORBIDDEN", {f"{verb} {resource}"})

    with SCENARIOS[kind](tmp_path) as played:
        with pytest.raises(ActionError, match=f'cannot {verb} resource "{resource}"') as caught:
            played.hook.plan(played.ask)
        assert played.changes() == 0

    assert caught.value.permanent


@pytest.mark.parametrize("kind", CLUSTER_HOOKS)
def test_the_page_names_every_right_of_a_hook(kind: str) -> None:
    section = PAGE.partition("\n## Kubernetes\n")[2].partition(f"\n### {kind}\n")[2].partition("\n### ")[0]

    for rule in role(kind):
        assert f"`{rule['resources'][0]}` {', '.join(rule['verbs'])}" in section, rule


def test_no_role_reads_secrets_or_deletes_and_no_wildcard_is_given() -> None:
    everything = {right for kind in CLUSTER_HOOKS for right in rights(kind)}

    assert not {verb for verb, _, _ in everything} & {"*", "delete", "deletecollection", "update", "escalate", "bind"}
    assert not [right for right in everything if "*" in right or "secrets" in right[2]]
