"""The step that proves whether acting helped."""

from __future__ import annotations

from functools import partial

from burnline.events import Outcome
from burnline.runbooks.acting import RESOLVED
from burnline.runbooks.actions.contract import short
from burnline.runbooks.looking import read_counts
from burnline.runbooks.model import Step
from burnline.runbooks.results import Done, Ends, Result, Waits
from burnline.runbooks.turn import Turn
from burnline.runbooks.verify import closed_windows, judge, next_look
from burnline.store import runs
from burnline.store.runs import StepRow


def verify(turn: Turn, step: Step, row: StepRow, _again: bool) -> Result:
    """Judge the windows that have closed since the change."""
    assert step.verify is not None  # noqa: S101 - chosen by kind
    rule, began, now = step.verify, row.started_at, turn.clock()
    sli = turn.sli(rule.slo)
    windows = read_counts(turn, sli, closed_windows(rule, began, now))
    max_bad = sli.max_bad if rule.max_bad is None else rule.max_bad
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
    """What was changed meanwhile, so that good windows prove nothing of what was done; empty if nothing."""
    with turn.db.read() as tx:
        rows = [row for row in runs.steps(tx, turn.run.id) if (row.result or {}).get("made") and row.name in turn.hooks]
    reached = {turn.hooks[row.name].target: row for row in rows}  # the last change of each target
    for row in reached.values():
        hook, state = turn.hooks[row.name], row.request[RESOLVED]
        if not turn.guarded("verifying", step.timeout, partial(hook.verify, state)):
            found = turn.guarded("observing", step.timeout, hook.observe)
            moved = f"{short(hook.target)} was moved from {state} to {found} by another hand"
            return f"{moved}: the SLI is good, but not because of this run"
    return ""
