"""One claimed run, step by step: each is on record as started before it is done, and as done after.

A worker that dies in between leaves a step in doubt; the next worker looks first, and repeats only what may be
repeated. Every change of state is in one transaction with its line on the incident's timeline.

Steps are numbered: the guards -1, the runbook's from 0, then one for each change that may have to be taken back, last
change first, then the escalation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from burnline.errors import ActionError
from burnline.events import Outcome, StepState
from burnline.runbooks.acting import facts_of, people_agreed, tried_before, undo_step
from burnline.runbooks.asking import answer_to_doubt, ask_of_doubt
from burnline.runbooks.conditions import hindrance
from burnline.runbooks.guards import Refusal, count, hard_refusal, refusal, unmet_precondition
from burnline.runbooks.kinds import Escalate
from burnline.runbooks.model import Step
from burnline.runbooks.requests import after_failure, asking_before, make_request
from burnline.runbooks.results import Again, Back, Done, Doubt, Ends, Result, Waits
from burnline.runbooks.steps import perform
from burnline.runbooks.turn import Turn
from burnline.spec.service import RELEASE
from burnline.spec.units import format_moment
from burnline.store import approvals, runs
from burnline.store.runs import StepRow

MAX_ATTEMPTS = 5  # workers that may die on one run
GUARDS = -1  # the step before the first one: are all guards content?
STOPPED = (Outcome.SKIPPED, Outcome.REJECTED)  # ends of a run that was kept from its cure
UNDOES = (Outcome.FAILED, Outcome.WORSE)  # ends after which a run takes its changes back
ONCE = ("act", "notify", "escalate")  # kinds that are not done again when people are asked again
MAX_BACKS = 5  # how often a run goes back to ask for one change
_GUARDS_STEP = Step(name="guards", note="guards")


def drive(turn: Turn) -> Outcome | None:
    """Take the run as far as it goes now; returns how it ended, or None when it is parked.

    Raises: Fenced when another worker has taken it.
    """
    n = _begin(turn)
    while n is not None and n <= _last(turn):
        n = _step(turn, _step_at(turn, n), n)
    return None if n is None else _end(turn)


def _first_undo(turn: Turn) -> int:
    return len(turn.runbook.steps)


def _last(turn: Turn) -> int:
    """The number of the escalation."""
    return len(turn.runbook.steps) + len(turn.runbook.changes)


def _step_at(turn: Turn, n: int) -> Step | None:
    """The step of that number; None for a change that need not be taken back."""
    if n < _first_undo(turn):
        return turn.runbook.steps[n]
    if n == _last(turn):
        return _escalation(turn)
    step, _ = turn.runbook.changes[::-1][n - _first_undo(turn)]
    with turn.db.read() as tx:
        row = runs.last_attempt(tx, turn.run.id, turn.runbook.steps.index(step))
    return undo_step(step, row) if row is not None else None


def _begin(turn: Turn) -> int | None:
    """Ask the guards, once; returns the step to go on with."""
    if turn.run.attempts > MAX_ATTEMPTS and turn.run.outcome is None:
        return _bury(turn)
    if turn.run.attempts > MAX_ATTEMPTS + 1:
        return _last(turn) + 1  # not even telling somebody works
    with turn.db.read() as tx:
        last = runs.last_attempt(tx, turn.run.id, GUARDS)
    if last is not None and last.state is not StepState.FAILED:
        return turn.run.next_step
    unmet = _unmet(turn, attempt=last.attempt + 1 if last else 1)

    def begin(tx: Connection) -> int | None:
        if last is None:
            edited = (
                "; its file was edited since it was requested, and the run keeps the old text" if turn.edited else ""
            )
            words = f"runbook {turn.run.runbook} started{edited}"
            turn.say("run_started", words, digest=turn.run.digest)(tx)
        row = _start_row(tx, turn, _GUARDS_STEP, GUARDS, {"params": dict(turn.values)})
        return _record(tx, turn, _GUARDS_STEP, row, unmet or _guards_say(tx, turn))

    return turn.db.write(begin)


def _unmet(turn: Turn, *, attempt: int) -> Result | None:
    """What a precondition that does not hold, or cannot be read, leads to; None when all hold."""
    hook = turn.release
    if hook is None or not any(act.hook == RELEASE for _, act in turn.runbook.changes):
        return None
    try:
        unmet = turn.guarded("checking", _GUARDS_STEP.timeout, lambda: unmet_precondition(turn, hook))
    except ActionError as error:
        return after_failure(turn, _GUARDS_STEP, GUARDS, attempt, error)
    return _refused(unmet) if unmet else None


def _guards_say(tx: Connection, turn: Turn) -> Result:
    """What the guards say of every change the run may make, before it makes the first."""
    for step, act in turn.runbook.changes:
        if (hook := turn.hooks.get(step.name)) is None:
            continue
        refused = refusal(tx, turn, hook, act)
        if refused is not None and refused.ask:
            return Done(f"people will be asked: {refused.text}")
        if refused is not None:
            return _refused(refused)
    return Done("nothing stands against it")


def _refused(refused: Refusal) -> Result:
    return Ends(Outcome.SKIPPED, refused.text, state=StepState.SKIPPED, tell=refused.tell)


def _step(turn: Turn, step: Step | None, n: int) -> int | None:
    """Do step `n`; returns the one to go on with, None when the run is parked."""
    if step is None:
        return turn.db.write(lambda tx: _go_on(tx, turn, n + 1))
    with turn.db.read() as tx:
        last = runs.last_attempt(tx, turn.run.id, n)
    if last is not None and last.state is StepState.DONE and step.kind in ONCE:
        return turn.db.write(lambda tx: _go_on(tx, turn, n + 1))  # the run went back to ask; what is done stays done
    if last is not None and last.state is StepState.UNKNOWN and n < _first_undo(turn):
        return _resolve(turn, step, n, last)
    if last is not None and last.state is StepState.STARTED:
        row: StepRow | None = last
    else:
        row, to = _start(turn, step, n, last)
    if row is None:
        return to
    try:
        result = perform(turn, step, row, again=bool(step.act) and tried_before(last))
    except ActionError as error:
        result = after_failure(turn, step, n, row.attempt, error)
    done = row
    return turn.db.write(lambda tx: _record(tx, turn, step, done, result))


def _go_on(tx: Connection, turn: Turn, n: int) -> int:
    runs.go_to_step(tx, turn.run, n)
    return n


def _resolve(turn: Turn, step: Step, n: int, last: StepRow) -> int | None:
    """Go on with a change of which nobody knew whether it took effect, once a person has said."""
    result = answer_to_doubt(turn)
    if isinstance(result, Waits):
        turn.db.write(lambda tx: runs.park(tx, turn.run, _wake(tx, turn, approvals.DOUBT, result)))
        return None

    def settle(tx: Connection) -> int | None:
        row = _start_row(tx, turn, step, n, last.request)
        before = {"before": last.request.get("from_version"), "after": last.request.get("to_version")}
        settled = Done(result.text, {**before, **result.data}) if isinstance(result, Done) else result
        return _record(tx, turn, step, row, settled)

    return turn.db.write(settle)


def _start(turn: Turn, step: Step, n: int, last: StepRow | None) -> tuple[StepRow | None, int | None]:
    """Put an attempt on record before it is made; without a row, the run goes on at the step returned."""
    if left_out := _left_out(turn, step, last):
        return None, turn.db.write(lambda tx: _leave_out(tx, turn, step, n, left_out))
    failure: ActionError | None = None
    request: Mapping[str, Any] | Result = {}
    try:
        request = make_request(turn, step, n, last)
    except ActionError as error:
        failure = error

    def start(tx: Connection) -> tuple[StepRow | None, int | None]:
        plain = request if isinstance(request, Mapping) else {}
        row = _start_row(tx, turn, step, n, plain)
        if failure is not None:
            return None, _record(tx, turn, step, row, after_failure(turn, step, n, row.attempt, failure))
        if not isinstance(request, Mapping):
            return None, _record(tx, turn, step, row, request)
        if step.act and not tried_before(last) and (stopped := _may_not(tx, turn, step, n)):
            return None, _record(tx, turn, step, row, stopped)
        if row.attempt == 1 and step.act:  # the others are short, or say themselves what they wait for
            turn.say("step_started", f"{step.name}: started", step=step.name)(tx)
        return row, None

    return turn.db.write(start)


def _left_out(turn: Turn, step: Step, last: StepRow | None) -> str:
    """Why a step is not done at all; empty when it is."""
    if step.when is None or (last is not None and last.state is not StepState.SKIPPED):
        return ""
    with turn.db.read() as tx:
        return hindrance(step.when, facts_of(tx, turn))


def _leave_out(tx: Connection, turn: Turn, step: Step, n: int, why: str) -> int | None:
    row = _start_row(tx, turn, step, n, {})
    return _record(tx, turn, step, row, Done(f"left out: {why}", state=StepState.SKIPPED))


def _may_not(tx: Connection, turn: Turn, step: Step, n: int) -> Result | None:
    """Ask the guards in the transaction that starts the change, and count it; None when it may be made."""
    assert step.act is not None  # noqa: S101 - asked for changes only
    hook = turn.hook(step)
    if n >= _first_undo(turn):
        refused = hard_refusal(tx, turn, hook)
    elif turn.runbook.on_resolved == "cancel" and runs.alert_is_over(tx, turn.run.id):
        return Ends(Outcome.SKIPPED, "the alert has ended: nothing is changed", state=StepState.SKIPPED, tell=False)
    else:
        refused = refusal(tx, turn, hook, step.act)
    if refused is not None and refused.ask and not people_agreed(tx, turn):
        runs.require_approval(tx, turn.run)
        return Back(asking_before(turn, n), refused.text)
    if refused is not None and not refused.ask:
        return _refused(refused)
    count(tx, turn, hook)
    return None


def _start_row(tx: Connection, turn: Turn, step: Step, n: int, request: Mapping[str, Any]) -> StepRow:
    return runs.start_step(tx, turn.run, n=n, name=step.name, kind=step.kind, request=request, now=turn.clock())


def _record(tx: Connection, turn: Turn, step: Step, row: StepRow, result: Result) -> int | None:
    """Keep what came of an attempt; returns the step to go on with, None when the run is parked."""
    match result:
        case Waits():
            if result.first is not None:
                result.first(tx)
            runs.park(tx, turn.run, _wake(tx, turn, approvals.PLAN, result) if step.approve else result.until)
            return None
        case Again():
            turn.end_step(row, StepState.FAILED, {**result.data, "text": result.text})(tx)
            runs.park(tx, turn.run, result.until)
            when = format_moment(result.until, turn.clock())
            turn.say("step_failed", f"{step.name}: {result.text}; tried again at {when}", step=step.name)(tx)
            return None
        case Doubt() if row.n < _first_undo(turn):
            turn.end_step(row, StepState.UNKNOWN, {"text": result.text})(tx)
            ask_of_doubt(tx, turn, row, result.text)
            runs.park(tx, turn.run, turn.clock())
            return None
        case Back() if row.attempt > MAX_BACKS:
            often = f"{result.text}; people were asked {MAX_BACKS} times: not asked again"
            return _record(tx, turn, step, row, Ends(Outcome.SKIPPED, often, state=StepState.SKIPPED))
        case Back():
            turn.end_step(row, StepState.SKIPPED, {"text": result.text})(tx)
            runs.go_to_step(tx, turn.run, result.n)
            turn.say("plan_changed", f"{step.name}: {result.text}", step=step.name)(tx)
            return result.n
    data, state = (result.data, result.state) if not isinstance(result, Doubt) else ({}, StepState.UNKNOWN)
    outcome, to = _after(turn, row, result)
    turn.end_step(row, state, {**data, "text": result.text})(tx)
    runs.go_to_step(tx, turn.run, to, outcome=outcome)
    turn.say(f"step_{state}", f"{step.name}: {result.text}", step=step.name, **data)(tx)
    return to


def _after(turn: Turn, row: StepRow, result: Done | Ends | Doubt) -> tuple[Outcome | None, int]:
    """How the run ends, if it is decided now, and the step to go on with."""
    if row.n >= _first_undo(turn):  # what becomes of an undo or an escalation decides nothing any more
        return None, row.n + 1
    if isinstance(result, Done):
        over = row.n + 1 == _first_undo(turn)
        return result.outcome, _last(turn) + 1 if over else row.n + 1
    if isinstance(result, Doubt):
        return Outcome.FAILED, _first_undo(turn)
    if result.outcome in UNDOES:
        return result.outcome, _first_undo(turn)
    return result.outcome, _last(turn) + (0 if result.tell else 1)


def _wake(tx: Connection, turn: Turn, kind: str, waits: Waits) -> datetime:
    """When a run that waits for people goes on: now, when one was quicker than its parking.

    The question stays locked until the run is parked: whoever answers then finds it waiting, and wakes it.
    """
    asked = approvals.last_approval(tx, turn.run.id, kind, lock=True)
    return turn.clock() if asked is not None and asked.state != approvals.PENDING else waits.until


def _bury(turn: Turn) -> int:
    """A run on which worker after worker died is not tried again."""
    text = f"{turn.run.attempts} workers died on it: not tried again, a person must look"

    def bury(tx: Connection) -> int:
        for row in runs.steps(tx, turn.run.id):
            if row.state is StepState.STARTED:
                turn.end_step(row, StepState.UNKNOWN, {"text": text})(tx)
        runs.go_to_step(tx, turn.run, _last(turn), outcome=Outcome.DEAD)
        turn.say("run_dead", text)(tx)
        return _last(turn)

    return turn.db.write(bury)


def _escalation(turn: Turn) -> Step:
    """The step after the last one, for a run that did not help: a person must take over."""
    with turn.db.read() as tx:
        found = runs.get_run(tx, turn.run.id)
        rows = [row for row in runs.steps(tx, turn.run.id) if row.result and row.n < _last(turn)]
    outcome = found.outcome if found and found.outcome else Outcome.FAILED
    advice = _left(rows) if outcome in STOPPED else turn.runbook.prose.escalation
    text = f"{turn.run.runbook} ended {outcome}: {_why(turn, rows)}\n{advice}"
    return Step(name="escalate", escalate=Escalate(text=text[:2000]))


def _left(rows: Sequence[StepRow]) -> str:
    """What a run leaves behind that was stopped: what the runbook says of a failed cure would be untrue."""
    made = [row.result["text"] for row in rows if row.result and row.result.get("made")]
    changed = f"What it changed before stays as it is: {'; '.join(made)}." if made else "It changed nothing."
    return f"{changed} Whether this runbook would have helped is not known: a person must look."


def _why(turn: Turn, rows: Sequence[StepRow]) -> str:
    own = [row.result["text"] for row in rows if row.result and row.n < _first_undo(turn)]
    undone = [f"{row.name}: {row.result['text']}" for row in rows if row.result and row.n >= _first_undo(turn)]
    return "; ".join([own[-1] if own else "nothing was done", *undone])


def _end(turn: Turn) -> Outcome:
    def end(tx: Connection) -> Outcome:
        found = runs.get_run(tx, turn.run.id)
        outcome = found.outcome if found and found.outcome else Outcome.NO_DATA
        escalated = runs.last_attempt(tx, turn.run.id, _last(turn))
        alone = escalated is not None and not (escalated.result or {}).get("reached")
        text = f"runbook {turn.run.runbook} ended: {outcome}" + ("; nobody was told" if alone else "")
        runs.finish_run(tx, turn.run, outcome, turn.clock())
        turn.say("run_finished", text, outcome=outcome)(tx)
        return outcome

    return turn.db.write(end)
