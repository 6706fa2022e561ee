"""`burnline runbook`: list, lint, render, plan, test."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Connection

from burnline.runbooks.load import load_catalogue
from burnline.store.database import Database
from burnline.store.drills import SIMULATION, Drill, record_drill
from tests.app.conftest import Cli
from tests.runbooks.scene import make_recipe, read_registry, write_registry


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return write_registry(tmp_path / "registry.json")


@pytest.fixture
def services(tmp_path: Path, registry: Path) -> Path:
    """A service file that binds a runbook to one of its alerts."""
    file = tmp_path / "fraud.yaml"
    sli = {"ratio": {"bad": 'http_requests_total{status=~"5.."}', "total": "http_requests_total"}}
    content = {
        "apiVersion": "burnline/v1",
        "service": "fraud",
        "owner": "payments-ml",
        "collect": [{"url": "http://127.0.0.1:9/metrics"}],
        "escalation": {"page": ["webhook:http://127.0.0.1:9/page"]},
        "slos": [
            {"name": "availability", "objective": "99%", "window": "30d", "sli": sli},
            {"name": "batch", "objective": "95%", "window": "30d", "sli": sli},
        ],
        "release": {"hook": {"alias": {"file": str(registry)}}},
        "runbooks": [{"on": {"slo": "availability", "severity": "page"}, "run": "bad-release"}],
    }
    file.write_text(yaml.safe_dump(json.loads(json.dumps(content))))
    return file


def drilled(tx: Connection, at: datetime) -> int:
    """The runbook was part of a drill that passed."""
    done = Drill("fraud", "errors", SIMULATION, at, True, 1.0, 1.0, 1.0, [], "", {"bad-release": "digest"})
    return record_drill(tx, done)


def test_every_runbook_is_listed(cli: Cli) -> None:
    code, out, _ = cli("runbook", "list")

    assert code == 0
    assert all(each.runbook.id in out for each in load_catalogue(None).all())


def test_alerts_without_a_runbook_and_runbooks_without_an_alert_are_named(
    cli: Cli, services: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    make_recipe(own, id="unbound")

    code, out, err = cli("runbook", "lint", services, "--runbooks", own)

    assert code == 0
    assert "warning: fraud: runbooks: a page of SLO batch starts no runbook" in err
    assert "no service file starts 'unbound'" in err
    assert "0 errors, 2 warnings" in out


def test_runbooks_that_nobody_drilled_are_named(cli: Cli, services: Path, database: Database) -> None:
    _, _, never = cli("runbook", "lint", services, "--database", str(database.url))
    at = datetime.now(UTC) - timedelta(days=91)
    database.write(lambda tx: drilled(tx, at))
    _, _, late = cli("runbook", "lint", services, "--database", str(database.url))
    database.write(lambda tx: drilled(tx, datetime.now(UTC)))
    _, _, good = cli("runbook", "lint", services, "--database", str(database.url))

    assert "bad-release was never drilled with fraud; drill it every 90 days" in never
    assert f"bad-release was last drilled on {at:%Y-%m-%d} with fraud" in late
    assert "drilled" not in good


def test_a_drill_that_failed_last_is_a_finding(cli: Cli, services: Path, database: Database) -> None:
    now, checks = datetime.now(UTC), [{"name": "recovered", "ok": False, "text": ""}]
    bad = Drill("fraud", "errors", SIMULATION, now, False, 1.0, 1.0, None, checks, "", {"bad-release": "digest"})
    database.write(lambda tx: drilled(tx, now))
    database.write(lambda tx: record_drill(tx, bad))

    _, _, err = cli("runbook", "lint", services, "--database", str(database.url))
    database.write(lambda tx: drilled(tx, now))
    _, _, better = cli("runbook", "lint", services, "--database", str(database.url))

    assert f"bad-release: the last drill of errors failed on {now:%Y-%m-%d}: recovered" in err
    assert "failed" not in better


def test_lint_without_a_database_says_that_drills_were_not_asked_for(cli: Cli, services: Path) -> None:
    _, out, _ = cli("runbook", "lint", services)

    assert "drills were not asked for: name where they are on record with --database" in out


def test_strict_makes_warnings_errors(cli: Cli, services: Path) -> None:
    code, _, err = cli("runbook", "lint", services, "--strict")

    assert code == 1
    assert "error: fraud: runbooks: a page of SLO batch starts no runbook" in err


def test_each_runbook_is_written_as_a_page(cli: Cli, tmp_path: Path) -> None:
    code, _, _ = cli("runbook", "render", "-o", tmp_path / "pages")

    assert code == 0
    assert {path.stem for path in (tmp_path / "pages").glob("*.md")} == {
        each.runbook.id for each in load_catalogue(None).all()
    }


def test_a_plan_shows_what_would_be_changed_and_changes_nothing(cli: Cli, services: Path, registry: Path) -> None:
    code, out, _ = cli("runbook", "plan", services, "fraud", "bad-release")

    assert code == 0
    assert "roll-back: alias registry.json#champion: 2 -> 1; irreversible" in out
    assert "nothing was changed" in out
    assert read_registry(registry)["aliases"]["champion"] == "2"


def test_a_plan_that_cannot_be_says_why(cli: Cli, services: Path, registry: Path) -> None:
    registry.write_text(json.dumps({**read_registry(registry), "history": []}))

    code, out, _ = cli("runbook", "plan", services, "fraud", "bad-release")

    assert code == 1
    assert "roll-back: cannot be done:" in out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("nobody", "bad-release"), "no service file names 'nobody'"),
        (("fraud", "no-such"), "there is no runbook 'no-such'"),
        (("fraud", "bad-release", "--param", "settle"), "write name=value"),
        (("fraud", "bad-release", "--param", "settle=7 years"), "--param settle=7 years:"),
        (("fraud", "bad-release", "--param", "no=1"), "write name=value; bad-release has"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_words(
    cli: Cli, services: Path, argv: tuple[str, ...], words: str
) -> None:
    code, _, err = cli("runbook", "plan", services, *argv)

    assert code == 1
    assert words in err


def test_a_runbook_is_rehearsed_in_every_way_it_may_go(cli: Cli) -> None:
    code, out, _ = cli("runbook", "test", "bad-release", "--quiet")

    assert code == 0
    assert out.splitlines() == [
        "ok: when it helps: recovered after 0:04:01",
        "ok: when it does not help: not_recovered after 0:09:01",
        "ok: when nobody answers: rejected after 0:30:00",
    ]


def test_a_runbook_that_cannot_recover_fails_its_rehearsal(cli: Cli, tmp_path: Path) -> None:
    steps = json.loads(make_recipe(tmp_path).body)["steps"]
    steps[-1]["verify"]["slo"] = "no-such"
    recipe = make_recipe(tmp_path, steps=steps)

    code, out, _ = cli("runbook", "test", recipe.file, "--quiet")

    assert code == 1
    assert "FAILED: when it helps: no_data" in out


def test_a_build_writes_the_pages_and_links_alerts_to_them(cli: Cli, services: Path, tmp_path: Path) -> None:
    code, _, _ = cli("build", services, "-o", tmp_path / "out", "--burnline-url", "http://burnline:8600")

    rules = yaml.safe_load((tmp_path / "out" / "prometheus" / "burnline-rules.yml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    links = {
        (rule["labels"].get("slo"), rule["labels"].get("severity")): rule["annotations"].get("runbook_url")
        for rule in alerts
        if rule["alert"] == "ErrorBudgetBurn"
    }
    assert code == 0
    assert (tmp_path / "out" / "runbooks" / "bad-release.md").exists()
    assert links["availability", "page"] == "http://burnline:8600/runbooks/bad-release"
    assert links["availability", "ticket"] is None
