"""People's receivers: each becomes an address that apprise sends to; webhooks are ours (notify.py).

A secret is read when it is needed, from where its receiver says or from the folder of secrets, and is part of no
message, error or log: what apprise would say of a failure may quote an address, so only its status code is passed on.
"""

from __future__ import annotations

import importlib
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from burnline.errors import ActionError
from burnline.runbooks.actions.secret import read_secret
from burnline.settings import Settings
from burnline.spec.receivers import SMTP_PASSWORD, MailServer, secret_place, split_receiver

SECURE_MODES = {"starttls": "starttls", "tls": "ssl", "none": "insecure"}
PAGERDUTY_SEVERITY = {"page": "critical", "ticket": "warning", "business": "info"}
OPSGENIE_PRIORITY = {"page": "1", "ticket": "3", "business": "5"}
MAX_TITLE, MAX_TEXT = 250, 15_000  # characters
ABOUT = ("service", "runbook", "run", "incident")
LINKS = {"link": "answer", "incident_url": "see"}
_STATUS = re.compile(r"error=(\d{3})")


def apprise_url(receiver: str, whom: str, body: Mapping[str, Any], settings: Settings) -> str:
    """The address, with its secret, of a receiver of severity `whom`. `body` may carry `dedup`, one key per incident.

    Raises: ActionError naming the receiver or the file, never what is in it.
    """
    kind, _ = split_receiver(receiver)
    if kind == "mailto":
        return _mail(receiver, settings)
    if kind not in _WRITE:
        raise ActionError(f"receiver {kind} is not known", permanent=True)
    secret = read_secret(secret_place(receiver, settings.secrets_dir)).strip()
    url = _WRITE[kind](receiver, secret, whom, body)
    if not url:
        place = secret_place(receiver, settings.secrets_dir)
        raise ActionError(f"{place} does not hold what {kind} needs: {_NEEDS[kind]}", permanent=True)
    return url


def send_message(url: str, *, whom: str, body: Mapping[str, Any], timeout: timedelta, shown: str) -> None:
    """Send what `body` says to an apprise address; `shown` is what errors call it.

    Raises: ActionError; one that may pass unless the receiver answered 4xx.
    """
    target = _target(url, timeout, shown)
    with _overheard() as said:
        sent = target.notify(title=title_of(body), body=text_of(body), notify_type=_type(whom, body))
    if sent:
        return
    status = next((found[1] for found in map(_STATUS.search, said) if found), "")
    permanent = status.startswith("4") and status not in ("408", "429")
    raise ActionError(
        f"{shown}: answered {status}" if status else f"{shown}: could not be reached", permanent=permanent
    )


def title_of(body: Mapping[str, Any]) -> str:
    """The first line of a message."""
    title = str(body.get("title") or f"burnline: {body.get('service', '')}").replace("\n", " ")
    return f"{'DRILL: ' if body.get('drill') else ''}{title}"[:MAX_TITLE]


def text_of(body: Mapping[str, Any]) -> str:
    """The rest of it: what is said, then what it is about."""
    about = [f"{name}: {body[name]}" for name in ABOUT if body.get(name) not in (None, "")]
    links = [f"{word}: {body[name]}" for name, word in LINKS.items() if body.get(name)]
    return "\n".join([str(body.get("text", "")), "", *links, *about]).strip()[:MAX_TEXT]


def _target(url: str, timeout: timedelta, shown: str) -> Any:
    from apprise import AppriseAsset, PersistentStoreMode

    asset = AppriseAsset(storage_mode=PersistentStoreMode.MEMORY, secure_logging=True)
    seconds = f"{timeout.total_seconds() / 2:.2f}"  # to connect, and to answer
    timed = f"{url}{'&' if '?' in url else '?'}cto={seconds}&rto={seconds}&redirect=no"
    plugin = _plugin(url.partition("://")[0])
    try:
        with _overheard():
            return plugin(**plugin.parse_url(timed), asset=asset)
    except TypeError as error:  # which its own error is a kind of
        message = f"{shown}: its secret or address is not one that can be sent to"
        raise ActionError(message, permanent=True) from error


def _plugin(schema: str) -> Any:
    """This one alone: to let apprise find it would load all of its hundred and more."""
    module, name = _PLUGINS[schema]
    return getattr(importlib.import_module(f"apprise.plugins.{module}"), name)


def _type(whom: str, body: Mapping[str, Any]) -> Any:
    from apprise import NotifyType

    if body.get("status") == "resolved":
        return NotifyType.SUCCESS
    return {"page": NotifyType.FAILURE, "ticket": NotifyType.WARNING}.get(whom, NotifyType.INFO)


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """What apprise logs on this thread meanwhile; none of it goes into our log."""
    logger, heard = logging.getLogger("apprise"), _Heard()
    logger.propagate = False
    logger.setLevel(logging.WARNING)  # below, it logs what it sends and where to
    logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)  # below, it logs paths: a webhook's is a secret
    logger.addHandler(heard)
    try:
        yield heard.said
    finally:
        logger.removeHandler(heard)


class _Heard(logging.Handler):
    """Keeps the messages of the thread that made it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.said.append(record.getMessage())


def _pagerduty(_receiver: str, key: str, whom: str, body: Mapping[str, Any]) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]{20,64}", key):
        return ""
    about = {"severity": PAGERDUTY_SEVERITY.get(whom, "warning")}
    if dedup := body.get("dedup"):
        about |= {"dedup": str(dedup), "action": "resolve" if body.get("status") == "resolved" else "trigger"}
    # Events API v2 wants the routing key alone; apprise asks for a second one, and sends it to the same host
    return (
        f"pagerduty://{key}@{key}/burnline/{quote(str(body.get('service') or 'burnline'), safe='')}?{urlencode(about)}"
    )


def _opsgenie(_receiver: str, key: str, whom: str, body: Mapping[str, Any]) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f-]{36}", key):
        return ""
    about = {"priority": OPSGENIE_PRIORITY.get(whom, "3")}
    if dedup := body.get("dedup"):
        about |= {"alias": str(dedup)}
    return f"opsgenie://{key}?{urlencode(about)}"


def _slack(receiver: str, url: str, _whom: str, _body: Mapping[str, Any]) -> str:
    parts = urlsplit(url)
    tokens = parts.path.removeprefix("/services/").strip("/")
    good = parts.scheme == "https" and parts.hostname == "hooks.slack.com" and parts.path.startswith("/services/")
    if not good or not re.fullmatch(r"[A-Za-z0-9]+/[A-Za-z0-9]+/[A-Za-z0-9]+", tokens):
        return ""
    _, address = split_receiver(receiver)
    channel = "" if address.startswith(("file:", "env:")) else quote(address, safe="@")
    return f"slack://{tokens}/{channel}?image=no&footer=no"


def _teams(_receiver: str, url: str, _whom: str, _body: Mapping[str, Any]) -> str:
    workflows = _plugin("workflow")

    # the class answers for addresses of its own kind only
    with _overheard():
        known = workflows.parse_native_url(url) if url.startswith("https://") else None
        return str(workflows(**{**known, "include_image": False}).url()) if known else ""


def _mail(receiver: str, settings: Settings) -> str:
    mail = settings.mail
    if mail is None:
        raise ActionError("mail needs a server: set BURNLINE_SMTP and BURNLINE_SMTP_FROM", permanent=True)
    about = {
        "smtp": mail.host,
        "mode": SECURE_MODES[mail.tls],
        "from": mail.sender,
        "to": split_receiver(receiver)[1],
        "format": "text",
    }
    return f"{'mailto' if mail.tls == 'none' else 'mailtos'}://{_login(mail, settings)}?{urlencode(about)}"


def _login(mail: MailServer, settings: Settings) -> str:
    host = f"[{mail.host}]" if ":" in mail.host else mail.host
    if not mail.user:
        return f"{host}:{mail.port}"
    password = read_secret(f"file:{settings.secrets_dir.rstrip('/')}/{SMTP_PASSWORD}")
    return f"{quote(mail.user, safe='')}:{quote(password, safe='')}@{host}:{mail.port}"


_WRITE: Mapping[str, Callable[[str, str, str, Mapping[str, Any]], str]] = {
    "pagerduty": _pagerduty,
    "opsgenie": _opsgenie,
    "slack": _slack,
    "teams": _teams,
}
_PLUGINS = {
    "pagerduty": ("pagerduty", "NotifyPagerDuty"),
    "opsgenie": ("opsgenie", "NotifyOpsgenie"),
    "slack": ("slack", "NotifySlack"),
    "workflow": ("workflows", "NotifyWorkflows"),
    "mailto": ("email", "NotifyEmail"),
    "mailtos": ("email", "NotifyEmail"),
}
_NEEDS = {
    "pagerduty": "the routing key of an Events API v2 integration",
    "opsgenie": "an API key, 36 characters",
    "slack": "an incoming webhook's URL, https://hooks.slack.com/services/...",
    "teams": "the URL of a workflow's webhook",
}
