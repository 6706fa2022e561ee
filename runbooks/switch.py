"""The switch with which a person stops every change, and lets changes be made again."""

from __future__ import annotations

from datetime import datetime

from burnline.errors import DecisionRefused
from burnline.runbooks.approvals import refuse_nobody
from burnline.store.database import Database
from burnline.store.guards import ACTIONS, Switched, SwitchTurn, get_switch, newest_turns, set_switch

VALUES = ("on", "off")
TURNS = 20  # shown of the record, which keeps them all


def switch_actions(db: Database, value: str, *, actor: str, now: datetime, reason: str = "") -> Switched:
    """Turn actions `on` or `off`, for every process on this database. Raises: DecisionRefused."""
    refuse_nobody(actor)
    if value not in VALUES:
        raise DecisionRefused("actions are on or off")
    db.write(lambda tx: set_switch(tx, ACTIONS, value, actor=actor, now=now, reason=reason))
    return Switched(value, actor, now, reason)


def actions(db: Database) -> Switched | None:
    """Whether a person switched actions on or off; None when nobody ever did, and they are on."""
    with db.read() as tx:
        return get_switch(tx, ACTIONS)


def turns(db: Database, limit: int = TURNS) -> list[SwitchTurn]:
    """The last times that a person switched actions on or off, newest first."""
    with db.read() as tx:
        return newest_turns(tx, ACTIONS, limit)
