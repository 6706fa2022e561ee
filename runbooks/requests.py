"""What a step is started with, and what a failed attempt leads to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from burnline.errors import ActionError, InDoubt, Moved
from burnline.events import Outcome, StepState
from burnline.runbooks.guards import unmet_precondition
from burnline.runbooks.model import Step, Verify
from burnline.runbooks.notify import NotTold
from burnline.runbooks.steps import Again, Back, Done, Ends, Result, bad_share, make_plan, need_hook, plan_hash
from burnline.runbooks.turn import Turn
from burnline.store import runs
from burnline.store.runs import StepRow

RESOLVED = "to_version"  # in the request of an `act` step: which change it stands for


def tried_before(last: StepRow | None) -> bool:
    """Whether an attempt of an `act` step may have made the change that is still to be made."""
    return last is not None and RESOLVED in last.request and last.state is not StepState.SKIPPED


def make_request(turn: Turn, step: Step, last: StepRow | None) -> Mapping[str, Any] | Result:
    """What goes on record before the step is done; a result instead when it shall not be done. Raises: ActionError."""
    if step.act:
        return last.request if last is not None and tried_before(last) else _plan_of_record(turn, step)
    if step.verify:
        return {"before": _before(turn, step.verify)}
    return {}


def after_failure(turn: Turn, step: Step, attempt: int, error: ActionError) -> Result:
    """Try again, go on without it, or end the run."""
    if step.act and isinstance(error, Moved):
        return _overtaken(turn, error)
    in_doubt = isinstance(error, InDoubt) and turn.hook is not None and not turn.hook.idempotent
    if step.act and in_doubt:
        return Ends(Outcome.FAILED, f"{error}; it is not done again: a person must look", state=StepState.UNKNOWN)
    if not error.permanent and attempt <= step.retry.times:
        return Again(turn.clock() + step.retry.pause * 2 ** (attempt - 1), str(error))
    if step.check or step.notify:  # neither a diagnosis nor a message that fails may hold up the rollback
        told = error.told.as_json() if isinstance(error, NotTold) else {}
        return Done(str(error), told, state=StepState.FAILED)
    return Ends(Outcome.FAILED, str(error))


def _overtaken(turn: Turn, error: Moved) -> Result:
    """Somebody was quicker: what was planned is not done. A person is asked again where a person was asked."""
    text = f"{error} since this was planned: left alone"
    if turn.run.approval == "none":
        return Ends(Outcome.SKIPPED, text, state=StepState.SKIPPED)
    return Back(_asking(turn), text)


def _asking(turn: Turn) -> int:
    return next(n for n, each in enumerate(turn.runbook.steps) if each.approve)


def _plan_of_record(turn: Turn, step: Step) -> Mapping[str, Any] | Result:
    hook = need_hook(turn)
    if unmet := turn.guarded("checking", step.timeout, lambda: unmet_precondition(turn, hook)):
        return Ends(Outcome.SKIPPED, unmet.text, state=StepState.SKIPPED)
    plan = make_plan(turn, step)
    if plan.from_version == plan.to_version:
        raise ActionError(f"{plan.target} serves {plan.to_version} already", permanent=True)
    if turn.run.approval != "none" and not _approved(turn, plan_hash(turn, plan)):
        return Back(_asking(turn), f"what a person approved is no longer what would be done, which is {plan}")
    rule = next((each.verify for each in turn.runbook.steps if each.verify), Verify())
    return {**plan.as_json(), "bad_share": _recent_bad_share(turn, rule)}


def _approved(turn: Turn, digest: str) -> bool:
    with turn.db.read() as tx:
        asked = runs.last_approval(tx, turn.run.id)
    return asked is not None and asked.state == runs.APPROVED and asked.plan_hash == digest


def _before(turn: Turn, rule: Verify) -> float | None:
    """The bad share before the change; without a change, before now."""
    with turn.db.read() as tx:
        acts = [row.request for row in runs.steps(tx, turn.run.id) if RESOLVED in row.request]
    share: float | None = acts[-1]["bad_share"] if acts else _recent_bad_share(turn, rule)
    return share


def _recent_bad_share(turn: Turn, rule: Verify) -> float | None:
    now = turn.clock()
    return bad_share(turn, now - rule.of * rule.window, now)
