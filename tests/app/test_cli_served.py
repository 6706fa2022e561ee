"""The verbs that ask a running burnline: status and runs."""

from __future__ import annotations

import http.server
import json
import re
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from burnline.app.application import create_app
from burnline.app.commands import status_table
from burnline.app.workers import Workers
from burnline.events import Outcome, RunState
from burnline.store import approvals, runs
from tests.app.conftest import Cli
from tests.app.serving import serving
from tests.flow.world import World, world


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world where the rollback of a bad release waits for a person, by the clock that the API reads."""
    folder = tmp_path_factory.mktemp("world")
    with world(folder, approval="one", params="{settle: 3s, window: 2s}") as made:
        made.now = datetime.now(UTC) - timedelta(seconds=115)
        made.live(70)
        made.service.release("2", made.now)
        made.live(45)
        made.app._workers = Workers([], made.app.instruments)
        yield made


@pytest.fixture(scope="module")
def served(scene: World) -> Iterator[str]:
    with serving(create_app(scene.app)) as url:
        yield url


@pytest.fixture
def url(served: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where it is served; BURNLINE_URL says so too."""
    monkeypatch.setenv("BURNLINE_URL", served + "/")
    return served


def test_status_shows_every_slo_and_fails_when_one_is_breached(cli: Cli, url: str) -> None:
    code, out, err = cli("status")

    assert (code, err) == (1, "")
    heading, service, first, sentence, *others = out.splitlines()
    assert heading.split()[:3] == ["SLO", "state", "objective"]
    assert service == "scoring"
    assert first.split()[:3] == ["availability", "breached", "99%"]
    assert "; at this rate the budget of 12h is gone in " in sentence
    assert [line.split()[0] for line in others[::2]] == ["latency", "quality"]


def test_status_fits_a_terminal_and_cuts_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    names = {"name": "checkout-ranker", "slos": [{**slo("at_risk"), "name": "availability", "sentence": "so " * 40}]}

    Console(width=80).print(status_table([names, {"name": "idle", "slos": [], "sentence": "Nothing is promised."}]))

    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "\u2026" not in shown
    assert all(word in shown for word in ("checkout-ranker", "availability", "at risk", "Nothing is promised."))


def test_status_prints_what_the_api_says(cli: Cli, url: str) -> None:
    code, out, _ = cli("status", "--json", "--server", url)

    [service] = json.loads(out)
    assert code == 1
    assert service["name"] == "scoring"
    assert {slo["name"]: slo["state"] for slo in service["slos"]}["availability"] == "breached"


def test_status_of_healthy_services_is_a_success(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    services = [{"name": "a", "slos": [slo("ok"), slo("at_risk")]}]
    monkeypatch.setattr("burnline.app.commands.fetch", lambda *_: services)

    assert cli("status")[0] == 0


def test_status_without_data_is_no_success(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    services = [{"name": "a", "slos": [slo("ok"), slo("unknown")]}]
    monkeypatch.setattr("burnline.app.commands.fetch", lambda *_: services)

    code, out, _ = cli("status")

    assert code == 1
    assert "unknown" in out


def test_what_a_table_shows_is_never_markup(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    services = [{"name": "[red]a[/nothing] :fire:", "slos": [slo("ok")]}]
    monkeypatch.setattr("burnline.app.commands.fetch", lambda *_: services)

    assert "[red]a[/nothing] :fire:" in cli("status")[1]


def test_control_characters_do_not_reach_the_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    services = [{"name": "a", "slos": [{**slo("ok"), "sentence": "ends \x1b[2J here"}]}]
    monkeypatch.setattr("burnline.app.commands.fetch", lambda *_: services)

    assert "ends \N{REPLACEMENT CHARACTER}[2J here" in cli("status")[1]


@pytest.mark.parametrize(("verb", "told"), [("list", "no runs yet"), ("approvals", "nothing waits for a person")])
def test_an_empty_list_says_so(cli: Cli, monkeypatch: pytest.MonkeyPatch, verb: str, told: str) -> None:
    monkeypatch.setattr("burnline.app.commands.fetch", lambda *_: [])

    assert cli("runs", verb) == (0, told + "\n", "")


def slo(state: str) -> dict[str, object]:
    """An SLO as the API gives it."""
    numbers: dict[str, object] = {"objective": 0.99, "sli": None, "budget_remaining": None, "burns": []}
    return {"name": state, "state": state, "sentence": "so it is", **numbers}


def test_a_run_is_listed_shown_and_approved_once(cli: Cli, url: str, scene: World) -> None:
    with scene.app.db.read() as tx:
        [run] = runs.runs(tx, 10)
    code, listed, _ = cli("runs", "list")
    _, shown, _ = cli("runs", "show", str(run.id))

    assert code == 0
    assert listed.splitlines()[1].split()[:4] == [str(run.id), "scoring", "bad-release", "waiting"]
    assert shown.startswith(f"run {run.id}: bad-release for scoring: waiting\n")
    assert re.search(r"\n  [\d-]+ [\d:]+ UTC  diagnose: done\n      bad share \d", shown)
    assert "{" not in shown
    assert json.loads(cli("runs", "show", str(run.id), "--json")[1])["id"] == run.id

    with scene.app.db.read() as tx:
        [(approval, _)] = approvals.pending_approvals(tx)
    asked = cli("runs", "approvals")[1].splitlines()
    wrong = cli("runs", "approve", str(approval.id + 100), "--as", "ada")
    approved = cli("runs", "approve", str(approval.id), "--as", "ada", "--reason", "errors since the release")
    again = cli("runs", "reject", str(approval.id), "--as", "ada")

    assert asked[1].split()[:3] == [str(approval.id), str(run.id), "scoring"]
    assert "from 2 to 1" in asked[1]
    assert wrong[0] == 1
    assert f"these do: {approval.id}" in wrong[2]
    assert approved == (0, "approved\n", "")
    assert again[0] == 1
    assert "does not wait for an answer; these do: none" in again[2]

    scene.live(30)

    assert scene.service.version == "1", scene.story()
    assert Outcome.RECOVERED in cli("runs", "list")[1]
    assert RunState.WAITING not in cli("runs", "list")[1]


def test_an_unknown_run_is_told_in_words(cli: Cli, url: str) -> None:
    code, _, err = cli("runs", "show", "4711")

    assert code == 1
    assert err == "burnline: no run has the number 4711\n"


@pytest.mark.parametrize("argv", [["runs", "approve", "1"], ["runs", "reject", "1"]])
def test_a_decision_needs_a_name(cli: Cli, argv: list[str]) -> None:
    code, _, err = cli(*argv)

    assert code == 2
    assert "--as" in err


@pytest.mark.parametrize("server", ["nonsense", "http://[::1", "ftp://127.0.0.1", "http://127.0.0.1:1"])
def test_no_burnline_there_is_told_in_words(cli: Cli, server: str) -> None:
    code, out, err = cli("status", "--server", server)

    assert (code, out) == (1, "")
    assert err.startswith(f"burnline: no burnline answers at {server}: ")
    assert err.count("\n") == 1


def test_another_program_there_is_told_in_words(cli: Cli) -> None:
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.handle_request, daemon=True).start()
        code, _, err = cli("status", "--server", f"http://127.0.0.1:{other.server_port}")

    assert code == 1
    assert "no burnline answers" in err


def test_the_token_is_sent(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_TOKEN", "correct-horse")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen: list[bytes] = []

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                seen.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

        thread = threading.Thread(target=answer)
        thread.start()
        code, _, _ = cli("runs", "list", "--server", f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()

    assert code == 0
    assert b"authorization: bearer correct-horse" in seen[0].lower()


def test_an_incident_is_exported_by_a_running_burnline(cli: Cli, url: str, scene: World) -> None:
    code, written, _ = cli("incident", "export", "1", "--server", url)
    nothing = cli("incident", "export", "99", "--server", url)

    assert (code, written.startswith("# "), "availability" in written) == (0, True, True)
    assert nothing[0] == 1
    assert "no incident has the number 99" in nothing[2]


def test_a_person_switches_actions_off_and_on(cli: Cli, url: str, scene: World) -> None:
    off = cli("actions", "off", "--as", "ines", "--reason", "a bad deploy")
    status, short = cli("actions", "status"), cli("actions")
    on = cli("actions", "on", "--as", "tor")

    assert off[0] == on[0] == 0
    first, headings, turned = off[1].splitlines()
    assert (first[:29], first[-18:]) == ("actions are off: ines, since ", " UTC: a bad deploy")
    assert headings.split() == ["turned", "(UTC)", "by", "from", "to", "why"]
    assert turned.split()[2:] == ["ines", "on", "off", "a", "bad", "deploy"]
    assert status == short == off
    assert on[1].startswith("actions are on: tor, since ")
    assert len(on[1].splitlines()) == 4
