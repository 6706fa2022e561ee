"""`burnline push`: to a ruler, and into a folder that a real Prometheus reads."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from burnline.slo.delivery.ruler import DeliveryError, new_client
from burnline.slo.delivery.rules_dir import plan_files, reload_or_undo, write_plan
from tests.app.conftest import Cli
from tests.programs import free_port, program, running
from tests.slo.fake_ruler import FakeRuler, fake_ruler

GOOD = """
apiVersion: burnline/v1
service: scoring
owner: scoring-ml
slos:
  - {name: availability, objective: 99.9%, window: 30d,
     sli: {ratio: {bad: 'http_requests_total{status=~"5.."}', total: http_requests_total}}}
"""
OTHERS: dict[str, Any] = {"name": "theirs", "rules": [{"record": "a:b", "expr": "up"}]}


@pytest.fixture
def services(tmp_path: Path) -> Path:
    folder = tmp_path / "services"
    folder.mkdir()
    (folder / "scoring.yaml").write_text(GOOD)
    return folder


@pytest.fixture
def ruler() -> Iterator[FakeRuler]:
    with fake_ruler() as made:
        yield made


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    return folder


def change(services: Path, old: str = "99.9%", new: str = "99.5%") -> None:
    file = services / "scoring.yaml"
    file.write_text(file.read_text().replace(old, new))


def empty(services: Path) -> None:
    (services / "scoring.yaml").write_text("{apiVersion: burnline/v1, service: scoring, owner: scoring-ml}")


def test_a_push_brings_every_group_and_the_next_one_finds_nothing_to_do(
    cli: Cli, services: Path, ruler: FakeRuler
) -> None:
    code, out, err = cli("push", services, "--mimir", ruler.url, "--tenant", "a")
    again = cli("push", services, "--mimir", ruler.url, "--tenant", "a")

    names = ruler.names(tenant="a")
    assert (code, err) == (0, "")
    assert sorted(out.splitlines()) == [f"added {name}" for name in names]
    assert names
    assert again == (0, f"unchanged: {len(names)}\n", "")


def test_maintenance_and_calendar_windows_are_pushed_as_of_today(cli: Cli, services: Path, ruler: FakeRuler) -> None:
    weekly = "{rrule: FREQ=WEEKLY, from: '2026-01-04T03:00:00Z', for: 2h, reason: weekly}"
    change(services, "window: 30d", "window: {calendar: month}")
    change(services, "slos:", f"exclude: [{weekly}]\nslos:")

    assert cli("push", services, "--mimir", ruler.url)[0] == 0
    assert cli("push", services, "--mimir", ruler.url, "--dry-run")[0] == 0


def test_a_dry_run_shows_the_difference_changes_nothing_and_says_so_by_its_code(
    cli: Cli, services: Path, ruler: FakeRuler
) -> None:
    cli("push", services, "--mimir", ruler.url)
    kept = json.dumps(list(ruler.groups.values()))
    same = cli("push", services, "--mimir", ruler.url, "--dry-run")
    change(services)

    code, out, err = cli("push", services, "--mimir", ruler.url, "--dry-run")

    assert same == (0, "nothing differs\n", "")
    assert (code, err) == (2, "")
    assert "--- burnline/" in out
    assert "+++ burnline/" in out
    assert "@@" in out
    assert json.dumps(list(ruler.groups.values())) == kept


def test_only_our_groups_are_removed(cli: Cli, services: Path, ruler: FakeRuler) -> None:
    stale = {**deepcopy(OTHERS), "name": "burnline/gone/ratio/1m"}
    ruler.groups["", "burnline"] = {"theirs": OTHERS, "burnline/gone/ratio/1m": stale}
    ruler.groups["", "elsewhere"] = {"burnline/x": OTHERS}

    code, out, _ = cli("push", services, "--mimir", ruler.url)

    assert code == 0
    assert "removed burnline/gone/ratio/1m" in out
    assert "theirs" in ruler.names()
    assert "burnline/gone/ratio/1m" not in ruler.names()
    assert ruler.names("elsewhere") == ["burnline/x"]


def test_services_without_slos_do_not_silence_a_ruler_unless_that_is_said(
    cli: Cli, services: Path, ruler: FakeRuler
) -> None:
    cli("push", services, "--mimir", ruler.url)
    kept = ruler.names()
    empty(services)

    code, out, err = cli("push", services, "--mimir", ruler.url)

    assert (code, out) == (1, "")
    assert "--remove-all" in err
    assert ruler.names() == kept
    assert cli("push", services, "--mimir", ruler.url, "--remove-all")[0] == 0
    assert ruler.names() == []
    assert cli("push", services, "--mimir", ruler.url)[0] == 0


def test_services_without_slos_do_not_empty_a_folder_unless_that_is_said(cli: Cli, services: Path, rules: Path) -> None:
    cli("push", services, "--rules-dir", rules)
    kept = (rules / "burnline-rules.yml").read_text()
    empty(services)

    code, out, err = cli("push", services, "--rules-dir", rules)

    assert (code, out) == (1, "")
    assert "--remove-all" in err
    assert (rules / "burnline-rules.yml").read_text() == kept
    assert cli("push", services, "--rules-dir", rules, "--remove-all")[0] == 0
    assert yaml.safe_load((rules / "burnline-rules.yml").read_text())["groups"] == []


def test_a_group_that_is_refused_is_told_by_name_with_code_1(cli: Cli, services: Path, ruler: FakeRuler) -> None:
    cli("push", services, "--mimir", ruler.url)
    first = ruler.names()[0]
    ruler.groups.clear()
    ruler.refuse[first] = (400, {}, b"per-user rules per rule group limit (limit: 20) exceeded \x1b[2J")

    code, out, err = cli("push", services, "--mimir", ruler.url)

    assert code == 1
    assert err.startswith(f"burnline: {first}: POST ")
    assert "limit: 20" in err
    assert "\x1b" not in err
    assert len(out.splitlines()) == len(ruler.names())


def test_the_token_comes_from_a_file(cli: Cli, services: Path, ruler: FakeRuler, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")

    code, _, _ = cli("push", services, "--mimir", ruler.url, "--token-file", "token")

    assert code == 0
    assert {headers["authorization"] for _, _, headers in ruler.received} == {"Bearer s3cret"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "write where to"),
        (["--mimir", "http://a", "--rules-dir", "b"], "write where to"),
        (["--mimir", "http://a", "--reload", "http://b"], "write where to"),
        (["--mimir", "nonsense"], "is not a URL"),
        (["--mimir", "http://a", "--token-file", "none"], "none"),
        (["--mimir", "http://a", "--token-file", "services/scoring.yaml"], "a token and nothing else"),
        (["--mimir", "http://a", "--ca-file", "none"], "No such file"),
        (["--mimir", "http://a", "--ca-file", "services/scoring.yaml"], "holds no certificate in PEM"),
        (["--rules-dir", "nowhere"], "is no folder"),
        (["--rules-dir", ".", "--layout", "pyrra"], "--layout pyrra: write one of burnline, sloth"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(cli: Cli, services: Path, options: list[str], told: str) -> None:
    code, out, err = cli("push", services, *options)

    assert (code, out) == (1, "")
    assert err.startswith("burnline: ")
    assert told in err
    assert len(err.splitlines()) == 1


@pytest.mark.integration
def test_a_ruler_with_a_certificate_of_ones_own_is_trusted_where_told(
    cli: Cli, services: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = str(tmp_path / "ca.pem")
    argv = [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    argv += ["-keyout", pem, "-out", pem, "-subj", "/CN=ruler", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(argv, check=True, capture_output=True)
    monkeypatch.setattr("burnline.slo.delivery.ruler.FIRST_PAUSE_SECONDS", 0.0)

    with fake_ruler(Path(pem)) as ruler:
        trusted = cli("push", services, "--mimir", ruler.url, "--ca-file", pem)
        code, _, err = cli("push", services, "--mimir", ruler.url)

    assert trusted[0] == 0
    assert code == 1
    assert "CERTIFICATE_VERIFY_FAILED" in err


def test_nothing_is_pushed_from_a_bad_file(cli: Cli, services: Path, ruler: FakeRuler) -> None:
    (services / "other.yaml").write_text("service: [")

    code, _, err = cli("push", services, "--mimir", ruler.url)

    assert code == 1
    assert "other.yaml" in err
    assert ruler.received == []


def test_a_folder_gets_one_file_that_anybody_may_read(cli: Cli, services: Path, rules: Path) -> None:
    code, out, _ = cli("push", services, "--rules-dir", rules)
    again = cli("push", services, "--rules-dir", rules)

    (file,) = rules.iterdir()
    assert (code, out) == (0, "added burnline-rules.yml\n")
    assert file.name == "burnline-rules.yml"
    assert file.stat().st_mode & 0o777 == 0o644
    assert yaml.safe_load(file.read_text())["groups"]
    assert again == (0, "unchanged: 1\n", "")


def test_the_layout_of_sloth_can_be_pushed_too(cli: Cli, services: Path, rules: Path) -> None:
    assert cli("push", services, "--rules-dir", rules, "--layout", "sloth")[0] == 0

    assert "slo:sli_error:ratio_rate5m" in (rules / "burnline-rules.yml").read_text()


def test_in_a_folder_only_our_files_are_removed(cli: Cli, services: Path, rules: Path) -> None:
    (rules / "old.yml").write_text("# Generated by `burnline build` from the service files; edit those instead.\n")
    (rules / "theirs.yml").write_text("groups: []\n")
    (rules / "notes.txt").write_text("# Generated by `burnline build`")

    dry = cli("push", services, "--rules-dir", rules, "--dry-run")
    before = sorted(path.name for path in rules.iterdir())
    code, out, _ = cli("push", services, "--rules-dir", rules)

    assert dry[0] == 2
    assert "+++ /dev/null" in dry[1]
    assert before == ["notes.txt", "old.yml", "theirs.yml"]
    assert (code, out) == (0, "added burnline-rules.yml\nremoved old.yml\n")
    assert sorted(path.name for path in rules.iterdir()) == ["burnline-rules.yml", "notes.txt", "theirs.yml"]


def test_a_file_of_that_name_that_is_not_ours_is_left_alone(cli: Cli, services: Path, rules: Path) -> None:
    (rules / "burnline-rules.yml").write_text("groups: []\n")

    code, _, err = cli("push", services, "--rules-dir", rules)

    assert code == 1
    assert "was not written by burnline" in err
    assert (rules / "burnline-rules.yml").read_text() == "groups: []\n"


@pytest.mark.parametrize("status", [403, 500])
def test_when_the_reload_is_refused_the_old_files_come_back(
    cli: Cli, services: Path, rules: Path, ruler: FakeRuler, status: int
) -> None:
    cli("push", services, "--rules-dir", rules)
    stale = rules / "old.yml"
    stale.write_text("# Generated by `burnline build` from the service files; edit those instead.\n")
    before = {path.name: path.read_bytes() for path in rules.iterdir()}
    change(services)
    ruler.answers["POST"] = [(status, {}, b"no"), (200, {}, b"")]

    code, out, err = cli("push", services, "--rules-dir", rules, "--reload", f"{ruler.url}/-/reload")

    assert (code, out) == (1, "")
    assert f"HTTP {status}: no" in err
    assert "the old rule files are back in place and loaded" in err
    assert {path.name: path.read_bytes() for path in rules.iterdir()} == before


@pytest.fixture
def prometheus(tmp_path: Path, rules: Path) -> Iterator[str]:
    config = tmp_path / "prometheus.yml"
    config.write_text(f"rule_files: [{rules}/*.yml]\n")
    port = free_port()
    argv = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(argv, log=tmp_path / "prometheus.log", url=f"{url}/-/ready"):
        yield url


def loaded(prometheus: str) -> dict[str, list[dict[str, Any]]]:
    """The groups Prometheus has, by name."""
    answer = httpx.get(f"{prometheus}/api/v1/rules", trust_env=False).json()
    return {group["name"]: group["rules"] for group in answer["data"]["groups"]}


@pytest.mark.integration
def test_a_real_prometheus_loads_what_is_pushed_and_what_is_no_longer_wanted_goes(
    cli: Cli, services: Path, rules: Path, prometheus: str
) -> None:
    reload = ("--rules-dir", rules, "--reload", f"{prometheus}/-/reload")
    code, _, err = cli("push", services, *reload)
    first = loaded(prometheus)
    change(services)
    assert cli("push", services, *reload)[0] == 0

    assert (code, err) == (0, "")
    assert any(rule["type"] == "alerting" for group in first.values() for rule in group)
    assert loaded(prometheus) != first


@pytest.mark.integration
def test_a_real_prometheus_that_refuses_a_rule_file_keeps_the_old_rules(
    cli: Cli, services: Path, rules: Path, prometheus: str
) -> None:
    cli("push", services, "--rules-dir", rules, "--reload", f"{prometheus}/-/reload")
    before, file = loaded(prometheus), (rules / "burnline-rules.yml").read_bytes()
    header = file.split(b"\n")[0].decode()
    broken = f"{header}\ngroups: [{{name: a, rules: [{{record: b, expr: 'sum('}}]}}]\n"
    plan = plan_files(rules, {"burnline-rules.yml": broken})
    write_plan(plan)

    with new_client() as client, pytest.raises(DeliveryError, match=r"HTTP 500.*\n.*back in place and loaded"):
        reload_or_undo(plan, client, f"{prometheus}/-/reload", sleep=lambda _seconds: None)

    assert (rules / "burnline-rules.yml").read_bytes() == file
    assert loaded(prometheus) == before
    state = httpx.get(f"{prometheus}/metrics", trust_env=False).text
    assert "prometheus_config_last_reload_successful 1" in state
