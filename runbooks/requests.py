"""What a step is started with, and what a failed attempt leads to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from burnline.errors import ActionError, InDoubt, Moved
from burnline.events import Outcome, StepState
from burnline.runbooks.acting import RESOLVED, approved, plan_change, tried_before, unchanged
from burnline.runbooks.actions.contract import short
from burnline.runbooks.guards import TAKES_BACK, unmet_precondition
from burnline.runbooks.kinds import Verify
from burnline.runbooks.looking import bad_share
from burnline.runbooks.model import Step
from burnline.runbooks.notify import NotTold
from burnline.runbooks.results import Again, Back, Done, Doubt, Ends, Result
from burnline.runbooks.turn import Turn
from burnline.spec.service import RELEASE
from burnline.store import runs
from burnline.store.runs import StepRow


def make_request(turn: Turn, step: Step, n: int, last: StepRow | None) -> Mapping[str, Any] | Result:
    """What goes on record before the step is done; a result instead when it shall not be done. Raises: ActionError."""
    if step.act:
        return last.request if last is not None and tried_before(last) else _plan_of_record(turn, step, n)
    if step.verify:
        return {"before": _before(turn, step.verify)}
    return {}


def after_failure(turn: Turn, step: Step, n: int, attempt: int, error: ActionError) -> Result:
    """Try again, go on without it, or end the run."""
    if step.act and isinstance(error, Moved):
        return _overtaken(turn, n, error)
    if step.act and isinstance(error, InDoubt) and not _harmless_twice(turn, step):
        return Doubt(str(error))
    if not error.permanent and attempt <= step.retry.times:
        told = error.told.as_json() if isinstance(error, NotTold) else {}
        return Again(turn.clock() + step.retry.pause * 2 ** (attempt - 1), str(error), told)
    if step.check or step.collect or step.notify or step.escalate:  # neither a diagnosis nor a message holds up the run
        if isinstance(error, NotTold):
            return Done(str(error), error.told.as_json(), StepState.DONE if error.told.reached else StepState.FAILED)
        return Done(str(error), state=StepState.FAILED)
    return Ends(Outcome.FAILED, str(error))


def asking_before(turn: Turn, n: int) -> int:
    """The last step before `n` that asks people."""
    return max((k for k, each in enumerate(turn.runbook.steps[:n]) if each.approve), default=0)


def _harmless_twice(turn: Turn, step: Step) -> bool:
    return turn.hook(step).idempotent


def _overtaken(turn: Turn, n: int, error: Moved) -> Result:
    """Somebody was quicker: what was planned is not done. A person is asked again where a person was asked."""
    text = f"{error} since this was planned: left alone"
    if n >= len(turn.runbook.steps) or not turn.asks():
        return Ends(Outcome.SKIPPED, text, state=StepState.SKIPPED)
    return Back(asking_before(turn, n), text)


def _plan_of_record(turn: Turn, step: Step, n: int) -> Mapping[str, Any] | Result:
    if n < len(turn.runbook.steps) and (unmet := _unmet(turn, step)):
        return Ends(Outcome.SKIPPED, unmet, state=StepState.SKIPPED)
    if n < len(turn.runbook.steps) and (left_alone := unchanged(turn, step)):
        return Done(left_alone, state=StepState.SKIPPED)
    plan = plan_change(turn, step)
    if plan.from_version == plan.to_version:
        return _there_already(turn, step, short(plan.target), plan.to_version)
    if turn.around.dry_run:
        return Ends(Outcome.SKIPPED, f"dry run: would do {plan}", plan.as_json(), StepState.SKIPPED, tell=False)
    if n < len(turn.runbook.steps) and turn.asks() and not approved(turn, step, plan):
        return Back(asking_before(turn, n), f"what a person approved is no longer what would be done, which is {plan}")
    rules = [each.verify for each in turn.runbook.steps if each.verify] or [Verify()]
    shares = {rule.slo: _recent_bad_share(turn, rule) for rule in reversed(rules)}
    return {**plan.as_json(), "bad_share": shares[rules[0].slo], "bad_shares": shares}


def _unmet(turn: Turn, step: Step) -> str:
    """Why the release may not be changed any more; empty when it may, or when the step changes something else."""
    if step.act is None or step.act.hook != RELEASE:
        return ""
    hook = turn.hook(step)
    unmet = turn.guarded("checking", step.timeout, lambda: unmet_precondition(turn, hook))
    return unmet.text if unmet else ""


def _there_already(turn: Turn, step: Step, target: str, state: str) -> Result:
    """Nothing to do. A release that is there already was not the cause; anything else is as it should be."""
    own = step.name in {each.name for each in turn.runbook.steps} and turn.run.runbook not in TAKES_BACK
    if step.act and step.act.hook == RELEASE and own:
        raise ActionError(f"{target} serves {state} already", permanent=True)
    return Done(f"{target} is {state} already", state=StepState.SKIPPED)


def _before(turn: Turn, rule: Verify) -> float | None:
    """The bad share of that SLO before the first change; without a change, before now."""
    with turn.db.read() as tx:
        acts = [row.request for row in runs.steps(tx, turn.run.id) if RESOLVED in row.request]
    if not acts:
        return _recent_bad_share(turn, rule)
    share: float | None = acts[0].get("bad_shares", {}).get(rule.slo, acts[0]["bad_share"])
    return share


def _recent_bad_share(turn: Turn, rule: Verify) -> float | None:
    now = turn.clock()
    return bad_share(turn, turn.sli(rule.slo), now - rule.of * rule.window, now)
