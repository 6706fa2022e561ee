"""The receivers of Alertmanager's configuration; a secret stands in a file, never here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from burnline.alerting.audience import Audible, chain_of, of_service, of_team, owners
from burnline.alerting.config_routes import BURNLINE, HEARTBEAT, OTHERS
from burnline.errors import BurnlineError, Problem, SpecError
from burnline.spec.escalation import AUDIENCES
from burnline.spec.receivers import SMTP_PASSWORD, MailServer, secret_place, split_receiver
from burnline.spec.service import ServiceSpec

OLDEST = (0, 25)
URL_FILE_SINCE = (0, 26)
TEAMS_FILE_SINCE = (0, 27)  # msteams_configs came with 0.26, and only with the URL in the file itself
TEAMS_WORKFLOW_SINCE = (0, 28)  # what Microsoft has replaced those webhooks with
TIMEOUT_SINCE = (0, 28)
PAGERDUTY_SEVERITY = {"page": "critical", "ticket": "warning", "business": "info"}
OPSGENIE_PRIORITY = {"page": "P1", "ticket": "P3", "business": "P5"}
SLACK_TEXT = '{{ range .Alerts }}{{ .Annotations.summary }}{{ "\\n" }}{{ end }}'
KEYS = {  # in the order in which Alertmanager's documentation lists them
    "pagerduty": "pagerduty_configs",
    "opsgenie": "opsgenie_configs",
    "slack": "slack_configs",
    "teams": "msteams_configs",
    "mailto": "email_configs",
    "webhook": "webhook_configs",
}
HOLDS = {
    "pagerduty": "routing key (Events API v2)",
    "opsgenie": "API key",
    "slack": "URL of an incoming webhook",
    "teams": "URL of a workflow's webhook",
    "webhook": "URL",
}


@dataclass(frozen=True, slots=True)
class Output:
    """What it is written for: an Alertmanager's version, its folder of secrets, its mail server, and `others`."""

    known: tuple[int, ...]
    secrets_dir: str
    mail: MailServer | None
    others: tuple[str, ...] = ()

    @classmethod
    def of(cls, version: str, secrets_dir: str, mail: MailServer | None, others: Sequence[str] = ()) -> Output:
        """Raises: BurnlineError for a version that is none, or too old, and for a folder that is not absolute."""
        if not re.fullmatch(r"v?[0-9]{1,3}\.[0-9]{1,3}(\.[0-9]{1,3})?(-rc\.[0-9]+)?", version):
            raise BurnlineError(f"Alertmanager version {version[:40]!r}: write it as in 0.28")
        major, minor = version.removeprefix("v").split(".")[:2]
        known = (int(major), int(minor))
        if known < OLDEST:
            raise BurnlineError(f"Alertmanager {version} is too old; {_dotted(OLDEST)} or later is written for")
        if not secrets_dir.startswith("/"):
            raise BurnlineError(f"the folder of secrets {secrets_dir[:80]!r}: write an absolute path")
        return cls(known, secrets_dir, mail, tuple(dict.fromkeys(others)))


def burnline_receiver(webhook_url: str, token_file: str, output: Output) -> dict[str, Any]:
    """burnline's own: every alert, and nothing that could lose one."""
    # no redirects: a 302 is followed as a GET, and the alert is lost without a trace
    http: dict[str, Any] = {"follow_redirects": False}
    if token_file:
        http["authorization"] = {"type": "Bearer", "credentials_file": token_file}
    webhook: dict[str, Any] = {"url": webhook_url, "send_resolved": True, "max_alerts": 0, "http_config": http}
    if output.known >= TIMEOUT_SINCE:
        webhook["timeout"] = "10s"
    return {"name": BURNLINE, "webhook_configs": [webhook]}


def heartbeat_receiver(place: str, output: Output) -> dict[str, Any]:
    """Somebody else who notices when the Watchdog falls silent.

    Raises: BurnlineError when this version reads no URL from a file.
    """
    if not place.startswith("file:"):
        return {"name": HEARTBEAT, "webhook_configs": [{"url": place, "send_resolved": False}]}
    if output.known < URL_FILE_SINCE:
        raise BurnlineError(f"the heartbeat's URL from a file needs Alertmanager {_dotted(URL_FILE_SINCE)} or later")
    return {
        "name": HEARTBEAT,
        "webhook_configs": [{"url_file": place.removeprefix("file:"), "send_resolved": False}],
    }


def mail_settings(services: Sequence[ServiceSpec], output: Output) -> dict[str, Any]:
    """The global part, where anybody is told by mail."""
    mail = output.mail
    everybody = (*(each for each, _ in _named(services)), *output.others)
    if mail is None or not any(split_receiver(each)[0] == "mailto" for each in everybody):
        return {}
    login = {
        "smtp_auth_username": mail.user,
        "smtp_auth_password_file": f"{output.secrets_dir.rstrip('/')}/{SMTP_PASSWORD}",
    }
    return {
        "global": {
            "smtp_smarthost": f"{mail.host}:{mail.port}",
            "smtp_from": mail.sender,
            **(login if mail.user else {}),
            # Alertmanager speaks TLS from the first byte on port 465; elsewhere this asks for STARTTLS
            "smtp_require_tls": mail.tls == "starttls",
        }
    }


def people_receivers(services: Sequence[ServiceSpec], output: Output) -> Iterator[dict[str, Any]]:
    """One receiver for each set of people.

    Raises: SpecError naming a receiver that cannot be written for this version.
    """
    for spec in services:
        for n, step in enumerate(chain_of(spec)):
            yield _receiver(spec, step, f"escalation.chain[{n}].to", output)
        for each in of_service(spec):
            yield _receiver(spec, each, f"escalation.{each.severity}", output)
    for owner in owners(services):
        first = next(spec for spec in services if spec.owner == owner)
        yield from (_receiver(first, each, "escalation", output) for each in of_team(owner, services))


def others_receiver(output: Output) -> Iterator[dict[str, Any]]:
    """Who hears of what no service file covers.

    Raises: BurnlineError naming a receiver that cannot be written for this version.
    """
    try:
        if output.others:
            yield {"name": OTHERS, **_configs(output.others, "ticket", output)}
    except _Unwritable as error:
        raise BurnlineError(f"--others {output.others[error.n]}: {error}") from None


def expected_files(
    services: Sequence[ServiceSpec], secrets_dir: str, mail: MailServer | None, others: Sequence[str] = ()
) -> dict[str, str]:
    """Every file that Alertmanager will read a secret from, and what it must hold, by path."""
    files: dict[str, str] = {}
    for receiver in (*(each for each, _ in _named(services)), *others):
        kind = split_receiver(receiver)[0]
        place = secret_place(receiver, secrets_dir)
        if place.startswith("file:"):
            files[place.removeprefix("file:")] = f"{HOLDS[kind]} of {receiver}"
        elif kind == "mailto" and mail and mail.user:
            files[f"{secrets_dir.rstrip('/')}/{SMTP_PASSWORD}"] = f"password of {mail.user} at {mail.host}"
    return dict(sorted(files.items()))


def _named(services: Sequence[ServiceSpec]) -> Iterator[tuple[str, str]]:
    """Every receiver of every service, with the field it stands in."""
    for spec in services:
        for severity in AUDIENCES:
            for n, receiver in enumerate(getattr(spec.escalation, severity)):
                yield receiver, f"escalation.{severity}[{n}]"
        for n, step in enumerate(spec.escalation.chain):
            yield from ((receiver, f"escalation.chain[{n}].to[{m}]") for m, receiver in enumerate(step.to))


def _receiver(spec: ServiceSpec, people: Audible, field: str, output: Output) -> dict[str, Any]:
    try:
        return {"name": people.name, **_configs(people.receivers, people.severity, output)}
    except _Unwritable as error:
        raise SpecError([Problem(spec.service, 0, f"{field}[{error.n}]", str(error))]) from None


class _Unwritable(Exception):
    """The receiver at place `n` cannot be written for this Alertmanager."""

    def __init__(self, n: int, why: str) -> None:
        self.n = n
        super().__init__(why)


def _configs(receivers: Sequence[str], severity: str, output: Output) -> dict[str, list[dict[str, Any]]]:
    """Raises: _Unwritable."""
    written: dict[str, list[dict[str, Any]]] = {}
    for n, receiver in enumerate(receivers):
        kind, _ = split_receiver(receiver)
        try:
            config = WRITE[kind](receiver, severity, output)
        except ValueError as error:
            raise _Unwritable(n, str(error)) from None
        written.setdefault(_key(kind, output), []).append({**config, "send_resolved": True})
    return {key: written[key] for kind in KEYS if (key := _key(kind, output)) in written}


def _key(kind: str, output: Output) -> str:
    return "msteamsv2_configs" if kind == "teams" and output.known >= TEAMS_WORKFLOW_SINCE else KEYS[kind]


def _file(receiver: str, output: Output) -> str:
    place = secret_place(receiver, output.secrets_dir)
    if place.startswith("env:"):
        kind = split_receiver(receiver)[0]
        raise ValueError(f"Alertmanager reads no environment; write {kind}:file:/absolute/path")
    return place.removeprefix("file:")


def _since(output: Output, needed: tuple[int, ...], what: str) -> None:
    if output.known < needed:
        raise ValueError(f"{what} needs Alertmanager {_dotted(needed)} or later")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _pagerduty(receiver: str, severity: str, output: Output) -> dict[str, Any]:
    return {"routing_key_file": _file(receiver, output), "severity": PAGERDUTY_SEVERITY[severity]}


def _opsgenie(receiver: str, severity: str, output: Output) -> dict[str, Any]:
    return {"api_key_file": _file(receiver, output), "priority": OPSGENIE_PRIORITY[severity]}


def _slack(receiver: str, _severity: str, output: Output) -> dict[str, Any]:
    _, address = split_receiver(receiver)
    channel = {} if address.startswith(("file:", "env:")) else {"channel": address}
    return {"api_url_file": _file(receiver, output), **channel, "text": SLACK_TEXT}


def _teams(receiver: str, _severity: str, output: Output) -> dict[str, Any]:
    _since(output, TEAMS_FILE_SINCE, "teams")
    return {"webhook_url_file": _file(receiver, output)}


def _mail(receiver: str, _severity: str, output: Output) -> dict[str, Any]:
    if output.mail is None:
        raise ValueError("mail needs a server; give --smtp and --smtp-from (BURNLINE_SMTP and BURNLINE_SMTP_FROM)")
    return {"to": split_receiver(receiver)[1]}


def _webhook(receiver: str, _severity: str, output: Output) -> dict[str, Any]:
    _, address = split_receiver(receiver)
    if not address.startswith(("env:", "file:")):
        return {"url": address}
    path = _file(receiver, output)
    _since(output, URL_FILE_SINCE, "a URL from a file")
    return {"url_file": path}


WRITE: Mapping[str, Callable[[str, str, Output], dict[str, Any]]] = {
    "pagerduty": _pagerduty,
    "opsgenie": _opsgenie,
    "slack": _slack,
    "teams": _teams,
    "mailto": _mail,
    "webhook": _webhook,
}
