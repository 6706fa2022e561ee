"""What must hold before a run may change anything. Every refusal says why, and is never silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from burnline.errors import ActionError
from burnline.runbooks.actions.contract import PREVIOUS, Hook, short
from burnline.runbooks.turn import Turn
from burnline.settings import Settings
from burnline.spec.units import format_duration, format_moment
from burnline.store.guards import actions_off_by, changes_since, count_change, lock_target
from burnline.store.releases import recent_releases

ACTS = "acts"  # budget events per service


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a run may not change anything; `tell`: a person must hear of it."""

    text: str
    tell: bool = True


def halted_by(settings: Settings) -> str:
    """Why this process changes nothing: it was started with actions off, or the file that stops them is there."""
    if settings.actions == "off":
        return "BURNLINE_ACTIONS is off"
    file = settings.actions_off_file
    return f"{file} is there" if file and Path(file).exists() else ""


def unmet_precondition(turn: Turn, hook: Hook) -> Refusal | None:
    """The first precondition that does not hold, as the hook and the record of releases see it. Raises: ActionError."""
    wanted = turn.runbook.preconditions
    if wanted.target_changed_within is not None:
        changed = last_change(turn, hook)
        span = format_duration(wanted.target_changed_within)
        if changed is None:
            return Refusal(f"nothing shows that {short(hook.target)} was changed within {span} before the alert")
        if changed < turn.run.created_at - wanted.target_changed_within:
            when = format_moment(changed, turn.clock())
            return Refusal(f"{short(hook.target)} was last changed at {when}, over {span} before the alert")
    if wanted.previous_version_known:
        try:
            hook.plan(PREVIOUS)
        except ActionError as error:
            if error.permanent:
                return Refusal(str(error))
            raise
    return None


def last_change(turn: Turn, hook: Hook) -> datetime | None:
    """When the serving version last changed: by the hook, else by what burnline saw within the wanted span."""
    if (changed := hook.changed_at()) is not None:
        return changed
    within = turn.runbook.preconditions.target_changed_within
    if within is None:
        return None
    with turn.db.read() as tx:
        seen = recent_releases(tx, turn.spec.service, turn.run.created_at - within)
    return seen[-1].seen_at if seen else None


def refusal(tx: Connection, turn: Turn, hook: Hook) -> Refusal | None:
    """Switch, target lock, cooldown and budget, checked in the transaction that goes on; takes the target's lock."""
    run, book, now = turn.run, turn.runbook, turn.clock()
    if off := turn.halted() or actions_off_by(tx):
        return Refusal(f"actions are switched off: {off}")
    holder = lock_target(tx, kind=hook.kind, target=hook.target, run_id=run.id, epoch=run.epoch, now=now)
    if holder != run.id:
        return Refusal(f"run {holder} holds {short(hook.target)}", tell=False)
    if changes_since(tx, kind=hook.kind, scope=hook.target, since=now - book.cooldown, but_not=run.id):
        return Refusal(f"{short(hook.target)} cools down: it was changed within {format_duration(book.cooldown)}")
    acts = changes_since(tx, kind=ACTS, scope=run.service, since=now - book.budget.per, but_not=run.id)
    if acts >= book.budget.acts:
        span = format_duration(book.budget.per)
        return Refusal(f"{run.service} was changed {acts} times within {span}: its budget of changes is spent")
    return None


def count(tx: Connection, turn: Turn, hook: Hook) -> None:
    """Count the change against cooldown and budget, in the transaction that starts the acting step."""
    now = turn.clock()
    count_change(tx, kind=hook.kind, scope=hook.target, run_id=turn.run.id, now=now)
    count_change(tx, kind=ACTS, scope=turn.run.service, run_id=turn.run.id, now=now)
