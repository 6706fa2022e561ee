"""The API as programs use it: the views as JSON, errors alike, and a description that is true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from burnline.runbooks.releases.registry import Start
from tests.app.scenes import Client, break_release, browser, story
from tests.flow.world import World

HUGE = str(2**80)
READABLE = {
    "/v1/services": "/v1/services",
    "/v1/services/scoring": "/v1/services/{name}",
    "/v1/services/scoring/policy": "/v1/services/{name}/policy",
    "/v1/services/scoring/slos/availability/history": "/v1/services/{name}/slos/{slo}/history",
    "/v1/incidents": "/v1/incidents",
    "/v1/incidents/1": "/v1/incidents/{incident_id}",
    "/v1/incidents/1/postmortem": "/v1/incidents/{incident_id}/postmortem",
    "/v1/audit": "/v1/audit",
    "/v1/runs": "/v1/runs",
    "/v1/runs/1": "/v1/runs/{run_id}",
    "/v1/runbooks": "/v1/runbooks",
    "/v1/runbooks/bad-release": "/v1/runbooks/{runbook_id}",
    "/v1/silences": "/v1/silences",
    "/v1/approvals": "/v1/approvals",
    "/v1/actions": "/v1/actions",
    "/v1/drills": "/v1/drills",
    "/v1/releases": "/v1/releases",
    "/v1/releases/1": "/v1/releases/{release_id}",
    "/v1/services/scoring/verdict": "/v1/services/{name}/verdict",
    "/v1/gates/argo/scoring": "/v1/gates/argo/{service}",
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A bad release serves, and its rollback waits for a person."""
    with story(tmp_path_factory.mktemp("api"), seconds=45) as made:
        made.live(20)
        break_release(made)
        made.app.releases.registry(made.now).start(Start("scoring", "2", "ana", previous="1"), made.now)
        yield made


@pytest.fixture(scope="module")
def client(scene: World) -> Client:
    """A program."""
    return Client(scene.app)


@pytest.fixture(scope="module")
def described(client: Client) -> dict[str, Any]:
    """What /openapi.json promises."""
    promised: dict[str, Any] = client.get("/openapi.json").json()
    return promised


def is_an_error(answer: httpx.Response, status: int) -> bool:
    """An error of that status in the one form all errors have."""
    body = answer.json()
    said = body["error"]
    return answer.status_code == status and list(body) == ["error"] and isinstance(said, str) and said != ""


def fits(described: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    """Whether `value` is as promised; the assertion names what is not."""
    wrong = Draft202012Validator({**schema, "components": described["components"]}).iter_errors(value)
    assert not list(wrong)
    return True


# Views


def test_a_service_says_state_meaning_and_numbers(client: Client) -> None:
    service = client.get("/v1/services/scoring").json()

    assert service["state"] == "breached"
    assert service["version"] == "2"
    assert not service["late"]
    [availability] = [slo for slo in service["slos"] if slo["name"] == "availability"]
    assert availability["window"] == "12h"
    assert 0 < availability["bad"] < availability["total"]
    assert availability["burns"][0]["firing"]
    assert service["sentence"] == f"availability: {availability['sentence']}"


def test_the_worst_service_comes_first(client: Client) -> None:
    assert [service["name"] for service in client.get("/v1/services").json()] == ["scoring"]


def test_history_has_one_value_per_moment_and_null_where_there_was_no_data(client: Client) -> None:
    history = client.get("/v1/services/scoring/slos/availability/history?seconds=300").json()

    lengths = {len(history["at"]), len(history["budget_remaining"]), len(history["sli"])}
    assert lengths | {len(burn["rate"]) for burn in history["burns"]} == {len(history["at"])}
    assert [burn["tier"] for burn in history["burns"]] == ["page-fast", "page-slow", "ticket-fast", "ticket-slow"]
    assert history["budget_remaining"][0] is None
    assert (history["known"][0], history["known"][-1]) == (False, True)
    assert history["budget_remaining"][-1] < 1
    assert history["at"] == sorted(history["at"])


def test_history_of_a_service_nobody_evaluated_is_empty(tmp_path: Path) -> None:
    with story(tmp_path, seconds=10) as made:
        history = Client(made.app).get("/v1/services/scoring/slos/quality/history")

    assert history.status_code == 200
    assert history.json()["at"] == []


def test_an_incident_has_its_record_runs_and_what_is_being_done(client: Client) -> None:
    incident = client.get("/v1/incidents/1").json()
    [line] = client.get("/v1/incidents").json()

    assert incident["doing"] == line["doing"] == "bad-release waits for a person"
    assert incident["chain_holds"]
    assert [entry["at"] for entry in incident["entries"]] == sorted(entry["at"] for entry in incident["entries"])
    assert incident["runs"] == client.get("/v1/runs").json()
    assert incident["runs"][0] == client.get("/v1/runs/1").json()
    assert incident["approvals"] == client.get("/v1/approvals").json()


def test_an_approval_is_decided_once(tmp_path: Path) -> None:
    with story(tmp_path, seconds=45) as made:
        made.live(20)
        break_release(made)
        client = Client(made.app)
        [asked] = client.get("/v1/approvals").json()
        answer = {"decision": "approve", "actor": "Noor", "plan_hash": asked["plan_hash"]}

        first, second = (client.post(f"/v1/approvals/{asked['id']}", json=answer) for _ in range(2))

        assert (first.status_code, first.json()) == (200, {"state": "approved"})
        assert is_an_error(second, 409)
        assert client.get("/v1/approvals").json() == []


# Errors


@pytest.mark.parametrize(
    "path",
    [
        "/v1/services/nope",
        "/v1/services/nope/slos/availability/history",
        "/v1/services/scoring/slos/nope/history",
        "/v1/services/%3Cscript%3E",
        "/v1/services/%00",
        "/v1/services/%F0%9F%94%A5%E2%80%AE",
        "/v1/services/..%2f..%2fetc%2fpasswd",
        f"/v1/services/{'x' * 5000}",
        "/v1/incidents/999",
        f"/v1/incidents/{2**63 - 1}",
        "/v1/runs/999",
        "/v1/nope",
        "/nope",
        "/static/../pages.py",
        "/static/%2e%2e/pages.py",
        "/static/%00",
    ],
)
def test_what_is_not_there_is_404_in_words(client: Client, path: str) -> None:
    assert is_an_error(client.get(path), 404)


@pytest.mark.parametrize("number", ["0", "-1", HUGE, f"-{HUGE}", "1.5", "one", "%00", "9" * 5000, "0x1", "NaN"])
@pytest.mark.parametrize("path", ["/v1/incidents/{}", "/v1/runs/{}"])
def test_a_number_that_cannot_be_is_422_in_words(client: Client, path: str, number: str) -> None:
    assert is_an_error(client.get(path.format(number)), 422)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "-inf", "1e309", HUGE, "one", ""])
def test_a_span_that_cannot_be_is_422_in_words(client: Client, seconds: str) -> None:
    assert is_an_error(client.get(f"/v1/services/scoring/slos/latency/history?seconds={seconds}"), 422)


@pytest.mark.parametrize("seconds", ["1e-300", "0.5", "31622400"])
def test_any_span_that_can_be_is_answered(client: Client, seconds: str) -> None:
    assert client.get(f"/v1/services/scoring/slos/latency/history?seconds={seconds}").status_code == 200


@pytest.mark.parametrize("limit", ["0", "-1", "1001", HUGE, "all"])
@pytest.mark.parametrize("path", ["/v1/incidents", "/v1/runs"])
def test_a_limit_that_cannot_be_is_422_in_words(client: Client, path: str, limit: str) -> None:
    assert is_an_error(client.get(f"{path}?limit={limit}"), 422)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/services/scoring/slos/latency/history?seconds=abc", "seconds: is 'abc'; write a number"),
        ("/v1/services/scoring/slos/latency/history?seconds=0", "seconds: is '0'; write a number above 0.0"),
        ("/v1/runs?limit=all", "limit: is 'all'; write a whole number"),
        ("/v1/runs?limit=1.5", "limit: is '1.5'; write a whole number"),
        ("/v1/runs?limit=1001", "limit: is '1001'; write a number up to 1000"),
        ("/v1/runs/one", "run_id: is 'one'; write a whole number"),
        ("/v1/runs/0", "run_id: is '0'; write a number from 1 on"),
        ("/v1/drills?service=a%00b", "service: holds a NUL character"),
        ("/v1/incidents/1/postmortem?format=pdf", "format: is 'pdf'; accepted: md, html or json"),
    ],
)
def test_what_is_wrong_with_a_query_or_path_is_said_with_its_place_and_what_is_accepted(
    client: Client, path: str, said: str
) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()) == (422, {"error": said})


def test_a_gate_that_is_none_is_said_with_those_that_there_are(client: Client) -> None:
    answer = client.post("/v1/gates/flagger/rolback", json={"name": "scoring"})

    assert answer.status_code == 422
    assert "gate: is 'rolback'; accepted: confirm-rollout, " in answer.json()["error"]
    assert "did you mean 'rollback'?" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/services/scorin", None),
        ("/v1/services/scorin/policy", None),
        ("/v1/services/scorin/measured", None),
        ("/v1/services/scorin/verdict", None),
        ("/v1/services/scorin/slos/latency/history", None),
        ("/v1/gates/argo/scorin", None),
        ("/v1/gates/flagger/rollback", {"name": "scorin"}),
        ("/v1/drills", {"service": "scorin"}),
        ("/v1/runs", {"service": "scorin", "runbook": "bad-release", "actor": "ines"}),
    ],
)
def test_a_service_that_is_none_is_said_with_those_that_there_are(
    client: Client, path: str, body: dict[str, str] | None
) -> None:
    answer = client.post(path, json=body) if body else client.get(path)

    said = "no service is called 'scorin'; known: scoring; did you mean 'scoring'?"
    assert (answer.status_code, answer.json()) == (404, {"error": said})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"decision": "maybe", "actor": "x", "plan_hash": "x"}',
        b'{"decision": "approve", "actor": "", "plan_hash": "x"}',
        b'{"decision": "approve", "actor": NaN, "plan_hash": "x"}',
    ],
)
def test_an_answer_that_is_none_is_422_in_words(client: Client, body: bytes) -> None:
    assert is_an_error(client.post("/v1/approvals/1", content=body, headers={"content-type": "application/json"}), 422)


def test_an_answer_in_no_known_writing_is_400_in_words(client: Client) -> None:
    assert is_an_error(
        client.post("/v1/approvals/1", content=b"\xff", headers={"content-type": "application/json"}), 400
    )


def test_an_answer_that_cannot_be_taken_is_409_in_words(client: Client) -> None:
    answer = {"decision": "approve", "actor": "Noor", "plan_hash": "0" * 64}

    assert is_an_error(client.post("/v1/approvals/1", json=answer), 409)
    assert is_an_error(client.post(f"/v1/approvals/{2**63 - 1}", json=answer), 409)
    assert is_an_error(client.post(f"/v1/approvals/{HUGE}", json=answer), 422)


def test_a_wrong_method_is_405_in_words(client: Client) -> None:
    answer = client.post("/v1/services")

    assert is_an_error(answer, 405)
    assert answer.headers["allow"] == "GET"


def test_with_a_token_answers_need_it_and_reading_does_not(tmp_path: Path) -> None:
    with story(tmp_path, seconds=45) as made:
        made.app.settings = made.app.settings.model_copy(update={"token": "s3cret"})
        client = Client(made.app)
        body = {"decision": "approve", "actor": "Noor", "plan_hash": "0"}

        sent = [None, "s3cret", "Basic s3cret", "Bearer", "Bearer s3cre", "bearer s3cret", "Bearer s3cret"]
        answers = [
            client.post("/v1/approvals/1", json=body, headers={"authorization": header} if header else {})
            for header in sent
        ]

        assert [answer.status_code for answer in answers] == [401] * 5 + [409] * 2
        assert is_an_error(answers[0], 401)
        assert client.get("/v1/services").status_code == 200


def test_an_api_error_is_json_even_for_a_browser(scene: World) -> None:
    assert is_an_error(browser(scene.app).get("/v1/services/nope"), 404)


def test_a_failing_store_is_503_without_its_secrets(tmp_path: Path) -> None:
    with story(tmp_path, seconds=10) as made:
        made.app.db.close()

        answer = Client(made.app).get("/v1/incidents")

    assert is_an_error(answer, 503)
    assert str(tmp_path) not in answer.text


@given(name=st.binary(max_size=40), query=st.binary(max_size=20))
def test_no_address_makes_it_fail(client: Client, name: bytes, query: bytes) -> None:
    for start in ("/v1/services/", "/v1/incidents/", "/services/", "/parts/incidents/", "/static/", "/"):
        answer = client.get(f"{start}{quote(name)}?last={quote(query)}&seconds={quote(query)}")

        assert answer.status_code < 500


# The description


def test_every_door_and_view_is_described_and_no_page_is(described: dict[str, Any]) -> None:
    doors = {
        "/v1/predictions",
        "/v1/alerts",
        "/v1/answers",
        "/v1/samples",
        "/v1/services/{name}/signals/{signal}",
        "/api/v1/lineage",
        "/v1/business",
        "/v1/jobs",
        "/v1/labels",
        "/v1/lineage",
        "/v1/logs",
        "/v1/metrics",
        "/v1/security",
        "/v1/services/{name}/measured",
        "/v1/traces",
        "/v1/approvals/{approval_id}",
        "/v1/silences/{silence_id}",
        "/metrics",
        "/healthz",
        "/readyz",
    }
    doors |= {f"/v1/releases/{{release_id}}/{verb}" for verb in ("promote", "abort")} | {"/v1/gates/flagger/{gate}"}

    assert set(described["paths"]) == set(READABLE.values()) | doors


@pytest.mark.parametrize("path", READABLE)
def test_answers_are_as_described(client: Client, described: dict[str, Any], path: str) -> None:
    promised = described["paths"][READABLE[path]]["get"]["responses"]["200"]["content"]["application/json"]["schema"]

    assert fits(described, promised, client.get(path).json())


@pytest.mark.parametrize("path", READABLE)
def test_errors_are_described_as_they_are(described: dict[str, Any], path: str) -> None:
    answers = described["paths"][READABLE[path]]["get"]["responses"]

    schemas = {
        answer["content"]["application/json"]["schema"]["$ref"] for key, answer in answers.items() if key != "200"
    }
    assert schemas == {"#/components/schemas/Trouble"}
    assert ("404" in answers) == ("{" in READABLE[path])


def test_the_description_knows_no_error_form_but_ours(described: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in described["components"]["schemas"]


@pytest.mark.parametrize("door", ["/v1/predictions", "/v1/alerts"])
def test_doors_say_that_they_take_a_body_and_how_they_refuse_it(described: dict[str, Any], door: str) -> None:
    promised = described["paths"][door]["post"]

    assert promised["requestBody"]["required"]
    assert {"400", "401", "403", "408", "413", "503"} <= set(promised["responses"])


@pytest.mark.parametrize(("form", "start"), [("md", "# "), ("html", "<!doctype html>"), ("json", "{")])
def test_the_draft_of_a_post_mortem_is_answered_in_each_form(client: Client, form: str, start: str) -> None:
    answer = client.get(f"/v1/incidents/1/postmortem?format={form}").json()

    assert (answer["format"], answer["text"][: len(start)].lower()) == (form, start)
    assert "availability" in answer["text"]


def test_a_post_mortem_of_nothing_or_in_no_form_is_refused(client: Client) -> None:
    assert is_an_error(client.get("/v1/incidents/99/postmortem"), 404)
    assert is_an_error(client.get("/v1/incidents/1/postmortem?format=pdf"), 422)


def test_a_person_stops_every_change_and_takes_it_back(client: Client) -> None:
    before = client.get("/v1/actions").json()

    off = client.post("/v1/actions", json={"state": "off", "actor": "ines", "reason": "a bad deploy"})
    seen = client.get("/v1/actions").json()
    on = client.post("/v1/actions", json={"state": "on", "actor": "ines"}).json()

    assert before == {"state": "on", "by": "", "since": None, "reason": "", "halted": "", "turns": []}
    assert (off.status_code, off.json()) == (200, seen)
    assert (seen["state"], seen["by"], seen["reason"]) == ("off", "ines", "a bad deploy")
    assert on["state"] == "on"
    assert [(each["by"], each["before"], each["state"], each["reason"]) for each in on["turns"]] == [
        ("ines", "off", "on", ""),
        ("ines", "on", "off", "a bad deploy"),
    ]


def test_nobody_and_the_requester_cannot_switch(client: Client) -> None:
    assert is_an_error(client.post("/v1/actions", json={"state": "off", "actor": "Burnline"}), 409)
    assert is_an_error(client.post("/v1/actions", json={"state": "off", "actor": ""}), 422)
    assert is_an_error(client.post("/v1/actions", json={"state": "maybe", "actor": "ines"}), 422)
