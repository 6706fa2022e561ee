"""People are told through apprise: the addresses it is given, what it then sends, and what is said when it cannot."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apprise import Apprise
from apprise.plugins.opsgenie import OPSGENIE_API_LOOKUP
from apprise.plugins.pagerduty import PAGERDUTY_API_LOOKUP
from apprise.plugins.slack import NotifySlack

from burnline.errors import ActionError
from burnline.runbooks import notify
from burnline.runbooks.receivers import apprise_url, text_of, title_of
from burnline.settings import Settings
from tests.programs import free_port
from tests.runbooks.mailbox import mail_server
from tests.runbooks.receiver import Receiver, receiving
from tests.runbooks.scene import T0, make_spec

PAGERDUTY_KEY = "0123456789abcdef0123456789ABCDEF"
OPSGENIE_KEY = "01234567-89ab-cdef-0123-456789abcdef"
SLACK_URL = "https://hooks.slack.com/services/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"
TEAMS_URL = (
    "https://prod-1.westus.logic.azure.com:443/workflows/643e69f83c8944/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=secretsecret-0"
)
BODY: dict[str, Any] = {
    "service": "card-fraud",
    "title": "card-fraud availability burns",
    "text": "over 14 times too fast",
    "status": "firing",
    "dedup": "g1",
}
SECRETS = {
    "pagerduty-ml": PAGERDUTY_KEY,
    "opsgenie-ml": OPSGENIE_KEY,
    "slack-oncall": SLACK_URL,
    "teams-ml": TEAMS_URL,
    "smtp-password": "p/w?d@1",
}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, secret in SECRETS.items():
        (tmp_path / name).write_text(f"{secret}\n")
    monkeypatch.setenv("BURNLINE_SECRETS_DIR", str(tmp_path))
    return Settings()


def parsed(receiver: str, settings: Settings, whom: str = "page", **body: Any) -> Any:
    """What apprise itself reads in the address."""
    return Apprise.instantiate(apprise_url(receiver, whom, {**BODY, **body}, settings), suppress_exceptions=False)


def tell(receiver: str, whom: str = "page", **body: Any) -> notify.Told:
    return notify.send_to([receiver], {**BODY, **body}, key="k", at=T0, whom=whom)


# Addresses, as apprise reads them


def test_pagerduty_is_triggered_and_resolved_by_the_key_of_the_group(settings: Settings) -> None:
    firing = parsed("pagerduty:ml", settings)
    resolved = parsed("pagerduty:ml", settings, whom="ticket", status="resolved")

    assert (firing.integration_key, firing.severity, firing.action) == (PAGERDUTY_KEY, "critical", "trigger")
    assert (firing.dedup, firing.component) == ("g1", "card-fraud")
    assert (resolved.dedup, resolved.severity, resolved.action) == ("g1", "warning", "resolve")


def test_opsgenie_has_a_priority_and_an_alias(settings: Settings) -> None:
    page, ticket = (parsed("opsgenie:ml", settings, whom=whom) for whom in ("page", "ticket"))

    assert (page.apikey, page.alias) == (OPSGENIE_KEY, "g1")
    assert (int(page.priority), int(ticket.priority)) == (1, 3)


def test_slack_is_told_in_the_channel(settings: Settings) -> None:
    slack = parsed("slack:#oncall", settings)

    assert (slack.token_a, slack.token_b, slack.token_c) == ("T0AAAAAAA", "B0BBBBBBB", "secretsecretsecretsecret")
    assert slack.channels == ["#oncall"]


def test_teams_is_told_through_its_workflow(settings: Settings) -> None:
    teams = parsed("teams:ml", settings)

    assert (teams.workflow, teams.signature) == ("643e69f83c8944", "secretsecret-0")


def test_an_address_may_name_the_place_of_its_secret(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", PAGERDUTY_KEY)

    assert parsed("pagerduty:env:KEY", settings).integration_key == PAGERDUTY_KEY
    assert parsed(f"slack:file:{settings.secrets_dir}/slack-oncall", settings).channels == [None]


@pytest.mark.parametrize(
    "server", ["smtp://b%40example.com@mail.example.com:587", "smtps://b%40example.com@mail.example.com"]
)
def test_mail_logs_in_with_the_password_of_the_folder(settings: Settings, server: str) -> None:
    mail = parsed(
        "mailto:ml@example.com", settings.model_copy(update={"smtp": server, "smtp_from": "burnline@example.com"})
    )

    assert (mail.smtp_host, mail.port) == ("mail.example.com", 587 if server.startswith("smtp:") else 465)
    assert (mail.user, mail.password) == ("b@example.com", "p/w?d@1")
    assert mail.secure_mode == ("starttls" if server.startswith("smtp:") else "ssl")
    assert (mail.from_addr[1], mail.targets) == ("burnline@example.com", [(False, "ml@example.com")])


# What is sent


def test_a_mail_arrives(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as mailbox:
        monkeypatch.setenv("BURNLINE_SMTP", f"smtp+plain://127.0.0.1:{mailbox.port}")
        monkeypatch.setenv("BURNLINE_SMTP_FROM", "burnline@example.com")
        told = tell("mailto:ml@example.com", incident=7)

    assert str(told) == "told mailto:ml@example.com"
    [(sender, recipients, mail)] = mailbox.received
    assert "<burnline@example.com>" in sender
    assert recipients == ["TO:<ml@example.com>"]
    assert mail["Subject"] == "card-fraud availability burns"
    content = mail.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert content.decode().splitlines() == ["over 14 times too fast", "", "service: card-fraud", "incident: 7"]


def test_a_mail_that_is_refused_did_not_reach_anybody(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as mailbox:
        mailbox.refuse = True
        monkeypatch.setenv("BURNLINE_SMTP", f"smtp+plain://127.0.0.1:{mailbox.port}")
        monkeypatch.setenv("BURNLINE_SMTP_FROM", "burnline@example.com")
        told = tell("mailto:ml@example.com")

    assert dict(told.failed) == {"mailto:ml@example.com": "mailto:ml@example.com: could not be reached"}
    assert told.retryable


def test_pagerduty_is_sent_an_event_and_its_end(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        monkeypatch.setitem(PAGERDUTY_API_LOOKUP, "us", receiver.url)
        receiver.answers = [(202, {}, b"{}"), (202, {}, b"{}")]
        assert not tell("pagerduty:ml").failed
        assert not tell("pagerduty:ml", status="resolved").failed

    firing, resolved = (json.loads(body) for *_, body in receiver.received)
    assert (firing["routing_key"], firing["event_action"], firing["dedup_key"]) == (PAGERDUTY_KEY, "trigger", "g1")
    assert firing["payload"]["summary"].startswith("card-fraud availability burns")
    assert (resolved["event_action"], resolved["dedup_key"]) == ("resolve", "g1")


def test_opsgenie_is_sent_an_alert(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        monkeypatch.setitem(OPSGENIE_API_LOOKUP, "us", receiver.url)
        receiver.answers = [(202, {}, b'{"requestId": "r1"}')]
        assert not tell("opsgenie:ml").failed

    [(_, _, headers, body)] = receiver.received
    alert = json.loads(body)
    assert headers["authorization"] == f"GenieKey {OPSGENIE_KEY}"
    assert (alert["message"], alert["alias"], alert["priority"]) == ("card-fraud availability burns", "g1", "P1")


def test_slack_is_sent_a_message(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        monkeypatch.setattr(NotifySlack, "webhook_url", receiver.url)
        receiver.answers = [(200, {}, b"ok")]
        assert not tell("slack:#oncall").failed

    [(_, path, _, body)] = receiver.received
    message = json.loads(body)
    assert path == "/T0AAAAAAA/B0BBBBBBB/secretsecretsecretsecret"
    assert message["channel"] == "#oncall"
    assert "over 14 times too fast" in message["attachments"][0]["text"]


def test_what_a_run_tells_has_a_title_and_says_what_it_is_about() -> None:
    body = {"service": "s", "text": "a\nb", "run": 3, "incident": 7, "runbook": "bad-release"}

    assert title_of(body) == "burnline: s"
    assert text_of(body) == "a\nb\n\nservice: s\nrunbook: bad-release\nrun: 3\nincident: 7"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


# What cannot be sent


@pytest.mark.parametrize(("status", "permanent"), [(404, True), (401, True), (429, False), (500, False), (302, False)])
def test_a_refusal_is_told_by_its_status(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, receiver: Receiver, status: int, permanent: bool
) -> None:
    monkeypatch.setitem(PAGERDUTY_API_LOOKUP, "us", receiver.url)
    receiver.answers = [(status, {"Location": f"{receiver.url}/elsewhere"}, b"{}")]

    told = tell("pagerduty:ml")

    assert dict(told.failed) == {"pagerduty:ml": f"pagerduty:ml: answered {status}"}
    assert (told.retryable, len(receiver.received)) == (not permanent, 1)


def test_one_that_hangs_ends_in_time(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        monkeypatch.setitem(PAGERDUTY_API_LOOKUP, "us", f"http://127.0.0.1:{free_port()}")
        told = tell("pagerduty:ml")

    assert told.retryable
    assert dict(told.failed) == {"pagerduty:ml": "pagerduty:ml: could not be reached"}
    assert not receiver.received


@pytest.mark.parametrize(
    ("file", "content", "receiver"),
    [
        ("pagerduty-ml", "exec://rm", "pagerduty:ml"),
        ("opsgenie-ml", "s3cr3t", "opsgenie:ml"),
        ("slack-oncall", "https://hooks.slack.com.evil.example/services/T0/B0/s3cr3t", "slack:#oncall"),
        ("slack-oncall", "syslog://s3cr3t", "slack:#oncall"),
        ("teams-ml", "json://127.0.0.1/s3cr3t", "teams:ml"),
        ("teams-ml", "https://169.254.169.254/s3cr3t", "teams:ml"),
        ("teams-ml", "", "teams:ml"),
    ],
)
def test_a_secret_of_another_shape_is_not_sent_to_and_not_shown(
    settings: Settings, caplog: pytest.LogCaptureFixture, file: str, content: str, receiver: str
) -> None:
    caplog.set_level(logging.DEBUG)
    (Path(settings.secrets_dir) / file).write_text(content)

    told = tell(receiver)

    assert list(told.failed) == [receiver]
    assert not told.retryable
    assert file in str(told)
    assert "s3cr3t" not in str(told) + caplog.text


def test_a_secret_that_is_not_there_is_told_by_its_file(settings: Settings) -> None:
    assert str(tell("opsgenie:nobody")) == (
        f"could not tell opsgenie:nobody: the secret file:{settings.secrets_dir}/opsgenie-nobody is not there"
    )


def test_mail_without_a_server_is_told_so(settings: Settings) -> None:
    with pytest.raises(ActionError, match="set BURNLINE_SMTP and BURNLINE_SMTP_FROM"):
        apprise_url("mailto:ml@example.com", "page", BODY, settings)


def test_no_log_holds_a_secret(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, receiver: Receiver
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setitem(PAGERDUTY_API_LOOKUP, "us", receiver.url)
    monkeypatch.setattr(NotifySlack, "webhook_url", receiver.url)
    receiver.answers = [(500, {}, b"{}"), (500, {}, b"no")]

    told = [tell("pagerduty:ml"), tell("slack:#oncall")]

    assert not any(secret in caplog.text + str(told) for secret in (PAGERDUTY_KEY, "secretsecretsecretsecret"))


def test_everybody_named_is_told_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver, receiving() as pager:
        monkeypatch.setitem(PAGERDUTY_API_LOOKUP, "us", pager.url)
        pager.answers = [(202, {}, b"{}")]
        spec = make_spec(None, escalation={"business": [f"webhook:{receiver.url}/x", "pagerduty:ml", "slack:#absent"]})
        told = notify.tell(spec, "business", BODY, key="k", at=T0)

    assert told.reached == (f"webhook:{receiver.url}/x", "pagerduty:ml")
    assert list(told.failed) == ["slack:#absent"]
    assert json.loads(pager.received[0][3])["payload"]["severity"] == "info"
