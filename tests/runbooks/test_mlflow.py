"""The MLflow hook, against a registry that behaves, and once against MLflow itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from burnline.errors import ActionError, InDoubt, Moved
from burnline.runbooks.actions.api import JsonApi
from burnline.runbooks.actions.mlflow import MlflowAliasHook
from burnline.runbooks.actions.outbound import Answer
from burnline.spec.hooks import MlflowAliasHookSpec
from tests.fakes.mlflow import FakeMlflow
from tests.fakes.web import Request, serving
from tests.programs import free_port, python_of, running
from tests.runbooks.scene import T0

TAGGED = {"2": {"burnline.previous.champion": "1"}}


@pytest.fixture
def mlflow() -> FakeMlflow:
    """A model whose version 2 took over from version 1, by the pipeline's own tag."""
    return FakeMlflow(tags={version: dict(tags) for version, tags in TAGGED.items()})


@pytest.fixture
def url(mlflow: FakeMlflow) -> Iterator[str]:
    with serving(mlflow) as address:
        yield address


def hook(url: str, **more: Any) -> MlflowAliasHook:
    return MlflowAliasHook(MlflowAliasHookSpec.model_validate({"url": url, "model": "card-fraud", **more}))


def apply(made: MlflowAliasHook, target: str, before: str | None = None, key: str = "k") -> bool:
    return made.apply(target, before=before, idempotency_key=key, epoch=3, at=T0)


def test_the_alias_goes_back_to_what_the_tag_of_its_version_names(mlflow: FakeMlflow, url: str) -> None:
    made = hook(url)
    plan = made.plan("previous")

    changed = apply(made, plan.to_version, plan.from_version)

    assert (str(plan), changed) == (f"mlflow_alias {url}#card-fraud@champion: 2 -> 1", True)
    assert mlflow.aliases == {"champion": "1"}
    assert made.verify("1")
    assert made.changed_at() == T0


def test_a_plan_changes_nothing(mlflow: FakeMlflow, url: str) -> None:
    hook(url).plan("previous")

    assert mlflow.writes() == []


def test_key_and_epoch_are_tags_of_the_version_that_serves_then(mlflow: FakeMlflow, url: str) -> None:
    apply(hook(url), "1", "2")

    assert mlflow.tags["1"] == {
        "burnline.changed_at.champion": "2026-01-05T12:00:00.000Z",
        "burnline.epoch.champion": "3",
        "burnline.key.champion": "k",
    }


def test_after_a_rollback_nothing_is_previous_so_that_the_next_one_does_not_undo_it(url: str) -> None:
    made = hook(url, previous="older")
    apply(made, "1", "2")

    with pytest.raises(ActionError, match="nothing says what served before version 1"):
        made.plan("previous")


def test_a_move_forward_leaves_a_way_back(mlflow: FakeMlflow, url: str) -> None:
    made = hook(url)

    apply(made, "3", "2")

    assert made.plan("previous").to_version == "2"
    assert mlflow.tags["3"]["burnline.previous.champion"] == "2"


def test_two_steps_back_are_known_after_two_moves_forward(url: str) -> None:
    made = hook(url)
    apply(made, "3", "2", "forward")
    apply(made, "2", "3", "back")

    assert made.plan("previous").to_version == "1"


def test_without_a_tag_nothing_is_guessed(mlflow: FakeMlflow, url: str) -> None:
    mlflow.tags.clear()

    with pytest.raises(ActionError, match=r"MLflow keeps no history .* no tag burnline\.previous\.champion") as caught:
        hook(url).plan("previous")

    assert caught.value.permanent


def test_older_takes_the_newest_older_version_that_is_ready_and_was_not_taken_back(
    mlflow: FakeMlflow, url: str
) -> None:
    mlflow.status = {str(n): "READY" for n in range(1, 8)} | {"4": "FAILED_REGISTRATION"}
    mlflow.tags = {"5": {"burnline.taken_back.champion": "true"}, "3": {"burnline.taken_back.champion": "false"}}
    mlflow.aliases["champion"] = "6"
    mlflow.page = 2

    plan = hook(url, previous="older").plan("previous")

    assert plan.to_version == "3"


def test_what_serves_already_is_not_set_again(mlflow: FakeMlflow, url: str) -> None:
    assert not apply(hook(url), "2")

    assert mlflow.writes() == []


def test_what_somebody_else_released_meanwhile_is_left_alone(mlflow: FakeMlflow, url: str) -> None:
    mlflow.aliases["champion"] = "3"

    with pytest.raises(Moved, match="card-fraud@champion was moved to '3' by another hand"):
        apply(hook(url), "1", "2")

    assert mlflow.writes() == []


def test_the_same_key_never_moves_twice_even_if_the_alias_was_moved_back(mlflow: FakeMlflow, url: str) -> None:
    made = hook(url)
    apply(made, "1", "2")
    mlflow.aliases["champion"] = "2"

    with pytest.raises(Moved):
        apply(made, "1", "2")

    assert mlflow.aliases["champion"] == "2"


def test_another_hand_that_moves_the_alias_right_afterwards_is_found(mlflow: FakeMlflow, url: str) -> None:
    def meanwhile(request: Request) -> None:
        if request.method == "POST" and "set-tag" in request.path and mlflow.aliases["champion"] == "1":
            mlflow.aliases["champion"] = "3"

    mlflow.before_answer = meanwhile

    with pytest.raises(Moved, match="was moved to '3'"):
        apply(hook(url), "1", "2")


def test_a_lost_answer_is_in_doubt_and_the_repeat_finds_it_done(mlflow: FakeMlflow, url: str) -> None:
    made = hook(url)
    mlflow.lost = {"registered-models/alias"}

    with pytest.raises(InDoubt, match="no answer"):
        apply(made, "1", "2")

    assert mlflow.aliases["champion"] == "1"
    assert not apply(made, "1", "2")


class Dies(BaseException):
    """The worker's end."""


@pytest.mark.parametrize("boundary", range(20))
def test_a_worker_that_dies_at_any_request_is_repeated_with_the_same_end(
    mlflow: FakeMlflow, url: str, monkeypatch: pytest.MonkeyPatch, boundary: int
) -> None:
    """A move forward takes ten requests; the worker dies before or after each."""
    ask, left, made = JsonApi.ask, [boundary], hook(url)

    def step() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Dies

    def dying(self: JsonApi, *asked: Any, **more: Any) -> Answer:
        step()
        answer = ask(self, *asked, **more)
        step()
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(JsonApi, "ask", dying)
        with pytest.raises(Dies):
            apply(made, "3", "2")

    apply(made, "3", "2")

    assert mlflow.aliases == {"champion": "3"}
    assert made.plan("previous").to_version == "2"
    assert sum(each.startswith("registered-models/alias") for each in mlflow.writes()) == 1


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("9", r"has no version '9': 'Model Version \(name=card-fraud, version=9\) not found'"),
        ("../1", "has no version '../1': .*must be an integer"),
        ("1&alias=x", "has no version"),
    ],
)
def test_an_unknown_version_is_a_permanent_error(url: str, target: str, words: str) -> None:
    with pytest.raises(ActionError, match=words) as caught:
        hook(url).plan(target)

    assert caught.value.permanent


@pytest.mark.parametrize(("status", "permanent"), [("FAILED_REGISTRATION", True), ("PENDING_REGISTRATION", False)])
def test_a_version_that_is_not_ready_is_refused(mlflow: FakeMlflow, url: str, status: str, permanent: bool) -> None:
    mlflow.status["1"] = status

    with pytest.raises(ActionError, match=f"version 1 is {status}, not READY") as caught:
        hook(url).plan("previous")

    assert caught.value.permanent is permanent


def test_an_alias_or_a_model_that_is_not_there_is_a_permanent_error(url: str) -> None:
    for more, words in ({"alias": "gold"}, "has no alias 'gold'"), ({"model": "other"}, "model other has no alias"):
        with pytest.raises(ActionError, match=words) as caught:
            hook(url, **more).observe()

        assert caught.value.permanent


def test_a_server_that_is_no_mlflow_is_told_apart(url: str) -> None:
    with pytest.raises(ActionError, match=r"does not answer .* as MLflow does"):
        hook(f"{url}/elsewhere").observe()


@pytest.mark.parametrize("answer", [{}, [], {"model_version": {"version": "x"}}])
def test_an_answer_of_another_shape_is_an_error_in_words(answer: Any) -> None:
    with serving(lambda _: (200, answer)) as url, pytest.raises(ActionError, match="answered what cannot be used"):
        hook(url).observe()


def test_credentials_come_by_reference_and_stand_in_no_message(
    mlflow: FakeMlflow, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_URL", url)
    monkeypatch.setenv("MLFLOW_TOKEN", "canary")
    monkeypatch.setenv("MLFLOW_USER", "burnline")
    mlflow.authorization = "Bearer canary"
    with_token = hook("env:MLFLOW_URL", token="env:MLFLOW_TOKEN")
    with_password = hook("env:MLFLOW_URL", user="env:MLFLOW_USER", password="env:MLFLOW_TOKEN")

    assert with_token.observe() == "2"
    assert with_token.target == "env:MLFLOW_URL#card-fraud@champion"
    with pytest.raises(ActionError, match="answered 401") as caught:
        with_password.observe()
    assert caught.value.permanent
    assert "canary" not in str(caught.value)
    mlflow.authorization = f"Basic {base64.b64encode(b'burnline:canary').decode()}"
    assert with_password.observe() == "2"


@pytest.mark.parametrize("kept", ["http://burnline:canary@mlflow:5000", "canary", "file:///canary"])
def test_an_address_that_is_no_url_is_not_repeated(kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_URL", kept)

    with pytest.raises(ActionError, match="env:MLFLOW_URL holds no http or https URL") as caught:
        hook("env:MLFLOW_URL").observe()

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "a' or name like '%"},
        {"alias": "a b"},
        {"url": "ftp://mlflow"},
        {"token": "canary"},
        {"user": "env:USER"},
        {"token": "env:T", "user": "env:U", "password": "env:P"},
        {"previous": "guess"},
    ],
)
def test_a_wrong_spec_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        hook(**{"url": "http://mlflow:5000", **wrong})


def test_a_host_outside_the_list_is_not_asked(mlflow: FakeMlflow, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_HOOK_HOSTS", "mlflow.example.com,*.internal")

    with pytest.raises(ActionError, match=r"127\.0\.0\.1 is not in BURNLINE_HOOK_HOSTS") as caught:
        hook(url).observe()

    assert caught.value.permanent
    assert mlflow.asked == []


def test_a_server_that_does_not_answer_is_given_up_in_time() -> None:
    with serving(lambda _: None) as url, pytest.raises(ActionError) as caught:
        hook(url, timeout=timedelta(milliseconds=300)).observe()

    assert not caught.value.permanent
    assert not isinstance(caught.value, InDoubt)


@pytest.fixture
def real_mlflow(tmp_path: Path) -> Iterator[str]:
    """MLflow's own server, from the environment that `BURNLINE_TEST_MLFLOW` names, on an empty registry."""
    python = python_of("mlflow")
    port = free_port()
    address = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    store = ["--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db", "--default-artifact-root", str(tmp_path)]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with running(
        [python, "-m", "mlflow", "server", *address, *store],
        log=tmp_path / "mlflow.log",
        url=f"http://127.0.0.1:{port}/health",
        deadline_seconds=180.0,
        env=quiet,
        cwd=tmp_path,
    ):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.integration
@pytest.mark.slow
def test_mlflow_itself_is_moved_forward_and_back(real_mlflow: str) -> None:
    def ask(path: str, **body: str) -> None:
        httpx.post(f"{real_mlflow}/api/2.0/mlflow/{path}", json=body, trust_env=False).raise_for_status()

    ask("registered-models/create", name="card-fraud")
    for n in ("1", "2"):
        ask("model-versions/create", name="card-fraud", source=f"s3://models/{n}")
    ask("registered-models/alias", name="card-fraud", alias="champion", version="1")
    made = hook(real_mlflow)

    with pytest.raises(ActionError, match="nothing says what served before version 1"):
        made.plan("previous")
    assert apply(made, "2", "1", "forward")
    plan = made.plan("previous")
    assert (plan.from_version, plan.to_version) == ("2", "1")
    assert apply(made, "1", "2", "back")
    assert not apply(made, "1", "2", "back")
    assert made.verify("1")
    assert made.changed_at() == T0
    with pytest.raises(Moved):
        apply(made, "2", "3", "late")
    for unknown in ("9", "x"):
        with pytest.raises(ActionError, match=f"has no version '{unknown}'") as caught:
            made.plan(unknown)
        assert caught.value.permanent
    with pytest.raises(ActionError, match="has no alias 'gold'"):
        hook(real_mlflow, alias="gold").observe()
    assert hook(real_mlflow, previous="older").observe() == "1"
    ask("registered-models/alias", name="card-fraud", alias="silver", version="2")
    assert hook(real_mlflow, alias="silver", previous="older").plan("previous").to_version == "1"
