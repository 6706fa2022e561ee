"""The generated Alertmanager configuration; amtool is the judge of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from burnline.alerting.audience import Audiences
from burnline.alerting.config import alertmanager_config, render_alertmanager
from burnline.alerting.config_receivers import expected_files
from burnline.errors import BurnlineError, SpecError
from burnline.spec.receivers import MailServer
from burnline.spec.service import ServiceSpec
from tests.conftest import Golden
from tests.programs import program

URL = "http://burnline:8600/v1/alerts"
GOLDEN = Path(__file__).parent / "golden"
MAIL = MailServer("mail.example.com", 587, "burnline", "starttls", "burnline@example.com")
ANYTHING: dict[str, Any] = {"mail": MAIL, "heartbeat": "https://heartbeat.example.com/abc"}
OFFICE = {"days": "mon-fri", "from": "09:00", "to": "17:00", "tz": "Europe/Berlin"}
SLO = {"name": "availability", "objective": "99%", "window": "30d", "sli": {"ratio": {"bad": "b", "total": "t"}}}


def service(name: str, *, owner: str = "ml", rest: dict[str, Any] | None = None, **escalation: Any) -> ServiceSpec:
    head = {"apiVersion": "burnline/v1", "service": name, "owner": owner}
    return ServiceSpec.model_validate({**head, "escalation": escalation, **(rest or {})})


SPECS = [
    service("search", page=["webhook:https://pager.example.com/search", "webhook:https://chat.example.com/search"]),
    service(
        "card-fraud",
        owner="payments-ml",
        page=["pagerduty:payments-ml", "slack:#payments-oncall"],
        ticket=["slack:#payments-ml", "opsgenie:payments-ml", "webhook:https://tickets.example.com/fraud"],
        business=["mailto:fraud-ops@example.com"],
        chain=[
            {"after": "15m", "to": ["pagerduty:payments-lead"]},
            {"after": "1h", "to": ["opsgenie:payments-head", "mailto:head@example.com"]},
        ],
        hours={"ticket": OFFICE},
        rest={
            "slos": [SLO],
            "signals": {"drift": {}},
            "runbooks": [
                {"on": {"slo": "availability", "severity": "page"}, "run": "bad-release"},
                {"on": {"signal": "drift"}, "run": "model-degradation"},
                {"on": {"alert": "GpuLost"}, "run": "gpu-failure"},
            ],
        },
    ),
    service("quiet"),
]
WITH_TEAMS = [*SPECS, service("rank", owner="rank", page=["teams:rank", "webhook:file:/run/secrets/pager"])]
GOLDENS = {"0.25": SPECS, "0.27": WITH_TEAMS, "0.30": WITH_TEAMS}


def webhooks(config: dict[str, Any], receiver: str) -> list[dict[str, Any]]:
    (found,) = [entry for entry in config["receivers"] if entry["name"] == receiver]
    return found.get("webhook_configs", [])  # type: ignore[no-any-return]  # plain data


def rendered(version: str) -> str:
    return render_alertmanager(GOLDENS[version], URL, version=version, **ANYTHING)


def one(kind: str, config: dict[str, Any], receiver: str) -> dict[str, Any]:
    (found,) = [entry for entry in config["receivers"] if entry["name"] == receiver]
    (only,) = found[kind]
    return only  # type: ignore[no-any-return]  # plain data


@pytest.mark.parametrize("version", GOLDENS)
def test_the_file_is_the_golden_one(golden: Golden, version: str) -> None:
    golden(GOLDEN / f"alertmanager-{version}.yml", rendered(version))


def test_the_order_of_the_service_files_does_not_matter() -> None:
    assert render_alertmanager(SPECS, URL, **ANYTHING) == render_alertmanager(SPECS[::-1], URL, **ANYTHING)


def test_it_is_plain_yaml_that_reads_back() -> None:
    assert yaml.safe_load(rendered("0.25")) == alertmanager_config(SPECS, webhook_url=URL, **ANYTHING)


def test_burnline_hears_of_every_alert_singly_and_at_once() -> None:
    _, route, *_ = alertmanager_config([service("quiet")], webhook_url=URL)["route"]["routes"]

    assert "matchers" not in route
    assert (route["group_by"], route["group_wait"], route["group_interval"]) == (["..."], "0s", "5s")
    assert route["continue"] is True


def test_burnlines_receiver_follows_no_redirect_and_is_sent_every_alert() -> None:
    (webhook,) = webhooks(alertmanager_config(SPECS, webhook_url=URL, **ANYTHING), "burnline")

    assert webhook == {
        "url": URL,
        "send_resolved": True,
        "max_alerts": 0,
        "http_config": {"follow_redirects": False},
    }


def test_the_token_stands_in_a_file() -> None:
    config = alertmanager_config(SPECS, webhook_url=URL, mail=MAIL, token_file="/run/secrets/burnline")

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
        ("teams:ml", "teams needs Alertmanager 0.27 or later"),
        ("pagerduty:env:KEY", "Alertmanager reads no environment; write pagerduty:file:/absolute/path"),
        ("mailto:ml@example.com", "mail needs a server; give --smtp"),
        ("webhook:env:PAGER", "write webhook:file:/absolute/path"),
        ("webhook:file:/run/secrets/pager", "needs Alertmanager 0.26"),
    ],
)
def test_a_receiver_that_cannot_be_written_is_refused_by_name(receiver: str, said: str) -> None:
    with pytest.raises(SpecError, match=said) as refused:
        alertmanager_config([service("search", ticket=[receiver])], webhook_url=URL)

    assert refused.value.problems[0].field == "escalation.ticket[0]"


def test_keys_of_later_versions_are_written_only_for_them() -> None:
    old = alertmanager_config(SPECS, webhook_url=URL, version="0.27.0", mail=MAIL)
    new = alertmanager_config(SPECS, webhook_url=URL, version="0.28.1", mail=MAIL)

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

    _, *rules, _ = alertmanager_config(specs, webhook_url=URL)["inhibit_rules"]

    burning = 'alertname="ErrorBudgetBurn"'
    target = [burning, 'severity="ticket"', 'service="search"', 'slo="quality"']
    sources = [('service="bank"', 'slo="availability"'), ('service="search"', 'slo="latency"')]
    assert rules == [
        {
            "source_matchers": [burning, 'severity="page"', *source, 'drill!="true"'],
            "target_matchers": target,
            "equal": ["env"],
        }
        for source in sources
    ]


def test_every_secret_stands_in_a_file_named_after_its_receiver() -> None:
    config = alertmanager_config(WITH_TEAMS, webhook_url=URL, version="0.28", secrets_dir="/secrets/", mail=MAIL)

    assert one("pagerduty_configs", config, "card-fraud-page") == {
        "routing_key_file": "/secrets/pagerduty-payments-ml",
        "severity": "critical",
        "send_resolved": True,
    }
    assert one("slack_configs", config, "card-fraud-page")["api_url_file"] == "/secrets/slack-payments-oncall"
    assert one("slack_configs", config, "card-fraud-page")["channel"] == "#payments-oncall"
    assert one("opsgenie_configs", config, "card-fraud-ticket")["api_key_file"] == "/secrets/opsgenie-payments-ml"
    assert one("msteamsv2_configs", config, "rank-page")["webhook_url_file"] == "/secrets/teams-rank"
    assert one("email_configs", config, "card-fraud-business")["to"] == "fraud-ops@example.com"
    assert config["global"] == {
        "smtp_smarthost": "mail.example.com:587",
        "smtp_from": "burnline@example.com",
        "smtp_auth_username": "burnline",
        "smtp_auth_password_file": "/secrets/smtp-password",
        "smtp_require_tls": True,
    }


def test_the_files_that_alertmanager_will_read_are_listed() -> None:
    assert expected_files(WITH_TEAMS, "/secrets", MAIL) == {
        "/run/secrets/pager": "URL of webhook:file:/run/secrets/pager",
        "/secrets/opsgenie-payments-head": "API key of opsgenie:payments-head",
        "/secrets/opsgenie-payments-ml": "API key of opsgenie:payments-ml",
        "/secrets/pagerduty-payments-lead": "routing key (Events API v2) of pagerduty:payments-lead",
        "/secrets/pagerduty-payments-ml": "routing key (Events API v2) of pagerduty:payments-ml",
        "/secrets/slack-payments-ml": "URL of an incoming webhook of slack:#payments-ml",
        "/secrets/slack-payments-oncall": "URL of an incoming webhook of slack:#payments-oncall",
        "/secrets/smtp-password": "password of burnline at mail.example.com",
        "/secrets/teams-rank": "URL of a workflow's webhook of teams:rank",
    }


def test_an_address_may_name_the_file_itself() -> None:
    config = alertmanager_config([service("search", page=["pagerduty:file:/run/key"])], webhook_url=URL)

    assert one("pagerduty_configs", config, "search-page")["routing_key_file"] == "/run/key"


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("0.24", "0.24 is too old; 0.25 or later"),
        ("latest", "'latest': write it as in 0.28"),
        ("0.28; x", "write it as in 0.28"),
    ],
)
def test_a_version_that_is_none_or_too_old_is_refused(version: str, said: str) -> None:
    with pytest.raises(BurnlineError, match=said):
        alertmanager_config([], webhook_url=URL, version=version)


def test_the_heartbeat_of_a_secret_url_needs_a_version_that_reads_it() -> None:
    with pytest.raises(BurnlineError, match=r"needs Alertmanager 0\.26"):
        alertmanager_config([], webhook_url=URL, heartbeat="file:/run/beat")


def test_an_outage_keeps_no_alert_quiet_that_starts_a_runbook() -> None:
    *_, card_fraud, others = alertmanager_config(SPECS, webhook_url=URL, mail=MAIL)["inhibit_rules"]

    assert card_fraud == {
        "source_matchers": ['alertname="ServiceDown"', 'service="card-fraud"', 'drill!="true"'],
        "target_matchers": [
            'service="card-fraud"',
            'alertname!~"ServiceDown|Watchdog|GpuLost"',
            'slo!="availability"',
            'signal!="drift"',
        ],
        "equal": ["env"],
    }
    assert others["target_matchers"] == ['alertname!~"ServiceDown|Watchdog"', 'service=~".+"', 'service!="card-fraud"']
    assert others["equal"] == ["service", "env"]


# With the real amtool


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("amtool") / "alertmanager.yml"
    path.write_text(rendered("0.25"))
    return path


def amtool(*args: str | Path) -> tuple[int, str]:
    argv = [program("amtool"), *map(str, args)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout + done.stderr


def installed() -> tuple[int, int]:
    found = re.search(r"version (\d+)\.(\d+)", amtool("--version")[1])
    assert found
    return int(found[1]), int(found[2])


@pytest.mark.integration
@pytest.mark.parametrize("version", GOLDENS)
def test_amtool_accepts_what_is_for_its_version_and_refuses_what_is_for_a_later_one(version: str) -> None:
    code, said = amtool("check-config", GOLDEN / f"alertmanager-{version}.yml")

    if tuple(map(int, version.split("."))) <= installed():
        assert "SUCCESS" in said, said
    else:
        assert (code, "FAILED" in said) == (1, True), "then `version` makes no difference"


@pytest.mark.integration
def test_amtool_accepts_dependencies(tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(render_alertmanager(depending({"name": "latency", "depends_on": ["bank/availability"]}), URL))

    assert "3 inhibit rules" in amtool("check-config", path)[1]


BURN, CHAIN = "alertname=ErrorBudgetBurn slo=latency", "card-fraud-chain-1,card-fraud-chain-2"
ROUTES = [
    (f"{BURN} service=card-fraud severity=page", f"burnline,{CHAIN},card-fraud-page"),
    (f"{BURN} service=card-fraud severity=ticket", "burnline,card-fraud-ticket"),
    (f"{BURN} service=card-fraud severity=page owner=ml", f"burnline,{CHAIN},card-fraud-page"),
    ("alertname=SignalAlarm service=card-fraud signal=drift severity=ticket", "burnline,card-fraud-ticket"),
    ("alertname=SloNoData service=card-fraud slo=latency severity=ticket", "burnline,card-fraud-ticket"),
    ("alertname=ErrorBudgetPolicy service=card-fraud severity=ticket step=freeze", "burnline,card-fraud-ticket"),
    ("alertname=ConversionFell service=card-fraud severity=business", "burnline,card-fraud-business"),
    ("alertname=ServiceDown service=card-fraud severity=page", f"burnline,{CHAIN},card-fraud-page"),
    ("alertname=Odd service=card-fraud severity=unheard-of", "burnline,nobody"),
    ("alertname=Odd service=card-fraud", "burnline,nobody"),
    (f"{BURN} service=search severity=page", "burnline,search-page"),
    (f"{BURN} service=search severity=ticket", "burnline,nobody"),
    (f"{BURN} service=quiet severity=page owner=ml", "burnline,team/ml/page"),
    (f"{BURN} service=quiet severity=page", "burnline"),
    ("alertname=NodeDown service=stranger severity=page", "burnline"),
    ("alertname=NodeDown service=stranger owner=payments-ml severity=page", "burnline,team/payments-ml/page"),
    ("alertname=NodeDown owner=payments-ml severity=ticket", "burnline,team/payments-ml/ticket"),
    ("alertname=NodeDown owner=ml severity=ticket", "burnline,nobody"),
    ("alertname=NodeDown owner=strangers severity=page", "burnline"),
    ("alertname=NodeDown", "burnline"),
    ("alertname=Watchdog", "heartbeat,burnline"),
    ("alertname=Watchdog service=card-fraud severity=page", "heartbeat,burnline"),
]


@pytest.mark.integration
@pytest.mark.parametrize(("labels", "receivers"), ROUTES)
def test_amtool_routes_each_alert_to_whom_it_concerns(written: Path, labels: str, receivers: str) -> None:
    code, said = amtool("config", "routes", "test", f"--config.file={written}", *labels.split())

    assert (code, said.splitlines()[0]) == (0, receivers)


OTHERS = [
    ("alertname=Odd service=card-fraud severity=critical", "burnline,others"),
    ("alertname=Odd service=card-fraud severity=pager", "burnline,others"),
    ("alertname=Odd service=card-fraud", "burnline,others"),
    ("alertname=Odd service=card-fraud severity=page", f"burnline,{CHAIN},card-fraud-page"),
    (f"{BURN} service=search severity=ticket", "burnline,nobody"),
    (f"{BURN} service=quiet severity=page", "burnline,others"),
    (f"{BURN} service=quiet severity=page owner=ml", "burnline,team/ml/page"),
    ("alertname=NodeDown owner=ml severity=warning", "burnline,others"),
    ("alertname=NodeDown owner=ml severity=ticket", "burnline,nobody"),
    ("alertname=NodeDown owner=strangers severity=page", "burnline,others"),
    ("alertname=NodeDown", "burnline,others"),
    ("alertname=Watchdog", "heartbeat,burnline"),
]


@pytest.mark.integration
@pytest.mark.parametrize(("labels", "receivers"), OTHERS)
def test_amtool_routes_what_no_service_file_covers_to_the_others(tmp_path: Path, labels: str, receivers: str) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(render_alertmanager(SPECS, URL, others=["slack:#platform", "mailto:ops@example.com"], **ANYTHING))

    code, said = amtool("config", "routes", "test", f"--config.file={path}", *labels.split())

    assert (code, said.splitlines()[0]) == (0, receivers)
    assert "SUCCESS" in amtool("check-config", path)[1]


def test_the_others_are_a_receiver_like_any() -> None:
    config = alertmanager_config([service("quiet")], webhook_url=URL, mail=MAIL, others=["mailto:ops@example.com"] * 2)

    assert one("email_configs", config, "others") == {"to": "ops@example.com", "send_resolved": True}
    assert config["global"]["smtp_from"] == "burnline@example.com"
    assert list(expected_files([], "/s", None, ["slack:#platform"])) == ["/s/slack-platform"]


def test_others_that_cannot_be_written_are_named() -> None:
    with pytest.raises(BurnlineError, match=r"--others teams:ops: teams needs Alertmanager 0\.27 or later"):
        alertmanager_config(SPECS[:1], webhook_url=URL, others=["slack:#ops", "teams:ops"])


@pytest.mark.parametrize(("labels", "receivers"), ROUTES)
def test_the_list_of_hearers_says_the_same_as_the_routes(labels: str, receivers: str) -> None:
    """Without Alertmanager the own dispatcher goes by this list."""
    if labels.startswith("alertname=Watchdog"):
        return

    told = Audiences(SPECS).of(dict(label.split("=") for label in labels.split()))

    assert [each.name for each in told] == [
        name for name in receivers.split(",") if name not in ("burnline", "nobody", "heartbeat")
    ]
