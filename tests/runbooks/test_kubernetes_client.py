"""How the API server is reached, and what its answers and its silence mean."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from burnline.errors import ActionError, InDoubt
from burnline.runbooks.actions.kubernetes import client
from burnline.runbooks.actions.kubernetes.client import MERGE_PATCH, Api, Conflict
from burnline.runbooks.actions.kubernetes.objects import Object
from burnline.runbooks.actions.kubernetes.workloads import DEPLOYMENTS
from burnline.spec.kubernetes import ClusterSpec
from tests.fakes.kubernetes.server import Fault, Served, serving
from tests.fakes.kubernetes.world import node, workload
from tests.runbooks.receiver import receiving

PATH = DEPLOYMENTS.path("prod", "fraud")
QUICK = timedelta(milliseconds=300)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as made:
        made.cluster.put(workload("Deployment"))
        yield made


@pytest.fixture
def token(served: Served, tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(served.token + "\n")
    return file


def api(served: Served, token: Path, timeout: timedelta = timedelta(seconds=5)) -> Api:
    return Api(ClusterSpec(api=served.url, token=f"file:{token}", namespace="prod"), timeout)


def label(made: Api, value: str = "gold") -> None:
    made.patch(PATH, {"metadata": {"labels": {"tier": value}}}, form=MERGE_PATCH)


def test_an_object_is_read_and_changed(served: Served, token: Path) -> None:
    made = api(served, token)

    label(made)

    assert made.read(PATH, Object).metadata.labels["tier"] == "gold"


def test_a_token_is_read_again_for_every_request(served: Served, token: Path) -> None:
    made = api(served, token)
    made.read(PATH, Object)
    served.token = "rotated"
    token.write_text("rotated")

    assert made.read(PATH, Object).metadata.name == "fraud"


def test_a_token_that_is_rotated_under_a_request_is_read_once_more(
    served: Served, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = iter(["too old", served.token])
    monkeypatch.setattr(Api, "_token", lambda _: next(tokens))

    assert api(served, token).read(PATH, Object).metadata.name == "fraud"


def test_a_token_that_is_refused_is_refused_for_good_and_not_told(served: Served, token: Path) -> None:
    token.write_text("wrong-canary")

    with pytest.raises(ActionError, match="answered 401: Unauthorized") as caught:
        api(served, token).read(PATH, Object)

    assert caught.value.permanent
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("content", ["two\nlines-canary", "canäry", "\x00canary"])
def test_a_token_that_cannot_stand_in_a_header_is_not_told(served: Served, token: Path, content: str) -> None:
    token.write_text(content)

    with pytest.raises(ActionError, match=f"the secret file:{token} cannot stand in a header") as caught:
        api(served, token).read(PATH, Object)

    assert caught.value.permanent


def test_a_token_that_is_gone_is_an_error_in_words(served: Served, token: Path) -> None:
    token.unlink()

    with pytest.raises(ActionError, match=r"the secret file:.*token is not there"):
        label(api(served, token))

    assert served.used == set()


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (403, True), (404, True), (405, True), (429, False), (500, False), (503, False)],
)
def test_a_refusal_is_for_good_and_a_server_error_may_pass(
    served: Served, token: Path, status: int, permanent: bool
) -> None:
    served.faults = [Fault("GET", "", status), Fault("PATCH", "", status)]

    for ask in (lambda: api(served, token).read(PATH, Object), lambda: label(api(served, token))):
        with pytest.raises(ActionError, match=f"{PATH}: answered {status}: as the test asked") as caught:
            ask()
        assert caught.value.permanent is permanent
        assert not isinstance(caught.value, InDoubt | Conflict)


@pytest.mark.parametrize("status", [409, 422])
def test_a_change_of_what_was_changed_meanwhile_is_a_conflict(served: Served, token: Path, status: int) -> None:
    served.faults = [Fault("PATCH", "", status)]

    with pytest.raises(Conflict):
        label(api(served, token))


def test_a_stale_version_is_a_conflict(served: Served, token: Path) -> None:
    made = api(served, token)
    stale = made.read(PATH, Object).metadata.resourceVersion
    label(made)

    with pytest.raises(Conflict, match="has been modified"):
        made.patch(PATH, {"metadata": {"resourceVersion": stale, "labels": {"tier": "iron"}}}, form=MERGE_PATCH)

    assert made.read(PATH, Object).metadata.labels["tier"] == "gold"


@pytest.mark.parametrize("what", ["lost", "dropped", "hangs"])
def test_a_change_without_an_answer_is_in_doubt_and_a_look_is_not(served: Served, token: Path, what: str) -> None:
    served.faults = [Fault("PATCH", "", what), Fault("GET", "", what)]
    made = api(served, token, QUICK)

    with pytest.raises(InDoubt, match="no answer"):
        label(made)
    with pytest.raises(ActionError, match="no answer") as caught:
        made.read(PATH, Object)

    assert not isinstance(caught.value, InDoubt)
    assert not caught.value.permanent


def test_a_gateway_that_gave_up_leaves_a_change_in_doubt(served: Served, token: Path) -> None:
    served.faults = [Fault("PATCH", "", 504)]

    with pytest.raises(InDoubt, match="answered 504"):
        label(api(served, token))


def test_a_dry_run_changes_nothing(served: Served, token: Path) -> None:
    made = api(served, token)

    made.patch(PATH, {"metadata": {"labels": {"tier": "gold"}}}, form=MERGE_PATCH, dry_run=True)

    assert "tier" not in made.read(PATH, Object).metadata.labels


def test_a_long_list_is_read_to_its_end(served: Served, token: Path) -> None:
    served.cluster.pages = 2
    for n in range(5):
        served.cluster.put(node(f"gpu-{n}"))

    found = api(served, token).list("/api/v1/nodes", Object)

    assert [each.metadata.name for each in found] == [f"gpu-{n}" for n in range(5)]


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"metadata": 5}', b'{"metadata": {"labels": [1]}}'])
def test_an_answer_that_is_no_object_is_an_error_in_words(token: Path, body: bytes) -> None:
    with receiving() as receiver:
        receiver.answers = [(200, {}, body)]
        made = Api(ClusterSpec(api=receiver.url, token=f"file:{token}"), QUICK)

        with pytest.raises(ActionError, match=f"GET {PATH}: the answer is wrong at") as caught:
            made.read(PATH, Object)

    assert caught.value.permanent


def test_a_redirect_is_not_followed(token: Path) -> None:
    with receiving() as receiver:
        receiver.answers = [(302, {"Location": "http://169.254.169.254/"}, b"")]

        with pytest.raises(ActionError, match="answered 302; redirects are not followed"):
            Api(ClusterSpec(api=receiver.url, token=f"file:{token}"), QUICK).read(PATH, Object)

        assert len(receiver.received) == 1


def test_a_host_that_the_settings_do_not_name_is_not_asked(
    served: Served, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURNLINE_HOOK_HOSTS", "kubernetes.example.com")

    with pytest.raises(ActionError, match="is not in BURNLINE_HOOK_HOSTS"):
        api(served, token).read(PATH, Object)

    assert served.used == set()


def test_outside_of_a_pod_a_cluster_has_to_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(client, "SERVICE_ACCOUNT", tmp_path)
    (tmp_path / "token").write_text("t")

    with pytest.raises(ActionError, match=r"not in a pod: write `cluster\.api`"):
        Api(ClusterSpec(), QUICK).read(PATH, Object)
    with pytest.raises(ActionError, match=r"not in a pod: write `cluster\.namespace`"):
        Api(ClusterSpec(), QUICK).namespace()


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A server of https on loopback, and the certificate that signs its own."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.crt"
    about = ["-subj", "/CN=kubernetes", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*made, "-keyout", key, "-out", certificate, *about], check=True, capture_output=True)
    with serving() as inner:
        handler: Any = inner.handler
        inner.cluster.put(workload("Deployment"))

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A client that hangs up is part of the test."""

        server = Quiet(("127.0.0.1", 0), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield int(server.server_address[1]), certificate
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def test_in_a_pod_everything_is_found_where_kubernetes_puts_it(
    secure: tuple[int, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(secure[0]))
    monkeypatch.setattr(client, "SERVICE_ACCOUNT", tmp_path)
    (tmp_path / "token").write_text("canary-token")
    (tmp_path / "namespace").write_text("prod\n")
    made = Api(ClusterSpec(), timedelta(seconds=5))

    assert made.read(DEPLOYMENTS.path(made.namespace(), "fraud"), Object).metadata.name == "fraud"
    assert made.label == ""


def test_a_certificate_that_nobody_vouches_for_is_not_talked_to(secure: tuple[int, Path], token: Path) -> None:
    port, certificate = secure
    address = f"https://127.0.0.1:{port}"

    with pytest.raises(ActionError, match="certificate verify failed"):
        Api(ClusterSpec(api=address, token=f"file:{token}"), timedelta(seconds=5)).read(PATH, Object)

    trusting = ClusterSpec(api=address, token=f"file:{token}", ca=str(certificate))
    assert Api(trusting, timedelta(seconds=5)).read(PATH, Object).metadata.name == "fraud"


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_read_are_an_error_in_words(
    token: Path, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(ActionError, match=f"the certificates in {file} cannot be read") as caught:
        Api(ClusterSpec(api="https://127.0.0.1:1", token=f"file:{token}", ca=str(file)), QUICK).read(PATH, Object)

    assert caught.value.permanent
