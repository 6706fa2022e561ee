"""The registry of releases: who released what from what, under which guards, and how far it has come.

Its record is chained as an incident's is, under a row of its own in `incident` that is none (state `release`). A change
is fenced by the row's epoch: of two workers that saw the same state, one writes and the other has nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from burnline.errors import Fenced
from burnline.events import GuardVerdict, ReleaseState
from burnline.store import timeline
from burnline.store.incidents import RELEASE
from burnline.store.schema import incident, rollout, rollout_look
from burnline.store.schema import timeline as schema_timeline

OVERRIDE = "release_override"  # a line of the record


@dataclass(frozen=True, slots=True)
class Rollout:
    """One release under guard.

    Attributes:
        lineage: what it was made of: commit, data, environment, seeds, metrics, and whatever else was sent.
        missing: the fields of lineage that were not sent.
        plan: the `release` part of the service file when it was started; `digest` is its SHA-256.
        note: why it stands where it stands, for people.
        history: per guard, [counted, total] events of the hour before the release.
        looked_at: until when its events were read.
        run_id: the run that acts for it, or acted last.
    """

    id: int
    incident_id: int
    service: str
    version: str
    previous: str
    started_by: str
    approved_by: str
    lineage: Mapping[str, Any]
    missing: Sequence[str]
    plan: Mapping[str, Any]
    digest: str
    state: ReleaseState
    step: int
    note: str
    history: Mapping[str, Sequence[float]]
    epoch: int
    run_id: int | None
    started_at: datetime
    step_since: datetime
    looked_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Look:
    """What one guard read, and made of it, at one look. `block`: what happened since the look before."""

    guard: int
    step: int
    at: datetime
    block: Mapping[str, Any]
    verdict: GuardVerdict
    text: str
    data: Mapping[str, Any]


_CHANGING = ("state", "step", "note", "history", "run_id", "step_since", "looked_at", "finished_at")
_LOOK = [rollout_look.c[name] for name in Look.__slots__]


def start_rollout(tx: Connection, values: Mapping[str, Any], *, title: str, now: datetime) -> Rollout:
    """Begin a release and its record; the database refuses a second one that is under way for the same service."""
    anchor = {"service": values["service"], "title": title, "severity": "", "state": RELEASE, "opened_at": now}
    incident_id = tx.execute(insert(incident).values(anchor).returning(incident.c.id)).scalar_one()
    times = {"started_at": now, "step_since": now, "looked_at": now}
    whole = {**values, **times, "incident_id": incident_id, "epoch": 0}
    return _rollout(tx.execute(insert(rollout).values(whole).returning(rollout)).one())


def keep_rollout(tx: Connection, changed: Rollout) -> Rollout:
    """Write what can change, and return it with its new epoch. Raises: Fenced when another worker was quicker."""
    this = (rollout.c.id == changed.id, rollout.c.epoch == changed.epoch)
    values = {name: getattr(changed, name) for name in _CHANGING}
    if tx.execute(update(rollout).where(*this).values(values | {"epoch": changed.epoch + 1})).rowcount != 1:
        raise Fenced(f"release {changed.id} has gone on without this worker")
    if changed.finished_at is not None:
        anchor = update(incident).where(incident.c.id == changed.incident_id, incident.c.state == RELEASE)
        tx.execute(anchor.values(closed_at=changed.finished_at))
    return replace(changed, epoch=changed.epoch + 1)


def get_rollout(tx: Connection, rollout_id: int) -> Rollout | None:
    """The release of that id."""
    row = tx.execute(select(rollout).where(rollout.c.id == rollout_id)).one_or_none()
    return None if row is None else _rollout(row)


def open_rollouts(tx: Connection) -> list[Rollout]:
    """Every release under way, oldest first."""
    rows = tx.execute(select(rollout).where(rollout.c.finished_at.is_(None)).order_by(rollout.c.id))
    return [_rollout(row) for row in rows]


def latest_rollout(tx: Connection, service: str) -> Rollout | None:
    """The newest release of a service, over or not."""
    query = select(rollout).where(rollout.c.service == service).order_by(rollout.c.id.desc()).limit(1)
    row = tx.execute(query).one_or_none()
    return None if row is None else _rollout(row)


def expected_versions(tx: Connection, service: str) -> frozenset[str]:
    """Which versions may serve, by the newest release; none when nothing was released, or from what is not known."""
    of = latest_rollout(tx, service)
    if of is None:
        return frozenset()
    beside = of.plan["release"].get("strategy") == "shadow"
    if of.finished_at is None or (of.state is ReleaseState.PROMOTED and beside):
        found = {of.version, of.previous}
    else:
        found = {of.version if of.state is ReleaseState.PROMOTED else of.previous}
    return frozenset() if "" in found else frozenset(found)


def list_rollouts(tx: Connection, *, service: str | None = None, limit: int = 50) -> list[Rollout]:
    """Releases, newest first."""
    query = select(rollout).order_by(rollout.c.id.desc()).limit(limit)
    if service is not None:
        query = query.where(rollout.c.service == service)
    return [_rollout(row) for row in tx.execute(query)]


def record_look(tx: Connection, rollout_id: int, look: Look) -> None:
    """Keep what a guard read and said."""
    values = {name: getattr(look, name) for name in Look.__slots__}
    tx.execute(insert(rollout_look).values(rollout_id=rollout_id, **values))


def looks_of(tx: Connection, rollout_id: int) -> list[Look]:
    """Every look at a release, oldest first."""
    rows = tx.execute(select(*_LOOK).where(rollout_look.c.rollout_id == rollout_id).order_by(rollout_look.c.id))
    return [_look(row) for row in rows]


def newest_looks(tx: Connection, of: Rollout) -> list[Look]:
    """The newest look of each guard, in their order."""
    newest = (
        select(func.max(rollout_look.c.id)).where(rollout_look.c.rollout_id == of.id).group_by(rollout_look.c.guard)
    )
    rows = tx.execute(select(*_LOOK).where(rollout_look.c.id.in_(newest)).order_by(rollout_look.c.guard))
    return [_look(row) for row in rows]


def overridden(tx: Connection, of: Rollout) -> bool:
    """Whether somebody said on its record why it goes on although the error budget forbids it."""
    these = (schema_timeline.c.incident_id == of.incident_id, schema_timeline.c.type == OVERRIDE)
    return tx.scalar(select(schema_timeline.c.id).where(*these).limit(1)) is not None


def say(
    tx: Connection, of: Rollout, type_: str, text: str, *, now: datetime, actor: str = "burnline", **data: Any
) -> None:
    """Add a line to the release's record."""
    about = {"release": of.id, "version": of.version, **data}
    timeline.append(
        tx, incident_id=of.incident_id, at=now, source="release", type=type_, text=text, actor=actor, data=about
    )


def _rollout(row: Row[Any]) -> Rollout:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row's columns
    return Rollout(**values | {"state": ReleaseState(values["state"])})


def _look(row: Row[Any]) -> Look:
    values = dict(row._mapping)  # noqa: SLF001
    return Look(**values | {"verdict": GuardVerdict(values["verdict"])})
