"""What limits how much burnline changes: target locks, budgets of changes, and the switch that stops them all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text, update

from burnline.events import RunState
from burnline.store.schema import budget_event, run, switch, switch_change, target_lock
from burnline.store.timeline import GENESIS, row_hash

ACTIONS = "actions"
DEFAULT = "on"  # what a switch is until somebody sets it
LOCK = 0x62757264  # "burd": guards that let changes through, one after the other


def _one_at_a_time(tx: Connection) -> None:
    """Wait for whoever else is here, and keep others waiting to the end of the transaction."""
    if tx.dialect.name == "postgresql":  # SQLite has one writer
        tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def lock_target(tx: Connection, *, kind: str, target: str, run_id: int, epoch: int, now: datetime) -> int:
    """Take a target for a run; returns the run that holds it now, which is `run_id` unless another came first.

    From here to the end of the transaction no other one takes a target or counts a change: what is counted now is
    still so when the change is let through.
    """
    _one_at_a_time(tx)
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


@dataclass(frozen=True, slots=True)
class Switched:
    """Who last set a switch to which value, when and why."""

    value: str
    actor: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SwitchTurn:
    """One turn of a switch on record; `hash` covers it and the turn before it."""

    id: int
    name: str
    at: datetime
    before: str
    value: str
    actor: str
    reason: str
    prev_hash: str
    hash: str


def set_switch(tx: Connection, name: str, value: str, *, actor: str, now: datetime, reason: str = "") -> None:
    """Set a global switch, such as `actions` to `off` (nothing is changed any more) or `on`, and record the turn."""
    _one_at_a_time(tx)
    last = get_switch(tx, name)
    values = {"value": value, "actor": actor, "at": now, "reason": reason}
    if last is None:
        tx.execute(insert(switch).values(name=name, **values))
    else:
        tx.execute(update(switch).where(switch.c.name == name).values(values))
    newest = select(switch_change.c.hash).order_by(switch_change.c.id.desc()).limit(1)
    turn: dict[str, Any] = {
        "name": name,
        "before": last.value if last else DEFAULT,
        **values,
        "prev_hash": tx.scalar(newest) or GENESIS,
    }
    tx.execute(insert(switch_change).values(**turn, hash=row_hash(turn)))


def get_switch(tx: Connection, name: str) -> Switched | None:
    """The last setting of a switch; None when it was never set."""
    columns = (switch.c.value, switch.c.actor, switch.c.at, switch.c.reason)
    row = tx.execute(select(*columns).where(switch.c.name == name)).first()
    return None if row is None else Switched(*row)


def newest_turns(tx: Connection, name: str, limit: int) -> list[SwitchTurn]:
    """The last turns of a switch, newest first; those made before turns were recorded are missing."""
    these = select(switch_change).where(switch_change.c.name == name)
    rows = tx.execute(these.order_by(switch_change.c.id.desc()).limit(limit))
    return [SwitchTurn(**row) for row in rows.mappings()]


def newest_turn_id(tx: Connection) -> int:
    """The id of the newest turn of any switch; 0 before the first."""
    return tx.scalar(select(func.max(switch_change.c.id))) or 0
