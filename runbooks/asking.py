"""Steps that wait for people: who is asked, when others are asked as well, and what silence means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from burnline.errors import ActionError
from burnline.events import Outcome, StepState
from burnline.runbooks.acting import plan_changes, plan_hash
from burnline.runbooks.kinds import Approve, Level
from burnline.runbooks.links import link_to
from burnline.runbooks.model import Step
from burnline.runbooks.notify import send_to, tell
from burnline.runbooks.results import Done, Ends, Result, Waits
from burnline.runbooks.turn import Turn
from burnline.spec.binding import NEED
from burnline.spec.units import format_duration, format_moment
from burnline.store import approvals, runs
from burnline.store.approvals import Approval
from burnline.store.runs import StepRow

DOUBT_EXPIRES = timedelta(hours=24)
RETRY_TELLING = timedelta(minutes=1)


def approve(turn: Turn, step: Step, row: StepRow, _again: bool) -> Result:
    """Ask once, tell level after level, go on when enough people have said yes."""
    rule = need_rule(step)
    with turn.db.read() as tx:
        fresh = runs.get_run(tx, turn.run.id)
        asked = approvals.last_approval(tx, turn.run.id)
    need = max(NEED[fresh.approval if fresh else turn.run.approval], rule.people)
    if not need:
        return Done("approval: none", state=StepState.SKIPPED)
    if asked is None or (asked.plan.get("step"), asked.plan.get("attempt")) != (step.name, row.attempt):
        return _ask(turn, step, row.attempt, need)
    if asked.state == approvals.PENDING and turn.clock() < asked.expires_at:
        return Waits(_tell_levels(turn, asked, rule.levels, rule.to))
    return _decided(turn, rule, _settled(turn, asked))


def _decided(turn: Turn, rule: Approve, asked: Approval) -> Result:
    about = {"approval": asked.id}
    if asked.state == approvals.APPROVED:
        return Done("approved", about)
    if asked.state == approvals.REJECTED:
        return Ends(Outcome.REJECTED, "a person said no", about)
    nobody = f"nobody decided within {format_duration(rule.expires)}"
    if rule.on_expiry == "proceed":
        turn.db.write(lambda tx: approvals.record_silence(tx, asked.id, turn.clock()))
        return Done(f"{nobody}: the runbook goes on, as it says", about)
    return Ends(Outcome.REJECTED, nobody, about, tell=rule.on_expiry == "escalate")


def _settled(turn: Turn, asked: Approval) -> Approval:
    """The question as it ended: one that nobody answered in time expires here."""
    if asked.state == approvals.PENDING:
        turn.db.write(lambda tx: approvals.settle_approval(tx, asked.id, approvals.EXPIRED, turn.clock()))
    with turn.db.read() as tx:  # a vote may have come first
        return approvals.get_approval(tx, asked.id) or asked


def _ask(turn: Turn, step: Step, attempt: int, need: int) -> Result:
    if not (changes := plan_changes(turn, step)):
        return Done("nothing is to be changed: nobody is asked", state=StepState.SKIPPED)
    plan = {
        "step": step.name,
        "attempt": attempt,
        "changes": [{"step": each.name, **made.as_json()} for each, made in changes],
    }
    now, expires = turn.clock(), turn.clock() + need_rule(step).expires
    digest, words = plan_hash(turn, plan), "; ".join(str(made) for _, made in changes) or "nothing to change"
    who = "a person" if need == 1 else f"{need} people"
    text = f"asks {who} until {format_moment(expires, now)}: {words}"
    data = {"plan": plan, "plan_hash": digest, "expires_at": expires.isoformat(timespec="seconds")}
    say = turn.say("approval_asked", text, **data)

    def ask(tx: Connection) -> None:
        n = approvals.questions(tx, turn.run.id) + 1
        approvals.ask_approval(
            tx, turn.run, n=n, plan=plan, plan_hash=digest, required=need, expires_at=expires, now=now
        )
        say(tx)

    return Waits(now, ask)  # at once: the next turn tells people of it


def ask_of_doubt(tx: Connection, turn: Turn, row: StepRow, text: str) -> datetime:
    """Ask whether a change took effect, in the caller's transaction; returns when the question expires."""
    now = turn.clock()
    expires = now + DOUBT_EXPIRES
    change = {name: row.request.get(name) for name in ("kind", "target", "from_version", "to_version")}
    plan = {"step": row.name, "attempt": row.attempt, "changes": [{"step": row.name, **change}]}
    approvals.ask_approval(
        tx,
        turn.run,
        n=approvals.questions(tx, turn.run.id) + 1,
        plan=plan,
        plan_hash=plan_hash(turn, plan),
        required=1,
        expires_at=expires,
        now=now,
        kind=approvals.DOUBT,
    )
    say = f"{row.name}: {text}; it is not done again: a person must look and say whether it took effect"
    turn.say("step_unknown", say, step=row.name, expires_at=expires.isoformat(timespec="seconds"))(tx)
    return expires


def answer_to_doubt(turn: Turn) -> Result:
    """What a person said of a change in doubt, or that they have not yet."""
    with turn.db.read() as tx:
        asked = approvals.last_approval(tx, turn.run.id, approvals.DOUBT)
    if asked is None:
        return Ends(Outcome.FAILED, "nobody knows whether it took effect", state=StepState.UNKNOWN)
    if asked.state == approvals.PENDING and turn.clock() < asked.expires_at:
        return Waits(_tell_levels(turn, asked, (), "page"))
    settled = _settled(turn, asked)
    if settled.state == approvals.APPROVED:
        return Done("a person says that it took effect", {"approval": asked.id, "made": True})
    who = "a person says that it did not take effect"
    nobody = f"nobody said within {format_duration(DOUBT_EXPIRES)} whether it took effect"
    why = who if settled.state == approvals.REJECTED else nobody
    return Ends(Outcome.FAILED, why, {"approval": asked.id}, StepState.UNKNOWN)


def _tell_levels(turn: Turn, asked: Approval, levels: Sequence[Level], first: str) -> datetime:
    """Tell every level that is due and was not told; returns when to look again."""
    now = turn.clock()
    times = [asked.requested_at, *(asked.requested_at + level.after for level in levels)]
    for n in range(asked.told, len(times)):
        if times[n] > now:
            return min(times[n], asked.expires_at)
        whom = first if n == 0 else levels[n - 1].to
        if not _tell(turn, asked, n, whom):
            return min(now + RETRY_TELLING, asked.expires_at)
    return asked.expires_at


def _tell(turn: Turn, asked: Approval, n: int, whom: str) -> bool:
    """Tell one level; whether it need not be tried again."""
    try:
        told = turn.guarded("telling", timedelta(minutes=1), lambda: _send(turn, asked, n, whom))
    except ActionError as error:
        turn.db.write(turn.say("approval_untold", f"level {n + 1} could not be asked: {error}"))
        return False
    told_before = n + 1

    def keep(tx: Connection) -> None:
        approvals.set_told(tx, turn.run, asked.id, told_before)
        turn.say("approval_told", f"approval {asked.id}, level {told_before}: {told}", level=told_before)(tx)

    turn.db.write(keep)
    return True


def _send(turn: Turn, asked: Approval, n: int, whom: str) -> str:
    key = f"{turn.run.id}:approval:{asked.id}:{n}"
    text = _question(turn, asked)
    personal = {actor: receiver for actor, receiver in turn.run.approvers.items() if receiver} if n == 0 else {}
    parts = []
    for actor, receiver in personal.items():
        body = turn.message(text, **_answering(turn, asked, actor))
        told = send_to([receiver], body, key=f"{key}:{actor}", at=turn.clock())
        parts.append(f"{actor}: {told}")
    if not personal:
        body = turn.message(text, **_answering(turn, asked, ""))
        parts.append(str(tell(turn.spec, whom, body, key=key, at=turn.clock())))
    return "; ".join(parts)


def _answering(turn: Turn, asked: Approval, actor: str) -> Mapping[str, Any]:
    """What a receiver needs to answer: the approval, and a link that works once where people can reach us."""
    about = {"approval": asked.id, "plan": asked.plan, "expires_at": asked.expires_at.isoformat(timespec="seconds")}
    if not turn.around.url:
        return about
    return {**about, "link": link_to(turn.db, turn.around.url, asked, actor)}


def _question(turn: Turn, asked: Approval) -> str:
    changes = "; ".join(
        f"{each['target']}: {each['from_version'] or 'what is'} -> {each['to_version']}"
        for each in asked.plan["changes"]
    )
    doubt = asked.kind == approvals.DOUBT
    question = "did this take effect?" if doubt else f"may {turn.run.runbook} do this?"
    return f"{turn.spec.service}: {question} {changes or 'nothing to change'}\n{_terms(turn, asked)}"


def _terms(turn: Turn, asked: Approval) -> str:
    """How many must say yes, until when, and how one answers."""
    with turn.db.read() as tx:
        said_yes = sum(vote.decision == "approve" for vote in approvals.votes(tx, asked.id))
    who = "One person" if asked.required == 1 else f"{asked.required} people"
    so_far = f" ({said_yes} said yes so far)" if asked.required > 1 else ""
    until = format_moment(asked.expires_at, turn.clock())
    answer = f"burnline runs approve {asked.id} --as NAME, or reject"
    verb = "say yes or no" if asked.kind == approvals.DOUBT else "say yes"
    return f"{who} must {verb} until {until}{so_far}: {answer}"


def need_rule(step: Step) -> Approve:
    """How a step asks; only for steps that do."""
    assert step.approve is not None  # noqa: S101 - chosen by kind
    return step.approve
