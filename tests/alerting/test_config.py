"""The generated Alertmanager configuration; amtool is the judge of it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from burnline.alerting.config import alertmanager_config, render_alertmanager
from burnline.errors import SpecError
from burnline.spec.service import ServiceSpec
from tests.conftest import Golden
from tests.programs import program

URL = "http://burnline:8600/v1/alerts"
GOLDEN = Path(__file__).parent / "golden" / "alertmanager.yml"


def service(name: str, **escalation: list[str]) -> ServiceSpec:
    return ServiceSpec.model_validate(
        {"apiVersion": "burnline/v1", "service": name, "owner": "ml", "escalation": escalation}
    )


SPECS = [
    service("search", page=["webhook:https://pager.example.com/search", "webhook:https://chat.example.com/search"]),
    service(
        "card-fraud",
        page=["webhook:https://pager.example.com/fraud"],
        ticket=["webhook:https://tickets.example.com/fraud"],
    ),
    service("quiet"),
]


def webhooks(config: dict[str, Any], receiver: str) -> list[dict[str, Any]]:
    (found,) = [entry for entry in config["receivers"] if entry["name"] == receiver]
    return found.get("webhook_configs", [])  # type: ignore[no-any-return]  # plain data


def test_the_file_is_the_golden_one(golden: Golden) -> None:
    golden(GOLDEN, render_alertmanager(SPECS, URL))


def test_the_order_of_the_service_files_does_not_matter() -> None:
    assert render_alertmanager(SPECS, URL) == render_alertmanager(SPECS[::-1], URL)


def test_it_is_plain_yaml_that_reads_back() -> None:
    assert yaml.safe_load(render_alertmanager(SPECS, URL)) == alertmanager_config(SPECS, webhook_url=URL)


def test_burnline_hears_of_every_alert_singly_and_at_once() -> None:
    _, route, *_ = alertmanager_config(SPECS, webhook_url=URL)["route"]["routes"]

    assert "matchers" not in route
    assert (route["group_by"], route["group_wait"], route["group_interval"]) == (["..."], "0s", "5s")
    assert route["continue"] is True


def test_burnlines_receiver_follows_no_redirect_and_is_sent_every_alert() -> None:
    (webhook,) = webhooks(alertmanager_config(SPECS, webhook_url=URL), "burnline")

    assert webhook == {
        "url": URL,
        "send_resolved": True,
        "max_alerts": 0,
        "http_config": {"follow_redirects": False},
    }


def test_the_token_stands_in_a_file() -> None:
    config = alertmanager_config(SPECS, webhook_url=URL, token_file="/run/secrets/burnline")

    (webhook,) = webhooks(config, "burnline")
    assert webhook["http_config"]["authorization"] == {
        "type": "Bearer",
        "credentials_file": "/run/secrets/burnline",
    }


def test_a_service_without_receivers_reaches_nobody_and_still_burnline() -> None:
    config = alertmanager_config([service("quiet")], webhook_url=URL)

    assert [receiver["name"] for receiver in config["receivers"]] == ["nobody", "burnline"]


def test_a_secret_url_comes_from_a_file() -> None:
    spec = service("search", page=["webhook:file:/run/secrets/pager"])

    config = alertmanager_config([spec], webhook_url=URL, version="0.28")

    assert webhooks(config, "search-page") == [{"url_file": "/run/secrets/pager", "send_resolved": True}]


@pytest.mark.parametrize(
    ("receiver", "said"),
    [
        ("pagerduty:ml", "receiver pagerduty is not supported yet; today: webhook"),
        ("webhook:env:PAGER", "write webhook:file:/absolute/path"),
        ("webhook:file:/run/secrets/pager", "needs Alertmanager 0.26"),
    ],
)
def test_a_receiver_that_cannot_be_written_is_refused_by_name(receiver: str, said: str) -> None:
    with pytest.raises(SpecError, match=said) as refused:
        alertmanager_config([service("search", ticket=[receiver])], webhook_url=URL)

    assert refused.value.problems[0].field == "escalation.ticket[0]"


def test_keys_of_later_versions_are_written_only_for_them() -> None:
    old = alertmanager_config(SPECS, webhook_url=URL, version="0.27.0")
    new = alertmanager_config(SPECS, webhook_url=URL, version="0.28.1")

    assert "timeout" not in webhooks(old, "burnline")[0]
    assert webhooks(new, "burnline")[0]["timeout"] == "10s"


def depending(*slos: dict[str, Any]) -> list[ServiceSpec]:
    """Two services; `search` has these SLOs."""
    slo = {"objective": "99%", "window": "30d", "sli": {"ratio": {"bad": "b", "total": "t"}}}
    head = {"apiVersion": "burnline/v1", "owner": "ml"}
    return [
        ServiceSpec.model_validate({**head, "service": "bank", "slos": [{**slo, "name": "availability"}]}),
        ServiceSpec.model_validate({**head, "service": "search", "slos": [{**slo, **each} for each in slos]}),
    ]


def test_the_page_of_a_dependency_inhibits_the_tickets_of_what_depends_on_it() -> None:
    specs = depending({"name": "latency"}, {"name": "quality", "depends_on": ["latency", "bank/availability"]})

    _, *rules = alertmanager_config(specs, webhook_url=URL)["inhibit_rules"]

    burning = 'alertname="ErrorBudgetBurn"'
    target = [burning, 'severity="ticket"', 'service="search"', 'slo="quality"']
    sources = [('service="bank"', 'slo="availability"'), ('service="search"', 'slo="latency"')]
    assert rules == [
        {"source_matchers": [burning, 'severity="page"', *source], "target_matchers": target} for source in sources
    ]


# With the real amtool


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "alertmanager.yml"
    path.write_text(render_alertmanager(SPECS, URL))
    return path


def amtool(*args: str) -> str:
    done = subprocess.run([program("amtool"), *args], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.integration
def test_amtool_accepts_it(written: Path) -> None:
    said = amtool("check-config", str(written))

    assert "SUCCESS" in said
    assert "1 inhibit rules" in said
    assert "5 receivers" in said


@pytest.mark.integration
def test_amtool_accepts_dependencies(tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(render_alertmanager(depending({"name": "latency", "depends_on": ["bank/availability"]}), URL))

    assert "2 inhibit rules" in amtool("check-config", str(path))


@pytest.mark.integration
@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ("alertname=ErrorBudgetBurn service=card-fraud slo=latency severity=page", "burnline,card-fraud-page"),
        ("alertname=ErrorBudgetBurn service=card-fraud slo=latency severity=ticket", "burnline,card-fraud-ticket"),
        ("alertname=SignalAlarm service=card-fraud signal=drift severity=ticket", "burnline,card-fraud-ticket"),
        ("alertname=ErrorBudgetBurn service=search slo=latency severity=page", "burnline,search-page"),
        ("alertname=ErrorBudgetBurn service=search slo=latency severity=ticket", "burnline,nobody"),
        ("alertname=ErrorBudgetBurn service=quiet slo=latency severity=page", "burnline"),
        ("alertname=NodeDown service=stranger severity=page", "burnline"),
        ("alertname=NodeDown", "burnline"),
        ("alertname=Watchdog service=card-fraud severity=page", "burnline"),
    ],
)
def test_amtool_routes_each_alert_to_whom_it_concerns(written: Path, labels: str, receivers: str) -> None:
    said = amtool("config", "routes", "test", f"--config.file={written}", *labels.split())

    assert said.strip() == receivers
