"""Telling people ends in time, whatever a receiver does, and the record says who was reached."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest

from burnline.errors import ActionError, InDoubt
from burnline.events import Outcome, RunState, StepState
from burnline.runbooks import notify
from burnline.runbooks.actions.outbound import get, post_json
from tests.runbooks.receiver import receiving
from tests.runbooks.scene import BURN, T0, Scene, make_recipe, make_spec, write_registry

SHORT = timedelta(milliseconds=300)


@pytest.fixture(params=[b"HTTP/1.1 200 OK\r\nX-Drip: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b""])
def dripping(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that begins an answer, then sends a byte now and then for ever."""
    server, stop = socket.create_server(("127.0.0.1", 0)), threading.Event()
    server.settimeout(0.05)

    def drip(client: socket.socket) -> None:
        with client, suppress(OSError):
            client.recv(65536)
            client.sendall(request.param)
            while not stop.wait(0.05):
                client.sendall(b"x")

    def serve() -> None:
        clients = []
        while not stop.is_set():
            with suppress(TimeoutError):
                clients.append(threading.Thread(target=drip, args=(server.accept()[0],)))
                clients[-1].start()
        for each in clients:
            each.join()

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    stop.set()
    thread.join()
    server.close()


def test_an_answer_that_drips_ends_at_the_deadline(dripping: str) -> None:
    began = time.monotonic()

    with suppress(InDoubt):  # where a good status came, the message was taken
        post_json(dripping, {}, key="k", at=T0, timeout=SHORT)
    with pytest.raises(ActionError, match=r"answer within 0\.3 s|no answer:"):
        get(dripping, timeout=SHORT)

    assert time.monotonic() - began < 3


def test_a_receiver_that_drips_keeps_no_other_from_hearing(dripping: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "TIMEOUT", SHORT)
    began = time.monotonic()

    with receiving() as receiver:
        spec = make_spec(None, escalation={"page": [f"webhook:{dripping}", f"webhook:{receiver.url}"]})
        told = notify.tell(spec, "page", {}, key="k", at=T0)

    assert f"webhook:{receiver.url}" in told.reached
    assert time.monotonic() - began < 3


def test_a_run_that_cannot_begin_is_over_before_people_are_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[RunState] = []

    def send(*_: object, **__: object) -> None:
        seen.append(scene.run(run_id).state)
        raise ActionError("down", permanent=False)

    monkeypatch.setattr(notify, "_send", send)
    version = {"type": "string", "label": "version", "pattern": "[0-9]+", "example": "1"}
    note = [{"name": "hello", "note": "${version}"}]
    scene.recipe = make_recipe(scene.folder, params={"version": version}, steps=note, preconditions={}, cooldown="0s")
    scene.spec = make_spec(scene.registry, escalation={"page": ["webhook:http://127.0.0.1:1/"]})
    run_id = scene.request(labels={**BURN, "version": "../.."}, params={})

    scene.play(60)

    assert seen == [RunState.FINISHED], "once, and after the end"
    assert scene.told(run_id)[-1] == ("run_told", "could not tell webhook:http://127.0.0.1:1/: down")


def test_a_message_that_reached_nobody_is_not_done(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ActionError("answered 404", permanent=True)

    monkeypatch.setattr(notify, "_send", refuse)
    scene.spec = make_spec(scene.registry, escalation={"page": ["webhook:http://127.0.0.1:1/"]})
    scene.sli.share = 0.4
    run_id = scene.request()

    scene.play()

    assert (scene.run(run_id).outcome, scene.steps(run_id)[-1].state) == (Outcome.NOT_RECOVERED, StepState.FAILED)
    assert scene.story(run_id).endswith("; nobody was told")


def test_who_was_reached_is_on_record_although_another_was_not(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_b(receiver: str, *_: object, **__: object) -> None:
        if receiver.endswith("/b"):
            raise ActionError("answered 404", permanent=True)

    monkeypatch.setattr(notify, "_send", refuse_b)
    receivers = ["webhook:http://127.0.0.1:1/a", "webhook:http://127.0.0.1:1/b"]
    scene.spec = make_spec(scene.registry, escalation={"page": receivers})
    scene.sli.share = 0.4
    run_id = scene.request()

    scene.play()

    escalated = scene.steps(run_id)[-1]
    assert escalated.state is StepState.DONE
    assert escalated.result
    assert escalated.result["reached"] == receivers[:1]
    assert f"told {receivers[0]}; could not tell {receivers[1]}: answered 404" in scene.story(run_id)
    assert "nobody was told" not in scene.story(run_id)


def test_only_those_who_were_not_reached_are_tried_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def send(receiver: str, *_: object, **__: object) -> None:
        sent.append(receiver)
        if receiver.endswith("/b") and sent.count(receiver) < 3:
            raise ActionError("answered 503", permanent=False)

    monkeypatch.setattr(notify, "_send", send)
    receivers = ["webhook:http://127.0.0.1:1/a", "webhook:http://127.0.0.1:1/b"]
    scene.spec = make_spec(scene.registry, escalation={"page": receivers})
    scene.sli.share = 0.4
    run_id = scene.request()

    scene.play(60)

    escalated = scene.steps(run_id)[-1]
    assert (sent.count(receivers[0]), sent.count(receivers[1])) == (1, 3)
    assert (escalated.state, (escalated.result or {})["text"]) == (StepState.DONE, f"told {', '.join(receivers)}")


def test_a_run_that_was_stopped_says_what_happened_not_what_a_failed_cure_means(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    monkeypatch.setattr(notify, "_send", lambda _to, body, **_: texts.append(body["text"]))
    write_registry(scene.registry, released=T0 - timedelta(days=3))
    scene.spec = make_spec(scene.registry, escalation={"page": ["webhook:http://127.0.0.1:1/"]})
    run_id = scene.request()

    scene.play()

    assert scene.run(run_id).outcome is Outcome.SKIPPED
    assert texts[-1].startswith("bad-release ended skipped: ")
    assert "It changed nothing." in texts[-1]
    assert "going back did not help" not in texts[-1]
