"""Questions of runs to people, their answers, and the links with which they are answered."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from burnline.events import RunState
from burnline.store.runs import Run, get_run, keep_fenced
from burnline.store.schema import approval, approval_link, approval_vote, run, secret

PENDING, APPROVED, REJECTED, EXPIRED = "pending", "approved", "rejected", "expired"
PLAN, DOUBT = "plan", "doubt"
_LINK_KEY = "approval links"


@dataclass(frozen=True, slots=True)
class Approval:
    """A question to people, bound by `plan_hash` to what would be done.

    Attributes:
        state: pending, approved, rejected or expired.
        required: how many must say yes.
        kind: plan: may this be done? doubt: did it take effect?
        told: how many levels of people were told of it.
    """

    id: int
    run_id: int
    n: int
    state: str
    required: int
    plan: Mapping[str, Any]
    plan_hash: str
    requested_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    kind: str = PLAN
    told: int = 0


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person said."""

    actor: str
    decision: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Link:
    """A way to answer once; `actor` is empty where whoever holds it gives a name."""

    nonce: str
    approval_id: int
    actor: str
    used_at: datetime | None


def ask_approval(
    tx: Connection,
    claimed: Run,
    *,
    n: int,
    plan: Mapping[str, Any],
    plan_hash: str,
    required: int,
    expires_at: datetime,
    now: datetime,
    kind: str = PLAN,
) -> Approval:
    """Put a question to people; `n` counts the questions of a run from 1. Raises: Fenced."""
    keep_fenced(tx, claimed)
    values = {
        "run_id": claimed.id,
        "n": n,
        "state": PENDING,
        "required": required,
        "plan": dict(plan),
        "plan_hash": plan_hash,
        "requested_at": now,
        "expires_at": expires_at,
        "kind": kind,
    }
    return Approval(*tx.execute(insert(approval).values(values).returning(approval)).one())


def get_approval(tx: Connection, approval_id: int, *, lock: bool = False) -> Approval | None:
    """The approval of that id; `lock` keeps others from deciding it until this transaction ends."""
    query = select(approval).where(approval.c.id == approval_id)
    row = tx.execute(query.with_for_update() if lock else query).first()
    return None if row is None else Approval(*row)


def last_approval(tx: Connection, run_id: int, kind: str = PLAN, *, lock: bool = False) -> Approval | None:
    """The latest question of a kind that a run asked; `lock` keeps others from deciding it meanwhile."""
    mine = (approval.c.run_id == run_id, approval.c.kind == kind)
    query = select(approval).where(*mine).order_by(approval.c.n.desc()).limit(1)
    row = tx.execute(query.with_for_update() if lock else query).first()
    return None if row is None else Approval(*row)


def questions(tx: Connection, run_id: int) -> int:
    """How many questions a run has asked."""
    return len(tx.execute(select(approval.c.id).where(approval.c.run_id == run_id)).all())


def pending_approvals(tx: Connection) -> list[tuple[Approval, Run]]:
    """What waits for people, with the run that asks, oldest first. It may have expired since: see `expires_at`."""
    query = select(approval).where(approval.c.state == PENDING).order_by(approval.c.id)
    asked = [Approval(*row) for row in tx.execute(query)]
    return [(question, asking) for question in asked if (asking := get_run(tx, question.run_id)) is not None]


def settle_approval(tx: Connection, approval_id: int, state: str, now: datetime) -> bool:
    """Move a pending approval to `state` and wake its run; False when it was no longer pending."""
    pending = (approval.c.id == approval_id, approval.c.state == PENDING)
    changed = tx.execute(
        update(approval).where(*pending).values(state=state, decided_at=now).returning(approval.c.run_id)
    )
    run_id = changed.scalar_one_or_none()
    if run_id is not None:
        tx.execute(update(run).where(run.c.id == run_id, run.c.state == RunState.WAITING).values(wake_at=now))
    return run_id is not None


def record_silence(tx: Connection, approval_id: int, now: datetime) -> None:
    """An expired question counts as approved, because its runbook says so; that nobody said it is on record."""
    expired = (approval.c.id == approval_id, approval.c.state == EXPIRED)
    tx.execute(update(approval).where(*expired).values(state=APPROVED, decided_at=now))


def set_told(tx: Connection, claimed: Run, approval_id: int, told: int) -> None:
    """Keep how many levels of people were told. Raises: Fenced."""
    keep_fenced(tx, claimed)
    tx.execute(update(approval).where(approval.c.id == approval_id).values(told=told))


def record_vote(tx: Connection, approval_id: int, *, actor: str, decision: str, reason: str, now: datetime) -> None:
    """Keep who decided what, and why."""
    values = {"approval_id": approval_id, "actor": actor, "decision": decision, "reason": reason, "at": now}
    tx.execute(insert(approval_vote).values(values))


def votes(tx: Connection, approval_id: int) -> Sequence[Vote]:
    """What people said, in order."""
    columns = (approval_vote.c.actor, approval_vote.c.decision, approval_vote.c.reason, approval_vote.c.at)
    said = select(*columns).where(approval_vote.c.approval_id == approval_id).order_by(approval_vote.c.id)
    return [Vote(*row) for row in tx.execute(said)]


def add_link(tx: Connection, approval_id: int, actor: str) -> Link:
    """A new way to answer, for `actor` or for whoever holds it."""
    link = Link(secrets.token_urlsafe(24), approval_id, actor, None)
    tx.execute(insert(approval_link).values(nonce=link.nonce, approval_id=approval_id, actor=actor))
    return link


def get_link(tx: Connection, nonce: str) -> Link | None:
    """The link of that nonce."""
    row = tx.execute(select(approval_link).where(approval_link.c.nonce == nonce)).first()
    return None if row is None else Link(*row)


def use_link(tx: Connection, nonce: str, now: datetime) -> bool:
    """Spend a link; False when it was spent before."""
    unused = (approval_link.c.nonce == nonce, approval_link.c.used_at.is_(None))
    return tx.execute(update(approval_link).where(*unused).values(used_at=now)).rowcount == 1


def link_key(tx: Connection) -> str:
    """The key with which links are signed: made once, and the same for every process on this database."""
    made = {"name": _LINK_KEY, "value": secrets.token_hex(32)}
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    tx.execute(dialect.insert(secret).values(made).on_conflict_do_nothing())
    value: str = tx.scalars(select(secret.c.value).where(secret.c.name == _LINK_KEY)).one()
    return value


def approvals_of_run(tx: Connection, run_id: int) -> list[Approval]:
    """Every question a run asked, oldest first."""
    rows = tx.execute(select(approval).where(approval.c.run_id == run_id).order_by(approval.c.n))
    return [Approval(*row) for row in rows]
