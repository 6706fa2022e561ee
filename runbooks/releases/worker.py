"""Watches the releases under way: looks every minute, waits the bakes, goes on, asks a person, or takes back.

What it decides, it decides from what is on record, and writes with its reason in one transaction: a worker that is
killed anywhere leaves a state from which the next one goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from burnline.errors import ActionError, Fenced
from burnline.events import GuardVerdict, Outcome, ReleaseState
from burnline.runbooks.releases import acting
from burnline.runbooks.releases.guards import Seen, judge_guard
from burnline.runbooks.releases.plan import ReleasePlan, read_plan
from burnline.runbooks.releases.reading import Readers, read_block, read_history, slices
from burnline.runbooks.releases.registry import ALLOWED, Standing
from burnline.runbooks.releases.transitions import abort_now, enter_step, finish, promote_now
from burnline.spec.units import format_duration
from burnline.store import rollouts
from burnline.store.rollouts import Look, Rollout

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=1)


class ReleaseWorker:
    """One worker; several may share a database: of two that saw the same state one writes, and the other stops.

    Args:
        standing: what the error-budget policy of a service says at a moment.
        observe: which version of a service serves, by its hook; raises ActionError.
    """

    def __init__(
        self,
        readers: Readers,
        books: acting.RunbookSource,
        *,
        standing: Callable[[str, datetime], Standing],
        observe: Callable[[str], str | None],
        every: timedelta = EVERY,
    ) -> None:
        self._readers = readers
        self._db = readers.db
        self._books = books
        self._standing = standing
        self._observe = observe
        self._every = every

    def run_once(self, now: datetime) -> int:
        """Take each release as far as it goes now; returns how many went on or were looked at."""
        with self._db.read() as tx:
            under_way = rollouts.open_rollouts(tx)
        planned = [(of, plan) for of in under_way if (plan := _plan(of)) is not None]
        self._readers.slices.watch([each for of, plan in planned for each in slices(plan, of)])
        return sum(self._take(of, plan, now) for of, plan in planned)

    def _take(self, of: Rollout, plan: ReleasePlan, now: datetime) -> bool:
        try:
            if of.state.acting and self._after_run(of, plan, now):
                return True
            due = of.state is not ReleaseState.ABORTING and now - of.looked_at >= self._every
            return due and self._look(of, plan, now)
        except Fenced:
            log.info("release taken on by another worker", extra={"release": of.id})
        except Exception:  # the loop must live: one release that cannot go on must not stop the others
            log.exception("release not taken on", extra={"release": of.id, "service": of.service})
        return False

    def _look(self, of: Rollout, plan: ReleasePlan, now: datetime) -> bool:
        with self._db.read() as tx:
            before = rollouts.looks_of(tx, of.id)
        history = of.history if before else read_history(self._readers, plan, of)
        looked = replace(of, history=history, looked_at=now)
        looks = [
            self._judge(looked, plan, index, before, of.looked_at, now) for index in range(len(plan.release.guards))
        ]

        over = of.state is ReleaseState.BAKING and now - of.step_since >= plan.release.plan[of.step].bake
        standing = self._standing(of.service, now) if over else Standing()

        def work(tx: Connection) -> bool:
            kept = rollouts.keep_rollout(tx, looked)
            for look in looks:
                rollouts.record_look(tx, of.id, look)
            _note_changes(tx, kept, before, looks, now)
            if not self._stop(tx, kept, plan, looks, now) and over:
                self._end_step(tx, kept, plan, looks, standing, now)
            return True

        return self._db.write(work)

    def _judge(
        self, of: Rollout, plan: ReleasePlan, index: int, before: Sequence[Look], since: datetime, now: datetime
    ) -> Look:
        seen = [Seen(look.at, look.step, look.block) for look in before if look.guard == index]
        last = seen[-1].block if seen else {}
        block = read_block(self._readers, plan, plan.release.guards[index], of, since, now, last)
        judged = judge_guard(plan, index, of, [*seen, Seen(now, of.step, block)], now)
        return Look(index, of.step, now, block, judged.verdict, judged.text, dict(judged.data))

    def _stop(self, tx: Connection, of: Rollout, plan: ReleasePlan, looks: Sequence[Look], now: datetime) -> bool:
        """Whether the newest looks, or the time, take it back or ask a person."""
        failed = [look for look in looks if look.verdict is GuardVerdict.FAIL]
        fatal = [look for look in failed if plan.release.guards[look.guard].on_violation == "abort"]
        if fatal:
            abort_now(tx, self._books, of, "; ".join(look.text for look in fatal), now)
        elif now - of.started_at >= plan.release.decide_by:
            span = format_duration(plan.release.decide_by)
            abort_now(tx, self._books, of, f"nobody and nothing decided within {span}", now)
        elif failed and of.state is ReleaseState.BAKING:
            _review(tx, of, "; ".join(look.text for look in failed), now)
        else:
            return False
        return True

    def _end_step(
        self,
        tx: Connection,
        of: Rollout,
        plan: ReleasePlan,
        looks: Sequence[Look],
        standing: Standing,
        now: datetime,
    ) -> None:
        blind = [look for look in looks if look.verdict is GuardVerdict.NO_DATA]
        unsure = [look for look in looks if look.verdict is GuardVerdict.INCONCLUSIVE]
        why = "; ".join(look.text for look in blind or unsure)
        if blind and plan.release.on_no_data == "abort":
            abort_now(tx, self._books, of, f"no data at the end of step {of.step + 1}: {why}", now)
        elif blind and plan.release.on_no_data == "review":
            _review(tx, of, f"no data at the end of step {of.step + 1}: {why}", now)
        elif blind or unsure:
            _wait(tx, of, f"step {of.step + 1} is over and not decided: {why}", now)
        elif forbidden := _forbidden(tx, of, standing):
            _review(tx, of, forbidden, now)
        elif of.step + 1 < len(plan.release.plan):
            enter_step(tx, self._books, of, plan, of.step + 1, now)
        elif plan.release.promote == "person":
            _review(tx, of, "every step is over and every guard content: a person says the last word", now)
        else:
            promote_now(tx, self._books, of, plan, "every step is over and every guard content", now)

    def _after_run(self, of: Rollout, plan: ReleasePlan, now: datetime) -> bool:
        """Whether the run that acts for it has ended; then also what follows from that."""
        with self._db.read() as tx:
            done = acting.ended(tx, of.run_id or 0)
            back = of.state is ReleaseState.ABORTING and acting.takes_back(tx, of.run_id or 0)
        if done is None:
            return False
        outcome, made = done
        elsewhere = back and not made and plan.release.traffic_hook is None and self._serves(of) == of.previous

        def work(tx: Connection) -> bool:
            if back:
                _aborted(tx, of, outcome, made=made, elsewhere=elsewhere, now=now)
            elif of.state is ReleaseState.ABORTING:  # decided while another run was at work
                abort_now(tx, self._books, of, of.note, now)
            else:
                _moved(tx, of, outcome, made=made, now=now)
            return True

        return self._db.write(work)

    def _serves(self, of: Rollout) -> str | None:
        """By the release's hook; None when it cannot tell."""
        try:
            return self._observe(of.service)
        except ActionError:
            return None


def _forbidden(tx: Connection, of: Rollout, standing: Standing) -> str:
    """Why the error-budget policy keeps it from going on; empty when it does not, or people agreed when it began."""
    if standing.releases == ALLOWED or of.approved_by or rollouts.overridden(tx, of):
        return ""
    return f"the error-budget policy wants a person asked: {'; '.join(standing.because)}"


def _plan(of: Rollout) -> ReleasePlan | None:
    """The plan of a release; one that this version of burnline cannot read must not stop the others."""
    try:
        return read_plan(of.plan)
    except ValueError:
        log.exception("release plan unreadable", extra={"release": of.id, "service": of.service})
        return None


def _moved(tx: Connection, of: Rollout, outcome: Outcome, *, made: bool, now: datetime) -> None:
    if not made:
        _review(tx, of, f"run {of.run_id} ended {outcome}: the traffic was not moved", now)
    elif of.state is ReleaseState.PROMOTING:
        finish(tx, of, ReleaseState.PROMOTED, of.note, now)
    else:
        rollouts.say(tx, of, "release_step", f"step {of.step + 1} bakes", now=now, step=of.step)
        rollouts.keep_rollout(tx, replace(of, state=ReleaseState.BAKING, step_since=now))


def _aborted(tx: Connection, of: Rollout, outcome: Outcome, *, made: bool, elsewhere: bool, now: datetime) -> None:
    """`elsewhere`: the run did not take it back, and yet the version from before serves: another hand was quicker."""
    if made:
        text = f"{of.note}; taken back to {of.previous or 'no traffic'}: {outcome}"
    elif elsewhere:
        text = f"{of.note}; {of.previous} serves again, by another hand than run {of.run_id}, which ended {outcome}"
    else:
        text = f"{of.note}; run {of.run_id} ended {outcome} and did not take it back: a person must look"
    finish(tx, of, ReleaseState.ABORTED if made or elsewhere else ReleaseState.FAILED, text, now)


def _review(tx: Connection, of: Rollout, why: str, now: datetime) -> None:
    """Ask a person."""
    rollouts.say(tx, of, "release_review", f"waits for a person: {why}", now=now)
    rollouts.keep_rollout(tx, replace(of, state=ReleaseState.REVIEW, note=why))


def _wait(tx: Connection, of: Rollout, why: str, now: datetime) -> None:
    """Say once a step that it takes longer; the note says why now."""
    if not of.note:
        rollouts.say(tx, of, "release_waits", why, now=now)
    rollouts.keep_rollout(tx, replace(of, note=why))


def _note_changes(tx: Connection, of: Rollout, before: Sequence[Look], looks: Sequence[Look], now: datetime) -> None:
    """The record has a line for each verdict that is not the one before."""
    last = {look.guard: look.verdict for look in before}
    for look in looks:
        if last.get(look.guard) is not look.verdict:
            text = f"guard {look.guard + 1}: {look.verdict}: {look.text}"
            rollouts.say(tx, of, "release_verdict", text, now=now, guard=look.guard, verdict=look.verdict)
