"""Process settings, from the environment (BURNLINE_*); what a service promises is in its service file instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from burnline.errors import Problem, SpecError
from burnline.spec.address import check_url
from burnline.spec.receivers import MailServer, mail_server
from burnline.spec.words import without_login

_SECRETS = Path("/run/secrets")  # where containers find them: a file burnline_token is as good as BURNLINE_TOKEN
_HOST = re.compile(r"\*|(\*\.)?[\w.-]+|\[[0-9a-fA-F:.]+\]", re.ASCII)


def _host(name: str) -> str:
    if not _HOST.fullmatch(name):
        raise ValueError("should be host names with commas between, like burnline,*.example.com,[::1]")
    return name


def _base_url(url: str) -> str:
    if not _is_base_url(url):
        raise ValueError("should be URLs with commas between, like http://am-1:9093,http://am-2:9093")
    return url.rstrip("/")


def _one_url(url: str) -> str:
    if url and not _is_base_url(url):
        raise ValueError("should be a URL, like http://prometheus:9090")
    return url.rstrip("/")


def _pattern(url: str, *names: str) -> str:
    """A URL with placeholders; anything else in braces is a mistake."""
    if not url:
        return url
    wrong = sorted(set(re.findall(r"\{(\w*)\}", url)) - set(names))
    if wrong or f"{{{names[0]}}}" not in url or not re.match(r"https?://[\w.\[]", url) or re.search(r"\s", url):
        known = ", ".join(f"{{{name}}}" for name in names)
        raise ValueError(f"should be an http(s) URL with {{{names[0]}}} in it; it may hold {known}")
    return url


def _trace_url(url: str) -> str:
    return _pattern(url, "trace_id")


def _logs_url(url: str) -> str:
    return _pattern(url, "service", "from", "until")


def _is_base_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # its words repeat what it could not read
        return False
    return bool(usable) and not parts.query and not parts.fragment


Host = Annotated[str, AfterValidator(_host)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
OneUrl = Annotated[str, AfterValidator(_one_url)]


def _public(url: str) -> str:
    return check_url(url).rstrip("/") if url else url


class Settings(BaseSettings):
    """Settings of one burnline process.

    Attributes:
        database: SQLAlchemy URL.
        services: a folder of service files, or one file.
        runbooks: a folder of the team's own runbooks, beside those that ship with burnline.
        prometheus_url: set when Prometheus evaluates the compiled rules; empty means the embedded engine.
        alertmanagers: every Alertmanager that sends alerts here, with commas between; what they and Prometheus list is
            compared with what was received. Empty means that nothing is compared.
        alertmanager_receiver: the name that burnline has as a receiver in their configuration.
        web_config: a web.config.yml as Prometheus' exporters have it: TLS, basic authentication, a bearer token.
        token: when set, every POST needs `Authorization: Bearer ...`; needed to listen beyond this host.
        allowed_hosts: names under which burnline may be asked for, with commas between (a guard against DNS
            rebinding); `*.example.com` is any name below it, `*` any at all.
        hook_hosts: the hosts that hooks may ask over HTTP, written like `allowed_hosts`; a host that is not among them
            is refused whatever a service file says.
        secrets_dir: the folder with one file for each receiver's secret, such as `pagerduty-payments-ml`.
        smtp: who delivers mail, `smtp://user@host:587`; empty means that nobody is told by mail.
        smtp_from: the mailbox it comes from.
        actions: `off` keeps this process from changing anything; `dry-run` too, and it says what it would change.
        actions_off_file: as `off`, while this file is there.
        max_changes_per_hour: changes of all services together that may be made within an hour before people are asked.
        max_services_share: the share of services that may be changed within an hour before people are asked.
        max_series: sets of labels that one collector of a service may have under one name; the rest is folded.
        public_url: where people reach burnline, for links in messages; empty means that none are sent.
        trace_url: where a trace can be looked at, `https://tempo.example.com/trace/{trace_id}`; empty means no links.
        trace_search_url: where the traces of a service can be searched, with the same placeholders as `logs_url`.
        logs_url: where the logs of a service can, with `{service}`, `{from}` and `{until}` (milliseconds since 1970).
        evidently_python, alibi_python: the interpreter that has the library which service files name as an engine;
            empty is the one that burnline itself runs in.
        engine_memory_mb, engine_seconds: what such a library may take of memory, and for the answer to one window.
        otlp_endpoint: where burnline's own traces and logs go; empty means nowhere.
    """

    model_config = SettingsConfigDict(
        env_prefix="BURNLINE_", frozen=True, extra="ignore", secrets_dir=_SECRETS if _SECRETS.is_dir() else None
    )

    database: str = "sqlite:///burnline.db"
    services: Path = Path("services")
    runbooks: Path | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8600
    prometheus_url: OneUrl = ""
    alertmanagers: Annotated[tuple[BaseUrl, ...], NoDecode] = ()
    alertmanager_receiver: str = "burnline"
    token: str = ""
    web_config: Path | None = None
    allowed_hosts: Annotated[tuple[Host, ...], NoDecode] = ("127.0.0.1", "localhost", "[::1]")
    hook_hosts: Annotated[tuple[Host, ...], NoDecode] = ("*",)
    otlp_endpoint: OneUrl = ""
    actions: Literal["on", "dry-run", "off"] = "on"
    actions_off_file: str = ""
    secrets_dir: str = "/etc/burnline/secrets"
    smtp_from: str = ""  # before the server, which is checked with it
    smtp: str = ""
    max_changes_per_hour: Annotated[int, Field(ge=1)] = 5
    max_services_share: Annotated[float, Field(gt=0, le=1)] = 0.25
    max_series: Annotated[int, Field(ge=10, le=1_000_000)] = 2_000
    public_url: Annotated[str, AfterValidator(_public)] = ""
    trace_url: Annotated[str, AfterValidator(_trace_url)] = ""
    trace_search_url: Annotated[str, AfterValidator(_logs_url)] = ""
    logs_url: Annotated[str, AfterValidator(_logs_url)] = ""
    evidently_python: str = ""
    alibi_python: str = ""
    engine_memory_mb: Annotated[int, Field(ge=256, le=1_048_576)] = 2_048
    engine_seconds: Annotated[float, Field(gt=0, le=3600)] = 300.0
    lease_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0

    @field_validator("allowed_hosts", "hook_hosts", "alertmanagers", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    @field_validator("smtp")
    @classmethod
    def _mail(cls, value: str, info: ValidationInfo) -> str:
        mail_server(value, info.data.get("smtp_from", ""))
        return value

    @property
    def engine_pythons(self) -> dict[str, str]:
        """By engine, the interpreter that has its library; empty is burnline's own."""
        return {"evidently": self.evidently_python, "alibi": self.alibi_python}

    @property
    def mail(self) -> MailServer | None:
        """Who delivers mail, and in whose name."""
        return mail_server(self.smtp, self.smtp_from)


def read_settings(**given: Any) -> Settings:
    """The settings of this process; what is `given` wins over the environment.

    Raises: SpecError that names each wrong variable, its value and what would be accepted.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SpecError([_problem(each["loc"], each["msg"], each["input"]) for each in error.errors()]) from None


def _problem(place: tuple[int | str, ...], message: str, value: object) -> Problem:
    wanted = message.removeprefix("Input ").removeprefix("Value error, ")
    written = without_login(value) if isinstance(value, str) else value
    return Problem("environment", 0, f"BURNLINE_{str(place[0]).upper()}", f"{written!r}: {wanted}")
