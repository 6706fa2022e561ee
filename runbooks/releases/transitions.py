"""From one state of a release to the next: each in the caller's transaction, with its line on the record."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from burnline.events import ReleaseState
from burnline.runbooks.releases import acting
from burnline.runbooks.releases.plan import ReleasePlan, read_plan
from burnline.store import rollouts
from burnline.store.rollouts import Rollout


def enter_step(
    tx: Connection, books: acting.RunbookSource, of: Rollout, plan: ReleasePlan, n: int, now: datetime
) -> Rollout:
    """Begin a step: by a run that moves traffic, where there is a hook for that."""
    step = plan.release.plan[n]
    share = "" if step.traffic is None else f" with {step.traffic * 100:.4g}% of the traffic"
    if plan.release.traffic_hook is None or step.traffic is None:
        rollouts.say(tx, of, "release_step", f"step {n + 1} bakes{share}", now=now, step=n)
        return rollouts.keep_rollout(tx, replace(of, state=ReleaseState.BAKING, step=n, step_since=now, note=""))
    to = f"{step.traffic * 100:.10g}"
    run_id = acting.request(tx, books, of, acting.TRAFFIC, {"hook": plan.release.traffic_hook, "to": to}, now)
    rollouts.say(tx, of, "release_moving", f"step {n + 1} gets {to}% of the traffic", now=now, step=n, run=run_id)
    moving = replace(of, state=ReleaseState.MOVING, step=n, step_since=now, note="", run_id=run_id)
    return rollouts.keep_rollout(tx, moving)


def promote_now(
    tx: Connection, books: acting.RunbookSource, of: Rollout, plan: ReleasePlan, why: str, now: datetime
) -> Rollout:
    """Give the new version all the traffic, by a run where there is a hook for that."""
    if plan.release.traffic_hook is None:
        return finish(tx, of, ReleaseState.PROMOTED, why, now)
    params = {"hook": plan.release.traffic_hook, "to": acting.ALL}
    run_id = acting.request(tx, books, of, acting.TRAFFIC, params, now)
    rollouts.say(tx, of, "release_promoting", f"gets all the traffic: {why}", now=now, run=run_id)
    return rollouts.keep_rollout(tx, replace(of, state=ReleaseState.PROMOTING, note=why, run_id=run_id))


def abort_now(tx: Connection, books: acting.RunbookSource, of: Rollout, why: str, now: datetime) -> Rollout:
    """Take the new version back, by a run; after the run that is at work, where one is."""
    if of.state.acting and of.run_id is not None and acting.ended(tx, of.run_id) is None:
        text = f"is taken back once run {of.run_id} has ended: {why}"
        rollouts.say(tx, of, "release_aborting", text, now=now, run=of.run_id)
        return rollouts.keep_rollout(tx, replace(of, state=ReleaseState.ABORTING, note=why))
    release = read_plan(of.plan).release
    wish = acting.way_back(of, release)
    if wish is None and release.strategy == "shadow":
        return finish(tx, of, ReleaseState.ABORTED, f"{why}; a shadow serves nobody: nothing was changed", now)
    if wish is None:
        text = f"{why}; which version served before is not known, so nothing was changed: a person must look"
        return finish(tx, of, ReleaseState.FAILED, text, now)
    run_id = acting.request(tx, books, of, *wish, now)
    rollouts.say(
        tx, of, "release_aborting", f"is taken back to {of.previous or 'no traffic'}: {why}", now=now, run=run_id
    )
    return rollouts.keep_rollout(tx, replace(of, state=ReleaseState.ABORTING, note=why, run_id=run_id))


def finish(tx: Connection, of: Rollout, state: ReleaseState, why: str, now: datetime) -> Rollout:
    """The end."""
    rollouts.say(tx, of, f"release_{state}", f"release of {of.version} ended: {state}: {why}", now=now)
    return rollouts.keep_rollout(tx, replace(of, state=state, note=why, finished_at=now))
