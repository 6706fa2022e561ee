"""What is old is deleted, a small slice at a time, so that nobody else waits long for the writer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Table, delete, exists, func, select, update

from burnline.events import Verdict
from burnline.store import streams, traces
from burnline.store.asking import forget_sketches
from burnline.store.database import Database
from burnline.store.inbox import KINDS
from burnline.store.incidents import CLOSED, RELEASE
from burnline.store.jobs import forget_runs
from burnline.store.schema import (
    approval,
    approval_link,
    approval_vote,
    budget_event,
    episode,
    finding,
    inbox,
    incident,
    release,
    rollout,
    rollout_look,
    run,
    step,
    target_lock,
    timeline,
)
from burnline.store.series import forget
from burnline.store.signals import pairs
from burnline.store.silences import forget_silences

SLICE = 500  # rows of one table in one transaction
INCIDENTS = 10  # in one transaction: each has many rows of its own
SLICES = 1000  # a turn


@dataclass(frozen=True, slots=True)
class Keep:
    """How long what is kept; an incident's time, and a silence's, runs from its end."""

    done: timedelta = timedelta(days=7)
    dead_letters: timedelta = timedelta(days=30)
    findings: timedelta = timedelta(days=90)
    parts: timedelta = timedelta(days=14)  # findings on versions and slices
    releases: timedelta = timedelta(days=400)
    silences: timedelta = timedelta(days=30)
    traces: timedelta = timedelta(days=1)
    streams: timedelta = timedelta(days=1)
    bodies: timedelta = timedelta(hours=1)
    series: timedelta = timedelta(days=90)  # since it last moved
    keys: timedelta = timedelta(days=7)
    sketches: timedelta = timedelta(days=2)
    job_runs: timedelta = timedelta(days=30)  # since they ended
    incidents: timedelta = timedelta(days=400)


class Retention:
    """Deletes what is older than `keep` says."""

    def __init__(self, db: Database, keep: Keep | None = None) -> None:
        self._db = db
        self._keep = keep or Keep()

    def run_once(self, now: datetime) -> int:
        """Delete slice after slice, each in its own transaction; returns how many rows went."""
        gone = 0
        for _ in range(SLICES):
            some = self._db.write(lambda tx: prune(tx, now, self._keep))
            gone += some
            if not some:
                break
        return gone


def prune(tx: Connection, now: datetime, keep: Keep) -> int:
    """Delete one slice of everything that is too old. Returns how many rows went; 0: nothing is left to delete.

    Stays for ever: each service's newest release, and each signal's newest finding and sum of events.
    """
    return (
        _forget_inbox(tx, "done", now - keep.done)
        + _forget_inbox(tx, "dead", now - keep.dead_letters)
        + _fold_findings(tx, now - keep.findings)
        + _forget_parts(tx, now - keep.parts)
        + _forget_releases(tx, now - keep.releases)
        + _forget_incidents(tx, now - keep.incidents)
        + forget_silences(tx, now - keep.silences)
        + traces.forget(tx, now - keep.traces)
        + streams.forget(tx, streams_before=now - keep.streams, gauges_before=now - keep.streams)
        + streams.forget_bodies(tx, streams.OTLP_DOORS, now - keep.bodies)
        + forget_sketches(tx, now - keep.sketches)
        + forget_runs(tx, now - keep.job_runs)
        + forget(tx, series_before=now - keep.series, keys_before=now - keep.keys)
    )


def _forget_inbox(tx: Connection, state: str, before: datetime) -> int:
    """The oldest by id are the oldest by time, near enough: no index on the time is needed."""
    gone = 0
    for kind in KINDS:
        these = (inbox.c.kind == kind, inbox.c.state == state)
        oldest = tx.execute(select(inbox.c.id, inbox.c.received_at).where(*these).order_by(inbox.c.id).limit(SLICE))
        gone += _delete(tx, inbox, [row.id for row in oldest if row.received_at < before])
    return gone


def _fold_findings(tx: Connection, before: datetime) -> int:
    """Old findings become one, of their whole span and the sum of their events: the totals are counters, never fall."""
    gone = 0
    for service, signal in pairs(tx):
        these = (finding.c.service == service, finding.c.signal == signal, finding.c.part == "")
        newest = select(func.max(finding.c.window_start)).where(*these).scalar_subquery()
        query = select(finding).where(*these, finding.c.window_start < newest, finding.c.window_end < before)
        old = tx.execute(query.order_by(finding.c.window_start).limit(SLICE)).all()
        if len(old) < 2:
            continue
        folded = {
            "window_end": old[-1].window_end,
            "verdict": Verdict.NO_DATA.value,
            "score": None,
            "bad": sum(row.bad for row in old),
            "total": sum(row.total for row in old),
            "reason": "the sum of windows too old to be kept",
            "contributors": [],
        }
        tx.execute(update(finding).where(finding.c.id == old[0].id).values(folded))
        gone += _delete(tx, finding, [row.id for row in old[1:]])
    return gone


def _forget_parts(tx: Connection, before: datetime) -> int:
    """The oldest by id are the oldest by time, near enough."""
    query = select(finding.c.id).where(finding.c.part != "", finding.c.window_end < before)
    return _delete(tx, finding, tx.scalars(query.order_by(finding.c.id).limit(SLICE)).all())


def _forget_releases(tx: Connection, before: datetime) -> int:
    newer = release.alias()
    replaced = exists().where(newer.c.service == release.c.service, newer.c.id > release.c.id)
    query = select(release.c.id).where(release.c.seen_at < before, replaced).order_by(release.c.id).limit(SLICE)
    return _delete(tx, release, tx.scalars(query).all())


def _forget_incidents(tx: Connection, before: datetime) -> int:
    """An incident goes with everything that belongs to it; one of whose alerts another one's run speaks, after that."""
    lent = exists().where(
        episode.c.incident_id == incident.c.id, run.c.episode_id == episode.c.id, run.c.incident_id != incident.c.id
    )
    query = select(incident.c.id).where(incident.c.state.in_((CLOSED, RELEASE)), incident.c.closed_at < before, ~lent)
    ids = tx.scalars(query.order_by(incident.c.id).limit(INCIDENTS)).all()
    if not ids:
        return 0
    runs = tx.scalars(select(run.c.id).where(run.c.incident_id.in_(ids))).all()
    rollouts = select(rollout.c.id).where(rollout.c.incident_id.in_(ids))
    tx.execute(delete(rollout_look).where(rollout_look.c.rollout_id.in_(rollouts)))
    tx.execute(delete(rollout).where(rollout.c.incident_id.in_(ids)))
    approvals = select(approval.c.id).where(approval.c.run_id.in_(runs))
    tx.execute(delete(approval_link).where(approval_link.c.approval_id.in_(approvals)))
    tx.execute(delete(approval_vote).where(approval_vote.c.approval_id.in_(approvals)))
    for table in (approval, step, budget_event, target_lock):
        tx.execute(delete(table).where(table.c.run_id.in_(runs)))
    for table in (run, episode, timeline):
        tx.execute(delete(table).where(table.c.incident_id.in_(ids)))
    return _delete(tx, incident, ids)


def _delete(tx: Connection, table: Table, ids: Sequence[int]) -> int:
    return tx.execute(delete(table).where(table.c.id.in_(ids))).rowcount if ids else 0
