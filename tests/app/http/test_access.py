"""Who may post: the token, and no other site's page."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from burnline.store.inbox import ALERTS, PREDICTIONS
from tests.app.still import Still, still

DOORS = ["/v1/predictions", "/v1/alerts"]
TOKEN = "correct-horse"
PREDICTION = b'{"service": "ranking", "events": [{"features": {"a": 1}}]}'


@pytest.fixture(scope="module")
def with_token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Still]:
    with still(tmp_path_factory.mktemp("locked"), token=TOKEN) as made:
        yield made


@pytest.fixture
def locked(with_token: Still) -> Still:
    with_token.forget()
    return with_token


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        f"bearer{TOKEN}",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer  {TOKEN}",
    ],
)
def test_without_the_token_a_door_stays_shut(locked: Still, path: str, sent: str | None) -> None:
    answer = locked.post(path, PREDICTION, **({} if sent is None else {"authorization": sent}))

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text
    assert locked.kept(ALERTS) == locked.kept(PREDICTIONS) == []


def test_a_token_in_any_letters_is_compared_not_crashed_on(locked: Still) -> None:
    answer = locked.say(
        "POST /v1/alerts HTTP/1.1", "Host: localhost", "Authorization: Bearer \xff\u20ac", "Connection: close"
    )

    assert answer.startswith(b"HTTP/1.1 401 ")


def test_the_token_opens_the_doors(locked: Still) -> None:
    assert locked.alert(b"{}", authorization=f"Bearer {TOKEN}").status_code == 200
    assert locked.predict(PREDICTION, authorization=f"bearer {TOKEN}").status_code == 202, "schemes have no case"


def test_of_two_tokens_the_first_counts(locked: Still) -> None:
    first_wrong = [("Authorization", "Bearer wrong"), ("Authorization", f"Bearer {TOKEN}")]

    assert httpx.post(locked.url + "/v1/alerts", content=b"{}", headers=first_wrong).status_code == 401


def test_the_token_is_compared_in_constant_time(locked: Still, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: bytes, _other: bytes) -> bool:
        compared.append(one)
        return False

    monkeypatch.setattr("burnline.app.http.guards.hmac.compare_digest", compare)
    locked.alert(b"{}", authorization="Bearer wrong")

    assert compared == [b"wrong"]


def test_a_large_body_is_not_read_before_the_token_is(locked: Still) -> None:
    answer = locked.say("POST /v1/alerts HTTP/1.1", "Host: localhost", "Content-Length: 16000000")

    assert answer.startswith(b"HTTP/1.1 401 ")


def test_reading_needs_no_token(locked: Still) -> None:
    for path in ("/metrics", "/healthz", "/readyz", "/v1/services"):
        assert httpx.get(locked.url + path).status_code == 200


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://localhost.evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "anything"},
    ],
)
def test_another_sites_page_cannot_post(door: Still, path: str, headers: dict[str, str]) -> None:
    answer = door.post(path, PREDICTION, **{"content_type": "application/json", **headers})

    assert answer.status_code == 403
    assert answer.json() == {"error": "this came from another site"}
    assert door.kept(ALERTS) == door.kept(PREDICTIONS) == []


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_page_and_a_person_may_post(door: Still, site: str) -> None:
    assert door.alert(b"{}", origin=door.url, sec_fetch_site=site).status_code == 200
