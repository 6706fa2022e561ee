"""Signed links with which a person answers an approval once: what is in a link cannot be made or changed by others."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection

from burnline.errors import DecisionRefused
from burnline.store.approvals import Approval, add_link, link_key
from burnline.store.database import Database

MAX_TOKEN = 1000


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a link says: which question, for whom (empty: whoever holds it), bound to which plan, until when."""

    nonce: str
    approval_id: int
    actor: str
    plan_hash: str
    expires: int


def link_to(db: Database, url: str, asked: Approval, actor: str) -> str:
    """A new link to answer `asked`, below burnline's `url`. Opening it changes nothing; it is spent by an answer."""

    def make(tx: Connection) -> str:
        made = add_link(tx, asked.id, actor)
        ticket = Ticket(made.nonce, asked.id, actor, asked.plan_hash, int(asked.expires_at.timestamp()))
        return write_token(link_key(tx), ticket)

    return f"{url.rstrip('/')}/answer/{db.write(make)}"


def write_token(key: str, ticket: Ticket) -> str:
    """The ticket, signed with HMAC-SHA256, in letters that a URL may hold."""
    fields = [ticket.nonce, ticket.approval_id, ticket.actor, ticket.plan_hash, ticket.expires]
    said = _text(json.dumps(fields, separators=(",", ":")).encode())
    return f"{said}.{_signature(key, said)}"


def read_token(key: str, token: str, now: datetime) -> Ticket:
    """What a link says. Raises: DecisionRefused when it was not made here, or is too old."""
    said, _, signature = token.partition(".")
    if len(token) > MAX_TOKEN or not hmac.compare_digest(_signature(key, said).encode(), signature.encode()):
        raise DecisionRefused("this link was not made by this burnline, or is not whole")
    nonce, approval_id, actor, plan_hash, expires = json.loads(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)))
    if now.timestamp() >= expires:
        raise DecisionRefused("this link is too old: the question it answers has expired")
    return Ticket(nonce, approval_id, actor, plan_hash, expires)


def _signature(key: str, said: str) -> str:
    return _text(hmac.new(key.encode(), said.encode(), sha256).digest())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
