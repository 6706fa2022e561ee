"""One claimed run, step by step: each is on record as started before it is done, and as done after.

A worker that dies in between leaves a step in doubt; the next worker looks first, and repeats only what may be
repeated. Every change of state is in one transaction with its line on the incident's timeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from burnline.errors import ActionError
from burnline.events import Outcome, StepState
from burnline.runbooks.guards import Refusal, count, refusal, unmet_precondition
from burnline.runbooks.model import Notify, Step
from burnline.runbooks.requests import after_failure, make_request, tried_before
from burnline.runbooks.steps import Again, Back, Done, Ends, Result, Waits, perform
from burnline.runbooks.turn import Turn
from burnline.spec.units import format_moment
from burnline.store import runs
from burnline.store.runs import StepRow

MAX_ATTEMPTS = 5  # workers that may die on one run
GUARDS = -1  # the step before the first one: are all guards content?
_GUARDS_STEP = Step(name="guards", note="guards")


def drive(turn: Turn) -> Outcome | None:
    """Take the run as far as it goes now; returns how it ended, or None when it is parked.

    Raises: Fenced when another worker has taken it.
    """
    n = _begin(turn)
    while n is not None and n < len(turn.runbook.steps):
        n = _step(turn, turn.runbook.steps[n], n)
    if n is not None and n == len(turn.runbook.steps):
        n = _step(turn, _escalation(turn), n)
    return None if n is None else _end(turn)


def _begin(turn: Turn) -> int | None:
    """Ask the guards, once; returns the step to go on with."""
    if turn.run.attempts > MAX_ATTEMPTS and turn.run.outcome is None:
        return _bury(turn)
    if turn.run.attempts > MAX_ATTEMPTS + 1:
        return len(turn.runbook.steps) + 1  # not even telling somebody works
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
            turn.say("run_started", f"runbook {turn.run.runbook} started{edited}", digest=turn.run.digest)(tx)
        row = _start_row(tx, turn, _GUARDS_STEP, GUARDS, {"params": dict(turn.values)})
        result = unmet or _refused(refusal(tx, turn, turn.hook) if turn.hook else None)
        return _record(tx, turn, _GUARDS_STEP, row, result)

    return turn.db.write(begin)


def _unmet(turn: Turn, *, attempt: int) -> Result | None:
    """What a precondition that does not hold, or cannot be read, leads to; None when all hold."""
    if (hook := turn.hook) is None:
        return None
    try:
        unmet = turn.guarded("checking", _GUARDS_STEP.timeout, lambda: unmet_precondition(turn, hook))
    except ActionError as error:
        return after_failure(turn, _GUARDS_STEP, attempt, error)
    return _refused(unmet) if unmet else None


def _refused(refused: Refusal | None) -> Result:
    if refused is None:
        return Done("nothing stands against it")
    return Ends(Outcome.SKIPPED, refused.text, state=StepState.SKIPPED, tell=refused.tell)


def _step(turn: Turn, step: Step, n: int) -> int | None:
    """Do step `n`; returns the one to go on with, None when the run is parked."""
    with turn.db.read() as tx:
        last = runs.last_attempt(tx, turn.run.id, n)
    if last is not None and last.state is StepState.STARTED:
        row: StepRow | None = last
    else:
        row, to = _start(turn, step, n, last)
    if row is None:
        return to
    try:
        result = perform(turn, step, row, again=tried_before(last))
    except ActionError as error:
        result = after_failure(turn, step, row.attempt, error)
    done = row
    return turn.db.write(lambda tx: _record(tx, turn, step, done, result))


def _start(turn: Turn, step: Step, n: int, last: StepRow | None) -> tuple[StepRow | None, int | None]:
    """Put an attempt on record before it is made; without a row, the run goes on at the step returned."""
    failure: ActionError | None = None
    request: Mapping[str, Any] | Result = {}
    try:
        request = make_request(turn, step, last)
    except ActionError as error:
        failure = error

    def start(tx: Connection) -> tuple[StepRow | None, int | None]:
        plain = request if isinstance(request, Mapping) else {}
        row = _start_row(tx, turn, step, n, plain)
        if failure is not None:
            return None, _record(tx, turn, step, row, after_failure(turn, step, row.attempt, failure))
        if not isinstance(request, Mapping):
            return None, _record(tx, turn, step, row, request)
        if step.act and turn.hook is not None and not tried_before(last):
            if refused := refusal(tx, turn, turn.hook):
                return None, _record(tx, turn, step, row, _refused(refused))
            count(tx, turn, turn.hook)
        if row.attempt == 1 and step.act:  # the others are short, or say themselves what they wait for
            turn.say("step_started", f"{step.name}: started", step=step.name)(tx)
        return row, None

    return turn.db.write(start)


def _start_row(tx: Connection, turn: Turn, step: Step, n: int, request: Mapping[str, Any]) -> StepRow:
    return runs.start_step(tx, turn.run, n=n, name=step.name, kind=step.kind, request=request, now=turn.clock())


def _record(tx: Connection, turn: Turn, step: Step, row: StepRow, result: Result) -> int | None:
    """Keep what came of an attempt; returns the step to go on with, None when the run is parked."""
    match result:
        case Waits():
            if result.first is not None:
                result.first(tx)
            runs.park(tx, turn.run, turn.clock() if _decided(tx, turn, step) else result.until)
            return None
        case Again():
            turn.end_step(row, StepState.FAILED, {"text": result.text})(tx)
            runs.park(tx, turn.run, result.until)
            when = format_moment(result.until, turn.clock())
            turn.say("step_failed", f"{step.name}: {result.text}; tried again at {when}", step=step.name)(tx)
            return None
        case Back():
            turn.end_step(row, StepState.SKIPPED, {"text": result.text})(tx)
            runs.go_to_step(tx, turn.run, result.n)
            turn.say("plan_changed", f"{step.name}: {result.text}", step=step.name)(tx)
            return result.n
        case Done():
            outcome, to = result.outcome, row.n + 1
            if to == len(turn.runbook.steps):
                to += 1  # nothing to escalate
        case Ends():
            outcome, to = result.outcome, len(turn.runbook.steps) + (0 if result.tell else 1)
    turn.end_step(row, result.state, {**result.data, "text": result.text})(tx)
    runs.go_to_step(tx, turn.run, to, outcome=outcome)
    turn.say(f"step_{result.state}", f"{step.name}: {result.text}", step=step.name, **result.data)(tx)
    return to


def _decided(tx: Connection, turn: Turn, step: Step) -> bool:
    """Whether a person was quicker than the parking of the run that waits for them."""
    asked = runs.last_approval(tx, turn.run.id) if step.approve else None
    return asked is not None and asked.state != runs.PENDING


def _bury(turn: Turn) -> int:
    """A run on which worker after worker died is not tried again."""
    text = f"{turn.run.attempts} workers died on it: not tried again, a person must look"
    to = len(turn.runbook.steps)

    def bury(tx: Connection) -> int:
        for row in runs.steps(tx, turn.run.id):
            if row.state is StepState.STARTED:
                turn.end_step(row, StepState.UNKNOWN, {"text": text})(tx)
        runs.go_to_step(tx, turn.run, to, outcome=Outcome.DEAD)
        turn.say("run_dead", text)(tx)
        return to

    return turn.db.write(bury)


def _escalation(turn: Turn) -> Step:
    """The step after the last one, for a run that did not help: tell the people of `escalation.page`."""
    with turn.db.read() as tx:
        found = runs.get_run(tx, turn.run.id)
        why = [
            row.result["text"] for row in runs.steps(tx, turn.run.id) if row.result and row.n < len(turn.runbook.steps)
        ]
    outcome = found.outcome if found and found.outcome else Outcome.FAILED
    text = (
        f"{turn.run.runbook} ended {outcome}: {why[-1] if why else 'nothing was done'}\n{turn.runbook.prose.escalation}"
    )
    return Step(name="escalate", notify=Notify(text=text[:2000]))


def _end(turn: Turn) -> Outcome:
    def end(tx: Connection) -> Outcome:
        found = runs.get_run(tx, turn.run.id)
        outcome = found.outcome if found and found.outcome else Outcome.NO_DATA
        escalated = runs.last_attempt(tx, turn.run.id, len(turn.runbook.steps))
        alone = escalated is not None and not (escalated.result or {}).get("reached")
        text = f"runbook {turn.run.runbook} ended: {outcome}" + ("; nobody was told" if alone else "")
        runs.finish_run(tx, turn.run, outcome, turn.clock())
        turn.say("run_finished", text, outcome=outcome)(tx)
        return outcome

    return turn.db.write(end)
