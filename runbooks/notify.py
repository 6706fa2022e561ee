"""Tell people: one message to every receiver a service file names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from burnline.errors import ActionError, InDoubt
from burnline.runbooks.actions.outbound import post_json
from burnline.runbooks.actions.secret import read_secret
from burnline.runbooks.beside import beside
from burnline.runbooks.receivers import apprise_url, send_message
from burnline.settings import read_settings
from burnline.spec.receivers import split_receiver
from burnline.spec.service import ServiceSpec

TIMEOUT = timedelta(seconds=10)
GRACE = timedelta(seconds=1)  # for what no timeout covers: looking up the name
SIMULATED = "simulated"  # of a simulated drill: `simulated:ID:RECEIVER`, which nothing sends anywhere
RECORDERS: dict[str, Callable[[str, str, Mapping[str, Any], datetime], None]] = {}  # of receiver, severity, body, time


@dataclass(frozen=True, slots=True)
class Told:
    """Who was reached and who was not; a receiver is shown as the service file writes it."""

    reached: tuple[str, ...]
    failed: Mapping[str, str]
    retryable: bool

    def __str__(self) -> str:
        parts = [f"told {', '.join(self.reached)}"] if self.reached else []
        parts += untold(self.failed)
        return "; ".join(parts) or "the service file names nobody to tell"

    def as_json(self) -> dict[str, Any]:
        """Plain data, for the record."""
        return {"reached": list(self.reached), "failed": dict(self.failed)}


def untold(failed: Mapping[str, str]) -> list[str]:
    """Who could not be told, by receiver why; those of one cause together.

    >>> untold({"slack:#a": "down", "slack:#b": "answered 404", "slack:#c": "down"})
    ['could not tell slack:#a, slack:#c: down', 'could not tell slack:#b: answered 404']
    """
    causes: dict[str, list[str]] = {}
    for receiver, why in failed.items():
        causes.setdefault(why, []).append(receiver)
    return [f"could not tell {', '.join(receivers)}: {why}" for why, receivers in causes.items()]


class NotTold(ActionError):
    """A receiver could not be told."""

    def __init__(self, told: Told) -> None:
        self.told = told
        super().__init__(str(told), permanent=not told.retryable)


def incident_link(url: str, incident_id: int) -> str:
    """Where the console, below burnline's `url`, shows an incident."""
    return f"{url.rstrip('/')}/incidents/{incident_id}"


def tell(
    spec: ServiceSpec, whom: str, body: Mapping[str, Any], *, key: str, at: datetime, heard: Sequence[str] = ()
) -> Told:
    """Send `body` to every receiver of `escalation.<whom>` at once; takes no longer than the slowest is allowed.

    One that fails or hangs keeps none of the others from hearing. Those who have `heard` are not told again, and count
    as reached.
    """
    receivers: tuple[str, ...] = getattr(spec.escalation, whom)
    before = tuple(dict.fromkeys(each for each in receivers if each in heard))
    told = send_to([each for each in receivers if each not in before], body, key=key, at=at, whom=whom)
    return replace(told, reached=(*before, *told.reached))


def send_to(receivers: Sequence[str], body: Mapping[str, Any], *, key: str, at: datetime, whom: str = "page") -> Told:
    """Send `body` to these receivers at once, as `tell` does; `whom` is the severity at which they hear of it."""
    sent = {each: beside(partial(_send, each, body, key=key, at=at, whom=whom), "tell") for each in receivers}
    wait(sent.values(), (TIMEOUT + GRACE).total_seconds())
    reached: list[str] = []
    failed: dict[str, str] = {}
    retryable = False
    for receiver, future in sent.items():
        try:
            if not future.done():
                raise InDoubt(f"no answer within {TIMEOUT.total_seconds():g} s")
            future.result()
        except ActionError as error:
            failed[receiver] = str(error)
            retryable = retryable or not error.permanent
        else:
            reached.append(receiver)
    return Told(tuple(reached), failed, retryable)


def _send(receiver: str, body: Mapping[str, Any], *, key: str, at: datetime, whom: str = "page") -> None:
    kind, address = split_receiver(receiver)
    if kind == SIMULATED:
        drill, _, meant = address.partition(":")
        RECORDERS[drill](meant, whom, body, at)
        return
    if kind != "webhook":
        url = apprise_url(receiver, whom, body, read_settings())
        send_message(url, whom=whom, body=body, timeout=TIMEOUT, shown=receiver)
        return
    url = read_secret(address) if address.startswith(("env:", "file:")) else address
    post_json(url, body, key=key, at=at, timeout=TIMEOUT)
