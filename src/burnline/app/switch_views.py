"""The switch that stops every change, as the API, the command line and the console show it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from burnline.app.wiring import App
from burnline.runbooks import switch
from burnline.runbooks.guards import halted_by


class Turned(BaseModel):
    """One turn of the switch: who turned it, when, from what to what, and why."""

    at: datetime
    by: str
    before: str
    state: str
    reason: str


class Actions(BaseModel):
    """Whether runs may change anything.

    Attributes:
        state, by, since, reason: what a person said last, who, when and why.
        halted: why this burnline changes nothing whatever the switch says: its settings, or the file that stops it.
        turns: of the switch, newest first.
    """

    state: str = "on"
    by: str = ""
    since: datetime | None = None
    reason: str = ""
    halted: str = ""
    turns: list[Turned] = []


def actions(app: App) -> Actions:
    """What the switch says now, and what it said before."""
    last = switch.actions(app.db)
    said = {"state": last.value, "by": last.actor, "since": last.at, "reason": last.reason} if last else {}
    turns = [
        Turned(at=each.at, by=each.actor, before=each.before, state=each.value, reason=each.reason)
        for each in switch.turns(app.db)
    ]
    return Actions.model_validate({**said, "halted": halted_by(app.settings), "turns": turns})
