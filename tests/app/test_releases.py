"""Releases over HTTP and by the command line, on what burnline itself scraped; and the gates others ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from burnline.app.application import create_app
from burnline.app.wiring import App, build
from burnline.app.workers import Workers
from burnline.events import Collection, Sample
from burnline.metrics import business
from burnline.settings import Settings
from tests.app.conftest import Cli
from tests.app.serving import serving

SCRAPE = timedelta(seconds=15)
SERVICE = """
apiVersion: burnline/v1
service: fraud
owner: payments-ml
collect: [{{url: "http://127.0.0.1:1/metrics"}}]
slos:
  - {{name: up, objective: 99%, window: 30d, sli: {{ratio: {{bad: 'r_total{{code=~"5.."}}', total: r_total}}}}}}
budget_policy: [{{left: 0%, do: notify}}]
release:
  hook: {{alias: {{file: {folder}/registry.json}}}}
  canary: {{version: "${{version}}"}}
  baseline: {{version: "${{previous}}"}}
  steps: [{{traffic: 10%, bake: 5m}}]
  guards:
    - {{sli: up, kind: sequential, worse_than_baseline: 1.5x, min_events: 200}}
    - {{business: sold, kind: sequential, below_baseline: 0.9x, on_violation: review}}
  business: {{sold: {{ratio: {{good: orders_total, total: visits_total}}}}}}
"""
START = {
    "service": "fraud",
    "version": "2",
    "by": "ana",
    "commit": "9f2c",
    "data": "s3://d/7",
    "environment": "sha256:e",
    "seeds": [7],
    "metrics": {"auc": 0.91},
}


class Desk:
    """burnline behind the real server; the test moves its time, and plays the service."""

    def __init__(self, url: str, app: App) -> None:
        self.url, self.app = url, app
        self.now = app.clock()
        self.counters: dict[tuple[str, str, str], float] = {}
        self.failing = {"1": 0.01, "2": 0.01}

    def live(self, minutes: float) -> None:
        """Scrapes, and turns of the worker and the executors."""
        for _ in range(int(minutes * 4)):
            self.now += SCRAPE
            for version, requests in (("1", 900.0), ("2", 100.0)):
                bad = requests / 4 * self.failing[version]
                self._grow("r_total", version, "500", bad)
                self._grow("r_total", version, "200", requests / 4 - bad)
                self._grow("visits_total", version, "", requests / 4)
                self._grow("orders_total", version, "", requests / 20)
            samples = tuple(
                Sample(name, {"version": version, **({"code": code} if code else {})}, value)
                for (name, version, code), value in self.counters.items()
            )
            self.app._hand_over(Collection("fraud", "scrape", "http://127.0.0.1:1", self.now, 0.1, True, samples))
            self.app.engine.run_once(self.now)
            self.app.releases.run_once(self.now)
            for executor in self.app.executors:
                executor.run_once(self.now)

    def _grow(self, name: str, version: str, code: str, by: float) -> None:
        self.counters[name, version, code] = self.counters.get((name, version, code), 0.0) + by

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=20)

    def post(self, path: str, body: Any, token: str = "open-sesame") -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
        return httpx.post(self.url + path, content=content, headers=headers, timeout=20)

    def gate(self, name: str, **metadata: str) -> int:
        """As Flagger asks: without a token."""
        body = {"name": "fraud", "namespace": "prod", "phase": "Progressing", "metadata": metadata}
        return self.post(f"/v1/gates/flagger/{name}", body, token="").status_code


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    services = tmp_path / "services"
    services.mkdir()
    (services / "fraud.yaml").write_text(SERVICE.format(folder=tmp_path))
    first = {"alias": "champion", "from": None, "to": "1", "at": "2025-12-01T00:00:00Z", "by": "pipeline"}
    registry = {"aliases": {"champion": "1"}, "versions": {"1": {}, "2": {}, "3": {}}, "history": [first]}
    (tmp_path / "registry.json").write_text(json.dumps(registry))
    app = build(Settings(database=f"sqlite:///{tmp_path}/burnline.db", services=services, token="open-sesame"))
    app._workers = Workers([], app.instruments)
    with serving(create_app(app)) as url:
        made = Desk(url, app)
        app.clock = lambda: made.now
        made.live(3)  # of a budget of which nothing is known, the policy asks for another person
        yield made


def test_a_release_is_started_watched_and_promoted_on_what_was_scraped(desk: Desk) -> None:
    begun = desk.post("/v1/releases", START)
    assert begun.status_code == 200, begun.text
    assert begun.json()["line"]["previous"] == "1"
    assert begun.json()["missing"] == []

    desk.live(8)

    found = desk.get("/v1/releases/1").json()
    assert found["line"]["state"] == "promoted"
    assert found["whole"] is True
    assert [guard["verdict"] for guard in found["guards"]] == ["pass", "pass"]
    assert "baseline 1.00%" in found["guards"][0]["text"]
    assert desk.get("/v1/services/fraud/verdict").json()["verdict"] == "pass"


def test_a_bad_release_is_taken_back_and_every_gate_says_no(desk: Desk) -> None:
    desk.post("/v1/releases", START)
    assert desk.gate("confirm-rollout") == 200
    assert (desk.gate("confirm-traffic-increase"), desk.gate("confirm-promotion")) == (403, 403)  # not looked yet
    assert desk.gate("rollback") == 403

    desk.failing["2"] = 0.3
    desk.live(4)

    found = desk.get("/v1/releases").json()[0]
    assert (found["state"], found["verdict"]) == ("aborting", "fail")
    assert (desk.gate("confirm-traffic-increase"), desk.gate("confirm-promotion")) == (403, 403)
    assert desk.gate("rollback") == 200
    argo = desk.get("/v1/gates/argo/fraud").json()
    assert (argo["verdict"], argo["value"], argo["version"]) == ("fail", 0, "2")


def test_gates_say_yes_while_guards_are_content_and_no_of_another_version(desk: Desk) -> None:
    desk.post("/v1/releases", START)

    desk.live(4)

    assert desk.gate("confirm-traffic-increase") == 200
    assert desk.gate("confirm-promotion", version="2") == 200
    assert desk.gate("confirm-promotion", version="3") == 403
    assert desk.gate("rollback", version="3") == 403
    assert desk.get("/v1/gates/argo/fraud?version=2").json()["value"] == 1
    assert desk.get("/v1/gates/argo/fraud?version=3").json()["verdict"] == "no_data"


def test_gates_know_services_by_their_own_name_or_by_metadata(desk: Desk) -> None:
    assert desk.gate("confirm-rollout", service="fraud") == 200
    assert desk.gate("confirm-rollout", service="other") == 404
    assert desk.gate("rollback", service="other") == 404
    assert desk.gate("load-test") == 422
    assert desk.get("/v1/gates/argo/other").status_code == 404
    assert desk.get("/v1/services/other/verdict").status_code == 404


@pytest.mark.parametrize("path", ["/v1/releases", "/v1/releases/1/promote", "/v1/releases/1/abort"])
def test_what_changes_something_needs_the_token(desk: Desk, path: str) -> None:
    assert desk.post(path, START, token="").status_code == 401
    assert desk.post(path, START, token="wrong").status_code == 401


def test_people_promote_and_abort(desk: Desk) -> None:
    desk.post("/v1/releases", START)

    refused = desk.post("/v1/releases/1/abort", {"by": "burnline"})
    aborted = desk.post("/v1/releases/1/abort", {"by": "ben", "reason": "wrong build"})
    again = desk.post("/v1/releases/1/promote", {"by": "ben"})

    assert refused.status_code == 409
    assert aborted.json()["line"]["state"] == "aborting"
    assert again.status_code == 409
    assert "release 1 of fraud is aborting already" in again.json()["error"]
    assert desk.post("/v1/releases/9/abort", {"by": "ben"}).status_code == 409
    assert desk.get("/v1/releases/9").status_code == 404


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"service": "nope"}, 409),
        ({"version": ""}, 409),
        ({"version": "v" * 201}, 422),
        ({"version": "\x1b[31m"}, 409),
        ({"unknown": 1}, 422),
        ({"seeds": [1.5]}, 422),
        ({"metrics": {"auc": [1]}}, 422),
        ({"extra": {"x": "y" * 70_000}}, 409),
        ({"extra": {"x": "\x00"}}, 409),
        ({"extra": {"x": "\ud800"}}, 409),
        ({"extra": {"x": float("nan")}}, 409),
        ({"metrics": {"auc": float("inf")}}, 422),
    ],
)
def test_a_body_that_cannot_be_kept_is_refused_in_words(desk: Desk, change: dict[str, Any], status: int) -> None:
    answer = desk.post("/v1/releases", {**START, **change})

    assert answer.status_code == status, answer.text
    assert answer.json()["error"]
    assert desk.get("/v1/releases").json() == []


def nested(depth: int) -> Any:
    """A word within so many lists."""
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("depth", [31, 300, 900])
def test_lineage_nested_too_deep_to_be_shown_is_refused_and_nothing_is_begun(desk: Desk, depth: int) -> None:
    answer = desk.post("/v1/releases", {**START, "extra": {"k": nested(depth)}})

    assert answer.status_code == 409
    assert "the lineage is nested deeper than 32" in answer.json()["error"]
    assert desk.get("/v1/releases").json() == []


def test_lineage_as_deep_as_may_be_is_shown_everywhere(desk: Desk) -> None:
    begun = desk.post("/v1/releases", {**START, "extra": {"k": nested(30)}})

    assert begun.status_code == 200, begun.text
    assert desk.get("/v1/releases/1").status_code == desk.get("/v1/releases").status_code == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 100_000])
def test_a_body_that_is_no_release_is_refused(desk: Desk, body: bytes) -> None:
    answer = desk.post("/v1/releases", body)

    assert answer.status_code in (400, 422)
    assert answer.json()["error"]


def test_the_command_line_starts_shows_lists_and_takes_back(
    desk: Desk, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BURNLINE_URL", desk.url)
    monkeypatch.setenv("BURNLINE_TOKEN", "open-sesame")
    (tmp_path / "record.json").write_text(json.dumps({"commit": "9f2c", "metrics": {"auc": 0.9}}))

    code, out, err = cli("release", "start", "fraud", "2", "--as", "ana", "--record", "record.json", "--seed", "7")
    assert (code, err) == (0, "")
    assert "release 1: fraud 2 (was 1): baking, no_data" in out
    assert "lineage lacks data, environment" in out
    assert "fraud" in cli("release", "list")[1]
    assert cli("release", "status", "fraud")[0] == 0

    code, out, _ = cli("release", "abort", "fraud", "--as", "ben", "--reason", "wrong build")
    assert "ben takes it back: wrong build" in out
    code, out, _ = cli("release", "status", "1", "--json")
    assert (code, json.loads(out)["line"]["state"]) == (1, "aborting")
    code, _, err = cli("release", "promote", "fraud", "--as", "ben")
    assert (code, "aborting already" in err) == (1, True)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["start", "fraud", "2", "--as", "ana", "--metric", "auc"], "--metric auc: write NAME=VALUE"),
        (["start", "fraud", "2", "--as", "ana", "--record", "list.json"], "holds no mapping"),
        (["start", "fraud", "2", "--as", "ana", "--record", "none.json"], "none.json"),
        (["status", "other"], "other has no release on record"),
        (["start", "other", "2", "--as", "ana"], "'other' has no service file with a `release`; these have: fraud"),
    ],
)
def test_the_command_line_says_what_is_wrong(
    desk: Desk, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, argv: list[str], words: str
) -> None:
    monkeypatch.setenv("BURNLINE_URL", desk.url)
    monkeypatch.setenv("BURNLINE_TOKEN", "open-sesame")
    (tmp_path / "list.json").write_text("[]")

    code, _, err = cli("release", *argv)

    assert code == 1
    assert words in err


def test_the_business_metrics_of_guards_are_scraped(desk: Desk) -> None:
    [spec] = desk.app.specs

    assert business.wanted(spec) == {"orders_total", "visits_total"}


def test_a_record_of_a_release_is_no_incident(desk: Desk) -> None:
    desk.post("/v1/releases", START)

    assert desk.get("/v1/incidents").json() == []
    assert isinstance(datetime.fromisoformat(desk.get("/v1/releases/1").json()["record"][0]["at"]), datetime)


def test_its_record_and_its_runs_are_found_under_its_number_as_pages_too(desk: Desk) -> None:
    desk.post("/v1/releases", START)
    desk.post("/v1/releases/1/abort", {"by": "ben"})
    desk.live(1)
    number = desk.get("/v1/releases/1").json()["incident"]

    found = desk.get(f"/v1/incidents/{number}").json()
    page = httpx.get(f"{desk.url}/incidents/{number}", headers={"accept": "text/html"}, timeout=20)

    assert [run["runbook"] for run in found["runs"]] == ["release-abort"]
    assert page.status_code == 200
    assert "ben takes it back" in page.text
