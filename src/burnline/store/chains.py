"""Every incident's record as one link of a chain over all: how long it is, its last hash, and where it is broken.

Whoever changed a row may have made it one that cannot even be read: SQLite keeps any value in any column.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, select, type_coerce
from sqlalchemy.exc import OperationalError

from burnline.store.incidents import RELEASE
from burnline.store.schema import EPOCH, MICROSECOND, incident, timeline
from burnline.store.timeline import GENESIS, Entry, entries, find_entry, first_broken

UNREADABLE = (ValueError, TypeError, OverflowError, RecursionError)  # a time that is none, data that is no JSON
NOT_UTF8 = "Could not decode to UTF-8"  # of Python's sqlite3, which has no class for it
UNKNOWN = "unknown"
_CLOSED_AT = type_coerce(incident.c.closed_at, BigInteger).label("closed_at")  # as it is: it may be no time
_INCIDENTS = select(incident.c.id, incident.c.service, incident.c.state, _CLOSED_AT)


@dataclass(frozen=True, slots=True)
class Chain:
    """One record.

    Attributes:
        kind: `incident`, or `release`.
        hashes: of its entries, oldest first; empty in place of one that cannot be read.
        broken: the first thing that does not hold, in words; empty while all of it does.
    """

    incident_id: int
    service: str
    kind: str
    closed_at: datetime | None
    hashes: tuple[str, ...]
    broken: str

    @property
    def head(self) -> str:
        """The hash of the newest entry."""
        return self.hashes[-1] if self.hashes else GENESIS


def chains(tx: Connection) -> Iterator[Chain]:
    """Every record, in order of its incident; also one whose incident is no longer there."""
    known = _incidents(tx)
    named = {*known, *tx.scalars(select(timeline.c.incident_id).distinct())}
    if strays := [each for each in named if not isinstance(each, int)]:
        yield Chain(0, UNKNOWN, "incident", None, (), f"has entries of an incident {strays[0]!r}: they were changed")
    for incident_id in sorted(each for each in named if isinstance(each, int)):
        yield _chain(tx, incident_id, known)


def _incidents(tx: Connection) -> dict[int, Row[Any] | None]:
    """Every incident by its id; None for one that cannot be read."""
    try:
        return {row.id: row for row in tx.execute(_INCIDENTS)}
    except OperationalError as error:
        _raise_unless_changed(error)
    return {each: _incident(tx, each) for each in tx.scalars(select(incident.c.id)).all()}


def _incident(tx: Connection, incident_id: int) -> Row[Any] | None:
    try:
        return tx.execute(_INCIDENTS.where(incident.c.id == incident_id)).one()
    except OperationalError as error:
        _raise_unless_changed(error)
        return None


def _chain(tx: Connection, incident_id: int, known: Mapping[int, Row[Any] | None]) -> Chain:
    record = _read(tx, incident_id)
    row = known.get(incident_id)
    broken = _broken(record)
    closed_at = None
    if row is None:
        broken = broken or f"its incident {'was changed: it cannot be read' if incident_id in known else 'was removed'}"
    else:
        try:
            closed_at = _moment(row.closed_at)
        except UNREADABLE:
            broken = broken or f"its incident was changed: closed_at is {row.closed_at!r}, which is no time"
        if not record:
            broken = broken or "has no entry: all of them were removed"
    return Chain(
        incident_id,
        str(row.service) if row else UNKNOWN,
        "release" if row and row.state == RELEASE else "incident",
        closed_at,
        tuple(str(each.hash) if isinstance(each, Entry) else "" for each in record),
        broken,
    )


def _read(tx: Connection, incident_id: int) -> Sequence[Entry | int]:
    """The entries of a record, oldest first; of one that cannot be read, its number."""
    try:
        return entries(tx, incident_id)
    except (*UNREADABLE, OperationalError) as error:
        _raise_unless_changed(error)
    ids = tx.scalars(select(timeline.c.id).where(timeline.c.incident_id == incident_id).order_by(timeline.c.id)).all()
    return [_read_one(tx, each) for each in ids]


def _read_one(tx: Connection, entry_id: int) -> Entry | int:
    try:
        return find_entry(tx, entry_id)
    except (*UNREADABLE, OperationalError) as error:
        _raise_unless_changed(error)
        return entry_id


def _raise_unless_changed(error: Exception) -> None:
    """Go on with an error that is the database's own."""
    if isinstance(error, OperationalError) and NOT_UTF8 not in str(error.orig):
        raise error


def _broken(record: Sequence[Entry | int]) -> str:
    unreadable = next((n for n, each in enumerate(record) if isinstance(each, int)), len(record))
    bad = first_broken([each for each in record[:unreadable] if isinstance(each, Entry)])
    if bad is not None:
        when = f"{bad.at:%Y-%m-%d %H:%M:%S}"
        return f"entry {bad.id} ({when} UTC, {bad.type}) was changed, or follows one that was removed"
    return f"entry {record[unreadable]} was changed: it cannot be read" if unreadable < len(record) else ""


def _moment(kept: Any) -> datetime | None:
    if kept is None:
        return None
    if not isinstance(kept, int):
        raise TypeError(f"{kept!r} is no count of microseconds")
    return EPOCH + kept * MICROSECOND


def overall_head(found: Iterable[Chain]) -> str:
    """SHA-256 over `incident entries head` of each record, one a line, in order: no record can change or go unseen."""
    lines = (f"{each.incident_id} {len(each.hashes)} {each.head}\n" for each in found)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
