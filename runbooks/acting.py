"""Steps that change something: what they plan, what goes on record first, and the change itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from burnline.errors import ActionError, InDoubt, Moved
from burnline.events import Outcome, StepState
from burnline.runbooks.actions.contract import Hook, Plan, short
from burnline.runbooks.conditions import Facts, hindrance
from burnline.runbooks.guards import hard_refusal
from burnline.runbooks.kinds import BEFORE, Act
from burnline.runbooks.model import Step
from burnline.runbooks.results import Done, Ends, Result
from burnline.runbooks.turn import UNDO, Turn
from burnline.spec.service import RELEASE
from burnline.spec.units import format_duration, format_moment
from burnline.spec.words import shown
from burnline.store import approvals, runs
from burnline.store.runs import StepRow

STOP_PATIENCE = 4.0  # seconds a worker that shall stop waits for a change that cannot be repeated; the process has 5
RESOLVED = "to_version"  # in the request of an `act` step: which change it stands for


def tried_before(last: StepRow | None) -> bool:
    """Whether an attempt of an `act` step may have made the change that is still to be made."""
    return last is not None and RESOLVED in last.request and last.state is not StepState.SKIPPED


def facts_of(tx: Connection, turn: Turn) -> Facts:
    """What conditions of steps are decided on now."""
    results = {row.name: row.result or {} for row in runs.steps(tx, turn.run.id)}
    hooks = turn.spec.drill.hooks if turn.run.drill else {*turn.spec.actions, *(("release",) if turn.release else ())}
    return Facts(turn.values, hooks, turn.spec.probes, results)


def plan_hash(turn: Turn, plan: Mapping[str, Any]) -> str:
    """What an approval is bound to: the runbook as it was written, the run's values, and exactly these changes."""
    bound = {"digest": turn.run.digest, "runbook": turn.runbook.model_dump(mode="json"), "plan": plan}
    return hashlib.sha256(json.dumps(bound, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def plan_changes(turn: Turn, asking: Step) -> list[tuple[Step, Plan]]:
    """What would be changed after the step that asks, up to the next one that asks. Raises: ActionError."""
    with turn.db.read() as tx:
        facts = facts_of(tx, turn)
        done = {row.name for row in runs.steps(tx, turn.run.id) if row.state is StepState.DONE}
    planned: dict[str, str] = {}  # a later change starts where an earlier one ends
    changes = []
    for step in _until_asked_again(turn, asking):
        if not step.act or step.name in done or _excluded(step, facts) or unchanged(turn, step):
            continue
        plan = plan_change(turn, step)
        if (before := planned.get(plan.target)) is not None:
            plan = replace(plan, from_version=before)
        planned[plan.target] = plan.to_version
        changes.append((step, plan))
    return changes


def plan_change(turn: Turn, step: Step) -> Plan:
    """What one step would change now. Raises: ActionError."""
    hook, act = turn.hook(step), need_act(step)
    return turn.guarded("planning", step.timeout, lambda: hook.plan(act.to))


def unchanged(turn: Turn, step: Step) -> str:
    """Why a step leaves its target alone, as no change of it came shortly before the alert. Raises: ActionError."""
    within = need_act(step).changed_within
    if within is None:
        return ""
    hook, span = turn.hook(step), format_duration(within)
    changed = turn.guarded("checking", step.timeout, hook.changed_at)
    if changed is None:
        return f"nothing shows that {short(hook.target)} was changed within {span} before the alert: left alone"
    if changed < turn.run.created_at - within:
        when = format_moment(changed, turn.clock())
        return f"{short(hook.target)} was last changed at {when}, over {span} before the alert: left alone"
    return ""


def _until_asked_again(turn: Turn, asking: Step) -> Iterator[Step]:
    begun = False
    for step in turn.runbook.steps:
        if begun and step.approve:
            return
        if begun:
            yield step
        begun = begun or step.name == asking.name


def _excluded(step: Step, facts: Facts) -> bool:
    """Whether a step is surely not done: by what is known, not by what later steps may find."""
    if step.when is None:
        return False
    known = tuple(found for found in step.when.found if found.step in facts.results)
    return bool(hindrance(step.when.model_copy(update={"found": known}), facts))


def approved(turn: Turn, step: Step, plan: Plan) -> bool:
    """Whether people approved exactly this change of this step."""
    with turn.db.read() as tx:
        asked = approvals.last_approval(tx, turn.run.id)
    if asked is None or asked.state != approvals.APPROVED or plan_hash(turn, asked.plan) != asked.plan_hash:
        return False
    changes, wanted = asked.plan["changes"], {"step": step.name, **plan.as_json()}
    if wanted in changes:
        return True
    # where an earlier change of the same target was left out, this one starts elsewhere and ends where people saw
    follows = [n for n, each in enumerate(changes) if each["target"] == plan.target][1:]
    return any({**changes[n], "from_version": plan.from_version} == wanted for n in follows)


def people_agreed(tx: Connection, turn: Turn) -> bool:
    """Whether people said yes to what this run plans."""
    asked = approvals.last_approval(tx, turn.run.id)
    return asked is not None and asked.state == approvals.APPROVED


def undo_step(step: Step, row: StepRow) -> Step | None:
    """The step that takes a change back; None when there is nothing to take back, or it shall not be."""
    act = need_act(step)
    if act.undo is None or row.state is not StepState.DONE or not (row.result or {}).get("made"):
        return None
    state = row.request["from_version"] if act.undo == BEFORE else act.undo
    if state is None:
        return None
    undo = Act(hook=act.hook, item=act.item, to=state, irreversible=True)
    return Step(name=f"{UNDO}{step.name}", act=undo, timeout=step.timeout, retry=step.retry)


def act(turn: Turn, step: Step, row: StepRow, again: bool) -> Result:
    """Make the change that is on record in the step's request: never a newer plan, so a repeat cannot go further."""
    hook, to = turn.hook(step), str(row.request[RESOLVED])
    was = row.request["from_version"]
    before = {"before": was, "after": to, "bad_share": row.request["bad_share"], "made": again}
    already = Done(f"{short(hook.target)} {verb(step)} {to} already", before)
    if turn.around.dry_run:
        return Ends(Outcome.SKIPPED, f"dry run: {short(hook.target)} is left alone", before, StepState.SKIPPED)
    if again:
        if (found := turn.guarded("observing", step.timeout, hook.observe)) == to:
            return already
        if stopped := _may_not(turn, hook, found, was):
            return Ends(Outcome.SKIPPED, stopped, before, StepState.SKIPPED)
    key, epoch = row.idempotency_key, turn.run.epoch
    made = turn.guarded(
        "the hook",
        step.timeout,
        lambda: hook.apply(to, before=was, idempotency_key=key, epoch=epoch, at=turn.clock()),
        patience=0.0 if hook.idempotent else STOP_PATIENCE,
        changes=True,
    )
    if not turn.guarded("verifying", step.timeout, lambda: hook.verify(to)):
        raise ActionError(f"{short(hook.target)} does not say {to} after the change", permanent=False)
    return Done(f"{short(hook.target)}: {was or 'what was'} -> {to}", {**before, "made": True}) if made else already


def _may_not(turn: Turn, hook: Hook, found: str | None, was: str | None) -> str:
    """Why a change that was tried before is not tried again; empty when it may. Raises: InDoubt, Moved."""
    if refused := turn.db.write(lambda tx: hard_refusal(tx, turn, hook)):
        return refused.text
    if not hook.idempotent:
        raise InDoubt(f"an earlier try may have changed {short(hook.target)}, which says {found or 'nothing'}")
    if None not in (found, was) and found != was:
        raise Moved(f"{short(hook.target)} was moved to {shown(found)} by another hand")
    return ""


def verb(step: Step) -> str:
    """How one speaks of a state: a version serves, anything else is."""
    return "serves" if need_act(step).hook == RELEASE else "is"


def need_act(step: Step) -> Act:
    """What a step changes; only for steps that do."""
    assert step.act is not None  # noqa: S101 - chosen by kind
    return step.act
