"""Addresses in a service file: URLs, receivers of alerts, and where a secret is kept."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from burnline.spec.words import choice, did_you_mean, shown, without_login

RECEIVERS = ("webhook", "pagerduty", "opsgenie", "slack", "teams", "mailto")
MAILBOX = r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,253}"
TEAM = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"
CHANNEL = r"[#@]?[\w][\w.-]{0,99}"
PLACE_PATTERN = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$"


def check_url(value: str) -> str:
    """The value, when it is an http or https URL with a host and without a password.

    Raises: ValueError with the accepted form; a password is not repeated.
    """
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not re.fullmatch(r"[!-~]+", value):
        raise ValueError(f"{shown(without_login(value))} is not a URL; write one as in http://host:8000/metrics")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user name or password; secrets do not stand in service files")
    return value


def check_secret(value: Any) -> str:
    """The value, when it says where a secret is kept.

    Raises: ValueError with the accepted form; the value may be the secret itself and is not repeated.
    """
    if not isinstance(value, str) or not re.fullmatch(PLACE_PATTERN[1:-1], value):
        raise ValueError("says no place; write env:NAME or file:/absolute/path (the secret itself never stands here)")
    return value


def check_address(value: str) -> str:
    """The value, when it is an http or https URL, or the place where one is kept. Raises: ValueError."""
    return check_secret(value) if value.startswith(("env:", "file:")) else check_url(value)


def check_receiver(value: str) -> str:
    """The value, when it is `kind:address` of a known kind; a webhook's address is a URL or a secret's place.

    Raises: ValueError naming the value and the known kinds.
    """
    kind, _, address = value.partition(":")
    if kind not in RECEIVERS or not address:
        form = f"write kind:address, where kind is {choice(RECEIVERS)}, as in webhook:https://host/path"
        raise ValueError(f"{shown(value)} is not a receiver; {form};{did_you_mean(kind, RECEIVERS)}".rstrip(";"))
    if kind == "webhook" and not address.startswith(("env:", "file:")):
        check_url(address)
    elif kind == "webhook":
        check_secret(address)
    elif kind == "mailto":
        _check_mailbox(value, address)
    else:
        _check_named(value, kind, address)
    return value


def _check_mailbox(value: str, address: str) -> None:
    if not re.fullmatch(MAILBOX, address):
        raise ValueError(f"{shown(value)} names no mailbox; write one as in mailto:team@example.com")


def _check_named(value: str, kind: str, address: str) -> None:
    """Whoever is named here is looked up: in a file of that name, or where the address says."""
    if address.startswith(("env:", "file:")):
        check_secret(address)
    elif not re.fullmatch(CHANNEL if kind == "slack" else TEAM, address):
        form = "slack:#channel" if kind == "slack" else f"{kind}:team, of letters, digits, ., _ and -"
        raise ValueError(f"{shown(value)} names nobody; write {form}")


HttpUrl = Annotated[
    str, AfterValidator(check_url), WithJsonSchema({"type": "string", "pattern": r"^https?://[^\s/@?#]+([/?#]\S*)?$"})
]
Address = Annotated[
    str,
    AfterValidator(check_address),
    WithJsonSchema({"type": "string", "pattern": rf"^https?://[^\s/@?#]+([/?#]\S*)?$|{PLACE_PATTERN}"}),
]
SecretRef = Annotated[str, BeforeValidator(check_secret), WithJsonSchema({"type": "string", "pattern": PLACE_PATTERN})]
Receiver = Annotated[
    str,
    AfterValidator(check_receiver),
    WithJsonSchema(
        {"type": "string", "pattern": f"^({'|'.join(RECEIVERS)}):.+$", "examples": ["webhook:https://host/path"]}
    ),
]
