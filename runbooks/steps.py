"""What each kind of step does. A step returns what came of it; `drive` keeps the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from burnline.events import StepState
from burnline.runbooks.acting import act
from burnline.runbooks.asking import approve
from burnline.runbooks.looking import check, collect
from burnline.runbooks.model import Step
from burnline.runbooks.notify import NotTold, tell
from burnline.runbooks.proving import verify
from burnline.runbooks.results import Done, Result, Waits
from burnline.runbooks.turn import Turn
from burnline.spec.units import format_duration, format_moment
from burnline.store import runs, timeline
from burnline.store.runs import StepRow
from burnline.telemetry import span

RECORD_LINES = 20  # of the timeline, with which a person is told to take over


def perform(turn: Turn, step: Step, row: StepRow, *, again: bool) -> Result:
    """Do a step whose start is on record; `again`: an earlier try may have taken effect. Raises: ActionError."""
    with span("run step", run=turn.run.id, step=step.name, kind=step.kind, again=again):
        return _PERFORM[step.kind](turn, step, row, again)


def _wait(turn: Turn, step: Step, row: StepRow, _again: bool) -> Result:
    assert step.wait is not None  # noqa: S101 - chosen by kind, here and below
    until = row.started_at + step.wait.duration
    return Done(f"waited {format_duration(step.wait.duration)}") if turn.clock() >= until else Waits(until)


def _notify(turn: Turn, step: Step, row: StepRow, _again: bool) -> Result:
    assert step.notify is not None  # noqa: S101
    return _tell(turn, step, row, step.notify.to, turn.message(step.notify.text))


def _escalate(turn: Turn, step: Step, row: StepRow, _again: bool) -> Result:
    assert step.escalate is not None  # noqa: S101
    with turn.db.read() as tx:
        record = timeline.entries(tx, turn.run.incident_id)[-RECORD_LINES:]
    lines = [_line(entry, turn.clock()) for entry in record]
    return _tell(turn, step, row, step.escalate.to, turn.message(step.escalate.text, timeline=lines))


def _line(entry: timeline.Entry, now: datetime) -> str:
    return f"{format_moment(entry.at, now)} {entry.text}"


def _tell(turn: Turn, step: Step, row: StepRow, whom: str, body: Mapping[str, object]) -> Result:
    """Tell everybody who has not heard yet; one who could not be reached is tried again, alone."""
    heard = _heard(turn, row)
    told = turn.guarded(
        "telling",
        step.timeout,
        lambda: tell(turn.spec, whom, body, key=row.idempotency_key, at=turn.clock(), heard=heard),
    )
    if told.failed:
        raise NotTold(told)
    return Done(str(told), told.as_json(), StepState.DONE if told.reached else StepState.SKIPPED)


def _heard(turn: Turn, row: StepRow) -> tuple[str, ...]:
    """Whom earlier attempts at the same message reached."""
    with turn.db.read() as tx:
        earlier = [each for each in runs.steps(tx, turn.run.id) if each.n == row.n and each.attempt < row.attempt]
    return tuple(name for each in earlier for name in (each.result or {}).get("reached", ()))


def _note(_turn: Turn, step: Step, _row: StepRow, _again: bool) -> Result:
    return Done(step.note or "")


_PERFORM: Mapping[str, Callable[[Turn, Step, StepRow, bool], Result]] = {
    "check": check,
    "collect": collect,
    "approve": approve,
    "act": act,
    "wait": _wait,
    "verify": verify,
    "notify": _notify,
    "escalate": _escalate,
    "note": _note,
}
