"""Drills over HTTP, on the command line and on the console."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from burnline.app.wiring import App, build
from burnline.detectors.profile import save_reference
from burnline.detectors.profiling.build import build_profile
from burnline.settings import Settings
from burnline.store.database import open_database
from tests.app.conftest import Cli
from tests.app.drills.scene import SERVICE, write_service
from tests.app.scenes import Client

TOKEN = "a-token"
AS_US = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """burnline with its workers standing still, and a token."""
    save_reference(build_profile({"length": [1.0, 2.0, 3.0]}, [1.0] * 3, name="scoring"), tmp_path / "reference.json")
    file = write_service(tmp_path, SERVICE.replace("reference.json", f"{tmp_path}/reference.json"))
    settings = Settings(
        database=f"sqlite:///{tmp_path}/burnline.db", services=file, runbooks=tmp_path / "runbooks", token=TOKEN
    )
    made = build(settings)
    yield made
    made.stop()


@pytest.fixture
def client(app: App) -> Client:
    """A program."""
    return Client(app)


def test_a_drill_is_started_in_the_background_and_listed_when_it_is_over(app: App, client: Client) -> None:
    started = client.post("/v1/drills", json={"service": "scoring", "scenarios": ["errors"]}, headers=AS_US)
    again = client.post("/v1/drills", json={"service": "scoring"}, headers=AS_US)
    before = client.get("/v1/drills").json()
    page = client.get("/services/scoring").text

    app.drills.run_once(app.clock())

    assert (started.status_code, started.json()["scenarios"]) == (202, ["errors"])
    assert again.status_code == 409
    assert before == []
    assert "drilled <b>never</b>" in page
    [done] = client.get("/v1/drills?service=scoring").json()
    assert (done["scenario"], done["mode"], done["passed"]) == ("errors", "simulation", True)
    assert "all passed" in client.get("/services/scoring").text


def test_a_drill_cannot_be_started_without_the_token_or_for_nobody(client: Client) -> None:
    assert client.post("/v1/drills", json={"service": "scoring"}).status_code == 401
    assert client.post("/v1/drills", json={"service": "nobody"}, headers=AS_US).status_code == 404
    refused = client.post("/v1/drills", json={"service": "scoring", "scenarios": ["earthquake"]}, headers=AS_US)
    assert refused.status_code == 422
    assert client.post("/v1/drills", json={"service": "scoring", "run": 7}, headers=AS_US).json() == {
        "error": "scoring has no drill run 7"
    }


def test_the_verb_prints_each_check_and_the_times_and_keeps_the_drill(cli: Cli, tmp_path: Path) -> None:
    file = write_service(tmp_path)
    database = f"sqlite:///{tmp_path}/kept.db"
    open_database(database).close()
    env = {"BURNLINE_RUNBOOKS": str(tmp_path / "runbooks"), "BURNLINE_DATABASE": database}

    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        code, out, err = cli("drill", "scoring", "--services", file, "--scenario", "errors")
        _, history, _ = cli("drill", "scoring", "--history")

    assert (code, err) == (0, "")
    assert "errors: passed (half of the requests fail; " in out
    assert "ok   recovered                back recovered" in out
    assert "service minutes in" in out
    assert [line.split()[:2] for line in out.splitlines()[-2:]] == [["target", "40m"], ["errors", "passed"]]
    assert "scoring" in history
    assert "simulation" in history


def test_a_drill_that_fails_is_exit_code_one_and_says_where(cli: Cli, tmp_path: Path) -> None:
    file = write_service(tmp_path)

    code, out, err = cli("drill", "scoring", "--services", file, "--scenario", "errors", "--json")

    assert code == 1, "the catalogue of the settings has no runbook of that name"
    [done] = json.loads(out)
    assert done["passed"] is False
    assert [check["text"] for check in done["checks"] if check["name"] == "runbook ran"] == ["back 0 times"]
    assert "not kept: " in err


def test_a_service_that_is_not_there_is_named_with_those_that_are(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("drill", "scorin", "--services", write_service(tmp_path))

    assert code == 1
    assert err.strip().endswith("there is scoring did you mean 'scoring'?")
