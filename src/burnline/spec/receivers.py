"""Where the secret of a receiver is kept: a file of a folder, or the place that its address names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from burnline.spec.address import MAILBOX
from burnline.spec.words import shown, without_login

SMTP = {"smtp": ("starttls", 587), "smtps": ("tls", 465), "smtp+plain": ("none", 25)}
SMTP_PASSWORD = "smtp-password"  # noqa: S105 - the name of the file, in the folder of secrets


def split_receiver(receiver: str) -> tuple[str, str]:
    """`slack:#oncall` to its kind and its address."""
    kind, _, address = receiver.partition(":")
    return kind, address


def secret_place(receiver: str, folder: str) -> str:
    """`env:NAME` or `file:/path` of what a receiver needs; empty for one that needs nothing, or mail.

    `pagerduty:ml` keeps its routing key in `<folder>/pagerduty-ml`, `opsgenie:ml` its API key in `opsgenie-ml`,
    `slack:#oncall` the URL of its incoming webhook in `slack-oncall`, `teams:ml` that of its workflow in `teams-ml`.
    """
    kind, address = split_receiver(receiver)
    if address.startswith(("env:", "file:")):
        return address
    if kind in ("webhook", "mailto"):
        return ""
    return f"file:{folder.rstrip('/')}/{kind}-{address.lstrip('#@')}"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Who takes mail for delivery, and in whose name; `user` empty: without a password.

    Attributes:
        tls: `starttls` (must be offered), `tls` (from the first byte) or `none` (a relay on this host).
    """

    host: str
    port: int
    user: str
    tls: str
    sender: str


def mail_server(url: str, sender: str) -> MailServer | None:
    """`smtp://user@mail.example.com:587`, `smtps://` or `smtp+plain://`, and the sender's mailbox; None without a URL.

    Raises: ValueError naming what is wrong and the accepted form.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in SMTP or parts.password is not None or parts.path.strip("/") or parts.query:
        form = "smtp://user@host:587, smtps://user@host:465 or smtp+plain://localhost:25, without a password"
        raise ValueError(f"{shown(without_login(url))} is no mail server; write {form}")
    if not re.fullmatch(MAILBOX, sender):
        raise ValueError(f"{shown(sender)} is no sender's mailbox; write one as in burnline@example.com")
    tls, usual = SMTP[parts.scheme]
    return MailServer(host, port or usual, unquote(parts.username or ""), tls, sender)
