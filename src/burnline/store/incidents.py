"""Episodes and incidents: an episode is one alert's life, an incident everything wrong with a service at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from burnline.events import AlertEvent, RunState
from burnline.store.schema import episode, heartbeat, incident, run

OPEN, CLOSED = "open", "closed"
RELEASE = "release"  # no incident: where the record of a release is chained, and its runs belong
_DRILLS = "/drill"  # after the service's name; no service's own name holds a slash


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert's life. `ended_at` is None exactly while `state` is open; `deliveries` counts every copy received."""

    id: int
    incident_id: int
    source: str
    fingerprint: str
    service: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    state: str
    first_starts_at: datetime
    last_starts_at: datetime
    opened_at: datetime
    ended_at: datetime | None
    deliveries: int


@dataclass(frozen=True, slots=True)
class Incident:
    """Everything wrong with one service at one time; at most one is open per service.

    Attributes:
        severity: of the alert that the title speaks of; empty when it has none.
    """

    id: int
    service: str
    title: str
    state: str
    opened_at: datetime
    closed_at: datetime | None
    severity: str = ""

    @property
    def drill(self) -> bool:
        """Whether it is of the service's drills, and of nothing that is wrong with the service."""
        return of_drills(self.service)

    @property
    def about(self) -> str:
        """The service's own name."""
        return self.service.removesuffix(_DRILLS)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When a Watchdog alert was last delivered."""

    source: str
    fingerprint: str
    seen_at: datetime


# Built once: in an alert storm these run for every alert. The states stand in them as literals, because SQLite uses a
# partial index for nothing else.
_IS_OPEN: ColumnElement[str] = literal_column(f"'{OPEN}'")
_EPISODES_SINCE = (
    select(episode)
    .where(episode.c.source == bindparam("source"), episode.c.fingerprint == bindparam("fingerprint"))
    .where(or_(episode.c.state == _IS_OPEN, episode.c.ended_at >= bindparam("since")))
    .order_by(episode.c.first_starts_at, episode.c.id)
)
_LAST_EPISODE = (
    select(episode)
    .where(episode.c.source == bindparam("source"), episode.c.fingerprint == bindparam("fingerprint"))
    .order_by(episode.c.id.desc())
    .limit(1)
)
_OPEN_EPISODES = (
    select(episode).where(episode.c.source == bindparam("source"), episode.c.state == _IS_OPEN).order_by(episode.c.id)
)
_START_EPISODE = insert(episode).returning(episode)
_CHANGING = ("incident_id", "state", "first_starts_at", "last_starts_at", "ended_at", "deliveries")
_KEEP_EPISODE = (
    update(episode).where(episode.c.id == bindparam("this")).values({name: bindparam(name) for name in _CHANGING})
)
_OPEN_INCIDENT = select(incident).where(incident.c.service == bindparam("service"), incident.c.state == _IS_OPEN)
_COUNT_OPEN = (
    select(func.count())
    .select_from(incident)
    .where(incident.c.state == _IS_OPEN, incident.c.service.notin_(bindparam("but_not", expanding=True)))
)
_OPEN_RUN = (
    select(run.c.id)
    .where(run.c.incident_id == bindparam("incident_id"), run.c.runbook == bindparam("runbook"))
    .where(run.c.state != literal_column(f"'{RunState.FINISHED.value}'"))
    .order_by(run.c.id)
    .limit(1)
)

# Episodes


def episodes_since(tx: Connection, source: str, fingerprint: str, since: datetime) -> list[Episode]:
    """Episodes of this alert that are open or ended at or after `since`, oldest first."""
    rows = tx.execute(_EPISODES_SINCE, {"source": source, "fingerprint": fingerprint, "since": since})
    return [_episode(row) for row in rows]


def last_episode(tx: Connection, source: str, fingerprint: str) -> Episode | None:
    """The newest episode of this alert."""
    row = tx.execute(_LAST_EPISODE, {"source": source, "fingerprint": fingerprint}).one_or_none()
    return None if row is None else _episode(row)


def open_episodes(tx: Connection, source: str) -> list[Episode]:
    """Every open episode of this source, oldest first."""
    rows = tx.execute(_OPEN_EPISODES, {"source": source})
    return [_episode(row) for row in rows]


def open_episodes_of_others(tx: Connection, sources: Collection[str]) -> list[Episode]:
    """Every open episode of any but these sources, oldest first."""
    others = (episode.c.state == OPEN, episode.c.source.not_in(sources))
    return [_episode(row) for row in tx.execute(select(episode).where(*others).order_by(episode.c.id))]


def episodes_between(tx: Connection, services: Collection[str], since: datetime, until: datetime) -> list[Episode]:
    """Episodes of these services that were open at any time in (since, until], in order of their beginning."""
    began = (episode.c.service.in_(services), episode.c.first_starts_at <= until)
    lasted = or_(episode.c.ended_at.is_(None), episode.c.ended_at > since)
    rows = tx.execute(select(episode).where(*began, lasted).order_by(episode.c.first_starts_at, episode.c.id))
    return [_episode(row) for row in rows]


def start_episode(tx: Connection, alert: AlertEvent, *, incident_id: int, service: str, now: datetime) -> Episode:
    """Begin an episode; it is closed from the start when `alert` is already resolved."""
    values = {
        "incident_id": incident_id,
        "source": alert.source,
        "fingerprint": alert.fingerprint,
        "service": service,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": OPEN if alert.ends_at is None else CLOSED,
        "first_starts_at": alert.starts_at,
        "last_starts_at": alert.starts_at,
        "opened_at": now,
        "ended_at": alert.ends_at,
    }
    return _episode(tx.execute(_START_EPISODE, values).one())


def keep_episode(tx: Connection, changed: Episode) -> None:
    """Write what can change in an episode's life."""
    tx.execute(_KEEP_EPISODE, {"this": changed.id, **{name: getattr(changed, name) for name in _CHANGING}})


# Incidents


def drills_of(service: str) -> str:
    """The name under which alerts of a service's drills are filed: an incident of the service never has one of them."""
    return f"{service}{_DRILLS}"


def of_drills(name: str) -> bool:
    """Whether what is filed under `name` is of drills."""
    return name.endswith(_DRILLS)


def open_incident(tx: Connection, service: str) -> Incident | None:
    """The one open incident of `service`, if there is one."""
    row = tx.execute(_OPEN_INCIDENT, {"service": service}).one_or_none()
    return None if row is None else Incident(*row)


def count_open(tx: Connection, *, but_not: Collection[str] = (), drills: bool = True) -> int:
    """How many incidents are open, but for those of the services `but_not` and of their drills, or of all drills."""
    query = _COUNT_OPEN if drills else _COUNT_OPEN.where(incident.c.service.not_like(f"%{_DRILLS}"))
    return tx.scalar(query, {"but_not": (*but_not, *map(drills_of, but_not))}) or 0


def start_incident(tx: Connection, *, service: str, title: str, severity: str = "", now: datetime) -> Incident:
    """Open an incident; the database refuses a second open one of the same service."""
    values = {"service": service, "title": title, "severity": severity, "state": OPEN, "opened_at": now}
    return Incident(*tx.execute(insert(incident).values(values).returning(incident)).one())


def retitle_incident(tx: Connection, incident_id: int, *, title: str, severity: str) -> None:
    """Name an incident after a more severe alert."""
    tx.execute(update(incident).where(incident.c.id == incident_id).values(title=title, severity=severity))


def reopen_incident(tx: Connection, incident_id: int) -> None:
    """Undo a close: what caused it came back."""
    tx.execute(update(incident).where(incident.c.id == incident_id).values(state=OPEN, closed_at=None))


def close_incident(tx: Connection, incident_id: int, now: datetime) -> None:
    """Close an incident."""
    tx.execute(update(incident).where(incident.c.id == incident_id).values(state=CLOSED, closed_at=now))


def quiet_incidents(tx: Connection) -> list[Incident]:
    """Open incidents in which no episode and no run is open any more."""
    burning = exists().where(episode.c.incident_id == incident.c.id, episode.c.state == OPEN)
    busy = exists().where(run.c.incident_id == incident.c.id, run.c.state != RunState.FINISHED)
    rows = tx.execute(select(incident).where(incident.c.state == OPEN, ~burning, ~busy).order_by(incident.c.id))
    return [Incident(*row) for row in rows]


def open_run_of(tx: Connection, incident_id: int, runbook: str) -> int | None:
    """The unfinished run of `runbook` in this incident, if there is one."""
    return tx.scalar(_OPEN_RUN, {"incident_id": incident_id, "runbook": runbook})


# Read models


def find_episode(tx: Connection, episode_id: int) -> Episode | None:
    """The episode of that id."""
    row = tx.execute(select(episode).where(episode.c.id == episode_id)).one_or_none()
    return None if row is None else _episode(row)


def find_incident(tx: Connection, incident_id: int) -> Incident | None:
    """The incident of that id."""
    row = tx.execute(select(incident).where(incident.c.id == incident_id)).one_or_none()
    return None if row is None else Incident(*row)


def list_incidents(
    tx: Connection,
    *,
    service: str | None = None,
    state: str | None = None,
    known: Collection[str] = (),
    limit: int = 100,
) -> list[Incident]:
    """Incidents, newest first, of one service and state or of all; those of `known` services before all others."""
    query = select(incident).where(incident.c.state != RELEASE).limit(limit)
    if known:
        query = query.order_by(case((incident.c.service.in_(known), 0), else_=1))
    query = query.order_by(incident.c.id.desc())
    if service is not None:
        query = query.where(incident.c.service == service)
    if state is not None:
        query = query.where(incident.c.state == state)
    return [Incident(*row) for row in tx.execute(query)]


# Heartbeats


def note_heartbeat(tx: Connection, source: str, fingerprint: str, now: datetime) -> None:
    """A Watchdog alert of this sender arrived."""
    key = (heartbeat.c.source == source) & (heartbeat.c.fingerprint == fingerprint)
    if not tx.execute(update(heartbeat).where(key).values(seen_at=now)).rowcount:
        tx.execute(insert(heartbeat).values(source=source, fingerprint=fingerprint, seen_at=now))


def heartbeats(tx: Connection) -> Sequence[Heartbeat]:
    """Every sender's Watchdog, the one longest silent first."""
    return [Heartbeat(*row) for row in tx.execute(select(heartbeat).order_by(heartbeat.c.seen_at))]


def _episode(row: Row[tuple[object, ...]]) -> Episode:
    return Episode(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row's columns
