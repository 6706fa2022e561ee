"""What each kind of step does. A step returns what came of it; the executor keeps the record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from burnline.errors import ActionError, InDoubt, Moved
from burnline.events import Counts, Outcome, StepState
from burnline.runbooks.actions.contract import PREVIOUS, Hook, Plan, short
from burnline.runbooks.guards import last_change, refusal
from burnline.runbooks.model import Step
from burnline.runbooks.notify import NotTold, tell
from burnline.runbooks.turn import Turn
from burnline.runbooks.verify import closed_windows, judge, next_look
from burnline.spec.units import format_duration, format_moment
from burnline.spec.words import shown
from burnline.store import runs
from burnline.store.runs import StepRow
from burnline.telemetry import span

READ_TIMEOUT = timedelta(minutes=2)
STOP_PATIENCE = 4.0  # seconds a worker that shall stop waits for a change that cannot be repeated; the process has 5


@dataclass(frozen=True, slots=True)
class Done:
    """The step is over and the run goes on."""

    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    state: StepState = StepState.DONE
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """The step goes on later; the run is parked until then, in one transaction with `first`."""

    until: datetime
    first: Callable[[Connection], object] | None = None


@dataclass(frozen=True, slots=True)
class Back:
    """Go back to an earlier step: what a person approved is no longer what would be done."""

    n: int
    text: str


@dataclass(frozen=True, slots=True)
class Ends:
    """The run is decided here."""

    outcome: Outcome
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    state: StepState = StepState.FAILED
    tell: bool = True


@dataclass(frozen=True, slots=True)
class Again:
    """The attempt failed in a way that may pass; the next one is made later."""

    until: datetime
    text: str


Result = Done | Waits | Back | Ends | Again


def plan_hash(turn: Turn, plan: Plan) -> str:
    """What an approval is bound to: the runbook as it was written, the run's values, and exactly this change."""
    bound = {"digest": turn.run.digest, "runbook": turn.runbook.model_dump(mode="json"), "plan": plan.as_json()}
    return hashlib.sha256(json.dumps(bound, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def make_plan(turn: Turn, step: Step) -> Plan:
    """What the runbook's `act` step would do now. Raises: ActionError."""
    hook = need_hook(turn)
    to = next((each.act.to for each in turn.runbook.steps if each.act), PREVIOUS)
    return turn.guarded("planning", step.timeout, lambda: hook.plan(to))


def need_hook(turn: Turn) -> Hook:
    """The service's hook. Raises: ActionError when it has none."""
    if turn.hook is None:
        raise ActionError(f"{turn.spec.service} has no hook to act with", permanent=True)
    return turn.hook


def bad_share(turn: Turn, since: datetime, until: datetime) -> float | None:
    """The bad share of the judged SLI; None without events."""
    [counts] = read_counts(turn, [(since, until)])
    return counts.bad / counts.total if counts and counts.total > 0 else None


def read_counts(turn: Turn, spans: Sequence[tuple[datetime, datetime]]) -> Sequence[Counts | None]:
    """Events of the judged SLI in each span; a source that does not answer in time has nothing to say."""
    try:
        return turn.guarded("reading the SLI", READ_TIMEOUT, lambda: [turn.read(*span) for span in spans])
    except InDoubt:
        return [None] * len(spans)


def perform(turn: Turn, step: Step, row: StepRow, *, again: bool) -> Result:
    """Do a step whose start is on record; `again`: an earlier try may have taken effect. Raises: ActionError."""
    with span("run step", run=turn.run.id, step=step.name, kind=step.kind, again=again):
        return _PERFORM[step.kind](turn, step, row, again)


def _check(turn: Turn, step: Step, _row: StepRow, _again: bool) -> Result:
    assert step.check is not None  # noqa: S101 - chosen by kind, here and below
    now = turn.clock()
    share = bad_share(turn, now - step.check.window, now)
    seen: dict[str, Any] = {"bad_share": share}
    over = f" over {format_duration(step.check.window)}"
    text = (f"bad share {share:.2%}" if share is not None else "the SLI has no events") + over
    if (hook := turn.hook) is not None:
        version = turn.guarded("observing", step.timeout, hook.observe)
        changed = turn.guarded("observing", step.timeout, lambda: last_change(turn, hook))
        seen |= {"version": version, "changed_at": changed.isoformat() if changed else None}
        text += f"; version {version} serves" if version else "; nobody knows which version serves"
        text += f" since {format_moment(changed, now)}" if changed and version else ""
    return Done(text, seen)


def _approve(turn: Turn, step: Step, row: StepRow, _again: bool) -> Result:
    assert step.approve is not None  # noqa: S101
    if turn.run.approval == "none":
        return Done("approval: none", state=StepState.SKIPPED)
    with turn.db.read() as tx:
        asked = runs.last_approval(tx, turn.run.id)
    if asked is None or asked.n != row.attempt:
        return _ask(turn, step, row.attempt)
    if asked.state == runs.APPROVED:
        return Done("approved", {"approval": asked.id})
    if asked.state == runs.PENDING and turn.clock() < asked.expires_at:
        return Waits(asked.expires_at)
    if asked.state == runs.PENDING:
        turn.db.write(lambda tx: runs.settle_approval(tx, asked.id, runs.EXPIRED, turn.clock()))
    with turn.db.read() as tx:  # a vote may have come first
        settled = runs.get_approval(tx, asked.id) or asked
    if settled.state == runs.APPROVED:
        return Done("approved", {"approval": asked.id})
    nobody = f"nobody decided within {format_duration(step.approve.expires)}"
    why = nobody if settled.state == runs.EXPIRED else "a person said no"
    return Ends(Outcome.REJECTED, why, {"approval": asked.id})


def _ask(turn: Turn, step: Step, n: int) -> Result:
    assert step.approve is not None  # noqa: S101
    plan, now = make_plan(turn, step), turn.clock()
    digest, expires = plan_hash(turn, plan), now + step.approve.expires

    text = f"asks a person until {format_moment(expires, now)}: {plan}"
    data = {"plan": plan.as_json(), "plan_hash": digest, "expires_at": expires.isoformat(timespec="seconds")}
    say = turn.say("approval_asked", text, **data)

    def ask(tx: Connection) -> None:
        runs.ask_approval(tx, turn.run, n=n, plan=plan.as_json(), plan_hash=digest, expires_at=expires, now=now)
        say(tx)

    return Waits(expires, ask)


def _act(turn: Turn, step: Step, row: StepRow, again: bool) -> Result:
    """Make the change that is on record in the step's request: never a newer plan, so a repeat cannot go further."""
    hook, to = need_hook(turn), str(row.request["to_version"])
    was = row.request["from_version"]
    before = {"before": was, "after": to, "bad_share": row.request["bad_share"]}
    already = Done(f"{short(hook.target)} serves {to} already", before)
    if again:
        if (found := turn.guarded("observing", step.timeout, hook.observe)) == to:
            return already
        if refused := turn.db.write(lambda tx: refusal(tx, turn, hook)):
            return Ends(Outcome.SKIPPED, refused.text, before, StepState.SKIPPED)
        if not hook.idempotent:
            raise InDoubt(f"an earlier try may have changed {short(hook.target)}, which says {found or 'nothing'}")
        if None not in (found, was) and found != was:
            raise Moved(f"{short(hook.target)} was moved to {shown(found)} by another hand")
    key, epoch = row.idempotency_key, turn.run.epoch
    made = turn.guarded(
        "the hook",
        step.timeout,
        lambda: hook.apply(to, before=was, idempotency_key=key, epoch=epoch, at=turn.clock()),
        patience=0.0 if hook.idempotent else STOP_PATIENCE,
    )
    if not turn.guarded("verifying", step.timeout, lambda: hook.verify(to)):
        raise ActionError(f"{short(hook.target)} does not serve {to} after the change", permanent=False)
    return Done(f"{short(hook.target)}: {was or 'what served'} -> {to}", before) if made else already


def _wait(turn: Turn, step: Step, row: StepRow, _again: bool) -> Result:
    assert step.wait is not None  # noqa: S101
    until = row.started_at + step.wait.duration
    return Done(f"waited {format_duration(step.wait.duration)}") if turn.clock() >= until else Waits(until)


def _verify(turn: Turn, step: Step, row: StepRow, _again: bool) -> Result:
    assert step.verify is not None  # noqa: S101
    rule, began, now = step.verify, row.started_at, turn.clock()
    windows = read_counts(turn, closed_windows(rule, began, now))
    max_bad = turn.max_bad if rule.max_bad is None else rule.max_bad
    over = now >= began + rule.settle + rule.patience
    verdict = judge(windows, rule, max_bad=max_bad, before=row.request["before"], over=over)
    if verdict.outcome is None:
        return Waits(next_look(rule, began, now))
    data = {"before": row.request["before"], "outcome": verdict.outcome}
    if verdict.outcome is Outcome.RECOVERED:
        if undone := _undone(turn, step):
            return Ends(Outcome.NOT_RECOVERED, undone, {**data, "outcome": Outcome.NOT_RECOVERED})
        return Done(verdict.text, data, outcome=verdict.outcome)
    return Ends(verdict.outcome, verdict.text, data)


def _undone(turn: Turn, step: Step) -> str:
    """What was changed meanwhile, so that good windows prove nothing of the change that was made; empty if nothing."""
    with turn.db.read() as tx:
        made = [row.request["to_version"] for row in runs.steps(tx, turn.run.id) if row.kind == "act" and row.request]
    if not made or turn.guarded("verifying", step.timeout, lambda: need_hook(turn).verify(made[-1])):
        return ""
    serves = turn.guarded("observing", step.timeout, need_hook(turn).observe)
    moved = f"{short(need_hook(turn).target)} was moved from {made[-1]} to {serves} by another hand"
    return f"{moved}: the SLI is good, but not because of this run"


def _notify(turn: Turn, step: Step, row: StepRow, _again: bool) -> Result:
    assert step.notify is not None  # noqa: S101
    whom, body = step.notify.to, message(turn, step.notify.text)
    told = turn.guarded(
        "telling", step.timeout, lambda: tell(turn.spec, whom, body, key=row.idempotency_key, at=turn.clock())
    )
    if told.failed:
        raise NotTold(told)
    return Done(str(told), told.as_json(), StepState.DONE if told.reached else StepState.SKIPPED)


def _note(_turn: Turn, step: Step, _row: StepRow, _again: bool) -> Result:
    return Done(step.note or "")


def message(turn: Turn, text: str, **more: Any) -> dict[str, Any]:
    """What a receiver is told."""
    run = turn.run
    about = {"service": run.service, "runbook": run.runbook, "run": run.id, "incident": run.incident_id}
    return {**about, "text": text, **more}


_PERFORM: Mapping[str, Callable[[Turn, Step, StepRow, bool], Result]] = {
    "check": _check,
    "approve": _approve,
    "act": _act,
    "wait": _wait,
    "verify": _verify,
    "notify": _notify,
    "note": _note,
}
