"""What must hold before a run may change anything. Every refusal says why, and is never silent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from burnline.errors import ActionError
from burnline.runbooks.actions.contract import PREVIOUS, Hook, short
from burnline.runbooks.kinds import Act
from burnline.runbooks.turn import Turn
from burnline.settings import Settings
from burnline.spec.service import RELEASE
from burnline.spec.units import format_duration, format_moment
from burnline.store.guards import ACTIONS, Switched, changed_since, changes_since, count_change, get_switch, lock_target
from burnline.store.releases import recent_releases

ACTS, DRILLED = "acts", "drilled"  # budget events per service
HOUR = timedelta(hours=1)
TAKES_BACK = ("release-abort", "release-abort-traffic")  # runs of a release's own: no policy keeps a bad one in place
MOVES = "release-traffic"  # its release was let through by the policy, and each step is a person's plan, not a reaction
LEAST_SERVICES = 2  # a share of a small fleet must not keep it from being helped at all


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a run may not change anything.

    Attributes:
        tell: a person must hear of it.
        ask: it may, when people say so.
    """

    text: str
    tell: bool = True
    ask: bool = False


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
    """When the serving version last changed: the later of what the hook says and what burnline saw."""
    changed, within = hook.changed_at(), turn.runbook.preconditions.target_changed_within
    if within is None:
        return changed
    with turn.db.read() as tx:
        seen = recent_releases(tx, turn.spec.service, turn.run.created_at - within)
    return max([each for each in (changed, seen[-1].seen_at if seen else None) if each is not None], default=None)


def refusal(tx: Connection, turn: Turn, hook: Hook, act: Act) -> Refusal | None:
    """Every guard, checked in the transaction that goes on; takes the target's lock."""
    return hard_refusal(tx, turn, hook) or _asking(tx, turn, act)


def hard_refusal(tx: Connection, turn: Turn, hook: Hook) -> Refusal | None:
    """What nobody can wave through from here: the switch, another run's lock, the target's cooldown."""
    run, book, now = turn.run, turn.runbook, turn.clock()
    if off := turn.around.halted() or _off(get_switch(tx, ACTIONS), now):
        return Refusal(f"actions are switched off: {off}")
    holder = lock_target(tx, kind=hook.kind, target=hook.target, run_id=run.id, epoch=run.epoch, now=now)
    if holder != run.id:
        return Refusal(f"run {holder} holds {short(hook.target)}", tell=False)
    if changes_since(tx, kind=hook.kind, scope=hook.target, since=now - book.cooldown, but_not=run.id):
        return Refusal(f"{short(hook.target)} cools down: it was changed within {format_duration(book.cooldown)}")
    return None


def _off(last: Switched | None, now: datetime) -> str:
    """Who switched actions off, when and why; empty while they are on."""
    if last is None or last.value != "off":
        return ""
    return f"{last.actor}, since {format_moment(last.at, now)}" + (f": {last.reason}" if last.reason else "")


def _asking(tx: Connection, turn: Turn, act: Act) -> Refusal | None:
    """What people may wave through: budgets of changes, and the error-budget policy."""
    run, book, around, now = turn.run, turn.runbook, turn.around, turn.clock()
    if run.drill:
        return None
    if run.runbook == MOVES:
        why = around.policy(run.service)
        return Refusal(f"the error-budget policy wants a person asked: {why}", ask=True) if why else None
    acts = changes_since(tx, kind=ACTS, scope=run.service, since=now - book.budget.per, but_not=run.id)
    if acts >= book.budget.acts:
        often = f"{run.service} was changed {acts} times within {format_duration(book.budget.per)}"
        return Refusal(f"{often}: its budget of changes is spent", ask=True)
    made = changed_since(tx, kind=ACTS, since=now - HOUR, but_not=run.id)
    if len(made) >= around.changes_per_hour:
        text = f"{len(made)} changes were made within 1h, of {around.changes_per_hour} that may be made unasked"
        return Refusal(text, ask=True)
    most = max(LEAST_SERVICES, math.ceil(around.services_share * around.services))
    if len({*made, run.service}) > most:
        text = f"{len(set(made))} of {around.services} services were changed within 1h: another one would be too many"
        return Refusal(text, ask=True)
    goes_back = run.runbook in TAKES_BACK or (act.hook == RELEASE and act.to == PREVIOUS)
    if not goes_back and (why := around.policy(run.service)):
        return Refusal(f"the error-budget policy wants a person asked: {why}", ask=True)
    return None


def count(tx: Connection, turn: Turn, hook: Hook) -> None:
    """Count the change against cooldown and budget, in the transaction that starts the acting step."""
    now = turn.clock()
    count_change(tx, kind=hook.kind, scope=hook.target, run_id=turn.run.id, now=now)
    if turn.run.runbook != MOVES:
        count_change(tx, kind=DRILLED if turn.run.drill else ACTS, scope=turn.run.service, run_id=turn.run.id, now=now)
