"""Silences over HTTP, in the JSON of Alertmanager's API, and by `burnline silence`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.app.conftest import Cli
from tests.app.still import Still

SOON = timedelta(hours=1)
EQUAL = {"name": "service", "value": "scoring", "isRegex": False, "isEqual": True}


def body(**more: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    whole = {
        "matchers": [EQUAL],
        "startsAt": now.isoformat(),
        "endsAt": (now + SOON).isoformat(),
        "createdBy": "ines",
        "comment": "database move",
    }
    return {**whole, **more}


def keep(door: Still, **more: Any) -> httpx.Response:
    return door.post("/v1/silences", json.dumps(body(**more)), content_type="application/json")


def kept(door: Still) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in door.get("/v1/silences").json()}


def test_a_silence_is_kept_shown_and_ended(door: Still) -> None:
    silence_id = keep(door).json()["silenceID"]
    shown = door.get(f"/v1/silences/{silence_id}").json()
    ended = httpx.delete(f"{door.url}/v1/silences/{silence_id}", trust_env=False)

    assert shown["matchers"] == [EQUAL]
    assert (shown["createdBy"], shown["comment"], shown["status"]) == ("ines", "database move", {"state": "active"})
    assert (ended.status_code, ended.json()) == (200, {"silenceID": silence_id})
    assert kept(door)[silence_id]["status"] == {"state": "expired"}


def test_what_was_read_may_be_sent_back_with_another_end(door: Still) -> None:
    silence_id = keep(door).json()["silenceID"]
    later = (datetime.now(UTC) + 5 * SOON).isoformat()
    again = keep(door, **{**door.get(f"/v1/silences/{silence_id}").json(), "endsAt": later})

    assert again.json() == {"silenceID": silence_id}
    assert kept(door)[silence_id]["endsAt"][:19] == later[:19]


def test_other_matchers_end_the_old_silence_and_begin_a_new_one(door: Still) -> None:
    silence_id = keep(door).json()["silenceID"]
    other = keep(door, id=silence_id, matchers=[{"name": "severity", "value": "ticket"}]).json()["silenceID"]

    states = {each: kept(door)[each]["status"]["state"] for each in (silence_id, other)}
    assert states == {silence_id: "expired", other: "active"}


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"matchers": []}, 422, "matchers"),
        ({"matchers": [{"name": "a", "value": "(", "isRegex": True}]}, 400, "is no regular expression (RE2)"),
        (
            {"matchers": [{"name": "a", "value": ".*", "isRegex": True}]},
            400,
            "match alerts that have none of the labels",
        ),
        ({"matchers": [{"name": "a", "value": "x" * 2000}]}, 422, "value"),
        ({"matchers": [{"name": "a", "value": "x\0"}]}, 422, "matchers[0].value: holds a NUL"),
        ({"matchers": [EQUAL] * 21}, 422, "matchers"),
        ({"createdBy": ""}, 422, "createdBy"),
        ({"createdBy": "  "}, 400, "createdBy: write 1 to 100 characters"),
        ({"comment": ""}, 422, "comment"),
        ({"comment": "x" * 501}, 422, "comment"),
        ({"endsAt": "2020-01-01T00:00:00Z"}, 400, "endsAt: should be in the future"),
        ({"endsAt": "2999-01-01T00:00:00Z"}, 400, "at most 90 days"),
        ({"endsAt": "9999-12-31T23:59:59-23:00"}, 422, "write a moment"),
        ({"endsAt": "tomorrow"}, 422, "endsAt"),
        ({"endsAt": "2026-01-01T00:00:00"}, 422, "endsAt"),
        ({"id": "nobody"}, 404, "no silence has this id"),
    ],
)
def test_a_silence_that_cannot_be_is_refused_in_words(
    door: Still, change: dict[str, Any], status: int, said: str
) -> None:
    answer = keep(door, **change)

    assert answer.status_code == status
    assert said in answer.json()["error"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_silence_that_nobody_knows_is_not_found(door: Still, method: str) -> None:
    answer = httpx.request(method, f"{door.url}/v1/silences/nobody", trust_env=False)

    assert (answer.status_code, answer.json()) == (404, {"error": "no silence has this id"})


def test_another_sites_page_ends_no_silence(door: Still) -> None:
    silence_id = keep(door).json()["silenceID"]
    headers = {"origin": "https://evil.example"}
    answer = httpx.delete(f"{door.url}/v1/silences/{silence_id}", headers=headers, trust_env=False)

    assert answer.status_code == 403
    assert kept(door)[silence_id]["status"] == {"state": "active"}


def test_the_command_line_adds_lists_and_expires(door: Still, cli: Cli) -> None:
    at = ("--server", door.url)
    code, out, _ = cli(
        "silence", "add", "service=scoring", "slo=~avail.*", "--for", "2h", "--as", "ines", "--comment", "move", *at
    )
    silence_id = out.strip()
    _, listed, _ = cli("silence", "list", *at)
    ended = cli("silence", "expire", silence_id, *at)
    _, after, _ = cli("silence", "list", *at)

    assert code == 0
    [line] = [line for line in listed.splitlines() if silence_id in line]
    assert 'ines  service="scoring" slo=~"avail.*"' in line
    assert ended == (0, f"expired {silence_id}\n", "")
    assert silence_id not in after
    assert silence_id in cli("silence", "list", "--expired", *at)[1]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("service", "--for", "1h"), "'service' is no matcher; write name=value"),
        (("=x", "--for", "1h"), "'=x' is no matcher"),
        (("a=~(", "--for", "1h"), "is no regular expression"),
        (("a=b", "--for", "soon"), "--for: 'soon' is not a duration"),
    ],
)
def test_the_command_line_says_what_it_cannot_read(door: Still, cli: Cli, argv: tuple[str, ...], said: str) -> None:
    code, _, err = cli("silence", "add", *argv, "--as", "ines", "--comment", "move", "--server", door.url)

    assert code == 1
    assert said in err
