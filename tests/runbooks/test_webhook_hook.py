"""What leaves burnline, where it may go, and how answers are read."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from burnline.errors import ActionError, InDoubt
from burnline.events import Outcome
from burnline.runbooks.actions.build import build_hook
from burnline.runbooks.actions.outbound import MAX_ANSWER_BYTES, get, post_json, resolve
from burnline.runbooks.actions.webhook import WebhookHook
from burnline.spec.hooks import WebhookHookSpec
from tests.runbooks.receiver import Receiver, receiving
from tests.runbooks.scene import T0, Scene, make_spec

TIMEOUT = timedelta(seconds=5)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def hook(receiver: Receiver, **more: Any) -> WebhookHook:
    return WebhookHook(WebhookHookSpec.model_validate({"url": f"{receiver.url}/undo?token=canary", **more}), "fraud")


def apply(made: WebhookHook) -> None:
    made.apply("1", before=None, idempotency_key="k", epoch=3, at=T0)


def test_a_request_says_what_to_do_and_carries_its_key(receiver: Receiver) -> None:
    apply(hook(receiver))

    [(method, path, headers, body)] = receiver.received
    assert (method, path, headers["idempotency-key"]) == ("POST", "/undo?token=canary", "k")
    assert headers["host"] == receiver.url.removeprefix("http://")
    assert json.loads(body) == {"service": "fraud", "to": "1", "key": "k", "epoch": 3}


def test_a_signature_covers_the_time_and_the_body(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDO_SECRET", "s3cret\n")

    apply(hook(receiver, secret="env:UNDO_SECRET"))

    [(_, _, headers, body)] = receiver.received
    expected = hmac.new(b"s3cret", headers["x-burnline-timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["x-burnline-signature"] == expected
    assert headers["x-burnline-timestamp"] == str(int(T0.timestamp()))


@pytest.mark.parametrize("secret", ["env:NOT_SET_ANYWHERE", "file:/nonexistent/secret"])
def test_a_secret_that_is_not_there_sends_nothing(receiver: Receiver, secret: str) -> None:
    with pytest.raises(ActionError, match=f"the secret {secret} is not there"):
        apply(hook(receiver, secret=secret))

    assert receiver.received == []


def test_an_empty_secret_signs_nothing(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")

    with pytest.raises(ActionError, match="is empty"):
        apply(hook(receiver, secret=f"file:{tmp_path}/secret"))

    assert receiver.received == []


@pytest.mark.parametrize("status", [200, 201, 204, 208, 409])
def test_done_and_done_already_are_done(receiver: Receiver, status: int) -> None:
    receiver.answers = [(status, {}, b"")]

    apply(hook(receiver))


@pytest.mark.parametrize(("status", "permanent"), [(500, False), (503, False), (400, True), (404, True), (429, True)])
def test_a_server_error_may_pass_and_a_refusal_does_not(receiver: Receiver, status: int, permanent: bool) -> None:
    receiver.answers = [(status, {}, b"")]

    with pytest.raises(ActionError, match=f"answered {status}") as caught:
        apply(hook(receiver))

    assert caught.value.permanent is permanent
    assert "canary" not in str(caught.value)


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answers = [(302, {"Location": "http://169.254.169.254/latest/meta-data"}, b"")]

    with pytest.raises(ActionError, match="redirects are not followed"):
        apply(hook(receiver))

    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("hosts", "reached"),
    [("*", True), ("127.0.0.1", True), ("a.example,127.0.0.1", True), ("localhost", False), ("*.0.0.1", True)],
)
def test_only_listed_hosts_are_reached(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, hosts: str, reached: bool
) -> None:
    monkeypatch.setenv("BURNLINE_HOOK_HOSTS", hosts)
    made = hook(receiver, observe=f"{receiver.url}/version")
    receiver.answers = [(200, {}, b'{"version": "2"}')]

    if reached:
        apply(made)
    else:
        for refused in (lambda: apply(made), made.observe, lambda: hook(receiver).plan("1")):
            with pytest.raises(ActionError, match=r"127\.0\.0\.1 is not in BURNLINE_HOOK_HOSTS"):
                refused()

    assert len(receiver.received) == reached


def test_no_answer_is_in_doubt(receiver: Receiver) -> None:
    receiver.hang = threading.Event()

    with pytest.raises(InDoubt, match="no answer"):
        apply(hook(receiver, timeout="200ms"))


def test_nobody_listening_may_pass() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(ActionError) as caught:
        post_json(f"http://127.0.0.1:{port}/", {}, key="k", at=T0, timeout=TIMEOUT)

    assert not isinstance(caught.value, InDoubt)
    assert not caught.value.permanent


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "0.0.0.0",
    ],
)
def test_addresses_that_hand_out_credentials_are_refused(host: str) -> None:
    with pytest.raises(ActionError, match="no hook may reach") as caught:
        resolve(host, 80)

    assert caught.value.permanent


def test_a_name_with_one_forbidden_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: Any, **__: Any) -> list[Any]:
        return [(0, 0, 0, "", ("10.0.0.1", 80)), (0, 0, 0, "", ("169.254.169.254", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)

    with pytest.raises(ActionError, match="no hook may reach"):
        resolve("rebinding.example", 80)


def test_a_large_answer_is_cut(receiver: Receiver) -> None:
    receiver.answers = [(200, {}, b"x" * (4 * MAX_ANSWER_BYTES))]

    answer = get(receiver.url, timeout=TIMEOUT)

    assert len(answer.body) == MAX_ANSWER_BYTES


def test_what_serves_is_what_observe_answers(receiver: Receiver) -> None:
    answer = json.dumps({"version": "7", "previous": "6", "changed_at": "2026-01-05T11:00:00Z"}).encode()
    receiver.answers = [(200, {}, answer)] * 3
    made = hook(receiver, observe=f"{receiver.url}/version")

    plan = made.plan("previous")

    assert (plan.from_version, plan.to_version) == ("7", "6")
    assert made.changed_at() == T0 - timedelta(hours=1)
    assert not made.verify("6")


@pytest.mark.parametrize("body", [b"", b"7", b"{}", b'{"version": ""}', b'{"version": "' + b"x" * 300 + b'"}'])
def test_an_answer_that_names_no_version_is_refused(receiver: Receiver, body: bytes) -> None:
    receiver.answers = [(200, {}, body)]

    with pytest.raises(ActionError, match="did not answer"):
        hook(receiver, observe=receiver.url).observe()


def test_without_observe_the_other_system_decides_what_previous_is(receiver: Receiver) -> None:
    made = hook(receiver)

    assert made.plan("previous").to_version == "previous"
    assert made.verify("previous")
    assert (made.observe(), made.changed_at()) == (None, None)


def test_a_service_without_a_hook_cannot_be_rolled_back() -> None:
    with pytest.raises(ActionError, match=r"has no `release\.hook`"):
        build_hook(make_spec(None))


def test_each_kind_of_hook_is_built_from_the_service_file(receiver: Receiver) -> None:
    kinds = [
        build_hook(make_spec(None, release={"hook": written})).kind
        for written in (
            {"alias": {"file": "/srv/registry.json"}},
            {"webhook": {"url": receiver.url}},
            {"command": {"argv": ["/bin/true"]}},
            {"mlflow_alias": {"url": "env:MLFLOW_URL", "model": "card-fraud"}},
        )
    ]

    assert kinds == ["alias", "webhook", "command", "mlflow_alias"]


def test_a_run_that_did_not_help_tells_every_receiver(scene: Scene, receiver: Receiver) -> None:
    scene.spec = make_spec(
        scene.registry, escalation={"page": [f"webhook:{receiver.url}/a", f"webhook:{receiver.url}/b"]}
    )
    scene.sli.share = 0.4
    run_id = scene.request()

    scene.play()

    assert sorted(path for _, path, _, _ in receiver.received) == ["/a", "/b"]
    body = json.loads(receiver.received[0][3])
    assert (body["service"], body["run"]) == ("fraud", run_id)
    assert body["text"].startswith("bad-release ended not_recovered: ")
    assert scene.run(run_id).outcome is Outcome.NOT_RECOVERED


def test_a_receiver_that_is_down_is_tried_again_and_then_named(scene: Scene, receiver: Receiver) -> None:
    scene.spec = make_spec(scene.registry, escalation={"page": [f"webhook:{receiver.url}/a"]})
    scene.sli.share = 0.4
    receiver.answers = [(503, {}, b"")] * 9
    run_id = scene.request()

    scene.play(60)

    assert len(receiver.received) == 4
    assert len({headers["idempotency-key"] for _, _, headers, _ in receiver.received}) == 1
    assert scene.run(run_id).outcome is Outcome.NOT_RECOVERED
    assert f"could not tell webhook:{receiver.url}/a" in scene.story(run_id)


def test_a_receiver_kept_as_a_secret_is_reached_and_never_shown(
    scene: Scene, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGE_URL", f"{receiver.url}/canary")
    scene.spec = make_spec(scene.registry, escalation={"page": ["webhook:env:PAGE_URL"]})
    scene.sli.share = 0.4
    run_id = scene.request()

    scene.play()

    assert [path for _, path, _, _ in receiver.received] == ["/canary"]
    assert "told webhook:env:PAGE_URL" in scene.story(run_id)
    assert "canary" not in scene.story(run_id)
