"""The Helm hook, with a helm that keeps its history in a file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from burnline.errors import ActionError, InDoubt, Moved
from burnline.runbooks.actions import helm as helm_hook
from burnline.runbooks.actions.helm import HelmHook
from burnline.spec.hooks import HelmHookSpec
from tests.fakes.helm import FakeHelm
from tests.runbooks.scene import T0


@pytest.fixture
def helm(tmp_path: Path) -> FakeHelm:
    """A release whose third revision serves."""
    return FakeHelm(tmp_path, "superseded", "superseded", "deployed")


def hook(program: FakeHelm, **more: Any) -> HelmHook:
    spec = {"release": "card-fraud", "namespace": "models", "helm": str(program.path), **more}
    return HelmHook(HelmHookSpec.model_validate(spec))


def apply(made: HelmHook, target: str, before: str | None = None) -> bool:
    return made.apply(target, before=before, idempotency_key="k", epoch=3, at=T0)


def test_a_release_goes_back_to_the_revision_before_and_waits_until_it_is_up(helm: FakeHelm) -> None:
    made = hook(helm, context="prod-eu", timeout="2m")
    plan = made.plan("previous")

    changed = apply(made, plan.to_version, plan.from_version)

    assert (plan.target, plan.from_version, plan.to_version, changed) == ("prod-eu/models/card-fraud", "3", "2", True)
    where = ["--namespace=models", "--kube-context=prod-eu"]
    assert helm.rollbacks() == [["rollback", "card-fraud", "2", "--wait", "--timeout=120s", *where]]
    assert made.verify("2")
    assert made.changed_at() == datetime(2026, 1, 5, 12, 0, 0, 123456, UTC)


def test_after_a_rollback_the_state_is_the_revision_whose_manifests_run(helm: FakeHelm) -> None:
    made = hook(helm)
    apply(made, "2", "3")

    assert made.observe() == "2"
    assert not apply(made, "2", "3")
    assert made.plan("previous").to_version == "1"
    assert len(helm.rollbacks()) == 1


def test_a_rollback_of_a_rollback_is_followed_to_its_manifests(helm: FakeHelm) -> None:
    helm.add(description="Rollback to 1")
    helm.add(description="Rollback to 4")

    assert hook(helm).observe() == "1"


def test_a_rollback_to_a_revision_that_helm_forgot_since_is_still_that_revision(helm: FakeHelm) -> None:
    helm.add(description="Rollback to 1")
    helm.set(history=helm.state["history"][1:])

    assert hook(helm).verify("1")
    assert not apply(hook(helm), "1", "3")


def test_a_rollback_that_failed_left_the_release_where_it_was(helm: FakeHelm) -> None:
    helm.add("failed", 'Rollback "card-fraud" failed: the server could not find the requested resource')

    plan = hook(helm).plan("previous")

    assert (plan.from_version, plan.to_version) == ("3", "2")
    assert not hook(helm).verify("3"), "half of it may have been changed"


def test_a_revision_that_failed_is_left_for_the_one_that_served(tmp_path: Path) -> None:
    helm = FakeHelm(tmp_path, "superseded", "failed", "deployed", "failed")

    plan = hook(helm).plan("previous")

    assert (plan.from_version, plan.to_version) == ("4", "3")


def test_a_revision_that_never_served_is_no_way_back(tmp_path: Path) -> None:
    helm = FakeHelm(tmp_path, "superseded", "failed", "deployed")

    assert hook(helm).plan("previous").to_version == "1"
    with pytest.raises(ActionError, match="has no revision '2' that served; there are 1 or 3") as caught:
        hook(helm).plan("2")
    assert caught.value.permanent


def test_a_first_revision_has_nothing_before(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="knows no revision that served before 1"):
        hook(FakeHelm(tmp_path, "deployed")).plan("previous")


@pytest.mark.parametrize("status", ["pending-install", "pending-upgrade", "pending-rollback"])
def test_a_change_under_way_may_pass(helm: FakeHelm, status: str) -> None:
    helm.add(status)

    for call in (hook(helm).observe, lambda: apply(hook(helm), "2")):
        with pytest.raises(ActionError, match=f"{status}: another change is under way") as caught:
            call()
        assert not caught.value.permanent
    assert helm.rollbacks() == []


def test_a_release_that_is_gone_is_a_permanent_error(helm: FakeHelm) -> None:
    helm.add("uninstalled")

    with pytest.raises(ActionError, match="is uninstalled") as caught:
        hook(helm).observe()

    assert caught.value.permanent


def test_what_somebody_else_released_meanwhile_is_left_alone(helm: FakeHelm) -> None:
    helm.add()

    with pytest.raises(Moved, match="models/card-fraud was moved to 4 by another hand"):
        apply(hook(helm), "2", "3")

    assert helm.rollbacks() == []


def test_a_rollback_that_does_not_come_up_fails_and_is_tried_again(helm: FakeHelm) -> None:
    helm.set(fails=True)

    with pytest.raises(ActionError, match="helm rollback ended with 1: 'Error: timed out waiting") as caught:
        apply(hook(helm), "2", "3")

    assert not caught.value.permanent
    assert not hook(helm).verify("2")
    helm.set(fails=False)
    assert apply(hook(helm), "2", "3")
    assert hook(helm).verify("2")


def test_a_helm_that_hangs_is_stopped_and_in_doubt(helm: FakeHelm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helm_hook, "GRACE", timedelta(0))
    helm.set(hangs=True)

    with pytest.raises(InDoubt):
        apply(hook(helm, timeout="300ms"), "2", "3")

    assert not apply(hook(helm), "2", "3")


@pytest.mark.parametrize("more", [{"release": "other"}, {"namespace": "default"}])
def test_a_release_that_is_not_there_is_a_permanent_error(helm: FakeHelm, more: dict[str, str]) -> None:
    with pytest.raises(ActionError, match="helm history ended with 1: 'Error: release: not found'") as caught:
        hook(helm, **more).observe()

    assert caught.value.permanent


def test_a_cluster_that_is_down_may_pass(helm: FakeHelm) -> None:
    helm.set(down=True)

    with pytest.raises(ActionError, match="cluster unreachable") as caught:
        hook(helm).observe()

    assert not caught.value.permanent


def test_a_release_that_flux_owns_is_refused_with_the_reason(helm: FakeHelm) -> None:
    helm.set(manifest="metadata:\n  labels:\n    helm.toolkit.fluxcd.io/name: card-fraud")

    with pytest.raises(ActionError, match="Flux owns it and would put it back") as caught:
        hook(helm).plan("previous")

    assert caught.value.permanent


def test_a_helm_that_does_not_answer_a_question_may_pass(helm: FakeHelm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helm_hook, "READ_TIMEOUT", timedelta(milliseconds=300))
    helm.path.write_text("#!/bin/sh\nsleep 60\n")

    with pytest.raises(ActionError, match="was stopped after") as caught:
        hook(helm).plan("previous")

    assert not caught.value.permanent
    assert not isinstance(caught.value, InDoubt)


@pytest.mark.parametrize("history", [{}, [], [{"revision": "x"}], "text"])
def test_a_history_of_another_shape_is_an_error_in_words(helm: FakeHelm, history: Any) -> None:
    helm.set(history=history)

    with pytest.raises(ActionError, match=r"printed what cannot be used|knows no revision") as caught:
        hook(helm).observe()

    assert caught.value.permanent


def test_a_release_without_a_date_has_none(helm: FakeHelm) -> None:
    helm.set(history=[{**helm.state["history"][-1], "updated": ""}])

    assert hook(helm).changed_at() is None


def test_a_host_without_helm_is_told_by_its_path(helm: FakeHelm) -> None:
    helm.path.unlink()

    with pytest.raises(ActionError, match="helm cannot be started: No such file") as caught:
        hook(helm).observe()

    assert caught.value.permanent


@pytest.mark.parametrize(
    "wrong",
    [
        {"release": "--kubeconfig=/tmp/x"},
        {"release": "a b"},
        {"namespace": "-n"},
        {"helm": "helm"},
        {"context": "a b"},
    ],
)
def test_a_word_that_could_be_an_option_is_refused(helm: FakeHelm, wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        hook(helm, **wrong)


@pytest.mark.parametrize("target", ["-1", "--force", "2 3", "02", "x"])
def test_a_revision_that_is_none_never_reaches_the_program(helm: FakeHelm, target: str) -> None:
    with pytest.raises(ActionError, match="has no revision"):
        apply(hook(helm), target)

    assert helm.rollbacks() == []
