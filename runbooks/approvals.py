"""A person's decision on what a run plans to do."""

from __future__ import annotations

import unicodedata
from datetime import datetime

from sqlalchemy import Connection

from burnline.errors import DecisionRefused
from burnline.spec.units import format_moment
from burnline.store import runs, timeline
from burnline.store.database import Database
from burnline.store.runs import Approval

REQUESTER = "burnline"
DECISIONS = {"approve": runs.APPROVED, "reject": runs.REJECTED}
MAX_ACTOR, MAX_REASON = 200, 2000


def decide(
    db: Database,
    approval_id: int,
    *,
    actor: str,
    decision: str,
    plan_hash: str,
    reason: str,
    now: datetime,
) -> str:
    """`approve` or `reject`, once; returns the approval's new state. `plan_hash` is that of the plan the person saw.

    Raises: DecisionRefused when there is no such question, it is decided or expired, the plan is another one, or the
    actor is nobody or the requester.
    """
    refuse_nobody(actor)
    if (state := DECISIONS.get(decision)) is None or len(reason) > MAX_REASON:
        raise DecisionRefused(f"a decision is approve or reject, with a reason of at most {MAX_REASON} characters")
    if not all(each.isprintable() or each in "\n\r\t" for each in reason):
        raise DecisionRefused("a reason is plain text: it holds a character that cannot be printed")

    def vote(tx: Connection) -> str:
        asked = runs.get_approval(tx, approval_id)
        if asked is None:
            raise DecisionRefused(f"there is no approval {approval_id}")
        if asked.state == runs.PENDING and now >= asked.expires_at:
            raise DecisionRefused(f"approval {approval_id} expired at {format_moment(asked.expires_at, now)}")
        if asked.plan_hash != plan_hash:
            raise DecisionRefused(f"approval {approval_id} is for another plan: look at it again")
        if not runs.settle_approval(tx, approval_id, state, now):
            raise DecisionRefused(f"approval {approval_id} is {asked.state} already")
        runs.record_vote(tx, approval_id, actor=actor, decision=decision, reason=reason, now=now)
        _note(tx, asked, actor, state, reason, now)
        return state

    return db.write(vote)


def refuse_nobody(actor: str) -> None:
    """Raises: DecisionRefused when `actor` is no name of a person, or the requester's."""
    name = unicodedata.normalize("NFKC", actor).strip()
    if not name or len(actor) > MAX_ACTOR or not actor.isprintable() or name.casefold() == REQUESTER:
        raise DecisionRefused("needs the name of a person other than the requester, burnline")


def _note(tx: Connection, asked: Approval, actor: str, state: str, reason: str, now: datetime) -> None:
    if (run := runs.get_run(tx, asked.run_id)) is not None:
        timeline.append(
            tx,
            incident_id=run.incident_id,
            at=now,
            source="person",
            actor=actor,
            type=f"approval_{state}",
            text=f"{actor} {state} what run {run.id} plans" + (f": {reason}" if reason else ""),
            data={"run": run.id, "approval": asked.id, "plan_hash": asked.plan_hash},
        )
