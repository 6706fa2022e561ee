"""People's decisions on what a run plans to do, or on what it did and nobody knows the end of."""

from __future__ import annotations

import unicodedata
from datetime import datetime

from sqlalchemy import Connection

from burnline.errors import DecisionRefused
from burnline.runbooks.byhand import REQUESTED_BY
from burnline.runbooks.links import Ticket, read_token
from burnline.spec.units import format_moment
from burnline.store import approvals, runs, timeline
from burnline.store.approvals import Approval
from burnline.store.database import Database
from burnline.store.runs import Run

REQUESTER = "burnline"
APPROVE, REJECT = "approve", "reject"
FILLERS = "\u115f\u1160\u3164\uffa0"  # letters that show nothing
REFUSED, MOST_REFUSALS = "approval_refused", 20
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
    """`approve` or `reject`, once a person; returns the approval's new state.

    It stays pending until as many people as are needed have approved; one who rejects ends it. `plan_hash` is that of
    the plan the person saw.

    Raises: DecisionRefused when there is no such question, it is decided or expired, the plan is another one, or the
    actor is nobody, the requester, none of those who may approve, or has decided already.
    """
    refuse_nobody(actor)
    _refuse_odd(decision, reason)
    try:
        return db.write(lambda tx: _vote(tx, approval_id, actor, decision, plan_hash, reason, now))
    except DecisionRefused as error:
        _keep_refusal(db, approval_id, actor, str(error), now)
        raise


def answer_link(db: Database, token: str, *, actor: str, decision: str, reason: str, now: datetime) -> str:
    """As `decide`, by a signed link: it works once, and a second try is put on record.

    `actor` counts only where the link is for nobody in particular.

    Raises: DecisionRefused as `decide` does, and when the link is not ours, too old, or spent.
    """
    ticket = open_link(db, token, now)
    name = ticket.actor or actor
    refuse_nobody(name)
    _refuse_odd(decision, reason)

    def vote(tx: Connection) -> str | None:
        if not approvals.use_link(tx, ticket.nonce, now):
            _note_replay(tx, ticket, name, now)
            return None
        return _vote(tx, ticket.approval_id, name, decision, ticket.plan_hash, f"{reason} (by link)".strip(), now)

    try:
        state = db.write(vote)
    except DecisionRefused as error:
        _keep_refusal(db, ticket.approval_id, name, str(error), now)
        raise
    if state is None:
        raise DecisionRefused("this link was used before: each works once")
    return state


def open_link(db: Database, token: str, now: datetime) -> Ticket:
    """What a link is for, without spending it. Raises: DecisionRefused when it is not ours or too old."""
    key = db.write(approvals.link_key)
    return read_token(key, token, now)


def refuse_nobody(actor: str) -> None:
    """Raises: DecisionRefused when `actor` is no name of a person, or the requester's."""
    if not plain_name(actor) or len(actor) > MAX_ACTOR or not actor.isprintable() or plain_name(actor) == REQUESTER:
        raise DecisionRefused("needs the name of a person other than the requester, burnline")


def plain_name(actor: str) -> str:
    """A name as it is compared: its letters and digits only, so that two ways to write it are one person.

    >>> plain_name(" Ana\u2800"), plain_name("a na."), plain_name("\uff21na")
    ('ana', 'ana', 'ana')
    """
    shown = unicodedata.normalize("NFKC", actor).casefold()
    return "".join(each for each in shown if each.isalnum() and each not in FILLERS)


def _refuse_odd(decision: str, reason: str) -> None:
    if decision not in (APPROVE, REJECT) or len(reason) > MAX_REASON:
        raise DecisionRefused(f"a decision is approve or reject, with a reason of at most {MAX_REASON} characters")
    if not all(each.isprintable() or each in "\n\r\t" for each in reason):
        raise DecisionRefused("a reason is plain text: it holds a character that cannot be printed")


def _vote(
    tx: Connection, approval_id: int, actor: str, decision: str, plan_hash: str, reason: str, now: datetime
) -> str:
    asked = _open_question(tx, approval_id, plan_hash, now)
    asking = runs.get_run(tx, asked.run_id)
    if asking is None:
        raise DecisionRefused(f"approval {approval_id} belongs to no run any more")
    before = approvals.votes(tx, approval_id)
    _refuse_voter(asking, actor, {plain_name(vote.actor) for vote in before}, approval_id)
    approvals.record_vote(tx, approval_id, actor=actor, decision=decision, reason=reason, now=now)
    said_yes = sum(vote.decision == APPROVE for vote in before) + (decision == APPROVE)
    state = approvals.PENDING
    if decision == REJECT:
        state = approvals.REJECTED
    elif said_yes >= asked.required:
        state = approvals.APPROVED
    if state != approvals.PENDING and not approvals.settle_approval(tx, approval_id, state, now):
        raise DecisionRefused(f"approval {approval_id} is decided already")
    _note(tx, asking, asked, actor, decision, reason, now, said_yes)
    return state


def _open_question(tx: Connection, approval_id: int, plan_hash: str, now: datetime) -> Approval:
    asked = approvals.get_approval(tx, approval_id, lock=True)
    if asked is None:
        raise DecisionRefused(f"there is no approval {approval_id}")
    if asked.state == approvals.PENDING and now >= asked.expires_at:
        raise DecisionRefused(f"approval {approval_id} expired at {format_moment(asked.expires_at, now)}")
    if asked.plan_hash != plan_hash:
        raise DecisionRefused(f"approval {approval_id} is for another plan: look at it again")
    if asked.state != approvals.PENDING:
        raise DecisionRefused(f"approval {approval_id} is {asked.state} already")
    return asked


def _refuse_voter(asking: Run, actor: str, voted: set[str], approval_id: int) -> None:
    if plain_name(actor) == plain_name(asking.labels.get(REQUESTED_BY, "")):
        raise DecisionRefused(f"{actor} started this run: another person must decide")
    may = {plain_name(name) for name in asking.approvers}
    if may and plain_name(actor) not in may:
        raise DecisionRefused(f"{actor} is none of those who may approve this: {', '.join(asking.approvers)}")
    if plain_name(actor) in voted:
        raise DecisionRefused(f"{actor} has decided on approval {approval_id} already")


def _note(
    tx: Connection, asking: Run, asked: Approval, actor: str, decision: str, reason: str, now: datetime, said_yes: int
) -> None:
    done = {APPROVE: "approved", REJECT: "rejected"}[decision]
    what = (
        f"what run {asking.id} plans" if asked.kind == approvals.PLAN else f"that run {asking.id}'s change took effect"
    )
    count = f" ({said_yes} of {asked.required})" if decision == APPROVE and asked.required > 1 else ""
    timeline.append(
        tx,
        incident_id=asking.incident_id,
        at=now,
        source="person",
        actor=actor,
        type=f"approval_{done}",
        text=f"{actor} {done} {what}{count}" + (f": {reason}" if reason else ""),
        data={"run": asking.id, "approval": asked.id, "plan_hash": asked.plan_hash},
        drill=asking.drill,
    )


def _keep_refusal(db: Database, approval_id: int, actor: str, why: str, now: datetime) -> None:
    """Put on record that an answer was refused; so many of them, that nobody fills the record with more."""

    def keep(tx: Connection) -> None:
        asked = approvals.get_approval(tx, approval_id)
        asking = runs.get_run(tx, asked.run_id) if asked else None
        if asking is None:
            return
        record = timeline.entries(tx, asking.incident_id)
        if sum(entry.type == REFUSED for entry in record) < MOST_REFUSALS:
            about = {"run": asking.id, "approval": approval_id}
            text = f"an answer of {actor} was refused: {why}"
            timeline.append(
                tx,
                incident_id=asking.incident_id,
                at=now,
                source="person",
                actor=actor,
                type=REFUSED,
                text=text,
                data=about,
            )

    db.write(keep)


def _note_replay(tx: Connection, ticket: Ticket, actor: str, now: datetime) -> None:
    asked = approvals.get_approval(tx, ticket.approval_id)
    asking = runs.get_run(tx, asked.run_id) if asked else None
    if asking is not None:
        timeline.append(
            tx,
            incident_id=asking.incident_id,
            at=now,
            source="person",
            actor=actor,
            type="approval_replayed",
            text=f"a link to approval {ticket.approval_id} was used a second time: refused",
            data={"run": asking.id, "approval": ticket.approval_id},
            drill=asking.drill,
        )
