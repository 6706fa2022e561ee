"""A ruler over HTTP: retried within bounds, believed only when it makes sense, and told apart from a web page."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from burnline.slo.answer import Limits
from burnline.slo.delivery.push import plan_groups
from burnline.slo.delivery.ruler import DeliveryError, Ruler, apply
from tests.programs import free_port
from tests.slo.dripping import dripping
from tests.slo.fake_ruler import FakeRuler, fake_ruler

GROUP: dict[str, Any] = {"name": "burnline/a/b", "interval": "1m", "rules": [{"record": "a:b", "expr": "up"}]}
OTHER = {**GROUP, "name": "burnline/c"}


@pytest.fixture
def fake() -> Iterator[FakeRuler]:
    with fake_ruler() as made:
        yield made


def ruler(url: str, pauses: list[float] | None = None, **more: Any) -> Ruler:
    return Ruler(url, more.pop("namespace", "burnline"), sleep=(pauses if pauses is not None else []).append, **more)


def test_a_group_with_slashes_in_its_name_comes_and_goes(fake: FakeRuler) -> None:
    there = ruler(fake.url)

    there.put(GROUP)
    assert [group["name"] for group in there.groups()] == ["burnline/a/b"]
    there.delete("burnline/a/b")

    assert there.groups() == []
    assert "DELETE /prometheus/config/v1/rules/burnline/burnline%2Fa%2Fb" in fake.requests()


@pytest.mark.parametrize("prefix", ["/api/v1/rules", "/loki/api/v1/rules"])
def test_a_whole_path_is_taken_as_it_is(fake: FakeRuler, prefix: str) -> None:
    fake.prefix = prefix

    ruler(fake.url + prefix).put(GROUP)

    assert fake.names() == ["burnline/a/b"]


def test_tenant_and_token_travel_in_headers(fake: FakeRuler) -> None:
    ruler(fake.url, tenant="team-a", token="s3cret").put(GROUP)

    _, _, headers = fake.received[0]
    assert (headers["x-scope-orgid"], headers["authorization"]) == ("team-a", "Bearer s3cret")
    assert fake.names(tenant="team-a") == ["burnline/a/b"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_ruler_is_asked_again_with_longer_pauses(fake: FakeRuler, status: int) -> None:
    fake.answers["POST"] = [(status, {}, b"")] * 3
    pauses: list[float] = []

    ruler(fake.url, pauses).put(GROUP)

    assert fake.names() == ["burnline/a/b"]
    assert pauses == [0.5, 1, 2]


def test_the_pause_a_ruler_asks_for_is_kept_up_to_ten_seconds(fake: FakeRuler) -> None:
    fake.answers["GET"] = [(429, {"Retry-After": "3"}, b""), (429, {"Retry-After": "900"}, b"")]
    pauses: list[float] = []

    ruler(fake.url, pauses).groups()

    assert pauses == [3, 10]


def test_it_gives_up_in_the_end(fake: FakeRuler) -> None:
    fake.answers["POST"] = [(500, {}, b"out of\ndisk")] * 9

    with pytest.raises(DeliveryError, match="HTTP 500: out of disk"):
        ruler(fake.url).put(GROUP)

    assert len(fake.received) == 4


@pytest.mark.parametrize("status", [400, 401, 409])
def test_a_refusal_is_not_asked_again(fake: FakeRuler, status: int) -> None:
    fake.answers["POST"] = [(status, {}, b"limit: 20 rules")]

    with pytest.raises(DeliveryError, match=f"HTTP {status}: limit: 20 rules"):
        ruler(fake.url).put(GROUP)

    assert len(fake.received) == 1


def test_a_redirect_is_told_and_not_followed(fake: FakeRuler) -> None:
    fake.answers["GET"] = [(302, {"Location": "http://elsewhere/"}, b"")]

    with pytest.raises(DeliveryError, match="http://elsewhere/"):
        ruler(fake.url, token="s3cret").groups()

    assert len(fake.received) == 1


def test_an_answer_that_drips_for_ever_is_given_up_and_the_rest_not_tried() -> None:
    with dripping() as url:
        there = ruler(url, limits=Limits(seconds=0.1, size_bytes=1_000_000))

        outcomes = apply(there, [GROUP, OTHER], plan_groups([GROUP, OTHER], []))

    assert "did not end within 0.1 s" in outcomes[0].error
    assert "nobody answers" in outcomes[1].error


def test_an_answer_beyond_any_size_is_given_up(fake: FakeRuler) -> None:
    fake.answers["GET"] = [(200, {"Content-Encoding": "gzip"}, gzip.compress(b"#" * 5_000_000))]

    with pytest.raises(DeliveryError, match="larger than 1,000,000 bytes"):
        ruler(fake.url, limits=Limits(seconds=5, size_bytes=1_000_000)).groups()


def test_nobody_there_is_told_after_some_tries() -> None:
    pauses: list[float] = []

    with pytest.raises(DeliveryError, match="no answer") as refused:
        ruler(f"http://127.0.0.1:{free_port()}", pauses).groups()

    assert refused.value.unreachable
    assert len(pauses) == 3


@pytest.mark.parametrize(
    "body",
    [
        b"a: [",
        b"- 1",
        b"burnline: {}",
        b"burnline: [{}]",
        b"\xff\xfe",
        b"[" * 5000,
        b"a: &a [*a]",
        b"burnline:\n- name: " + b"[" * 200_000 + b"]" * 200_000,
        b"burnline:\n- {name: burnline/x, rules: " + b"[" * 900 + b"]" * 900 + b"}",
        b"burnline: !!timestamp x",
        b"burnline: !!bool x",
    ],
    ids=range(11),
)
def test_an_answer_that_makes_no_sense_is_not_an_empty_ruler(fake: FakeRuler, body: bytes) -> None:
    fake.answers["GET"] = [(200, {}, body)]

    with pytest.raises(DeliveryError, match="the answer is"):
        ruler(fake.url).groups()


def test_a_web_page_is_not_an_empty_ruler(fake: FakeRuler) -> None:
    fake.prefix = "/mimir/prometheus/config/v1/rules"

    with pytest.raises(DeliveryError, match="is that a ruler's address"):
        ruler(fake.url).groups()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mimir:9009", "is not a URL"),
        ("", "is not a URL"),
        ("ftp://mimir", "is not a URL"),
        ("http://a\x00b", "is not a URL"),
        ("http://me:hunter2@mimir", "--token-file"),
        ("http://mimir/?a=b", "holds a query"),
    ],
)
def test_a_wrong_address_is_told_and_a_password_is_not_repeated(url: str, told: str) -> None:
    with pytest.raises(DeliveryError, match=told) as refused:
        ruler(url)

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("namespace", ["", ".", ".."])
def test_a_namespace_that_names_another_path_is_refused(namespace: str) -> None:
    with pytest.raises(DeliveryError, match="no namespace"):
        ruler("http://mimir", namespace=namespace)


@pytest.mark.parametrize("tenant", ["a\r\nX-Evil: 1", "é"])
def test_a_tenant_cannot_smuggle_a_header(tenant: str) -> None:
    with pytest.raises(DeliveryError, match="X-Scope-OrgID"):
        ruler("http://mimir", tenant=tenant)


def test_a_group_of_others_cannot_be_deleted(fake: FakeRuler) -> None:
    with pytest.raises(ValueError, match="not ours"):
        ruler(fake.url).delete("theirs")

    assert fake.received == []


def test_one_group_that_is_refused_does_not_stop_the_others_but_keeps_what_was_there(fake: FakeRuler) -> None:
    there = ruler(fake.url)
    there.put({**GROUP, "name": "burnline/old"})
    fake.refuse["burnline/a/b"] = (400, {}, b"limit")
    wanted = [GROUP, OTHER]

    outcomes = apply(there, wanted, plan_groups(wanted, there.groups()))

    assert [bool(outcome.error) for outcome in outcomes] == [True, False, True]
    assert "kept" in outcomes[2].error
    assert fake.names() == ["burnline/c", "burnline/old"]


def test_when_nobody_answers_any_more_the_rest_is_not_tried() -> None:
    asked: list[str] = []

    def hang_up(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        raise httpx.ConnectError("gone", request=request)

    there = ruler("http://mimir", client=httpx.Client(transport=httpx.MockTransport(hang_up)))

    outcomes = apply(there, [GROUP, OTHER], plan_groups([GROUP, OTHER], []))

    assert len(asked) == 4
    assert outcomes[1].error == "not tried: nobody answers"


LOGIN = b"<html>please log in</html>"


@pytest.mark.parametrize(
    ("headers", "body"),
    [({"Content-Type": "text/html; charset=utf-8"}, LOGIN), ({}, b"\n<!DOCTYPE html>" + LOGIN)],
)
def test_a_page_that_asks_to_log_in_delivers_nothing_and_nothing_is_removed(
    fake: FakeRuler, headers: dict[str, str], body: bytes
) -> None:
    there = ruler(fake.url)
    there.put({**GROUP, "name": "burnline/old"})
    fake.answers["POST"] = [(200, headers, body)]

    outcomes = apply(there, [GROUP], plan_groups([GROUP], there.groups()))

    assert ["web page" in outcomes[0].error, "kept" in outcomes[1].error] == [True, True]
    assert fake.names() == ["burnline/old"]


def test_what_is_answered_as_done_and_is_not_there_has_failed_and_nothing_is_removed(fake: FakeRuler) -> None:
    there = ruler(fake.url)
    there.put({**GROUP, "name": "burnline/old"})
    there.put(GROUP)
    fake.answers["POST"] = [(202, {}, b"")] * 2
    changed = {**GROUP, "interval": "5m"}
    wanted = [changed, OTHER]

    outcomes = apply(there, wanted, plan_groups(wanted, there.groups()))

    assert ["has not changed" in outcome.error for outcome in outcomes] == [True, True, False]
    assert "kept" in outcomes[2].error
    assert fake.names() == ["burnline/a/b", "burnline/old"]


def test_a_ruler_that_needs_a_moment_to_show_a_group_has_it(fake: FakeRuler) -> None:
    there = ruler(fake.url)
    plan = plan_groups([GROUP], there.groups())
    fake.answers["GET"] = [(404, {}, b"no rule groups found")] * 2

    outcomes = apply(there, [GROUP], plan)

    assert [outcome.error for outcome in outcomes] == [""]


def test_what_cannot_be_read_again_is_not_told_as_delivered(fake: FakeRuler) -> None:
    there = ruler(fake.url)
    plan = plan_groups([GROUP], there.groups())
    fake.answers["GET"] = [(403, {}, b"write only")]

    [outcome] = apply(there, [GROUP], plan)

    assert "cannot be read" in outcome.error


def test_a_removal_that_is_only_said_is_told(fake: FakeRuler) -> None:
    there = ruler(fake.url)
    there.put(GROUP)
    fake.answers["DELETE"] = [(202, {}, b"")]

    [outcome] = apply(there, [], plan_groups([], there.groups()))

    assert "has not changed" in outcome.error
