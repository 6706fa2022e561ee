"""What limits how much burnline changes: target locks, budgets of changes, and the switch that stops them all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, text, update

from burnline.events import RunState
from burnline.store.schema import budget_event, run, switch, target_lock

ACTIONS = "actions"
LOCK = 0x62757264  # "burd": guards that let changes through, one after the other


def lock_target(tx: Connection, *, kind: str, target: str, run_id: int, epoch: int, now: datetime) -> int:
    """Take a target for a run; returns the run that holds it now, which is `run_id` unless another came first.

    From here to the end of the transaction no other one takes a target or counts a change: what is counted now is
    still so when the change is let through.
    """
    if tx.dialect.name == "postgresql":  # SQLite has one writer
        tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    this = (target_lock.c.kind == kind, target_lock.c.target == target)
    holder = tx.scalar(select(target_lock.c.run_id).where(*this))
    if holder is not None and holder != run_id:
        still_open = tx.scalar(select(run.c.id).where(run.c.id == holder, run.c.state != RunState.FINISHED))
        if still_open is not None:
            return int(holder)
    tx.execute(delete(target_lock).where(*this))
    values = {"kind": kind, "target": target, "run_id": run_id, "epoch": epoch, "taken_at": now}
    tx.execute(insert(target_lock).values(values))
    return run_id


def unlock(tx: Connection, run_id: int) -> None:
    """Free every target a run holds."""
    tx.execute(delete(target_lock).where(target_lock.c.run_id == run_id))


def changes_since(tx: Connection, *, kind: str, scope: str, since: datetime, but_not: int) -> int:
    """How many changes were let through in `scope` after `since`, leaving out those of run `but_not`."""
    these = (budget_event.c.kind == kind, budget_event.c.scope == scope, budget_event.c.run_id != but_not)
    return tx.scalar(select(func.count()).select_from(budget_event).where(*these, budget_event.c.at > since)) or 0


def changed_since(tx: Connection, *, kind: str, since: datetime, but_not: int) -> list[str]:
    """The scope of each change let through after `since`, leaving out those of run `but_not`."""
    these = (budget_event.c.kind == kind, budget_event.c.run_id != but_not, budget_event.c.at > since)
    return list(tx.scalars(select(budget_event.c.scope).where(*these)))


def count_change(tx: Connection, *, kind: str, scope: str, run_id: int, now: datetime) -> None:
    """Record that a run was let through; a run counts once however often it is resumed."""
    this = (budget_event.c.kind == kind, budget_event.c.scope == scope, budget_event.c.run_id == run_id)
    if tx.scalar(select(budget_event.c.id).where(*this)) is None:
        tx.execute(insert(budget_event).values(kind=kind, scope=scope, run_id=run_id, at=now))


def set_switch(tx: Connection, name: str, value: str, *, actor: str, now: datetime) -> None:
    """Set a global switch, such as `actions` to `off` (nothing is changed any more) or `on`."""
    values = {"value": value, "actor": actor, "at": now}
    if tx.execute(update(switch).where(switch.c.name == name).values(values)).rowcount == 0:
        tx.execute(insert(switch).values(name=name, **values))


@dataclass(frozen=True, slots=True)
class Switched:
    """Who last set a switch to which value, and when."""

    value: str
    actor: str
    at: datetime


def get_switch(tx: Connection, name: str) -> Switched | None:
    """The last setting of a switch; None when it was never set."""
    row = tx.execute(select(switch.c.value, switch.c.actor, switch.c.at).where(switch.c.name == name)).first()
    return None if row is None else Switched(*row)


def actions_off_by(tx: Connection) -> str:
    """Who switched actions off; empty while they are on."""
    off = select(switch.c.actor).where(switch.c.name == ACTIONS, switch.c.value == "off")
    return tx.scalar(off) or ""
